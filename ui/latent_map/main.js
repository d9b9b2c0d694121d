// The latent map: wires plane, tiles, panel and path together. Streamlit calls `mount` again with
// every message, so one map lives for each element it is mounted in. Throughout, `z` is a place of
// the plane that is shown and `code` a whole code; with two latent units they are the same.

import { Api, Problem, loadOnce } from "./api.js";
import { Atlas } from "./atlas.js";
import { Card } from "./card.js";
import { ClassStrip } from "./classes.js";
import { html, number, say } from "./dom.js";
import { unit } from "./geometry.js";
import { icon } from "./icons.js";
import { Layers } from "./layers.js";
import { Company } from "./link.js";
import { Marks } from "./marks.js";
import { Panel } from "./panel.js";
import { Path } from "./path.js";
import { bytesOf } from "./picture.js";
import { Plane, hasWebGL } from "./plane.js";
import { Selection } from "./selection.js";
import { placeOf } from "./slice.js";
import { themeOf } from "./theme.js";
import { Tiles, previewLevel, squareOf, tileAt } from "./tiles.js";

const HELD = 4; // pixels that the pointer may tremble after a click before it looks elsewhere
const NARROW = 640; // pixels
const HOME = { level: 0, column: 0, row: 0 }; // the tile that covers the whole plane
const PAUSE = 3000; // ms before tiles are asked for again after a failure

const assets = new URL("..", import.meta.url).href;
const plotly = () => loadOnce(`${assets}plotly.min.js`);
const style = () => loadOnce(`${assets}latent_map/map.css`);
// the page names this module, so this is run before Streamlit is up: Plotly takes half a second of
// the page's thread to start, which is mostly idle while Streamlit waits for its own files
style().catch(() => {});
plotly().catch(() => {});

const maps = new WeakMap();

export default function mount(component) {
  const { parentElement } = component;
  if (!maps.has(parentElement)) maps.set(parentElement, new LatentMap(parentElement));
  maps.get(parentElement).update(component);
  return () => {
    maps.get(parentElement)?.destroy();
    maps.delete(parentElement);
  };
}

class LatentMap {
  constructor(parent) {
    this.panel = new Panel({
      dial: (draw) => this.dial(draw),
      pin: (index) => this.pinImage(index),
      zoom: () => this.zoomToPosterior(),
    });
    this.layers = new Layers({
      changed: () => this.redraw(),
      fail: (error, retry) => this.fail(error, retry),
    });
    this.company = new Company(this);
    this.atlas = new Atlas();
    this.marks = new Marks();
    this.card = new Card();
    this.plane = new Plane({
      look: (sight) => this.look(sight),
      leave: () => this.leave(),
      pick: (sight) => this.pick(sight),
      move: () => this.redraw(),
      start: () => this.pinned?.z ?? this.step?.z,
    });
    this.plane.element.prepend(this.layers.field.element, this.atlas.element);
    this.plane.element.append(this.layers.vectors.element, this.marks.element, this.card.element);
    this.selection = new Selection(this.plane, {
      ask: (query, signal) => this.api.selection(query, signal),
      address: (file, query) => this.api.address(file, query),
      announce: (sentence) => this.panel.announce(sentence),
      fail: (error, retry) => this.fail(error, retry),
      told: (selection) => this.company.tellSelection(selection),
    });
    this.panel.element.append(this.selection.element);
    this.strip = new ClassStrip();
    this.panel.figure.after(this.strip.element);
    this.classes = html("div", { class: "lm-classes", role: "group" });
    this.zooming = html("div", { class: "lm-zooming" });
    this.notice = html("p", { class: "lm-quiet", hidden: true });
    this.root = html(
      "section",
      { class: "lm", "data-testid": "latent-map", "data-ready": "false" },
      this.layers.element,
      html("div", { class: "lm-stage" },
        html("div", { class: "lm-bar" }, this.classes, this.selection.tools),
        html("div", { class: "lm-frame" }, this.plane.element, this.zooming),
        this.layers.legend,
        this.notice),
      this.panel.element,
    );
    parent.append(this.root);
    this.resizing = new ResizeObserver(() => this.lay());
    this.resizing.observe(this.root);
    this.pinned = null; // {z, index}
    this.answer = null; // the server's, to what is pinned
    this.sight = null; // what pointer or cursor is on: {z, point}
    this.sample = null; // drawn from the pinned image's posterior: {z, pixels, caption}
    this.step = null; // where on the path: {z, pixels, t}
    this.chosen = new Set();
  }

