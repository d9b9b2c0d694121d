// The time machine. Streamlit calls `mount` again with every message, so one machine lives for each
// element it is mounted in. Slider, play button and all that follows them are the browser's own;
// Python hears where it came to rest. The film of a training under way grows: whoever looks at its
// newest moment is taken along to the next.

import { Problem, loadOnce } from "../latent_map/api.js";
import { html, number, say } from "../latent_map/dom.js";
import { bytesOf, paintSheet } from "../latent_map/picture.js";
import { themeOf } from "../latent_map/theme.js";
import { Cloud } from "./cloud.js";
import { Curves } from "./curves.js";
import { Film } from "./film.js";

const RATE = 4; // moments a second at speed 1
const SPEEDS = [0.25, 0.5, 1, 2, 4];
const GLIDE = 9; // of what is left to a moment, so many times a second
const THERE = 0.004; // of a moment: near enough
const REST = 400; // ms without a change until the moment is told

const style = () => loadOnce(new URL("machine.css", import.meta.url).href);
const machines = new WeakMap();

export default function mount(component) {
  const { parentElement } = component;
  if (!machines.has(parentElement)) machines.set(parentElement, new Machine(parentElement, component.data));
  machines.get(parentElement).update(component);
  return () => {
    machines.get(parentElement)?.destroy();
    machines.delete(parentElement);
  };
}

class Machine {
  constructor(parent, { follow }) {
    this.at = this.goal = 0;
    this.redraws = 0;
    this.panels = [];
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.player = html("button", { type: "button", "data-testid": "film-play", onclick: () => this.toggle() });
    this.slider = html("input", {
      type: "range", min: 0, max: 0, step: 1, value: 0, "data-testid": "film-slider",
      oninput: () => { this.pause(); this.goTo(Number(this.slider.value)); },
    });
    this.speed = html("select", { "data-testid": "film-speed" },
      ...SPEEDS.map((speed) => html("option", { value: speed, selected: speed === 1 }, `${speed}×`)));
    this.follow = html("input", { type: "checkbox", checked: follow, "data-testid": "film-follow", onchange: () => this.draw() });
    this.behind = html("input", { type: "checkbox", checked: true, "data-testid": "film-behind", onchange: () => this.draw() });
    this.names = [html("span"), html("span"), html("span")];
    this.text = html("p", { class: "tm-text", "data-testid": "film-text" });
    this.problem = html("p", { class: "tm-problem", role: "alert", hidden: true });
    this.stage = html("div", { class: "tm-stage" });
    this.root = html("section", { class: "tm", "data-testid": "time-machine", "data-ready": "false" },
      html("div", { class: "tm-drive" }, this.player, this.slider,
        html("label", {}, this.names[0], this.speed)),
      this.text, this.problem, this.stage,
      html("div", { class: "tm-looks" },
        html("label", {}, this.follow, this.names[1]), html("label", {}, this.behind, this.names[2])));
    parent.append(this.root);
    this.resizing = new ResizeObserver(() => {
      if (this.panels.map(({ cloud }) => cloud.lay()).some(Boolean)) this.draw();
    });
    this.resizing.observe(this.stage);
    this.styled = style().catch(() => {});
  }

  update({ data, setStateValue }) {
    const { texts, films, palette, moment } = data;
    const before = this.data;
    this.data = data;
    this.tell = (name) => setStateValue("moment", name);
    this.theme = themeOf(this.root);
    this.root.dataset.theme = this.theme.dark ? "dark" : "light";
    this.slider.setAttribute("aria-label", texts.slider);
    [texts.speed, texts.follow, texts.behind].forEach((text, i) => { this.names[i].textContent = text; });
    this.label();
    if (JSON.stringify(films) !== JSON.stringify(before?.films)) {
      this.load(films, moment);
      return;
    }
    if (!this.panels.length) {
      if (data.grows !== before.grows) this.load(films, moment); // now there may be more of it
      return;
    }
    if (data.grows && data.grows !== this.first.moments[this.first.last].name) this.grow();
    if (moment !== before.moment && moment !== this.told) {
      this.pause();
      this.goTo(this.first.numberOf(moment));
    }
    const looks = [this.theme.paper, this.theme.ink, texts.slider, ...palette].join();
    if (looks !== this.looks) this.setUp(looks);
  }

