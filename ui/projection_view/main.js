// Projections side by side: a click on a point marks it in every one, and tells Python. Streamlit
// calls `mount` again with every message, so one set of views lives for each element.

import { loadOnce } from "../latent_map/api.js";
import { html, say } from "../latent_map/dom.js";
import { themeOf } from "../latent_map/theme.js";

const style = () => loadOnce(new URL("projections.css", import.meta.url).href);
const sets = new WeakMap();

export default function mount(component) {
  const { parentElement } = component;
  if (!sets.has(parentElement)) sets.set(parentElement, new Views(parentElement));
  sets.get(parentElement).update(component);
  return () => {
    sets.get(parentElement)?.destroy();
    sets.delete(parentElement);
  };
}

class Views {
  constructor(parent) {
    this.root = html("section", { class: "projections", "data-testid": "projections", "data-ready": "false" });
    this.told = html("p", { class: "projections-hint" });
    this.drawing = Promise.resolve();
    parent.append(this.root, this.told);
  }

  update({ data, setTriggerValue }) {
    this.tell = (index) => setTriggerValue("pick", index);
    const told = JSON.stringify(data.views);
    const { ink } = themeOf(this.root);
    const fresh = told !== this.views || ink !== this.ink;
    this.views = told;
    this.ink = ink;
    this.picked = data.picked;
    this.drawing = this.drawing
      .then(() => (fresh ? this.draw(data) : null))
      .then(() => this.mark())
      .catch((error) => { this.told.textContent = say(data.texts.failed, { reason: error.message }); });
  }

  async draw({ views, plotly, texts }) {
    this.root.dataset.ready = "false";
    await Promise.all([loadOnce(new URL(plotly, location.origin).href), style().catch(() => {})]);
    this.clear();
    this.root.classList.toggle("one", views.length === 1);
    this.plots = views.map(({ title, figure }) => {
      const plot = html("div", { class: "projection", role: "img", "aria-label": say(texts.plot, { title }) });
      this.root.append(html("figure", {}, html("figcaption", {}, title), plot));
      return { plot, figure: JSON.parse(figure) };
    });
    const font = { color: this.ink, family: themeOf(this.root).font };
    await Promise.all(this.plots.map(({ plot, figure }) => globalThis.Plotly.newPlot(
      plot, figure.data, { ...figure.layout, font, autosize: true },
      { displayModeBar: false, scrollZoom: true, responsive: true })));
    for (const each of this.plots) {
      each.points = pointsOf(each.figure);
      each.count = each.figure.data.length;
      each.plot.on("plotly_click", ({ points }) => {
        const index = points.find((point) => point.customdata != null)?.customdata;
        if (index == null) return;
        this.picked = index;
        this.drawing = this.drawing.then(() => this.mark());
        this.tell(index);
      });
    }
    this.told.textContent = texts.hint;
  }

  /** Marks what is picked in every view, by a trace of its own that comes last. */
  async mark() {
    for (const { plot, points, count } of this.plots ?? []) {
      if (plot.data.length > count) await globalThis.Plotly.deleteTraces(plot, count);
      const place = points.get(this.picked);
      if (!place) continue;
      const solid = place.length === 3;
      await globalThis.Plotly.addTraces(plot, {
        type: solid ? "scatter3d" : "scatter", mode: "markers", hoverinfo: "skip", showlegend: false,
        x: [place[0]], y: [place[1]], ...(solid ? { z: [place[2]] } : {}),
        marker: { symbol: "circle-open", size: solid ? 12 : 16, color: this.ink, line: { width: 3, color: this.ink } },
      });
    }
    this.root.dataset.picked = this.picked ?? "";
    this.root.dataset.ready = "true";
  }

  clear() {
    for (const { plot } of this.plots ?? []) globalThis.Plotly.purge(plot);
    this.root.replaceChildren();
    this.plots = [];
  }

  destroy() {
    this.clear();
    this.root.remove();
    this.told.remove();
  }
}

/** Where each point of a figure lies, by its row. */
function pointsOf({ data }) {
  const found = new Map();
  for (const trace of data) {
    const [rows, x, y, z] = [trace.customdata, trace.x, trace.y, trace.z].map(numbers);
    rows.forEach((row, i) => found.set(row, z.length ? [x[i], y[i], z[i]] : [x[i], y[i]]));
  }
  return found;
}

const KINDS = { f4: Float32Array, f8: Float64Array, i4: Int32Array, i2: Int16Array, i1: Int8Array, u1: Uint8Array, u2: Uint16Array, u4: Uint32Array };

/** Numbers as Plotly.py writes them: a list, or base64 of their bytes. */
function numbers(value) {
  if (value == null) return [];
  if (!value.bdata) return Array.from(value);
  const bytes = Uint8Array.from(atob(value.bdata), (letter) => letter.charCodeAt(0));
  return Array.from(new KINDS[value.dtype](bytes.buffer));
}
