// The plane: a Plotly graph that this module owns, and the pointer, fingers and keys upon it.

import { html } from "./dom.js";
import { Points, inFrame, toPlace, unit, zoomed } from "./geometry.js";

const REACH = 6; // pixels within which a point is meant
const STILL = { mouse: 4, pen: 6, touch: 10 }; // pixels that a click may move
const STEP = 1 / 80; // the cursor's step, as a share of what is shown
const MARGIN = { l: 54, r: 8, t: 8, b: 52 };
const GREY = "rgba(128,128,128,0.25)";
// taps on the plane are ours, and a bar of buttons over the points is nobody's friend
const CONFIG = { displayModeBar: false, scrollZoom: true, doubleClick: "reset", responsive: false };

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** Whether points can be drawn on the graphics card; asked once, since contexts are scarce. */
export const hasWebGL = (() => {
  let known;
  return () => {
    if (known === undefined) {
      const context = document.createElement("canvas").getContext("webgl");
      known = Boolean(context);
      context?.getExtension("WEBGL_lose_context")?.loseContext();
    }
    return known;
  };
})();

/** Numbers as plotly.py writes them (base64 of a typed array), or a plain list. */
function numbersOf(value) {
  if (!value?.bdata) return value;
  const bytes = Uint8Array.from(atob(value.bdata), (letter) => letter.charCodeAt(0));
  const kinds = {
    f4: Float32Array, f8: Float64Array, i1: Int8Array, u1: Uint8Array,
    i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array,
  };
  return new kinds[value.dtype](bytes.buffer);
}

/**
 * What happens is told by the handlers: `look({z, point})` for what is under pointer or cursor,
 * `leave()`, `pick({z, point})`, `move()` after each change of what is shown.
 */
export class Plane {
  constructor(handlers) {
    this.handlers = handlers;
    this.graph = html("div", { class: "lm-graph" });
    this.element = html(
      "div",
      { class: "lm-plane", tabindex: "0", role: "application", "data-testid": "plane" },
      this.graph,
    );
    this.fingers = new Map();
    this.cursor = null;
    this.counts = () => true;
    this.gesture = null; // what takes drags for itself, see selection.js
    this.listen();
  }

  /** Draws a run's map; the graph and its WebGL context are kept from run to run. */
  async draw(map, plane, theme) {
    const traces = map.figure.data.map((trace) => ({
      ...trace,
      type: hasWebGL() ? "scattergl" : "scatter",
      x: numbersOf(trace.x),
      y: numbersOf(trace.y),
      customdata: numbersOf(trace.customdata),
      hoverinfo: "skip",
      hovertemplate: undefined,
    }));
    this.traces = traces;
    this.colours = traces.map((trace) => trace.marker.color);
    this.opacity = traces[0]?.marker.opacity ?? 0.75;
    const all = (read) => traces.flatMap((trace) => Array.from(read(trace)));
    this.points = new Points(
      all((trace) => trace.x),
      all((trace) => trace.y),
      all((trace) => trace.customdata),
      traces.flatMap((trace) => Array.from(trace.x, () => trace.meta.label)),
    );
    const { center: [x, y], half } = plane;
    this.home = { x0: x - half, x1: x + half, y0: y - half, y1: y + half };
    const axis = { zeroline: false, showgrid: false, ticks: "outside", ticklen: 4, constrain: "range" };
    const layout = {
      ...map.figure.layout,
      ...colouring(theme),
      uirevision: `${map.run}/${map.digest}/${map.titles}`, // a reader's zoom is for one plane only
      showlegend: false,
      hovermode: false,
      dragmode: "pan",
      annotations: [],
      shapes: [],
      margin: MARGIN,
      xaxis: { ...map.figure.layout.xaxis, ...axis, range: [this.home.x0, this.home.x1] },
      yaxis: {
        ...map.figure.layout.yaxis, ...axis,
        range: [this.home.y0, this.home.y1], scaleanchor: "x", scaleratio: 1,
      },
      width: this.element.clientWidth,
      height: this.element.clientHeight,
    };
    await window.Plotly.react(this.graph, traces, layout, CONFIG);
    if (!this.subscribed) {
      this.subscribed = true;
      for (const event of ["plotly_relayout", "plotly_relayouting"]) {
        this.graph.on(event, () => this.handlers.move());
      }
      this.resizing = new ResizeObserver(() => this.resize());
      this.resizing.observe(this.element);
    }
    this.cursor = null;
    this.handlers.move();
  }

  get drawn() {
    return Boolean(this.graph._fullLayout?.xaxis?._length);
  }

  /** Where the plot lies in its element and what it shows: a frame, see geometry.js. */
  frame() {
    const { xaxis, yaxis } = this.graph._fullLayout;
    return {
      left: xaxis._offset, top: yaxis._offset, width: xaxis._length, height: yaxis._length,
      x0: xaxis.range[0], x1: xaxis.range[1], y0: yaxis.range[0], y1: yaxis.range[1],
    };
  }