  update({ data, setStateValue }) {
    const before = this.data;
    this.data = data;
    this.commit = (pin) => setStateValue("pin", { ...pin, at: Date.now() });
    this.lay();
    const changed = (...names) =>
      names.some((name) => JSON.stringify(before?.[name]) !== JSON.stringify(data[name]));
    if (changed("group")) this.company.join(data.group);
    if (changed("order") || !before) {
      this.wish = data.pin ?? this.wish;
      if (!before && data.pin) this.company.tellPin(data.pin);
    }
    if (changed("run", "view", "texts", "plane", "palette")) this.load();
    else {
      this.restyle();
      if (this.ready && changed("order")) {
        this.company.tellPin(data.pin);
        data.pin ? this.pin(data.pin) : this.unpin();
      }
      if (this.ready && changed("path")) this.follow();
    }
  }

  /** The picture stands beneath the plane where maps stand side by side, or there is little room. */
  lay() {
    const compact = this.root.clientWidth < NARROW || Boolean(this.data?.compact);
    if (this.root.classList.toggle("lm-compact", compact) !== this.compact) {
      this.compact = compact;
      this.layers.element.open = !compact;
    }
  }

  // --- a run ---

  async load() {
    const { run, texts, view } = this.data;
    this.loading?.abort();
    this.asking?.abort();
    this.walking?.abort();
    const { signal } = (this.loading = new AbortController());
    this.ready = false;
    Object.assign(this.root.dataset, { ready: "false", run: run.id });
    this.api = new Api(run, texts, view);
    this.panel.tellQuietly(texts.loading);
    try {
      const [map] = await Promise.all([
        this.api.map(signal),
        Promise.all([plotly(), style()]).catch(() => {
          throw new Problem(texts.offline);
        }),
      ]);
      if (signal.aborted) return;
      await this.setUp(map);
      await this.tiles.want(HOME);
      if (signal.aborted) return;
      this.panel.complain(null);
      this.ready = true;
      this.showSettled(); // something to see at once
      await Promise.all([this.data.path && this.follow(), this.wishOrPin()]);
      if (!signal.aborted) this.root.dataset.ready = "true";
    } catch (error) {
      if (!signal.aborted) this.fail(error, () => this.load());
    }
  }

  async setUp(map) {
    const { run, texts, plane, palette } = this.data;
    const { image_shape: shape, tiles } = map;
    for (const { marker, meta } of map.figure.data) marker.color = palette[meta.label % palette.length];
    this.map = map;
    this.home = plane ?? map.plane;
    this.digits = map.plane.half >= 20 ? 1 : 2;
    this.size = shape.reduce((product, side) => product * side, 1);
    this.pixels = new Uint8Array(this.size);
    this.tiles?.close();
    const tilesOf = (view) => ({
      square: squareOf(map.plane),
      cells: tiles.cells,
      maxLevel: tiles.max_level,
      reach: tiles.reach,
      size: this.size,
      load: (tile) => this.api.tile(tile, tiles.cells + 1, shape, view),
      arrived: () => this.refresh(),
    });
    const { view } = this.data;
    this.tiles = new Tiles(tilesOf(view));
    this.tiles.want(HOME).catch(() => {}); // beside the drawing; `load` waits for it, and hears of failures
    this.strip.setUp({
      texts, map, label: view.class, tilesFor: (label) => tilesOf({ ...view, class: label }),
    });
    this.answer = this.step = this.sight = this.sample = null;
    this.panel.setUp(texts, run, map, this.digits);
    this.panel.tellQuietly(texts.hint);
    this.atlas.reset({ tiles: this.tiles, shape });
    this.card.setUp({
      load: (sheet) => this.api.sheet(sheet),
      gallery: map.gallery,
      shape,
      describe: ({ label, z }) => [
        say(texts.digit, { label: this.panel.className(label) }), this.panel.coordinates(z),
      ],
    });
    this.marks.name(
      map.figure.data.map(({ name, marker }, label) => ({
        name, colour: marker.color, centre: map.centres[label],
      })),
    );
    this.plane.element.setAttribute("aria-label", say(texts.plane, { run: run.name }));
    this.notice.hidden = hasWebGL();
    this.notice.textContent = texts.no_webgl;
    this.theme = themeOf(this.root);
    this.root.dataset.theme = this.theme.dark ? "dark" : "light";
    await this.plane.draw(map, this.home, this.theme);
    this.layers.setUp({ api: this.api, texts, map, points: this.plane.points, digits: this.digits });
    this.layButtons();
    this.selection.setUp(texts, map, !this.data.path);
  }

