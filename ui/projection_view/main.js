// Projections side by side: a click on a point marks it in every one, a lasso in one selects in all,
// and both tell Python. Streamlit calls `mount` again with every message, so one set of views lives
// for each element.

import { loadOnce } from "../latent_map/api.js";
import { html, say } from "../latent_map/dom.js";
import { icon } from "../latent_map/icons.js";
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

const TOOLS = { move: "pan", lasso: "lasso" }; // and what Plotly calls dragging then
const FAINT = 0.12; // opacity of what is not selected

class Views {
  constructor(parent) {
    this.tool = "move";
    this.selected = this.lit = null; // rows, or null for no selection; and those that are shown
    this.tools = html("div", { class: "projections-tools", role: "group" });
    this.root = html("section", { class: "projections", "data-testid": "projections", "data-ready": "false" });
    this.told = html("p", { class: "projections-hint" });
    this.drawing = Promise.resolve();
    parent.append(this.tools, this.root, this.told);
  }

  update({ data, setTriggerValue, setStateValue }) {
    this.tell = (index) => setTriggerValue("pick", index);
    this.tellSelected = (rows) => setStateValue("selected", rows && [...rows]);
    this.texts = data.texts;
    if (!this.plots) this.selected = data.selected && new Set(data.selected);
    const told = JSON.stringify(data.views);
    const { ink } = themeOf(this.root);
    const fresh = told !== this.views || ink !== this.ink;
    this.views = told;
    this.ink = ink;
    this.picked = data.picked;
    this.drawing = this.drawing
      .then(() => (fresh ? this.draw(data) : null))
      .then(() => (this.lit === this.selected ? null : this.highlight()))
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
      const drawn = JSON.parse(figure);
      return { plot, figure: drawn, solid: drawn.data.some(({ type }) => type === "scatter3d") };
    });
    const font = { color: this.ink, family: themeOf(this.root).font };
    await Promise.all(this.plots.map(({ plot, figure }) => globalThis.Plotly.newPlot(
      plot, figure.data, { ...figure.layout, font, autosize: true },
      { displayModeBar: false, scrollZoom: true, responsive: true })));
    for (const each of this.plots) {
      each.points = pointsOf(each.figure);
      each.count = each.figure.data.length;
      each.rows = each.figure.data.map(({ customdata }) => numbers(customdata));
      each.sizes = each.figure.data.map(({ marker }) => marker.size);
      each.plot.on("plotly_click", ({ points }) => {
        const index = points.find((point) => point.customdata != null)?.customdata;
        if (index == null) return;
        this.picked = index;
        this.drawing = this.drawing.then(() => this.mark());
        this.tell(index);
      });
      each.plot.on("plotly_selected", (event) => {
        const rows = (event?.points ?? []).map((point) => point.customdata).filter((row) => row != null);
        if (event?.lassoPoints) this.select(rows.length ? new Set(rows) : null);
      });
    }
    this.told.textContent = texts.hint;
    this.lit = null;
    this.offer();
  }

  /** The tools, where there is a flat view to draw on. */
  offer() {
    const { texts } = this;
    const labels = { move: texts.tool_move, lasso: texts.tool_lasso };
    this.tools.hidden = this.plots.every(({ solid }) => solid);
    this.tools.setAttribute("aria-label", texts.tools);
    this.buttons = Object.entries(labels).map(([tool, label]) =>
      html("button",
        { type: "button", title: label, "aria-label": label, "data-tool": tool, onclick: () => this.choose(tool) },
        icon(tool), html("span", {}, label)));
    this.clearing = html("button", { type: "button", "data-tool": "clear", onclick: () => this.select(null) },
      texts.clear);
    this.tools.replaceChildren(...this.buttons, this.clearing);
    this.clearing.hidden = !this.selected;
    this.choose(this.tool);
  }

  choose(tool) {
    this.tool = tool;
    for (const button of this.buttons) button.setAttribute("aria-pressed", button.dataset.tool === tool);
    this.drawing = this.drawing.then(() => Promise.all(this.plots
      .filter(({ solid }) => !solid)
      .map(({ plot }) => globalThis.Plotly.relayout(plot, { dragmode: TOOLS[tool] }))));
  }

  select(rows) {
    this.selected = rows;
    this.tellSelected(rows);
    this.drawing = this.drawing.then(() => this.highlight());
  }

  /** Shows in every view which rows are selected; the line that was drawn has done its work. */
  async highlight() {
    const { selected } = this;
    this.lit = selected;
    for (const { plot, count, rows, sizes, solid } of this.plots ?? []) {
      const traces = [...Array(count).keys()];
      const marks = rows.map((of) => selected && of.flatMap((row, i) => (selected.has(row) ? [i] : [])));
      if (solid) {
        // in three dimensions Plotly dims whole traces only: here size tells
        const size = rows.map((of, k) =>
          selected ? of.map((row) => (selected.has(row) ? 2 : 0.4) * sizes[k]) : sizes[k]);
        await globalThis.Plotly.restyle(plot, { "marker.size": size }, traces);
      } else {
        await globalThis.Plotly.update(plot,
          { selectedpoints: marks, "unselected.marker.opacity": FAINT }, { selections: [] }, traces);
      }
    }
    if (this.clearing) this.clearing.hidden = !selected;
    this.root.dataset.selected = selected?.size ?? "";
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
    this.tools.remove();
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