  async load(films, moment) {
    this.pause();
    this.loading?.abort();
    const { signal } = (this.loading = new AbortController());
    const { texts } = this.data;
    this.root.dataset.ready = "false";
    this.problem.hidden = true;
    this.text.textContent = texts.loading;
    try {
      const [loaded] = await Promise.all([
        Promise.all(films.map((film) => Film.load(film, texts, signal))), this.styled,
      ]);
      if (signal.aborted) return;
      this.panels = loaded.map((film) => new Panel(film));
      this.stage.replaceChildren(...this.panels.map(({ root }) => root));
      this.stage.classList.toggle("tm-pair", loaded.length > 1);
      this.slider.max = this.first.last;
      this.slider.disabled = this.player.disabled = this.first.last < 1;
      this.at = this.goal = this.first.numberOf(moment);
      this.told = moment;
      this.setUp();
      this.root.dataset.ready = "true";
      await Promise.all(this.panels.map(({ film }) =>
        film.fetchSheets(Math.round(this.positionIn(film)), texts, signal, (i) => {
          if (i === Math.round(this.positionIn(film))) this.draw();
        })));
    } catch (error) {
      if (error.name === "AbortError" || signal.aborted) return;
      this.problem.textContent = error instanceof Problem ? error.message : say(texts.failed, { reason: error.message });
      this.problem.hidden = false;
      this.text.textContent = "";
    }
  }

  /** Takes over what a training has done since; once at a time, and what fails is tried again. */
  async grow() {
    if (this.growing) return;
    this.growing = true;
    const { signal } = this.loading;
    const { texts } = this.data;
    const [panel] = this.panels;
    try {
      const film = await panel.film.grown(texts, signal);
      if (signal.aborted) return;
      const newest = this.goal === panel.film.last;
      const before = Math.round(this.at);
      const [there, goal] = [before, this.goal].map((i) => film.numberAt(panel.film.moments[i].at));
      panel.take(film, texts);
      this.at = Math.max(0, Math.min(this.at + there - before, film.last));
      this.goal = goal;
      this.slider.max = film.last;
      this.slider.disabled = this.player.disabled = film.last < 1;
      this.shown = null;
      this.draw();
      if (newest && !this.playing) this.goTo(film.last);
      await film.fetchSheets(film.last, texts, signal, (i) => {
        if (i === Math.round(this.positionIn(film)) && panel.film === film) this.draw();
      });
    } catch (error) {
      if (error.name !== "AbortError") console.info(error.message);
    } finally {
      this.growing = false;
    }
  }

  get first() {
    return this.panels[0].film;
  }

  setUp(looks) {
    const { texts, palette } = this.data;
    this.looks = looks ?? [this.theme.paper, this.theme.ink, texts.slider, ...palette].join();
    for (const panel of this.panels) panel.setUp(palette, this.theme, texts, this.panels.length > 1);
    this.names[2].parentElement.hidden = !this.panels.some(({ film }) => film.moments.some(({ grid, sheet }) => grid && sheet));
    this.draw();
  }

  // --- time ---

  goTo(number) {
    this.goal = number;
    if (this.calm.matches) {
      this.at = number;
      this.draw();
      this.rest();
    } else this.run();
  }

  toggle() {
    if (this.playing) {
      this.pause();
      this.goTo(Math.round(this.at));
      return;
    }
    if (this.at >= this.first.last) this.at = 0;
    this.playing = true;
    this.label();
    this.run();
  }

  pause() {
    this.playing = false;
    this.label();
  }

  run() {
    if (this.frame) return;
    let before = performance.now();
    const step = (now) => {
      // a frame's time may lie before the event that asked for it
      const seconds = Math.min(Math.max((now - before) / 1000, 0), 0.25);
      before = now;
      this.advance(seconds);
      this.draw();
      this.frame = this.playing || this.at !== this.goal ? requestAnimationFrame(step) : null;
      if (!this.frame) this.rest();
    };
    this.frame = requestAnimationFrame(step);
  }

  advance(seconds) {
    if (this.playing) {
      this.at = Math.min(this.at + seconds * RATE * Number(this.speed.value), this.first.last);
      this.goal = Math.round(this.at);
      if (this.at >= this.first.last) this.pause();
    } else {
      this.at += (this.goal - this.at) * Math.min(1, GLIDE * seconds);
      if (Math.abs(this.at - this.goal) < THERE) this.at = this.goal;
    }
  }

  rest() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      const { name } = this.first.moments[this.goal];
      if (this.playing || name === this.told || this.data.grows) return;
      this.told = name;
      this.tell(name);
    }, REST);
  }

  // --- what is seen ---

  positionIn(film) {
    const shown = this.calm.matches ? Math.floor(this.at) : this.at;
    if (film === this.first) return shown;
    return film.positionAt(this.first.between(shown, ({ at }) => at));
  }

  draw() {
    if (!this.panels.length) return;
    for (const panel of this.panels) panel.draw(this.positionIn(panel.film), this.follow.checked, this.behind.checked);
    const { texts } = this.data;
    const number = Math.round(this.calm.matches ? Math.floor(this.at) : this.at);
    const moment = this.first.moments[number];
    if (number !== this.shown || texts !== this.saidIn) {
      [this.shown, this.saidIn] = [number, texts];
      const said = momentText(moment, texts, this.first.axis);
      this.text.textContent = said;
      this.slider.value = number;
      this.slider.setAttribute("aria-valuetext", `${said}. ${termsText(moment, texts)}`);
      this.root.dataset.moment = moment.name;
    }
    this.redraws += 1;
    this.root.dataset.redraws = this.redraws;
  }

  label() {
    this.player.textContent = this.playing ? "❚❚" : "▶";
    const { texts } = this.data ?? {};
    if (texts) this.player.setAttribute("aria-label", this.playing ? texts.pause : texts.play);
  }

  destroy() {
    this.loading?.abort();
    clearTimeout(this.resting);
    if (this.frame) cancelAnimationFrame(this.frame);
    this.resizing.disconnect();
    this.root.remove();
  }
}