  layButtons() {
    const { texts } = this.data;
    this.chosen.clear();
    this.classes.setAttribute("aria-label", texts.classes);
    this.classes.replaceChildren(
      ...this.map.figure.data.map(({ name, marker }, label) => {
        const button = html("button", { type: "button", "aria-pressed": "false" },
          html("i", { style: `background:${marker.color}` }), name);
        button.onclick = () => {
          if (!this.chosen.delete(label)) this.chosen.add(label);
          button.setAttribute("aria-pressed", this.chosen.has(label));
          this.plane.emphasise(this.chosen);
          this.selection.apply();
        };
        return button;
      }),
    );
    const tool = (sign, label, act) =>
      html("button", { type: "button", "aria-label": label, title: label, onclick: act }, sign);
    this.zooming.replaceChildren(...[
      tool("+", texts.zoom_in, () => this.plane.zoom(1.5)),
      tool("\u2212", texts.zoom_out, () => this.plane.zoom(1 / 1.5)),
      tool("\u2922", texts.show_all, () => this.plane.showAll()),
      document.fullscreenEnabled && tool(icon("screen"), texts.full_screen, () => toggleFullScreen(this.root)),
    ].filter(Boolean));
  }

  restyle() {
    const theme = themeOf(this.root);
    if (!this.theme || JSON.stringify(theme) === JSON.stringify(this.theme)) return;
    this.theme = theme;
    this.root.dataset.theme = theme.dark ? "dark" : "light";
    this.plane.restyle(theme);
  }

  redraw() {
    if (!this.plane.drawn || !this.tiles) return;
    const frame = this.plane.frame();
    const { layers } = this;
    this.plane.showPoints(layers.has("points"));
    this.root.classList.toggle("lm-nameless", !layers.has("names"));
    this.atlas.draw(frame, layers.has("atlas") ? layers.ink : 0);
    layers.draw(frame, {
      pin: this.data.path ? this.step : this.pinned,
      sample: this.sample?.z,
      sight: this.sight,
    });
    this.selection.draw();
    this.marks.draw(frame, {
      pin: this.data.path ? this.step?.z : this.pinned?.z,
      cursor: this.sight,
      path: this.path?.z,
    });
    this.card.show(frame, this.sight?.point ?? null);
  }

  /** A tile has arrived: the atlas may be finer now, and so may the preview. */
  refresh() {
    if (this.refreshing) return;
    this.refreshing = requestAnimationFrame(() => {
      this.refreshing = null;
      if (this.sight) this.preview(this.sight.z);
      this.redraw();
    });
  }

  fail(error, retry) {
    if (error.name === "AbortError") return;
    const known = error instanceof Problem;
    if (!known) console.error(error);
    this.panel.texts ??= this.data.texts;
    const sentence = say(this.data.texts.failed, { reason: error.message });
    this.panel.complain(known ? error : new Problem(sentence), () => {
      this.panel.complain(null);
      retry();
    });
  }

  // --- looking: a preview from the tiles, without the server ---

  look(sight) {
    if (!this.ready || this.trembles(sight)) return;
    this.held = null;
    this.see(sight);
    const { z, point } = sight;
    this.company.tell({ look: { z, index: point?.index ?? null } });
    if (!sight.keyboard) return;
    const { digit, preview } = this.data.texts;
    this.announce(point ? say(digit, { label: this.panel.className(point.label) }) : preview, z);
  }