  /** Shows classes in colour and greys the others; null shows all. */
  emphasise(labels) {
    const chosen = (label) => !labels?.size || labels.has(label);
    this.counts = chosen;
    window.Plotly.restyle(this.graph, {
      "marker.color": this.colours.map((colour, label) => (chosen(label) ? colour : GREY)),
      "marker.opacity": this.colours.map((_, label) => (chosen(label) ? this.opacity : 0.3)),
    });
  }

  /** Hides or shows all points; hidden ones are not meant by the pointer. */
  showPoints(shown) {
    this.hidden = !shown;
    this.graph.classList.toggle("lm-pointless", !shown);
  }

  /**
   * Greys all points but those that are `chosen(x, y, index, label)`; null ends that. Returns the
   * indices of their images.
   */
  highlight(chosen) {
    if (!this.drawn || (!chosen && !this.highlighted)) return [];
    this.highlighted = Boolean(chosen);
    const picked = this.traces.map(({ x, y, customdata, meta }) =>
      chosen && Array.from(x.keys()).filter((i) => chosen(x[i], y[i], customdata[i], meta.label)));
    window.Plotly.restyle(this.graph, {
      selectedpoints: picked,
      "unselected.marker.color": GREY,
      "unselected.marker.opacity": 0.3,
    }, [...this.traces.keys()]);
    return picked.flatMap((rows, i) => (rows ?? []).map((row) => this.traces[i].customdata[row]));
  }

  restyle(theme) {
    if (this.drawn) window.Plotly.relayout(this.graph, flat(colouring(theme)));
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    const size = this.graph._fullLayout;
    if (!width || !height || (size.width === width && size.height === height)) return;
    window.Plotly.relayout(this.graph, { width, height });
  }

  /** Shows ranges {x0, x1, y0, y1}; several in one frame of the screen become one. */
  show(range) {
    const pending = this.range;
    this.range = range;
    if (pending) return;
    requestAnimationFrame(() => {
      const { x0, x1, y0, y1 } = this.range;
      this.range = null;
      window.Plotly.relayout(this.graph, { "xaxis.range": [x0, x1], "yaxis.range": [y0, y1] });
    });
  }

  zoom(factor, about) {
    const frame = this.frame();
    const middle = [(frame.x0 + frame.x1) / 2, (frame.y0 + frame.y1) / 2];
    this.show(zoomed(frame, factor, about ?? this.cursor ?? middle));
  }

  showAll() {
    this.show(this.home);
  }

  /** The place at a pixel of the element, and the point that is meant there, if one is. */
  at(px, py) {
    return this.under(toPlace(this.frame(), px, py));
  }

  destroy() {
    this.resizing?.disconnect();
    this.ending?.abort();
    if (window.Plotly) window.Plotly.purge(this.graph);
    this.element.remove();
  }

  // --- pointer, fingers, keys ---

  listen() {
    this.ending = new AbortController();
    const { signal } = this.ending;
    const on = (target, event, listener, options = {}) =>
      target.addEventListener(event, listener, { signal, ...options });
    on(this.element, "pointerdown", (event) => this.press(event), { capture: true });
    on(this.element, "pointermove", (event) => this.glide(event));
    on(this.element, "pointerleave", (event) => this.quit(event));
    // Plotly pans unless a tool is on
    on(this.element, "mousedown", (event) => this.gesture && this.hold(event), { capture: true });
    // Plotly covers the window while it drags, so a release may land anywhere
    on(window, "pointerup", (event) => this.release(event), { capture: true });
    on(window, "pointercancel", (event) => this.drop(event), { capture: true });
    // one finger looks around, two zoom: Plotly's own panning by touch would leave neither
    for (const event of ["touchstart", "touchmove", "touchend"]) {
      on(this.element, event, (touch) => touch.stopPropagation(), { capture: true, passive: true });
    }
    on(this.element, "keydown", (event) => this.key(event));
    on(this.element, "blur", () => {
      this.element.classList.remove("lm-by-pointer");
      this.forget();
    });
  }