function momentText({ epoch, step, value }, texts, axis) {
  if (value !== undefined) {
    const named = { beta: texts.beta, latent_dim: texts.latent_dim, seed: texts.seed, recipe: texts.recipe };
    return say(named[axis], { value: String(value) });
  }
  if (epoch) return say(texts.epoch, { epoch, step: step.toLocaleString("en") });
  return step ? say(texts.within, { step }) : texts.before;
}

function termsText({ terms }, texts) {
  if (terms.recon == null || terms.kl == null) return texts.unmeasured;
  return say(texts.terms, { recon: number(terms.recon, 1), kl: number(terms.kl, 1), total: number(terms.recon + terms.kl, 1) });
}

/** A film's plane, pictures and curves. */
class Panel {
  constructor(film) {
    this.film = film;
    this.cloud = new Cloud();
    this.curves = new Curves();
    this.heading = html("h3");
    this.figures = html("p", { class: "tm-quiet", "data-testid": "film-figures" });
    const ink = film.image_shape[0] === 3 ? "" : "tm-ink";
    const canvas = (name) => html("canvas", { class: ink, role: "img", "data-testid": name });
    this.originals = canvas("film-originals");
    this.rebuilt = canvas("film-rebuilt");
    this.grid = canvas("film-grid");
    this.captions = [html("figcaption"), html("figcaption")];
    this.none = html("p", { class: "tm-quiet", "data-testid": "film-no-pictures" });
    const pictured = film.moments.some(({ sheet }) => sheet);
    this.pictures = html("div", { class: "tm-pictures" },
      ...(pictured
        ? [html("figure", {}, this.originals, this.rebuilt, this.captions[0]), html("figure", {}, this.grid, this.captions[1])]
        : [this.none]),
      this.curves.root);
    this.root = html("div", { class: "tm-film" },
      this.heading, html("div", { class: "tm-left" }, this.cloud.root, this.figures), this.pictures);
  }

  setUp(palette, theme, texts, named) {
    const { film } = this;
    this.texts = texts;
    this.heading.textContent = film.name;
    this.heading.hidden = !named;
    const told = { run: film.name, n: film.n.toLocaleString("en") };
    this.cloud.setUp(film, palette, theme, say(texts.plane, told), texts);
    if (!film.grows) this.curves.setUp(film, texts); // a training's own stand beside it
    const shape = film.image_shape;
    const size = shape.reduce((product, side) => product * side, 1);
    const pixels = bytesOf(film.originals);
    const pictures = Array.from({ length: 10 }, (_, i) => pixels.subarray(i * size, (i + 1) * size));
    paintSheet(this.originals, pictures, shape, 10);
    const gridded = film.moments.some(({ grid }) => grid);
    [texts.rebuilt, gridded ? texts.grid : texts.samples].forEach((text, i) => { this.captions[i].textContent = text; });
    this.originals.setAttribute("aria-label", texts.originals);
    this.rebuilt.setAttribute("aria-label", texts.rebuilt);
    this.grid.setAttribute("aria-label", this.captions[1].textContent);
    this.none.textContent = texts.no_pictures;
    this.sheet = this.number = null;
  }

  /** Goes on with a longer film of the same images. */
  take(film, texts) {
    Object.assign(this, { film, texts, sheet: null, number: null });
    this.cloud.take(film);
  }

  draw(position, follow, behind) {
    const { film } = this;
    const number = Math.round(position);
    this.cloud.draw(position, follow ? film.planeAt(position) : film.moments[film.home].plane, behind);
    if (!film.grows) this.curves.go(film.between(position, ({ x }) => x));
    if (number !== this.number) {
      this.number = number;
      this.figures.textContent = termsText(film.moments[number], this.texts);
    }
    const sheet = film.sheets.get(number);
    if (sheet && sheet !== this.sheet) {
      this.sheet = sheet;
      const height = film.image_shape[1];
      cut(this.rebuilt, sheet, 0, height);
      cut(this.grid, sheet, height, sheet.height - height);
    }
  }
}

/** Shows the rows of a sheet from `top` on. */
function cut(canvas, sheet, top, height) {
  if (canvas.width !== sheet.width || canvas.height !== height) Object.assign(canvas, { width: sheet.width, height });
  canvas.getContext("2d").drawImage(sheet, 0, top, sheet.width, height, 0, 0, sheet.width, height);
}