  trembles({ z }) {
    if (!this.held) return false;
    const [dx, dy] = [z[0] - this.held[0], z[1] - this.held[1]];
    return Math.hypot(dx, dy) < HELD * unit(this.plane.frame());
  }

  see(sight) {
    this.sight = sight;
    this.preview(sight.z);
    this.mark(sight);
  }

  /** Marks what pointer or cursor is on; null is nothing. */
  mark(sight) {
    const frame = this.plane.frame();
    this.marks.look(frame, sight);
    this.layers.look(frame, sight);
    this.card.show(frame, sight?.point ?? null);
  }

  preview(z, { refine = true, caption = this.data.texts.preview } = {}) {
    const { home, tiles } = this;
    const level = previewLevel(home, this.plane.frame(), tiles.maxLevel);
    if (refine && performance.now() - (this.failedAt ?? -PAUSE) >= PAUSE) {
      tiles.want(tileAt(tiles.square, level, ...z)).catch((error) => {
        this.failedAt = performance.now();
        this.fail(error, () => this.refresh());
      });
    }
    const got = tiles.preview(...z, this.pixels);
    if (got < 0) return;
    this.panel.show({ pixels: this.pixels, z, source: "preview", caption });
    this.strip.preview(z, refine && got >= level ? level : undefined); // the large picture goes first
  }

  leave() {
    if (!this.sight || !this.ready) return;
    this.unsee();
    this.company.tell({ leave: true });
  }

  unsee() {
    this.sight = null;
    this.mark(null);
    this.showSettled();
  }

  /** Shows what stays when nobody looks elsewhere: the pin, or the place on the path. */
  showSettled() {
    const { texts } = this.data;
    if (this.data.path) {
      if (!this.step) return;
      const caption = say(texts.at, { t: this.step.t.toFixed(2) });
      this.panel.show({ ...this.step, source: "exact", caption });
    } else if (this.sample) this.showSample();
    else if (this.answer) {
      const { label, image, place: z, z: code, classes } = this.answer;
      this.strip.show(classes);
      const caption =
        label === undefined ? texts.exact : say(texts.gallery, { label: this.panel.className(label) });
      this.panel.show({ pixels: bytesOf(image), z, code, source: "exact", caption });
    } else this.preview(this.pinned?.z ?? this.home.center);
  }

  // --- pinning: the server's exact answer ---

  pick({ z, point }) {
    if (!this.ready) return;
    this.sight = null;
    this.held = z;
    this.plane.cursor = null;
    if (this.data.path) {
      this.path?.goNear(z);
      this.showSettled();
      return;
    }
    const pin = point ? { z: point.z, index: point.index } : { z, index: null };
    this.company.tellPin(pin);
    this.pin(pin, { commit: true });
  }

  async pin({ z, index }, { commit = false, followed = false } = {}) {
    this.asking?.abort(); // an older answer never overwrites a newer one
    this.dialling?.abort();
    const { signal } = (this.asking = new AbortController());
    const place = (index != null && this.plane.points.of(index)?.z) || z;
    this.pinned = { z: place, index: index ?? null };
    this.sample = null;
    this.wish = this.pinned;
    this.answer = null;
    this.redraw();
    if (!this.sight) this.preview(place, { refine: false }); // what is exact is on its way
    try {
      const answer = await (index != null ? this.api.point(index, signal) : this.api.place(z, signal));
      if (signal.aborted) return;
      this.panel.complain(null);
      this.answer = answer;
      this.pinned.z = answer.place;
      this.pinned.near = answer.near;
      if (index != null) {
        this.panel.tellPoint(answer);
        this.tellNeighbours(index, signal);
      } else this.panel.tellPlace(answer);
      if (!this.sight) this.showSettled();
      this.redraw();
      this.announce(this.panel.summary, answer.place);
    } catch (error) {
      if (signal.aborted) return;
      this.fail(error, () => this.pin(this.pinned));
    }
    if (commit && !signal.aborted) this.commit({ z: this.pinned.z, index: this.pinned.index, followed });
  }