  pixel(event) {
    const box = this.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  press(event) {
    if (!this.drawn || event.button) return;
    const [px, py] = this.pixel(event);
    if (!inFrame(this.frame(), px, py)) return;
    this.element.classList.add("lm-by-pointer"); // no ring for those who see where they are
    this.element.focus({ preventScroll: true });
    this.fingers.set(event.pointerId, { px, py, moved: 0 });
    if (this.fingers.size > 1) {
      for (const finger of this.fingers.values()) finger.moved = Infinity;
      this.gesture?.giveUp();
    } else if (this.gesture) {
      this.element.setPointerCapture(event.pointerId); // the line may leave the plane
      this.gesture.start(this.placeAt(px, py));
    }
  }

  glide(event) {
    if (!this.drawn) return;
    const [px, py] = this.pixel(event);
    const finger = this.fingers.get(event.pointerId);
    if (finger && this.fingers.size === 2) {
      this.pinch(event.pointerId, px, py);
      return;
    }
    if (finger && this.gesture) {
      finger.moved = Math.max(finger.moved, Math.hypot(px - finger.px, py - finger.py));
      this.gesture.move(this.placeAt(px, py));
    } else if (finger && event.pointerType !== "touch") return; // Plotly is panning
    this.pointed = inFrame(this.frame(), px, py) ? [px, py] : null;
    if (this.looking) return;
    this.looking = requestAnimationFrame(() => {
      this.looking = null;
      if (!this.drawn) return;
      if (this.pointed) this.handlers.look(this.at(...this.pointed));
      else this.handlers.leave();
    });
  }

  /** Two fingers: what lies between them stays between them. */
  pinch(id, px, py) {
    const [[, other]] = [...this.fingers].filter(([key]) => key !== id);
    const finger = this.fingers.get(id);
    const before = Math.hypot(finger.px - other.px, finger.py - other.py);
    const after = Math.hypot(px - other.px, py - other.py);
    const frame = { ...this.frame(), ...this.range };
    const from = toPlace(frame, (finger.px + other.px) / 2, (finger.py + other.py) / 2);
    const range = zoomed(frame, after / Math.max(before, 1), from);
    const to = toPlace({ ...frame, ...range }, (px + other.px) / 2, (py + other.py) / 2);
    const [dx, dy] = [from[0] - to[0], from[1] - to[1]];
    Object.assign(finger, { px, py });
    this.show({ x0: range.x0 + dx, x1: range.x1 + dx, y0: range.y0 + dy, y1: range.y1 + dy });
  }

  release(event) {
    const finger = this.fingers.get(event.pointerId);
    this.fingers.delete(event.pointerId);
    if (!finger || !this.drawn) return;
    const [px, py] = this.pixel(event);
    const moved = Math.max(finger.moved, Math.hypot(px - finger.px, py - finger.py));
    if (moved < (STILL[event.pointerType] ?? STILL.mouse)) {
      this.gesture?.giveUp();
      this.handlers.pick(this.at(px, py));
    } else this.gesture?.end();
    if (event.pointerType === "touch") this.quit(event);
  }

  drop(event) {
    this.fingers.delete(event.pointerId);
    this.gesture?.giveUp();
    this.quit(event);
  }

  /** Keeps a press from Plotly, and from selecting the page's text. */
  hold(event) {
    event.stopPropagation();
    event.preventDefault();
  }

  /** The place at a pixel, or at the edge nearest to it. */
  placeAt(px, py) {
    const { left, top, width, height } = this.frame();
    const within = (value, low, size) => Math.min(Math.max(value, low), low + size);
    return toPlace(this.frame(), within(px, left, width), within(py, top, height));
  }

  quit(event) {
    if (this.fingers.has(event.pointerId)) return;
    if (this.looking) cancelAnimationFrame(this.looking);
    this.looking = null;
    this.handlers.leave();
  }

  key(event) {
    if (!this.drawn || event.target !== this.element || event.ctrlKey || event.metaKey || event.altKey) return;
    this.element.classList.remove("lm-by-pointer");
    const frame = this.frame();
    const arrow = ARROWS[event.key];
    if (arrow) {
      const step = (frame.x1 - frame.x0) * STEP * (event.shiftKey ? 8 : 1);
      const [x, y] = this.cursor ?? this.handlers.start() ?? middleOf(frame);
      this.cursor = [
        Math.min(Math.max(x + step * arrow[0], frame.x0), frame.x1),
        Math.min(Math.max(y + step * arrow[1], frame.y0), frame.y1),
      ];
      this.gesture?.point(this.cursor);
      this.handlers.look({ ...this.under(this.cursor), keyboard: true });
    } else if (this.gesture?.key(event.key, this.cursor ?? this.handlers.start() ?? middleOf(frame))) {
      // a corner of a selection
    } else if (event.key === "Enter" || event.key === " ") {
      this.handlers.pick(this.under(this.cursor ?? this.handlers.start() ?? middleOf(frame)));
    } else if (event.key === "Escape") this.forget();
    else if (event.key === "+" || event.key === "=") this.zoom(1.5);
    else if (event.key === "-") this.zoom(1 / 1.5);
    else if (event.key === "0") this.showAll();
    else return;
    event.preventDefault();
  }

  /** A place, and the point that is meant there. */
  under(z) {
    const reach = REACH * unit(this.frame());
    return { z, point: this.hidden ? null : this.points.nearest(...z, reach, this.counts) };
  }

  forget() {
    if (!this.cursor) return;
    this.cursor = null;
    this.handlers.leave();
  }
}

const middleOf = ({ x0, x1, y0, y1 }) => [(x0 + x1) / 2, (y0 + y1) / 2];

function colouring({ ink, font }) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, family: font, size: 13 },
  };
}

const flat = ({ font, ...rest }) => ({
  ...rest,
  "font.color": font.color,
  "font.family": font.family,
});