  /** The page wishes that nothing be pinned any more. */
  unpin() {
    this.asking?.abort();
    this.dialling?.abort();
    this.pinned = this.answer = this.sample = this.wish = null;
    this.panel.tellQuietly(this.data.texts.hint);
    this.redraw();
    if (!this.sight) this.showSettled();
  }

  /** Pins an image that was clicked elsewhere than on the plane. */
  pinImage(index) {
    const pin = { z: this.plane.points.of(index).z, index };
    this.sight = null;
    this.company.tellPin(pin);
    this.pin(pin, { commit: true });
  }

  async tellNeighbours(index, signal) {
    try {
      const answer = await this.api.neighbours(index, signal);
      if (!signal.aborted) this.panel.tellNeighbours(answer);
    } catch (error) {
      this.fail(error, () => this.pin(this.pinned));
    }
  }

  // --- drawing from a posterior: previewed while it is dialled, decoded exactly once it rests ---

  async dial({ code, eps, settled }) {
    this.dialling?.abort();
    const { signal } = (this.dialling = new AbortController());
    const offPlane = this.offPlane();
    const caption = say(this.data.texts.drawn, { eps: eps.join(", ") });
    const sample = { z: placeOf(this.map.slice, code), code, caption };
    this.sample = sample;
    this.redraw();
    this.showSample();
    if (!settled && !offPlane) return;
    try {
      const answer = await this.api.code(code, this.answer.label, signal);
      Object.assign(sample, { pixels: bytesOf(answer.image), classes: answer.classes });
      if (this.sample === sample && !this.sight) this.showSample();
    } catch (error) {
      this.fail(error, () => this.dial({ code, eps, settled }));
    }
  }

  showSample() {
    const { z, code, pixels, caption, classes } = this.sample;
    if (pixels) {
      this.panel.show({ pixels, z, code, source: "exact", caption });
      this.strip.show(classes);
    } else if (!this.offPlane()) this.preview(z, { caption });
  }

  /** Whether the tiles do not hold what the pinned image's codes are: they lie beside the plane, or
   * another class is decoded. Then each of them is asked for. */
  offPlane() {
    return Boolean(this.map.slice) || (this.map.n_classes > 0 && this.answer.label !== this.data.view.class);
  }

  /** Fills the plane with the pinned image's posterior, out to 4 sigma. */
  zoomToPosterior() {
    const { place: z, ellipse } = this.answer;
    const half = 4 * ellipse[0];
    this.layers.show("posterior");
    this.plane.show({ x0: z[0] - half, x1: z[0] + half, y0: z[1] - half, y1: z[1] + half });
  }

  /** After a run is drawn: pins what was pinned before, or what the page or the group wishes. */
  wishOrPin() {
    const wish = this.wish;
    if (!wish || this.data.path) return null;
    return wish.from ? this.company.hear({ pin: wish, run: wish.from }) : this.pin(wish);
  }

  announce(sentence, z) {
    this.panel.announce(`${sentence}, ${this.panel.coordinates(z)}`);
  }

  // --- the path between two images ---

  async follow() {
    this.walking?.abort();
    const { signal } = (this.walking = new AbortController());
    if (!this.path) {
      this.path = new Path((step) => {
        this.step = step;
        this.showSettled();
        this.redraw();
      });
      this.panel.story.replaceWith(this.path.controls);
      this.root.append(this.path.strip);
    }
    try {
      const answer = await this.api.path(this.data.path, signal);
      if (signal.aborted) return;
      this.panel.complain(null);
      this.path.setUp(answer, this.map.image_shape, this.map.class_names, this.data.texts);
    } catch (error) {
      if (!signal.aborted) this.fail(error, () => this.follow());
    }
  }

  destroy() {
    for (const request of [this.loading, this.asking, this.walking, this.dialling]) request?.abort();
    this.resizing.disconnect();
    this.company.leave();
    this.path?.destroy();
    this.layers.destroy();
    this.selection.destroy();
    this.plane.destroy();
    this.tiles?.close();
    this.strip.close();
    this.root.remove();
  }
}

/** For the projector: the map alone fills the screen; Escape leaves as everywhere. */
const toggleFullScreen = (root) =>
  document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen();
