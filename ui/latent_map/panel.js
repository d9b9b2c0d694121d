// The panel: the picture large, what made it, and the story of what is pinned.

import { html, number, say } from "./dom.js";
import { bytesOf, paint, paintDifference } from "./picture.js";
import { posterior } from "./posterior.js";
import { byCost, codeAt } from "./slice.js";

const canvas = (name, label) =>
  html("canvas", { class: "lm-ink", "data-testid": name, role: "img", "aria-label": label ?? "" });

const FEW = 8; // latent units whose costs need no room of their own

/**
 * `dial(draw)` hears of draws from the posterior, `zoom()` of the wish to see it large, `pin(index)`
 * of an image that was clicked.
 */
export class Panel {
  constructor(handlers) {
    this.handlers = handlers;
    this.decoded = canvas("decoded");
    this.caption = html("p", { class: "lm-caption" });
    this.place = html("p", { class: "lm-place" });
    this.story = html("div", { class: "lm-story", "data-testid": "pin-text" });
    this.problem = html("div", { class: "lm-problem", role: "alert", hidden: true });
    this.live = html("p", { class: "lm-unseen", "aria-live": "polite" });
    this.figure = html("figure", { class: "lm-figure" }, this.decoded,
      html("figcaption", {}, this.caption, this.place));
    this.element = html(
      "div",
      { class: "lm-panel" },
      this.figure, this.problem, this.story, this.live,
    );
  }

  setUp(texts, run, map, digits) {
    Object.assign(this, { texts, run, map, digits });
    this.decoded.setAttribute("aria-label", texts.decoded);
  }

  /** Shows a picture large: its bytes, its place, its code if that is not the place's own, its origin. */
  show({ pixels, z, code, source, caption }) {
    paint(this.decoded, pixels, this.map.image_shape);
    this.decoded.dataset.z = (code ?? codeAt(this.map.slice, z)).join(",");
    this.decoded.dataset.place = z.join(",");
    this.decoded.dataset.source = source;
    this.caption.textContent = caption;
    this.place.textContent = this.coordinates(z);
  }

  coordinates(place) {
    const [u, v] = place.map((value) => number(value, this.digits));
    const [across, up] = this.map.titles;
    return this.map.slice ? `${across} = ${u}, ${up} = ${v}` : `z = (${u}, ${v})`;
  }

  className = (label) => this.map.class_names[label];

  /** A quiet sentence in place of a story: what is awaited, or what one can do here. */
  tellQuietly(sentence) {
    this.story.replaceChildren(html("p", { class: "lm-quiet" }, sentence));
  }

  /** An empty place: which image of the gallery is nearest. */
  tellPlace(answer) {
    const { nearest } = answer;
    this.summary = say(this.texts.nearest, {
      label: this.className(nearest.label),
      distance: number(nearest.distance, this.digits),
    });
    this.tell(
      answer.place,
      html("div", { class: "lm-row" },
        this.small("nearest", nearest.original, this.texts.nearest.split(/[:{]/)[0]),
        html("p", {}, this.summary)),
    );
  }

  /** An image of the gallery: original, reconstruction, error, what it costs, its posterior. */
  tellPoint(answer) {
    const { texts } = this;
    this.summary = this.spoken(answer);
    this.neighbours = html("div", { class: "lm-neighbours" });
    this.tell(
      answer.place,
      this.map.slice && html("p", { class: "lm-quiet" }, texts.projection),
      html("div", { class: "lm-trio" },
        this.named("original", answer.original, texts.original),
        this.named("reconstruction", answer.image, texts.reconstruction),
        this.difference(answer)),
      html("p", { class: "lm-quiet" }, say(texts.error_key, { mse: number(answer.mse, 3) })),
      this.ledger(answer),
      answer.std && posterior(answer, texts, this.handlers),
      this.neighbours,
    );
  }

  /** What a screen reader says of a pinned image. */
  spoken({ label, recon, kl, std }) {
    const { texts } = this;
    const sum = kl.reduce((total, nats) => total + nats, 0);
    return say(std ? texts.digit_spoken : texts.digit_spoken_ae, {
      label: this.className(label), recon: number(recon), kl: number(sum),
    });
  }

  tell(place, ...children) {
    const head = html("p", { class: "lm-pinned" },
      html("strong", {}, this.texts.pinned), ` ${this.coordinates(place)}`,
      html("span", { class: "lm-quiet" }, this.run.name));
    this.story.replaceChildren(head, ...children.filter(Boolean));
  }

  /** What an image costs, term by term, many units by their cost; what is shown adds up as read. */
  ledger({ recon, kl, std }) {
    const { texts } = this;
    const cents = (nats) => Math.round(100 * nats);
    const many = kl.length > 2;
    const terms = [[texts.reconstruction, cents(recon)]];
    for (const unit of std ? (many ? byCost(kl) : kl.keys()) : []) {
      terms.push([say(texts.kl_unit, { unit: unit + 1 }), cents(kl[unit])]);
    }
    const total = terms.reduce((sum, [, nats]) => sum + nats, 0);
    const row = ([name, nats], kind) =>
      html("tr", { class: kind },
        html("th", { scope: "row" }, name),
        html("td", { class: "lm-share", "aria-hidden": "true" },
          html("span", { style: `width:${(100 * nats) / total}%` })),
        html("td", {}, number(nats / 100)));
    const caption = std ? (many ? texts.ledger_many : texts.ledger) : texts.ledger_ae;
    const table = html("table", { class: "lm-ledger", "data-testid": "ledger" },
      html("caption", {}, say(caption, { n: kl.length })),
      html("tbody", {}, std && row([texts.ledger_total, total], "lm-total"), ...terms.map((term) => row(term))));
    if (std && !many) table.tBodies[0].append(table.tBodies[0].firstChild); // a short sum ends with its total
    const room = { class: "lm-long", tabindex: "0", role: "region", "aria-label": table.caption.textContent };
    return std && kl.length > FEW ? html("div", room, table) : table;
  }

  difference(answer) {
    const element = html("canvas", { "data-testid": "error", role: "img", "aria-label": this.texts.error });
    paintDifference(element, bytesOf(answer.image), bytesOf(answer.original), this.map.image_shape);
    return html("figure", {}, element, html("figcaption", {}, this.texts.error));
  }

  /** The images nearest to the pinned one, in each space; a click pins one of them. */
  tellNeighbours({ latent, pixel }) {
    const { texts } = this;
    this.neighbours.replaceChildren(
      ...[[texts.near_latent, latent, this.digits], [texts.near_pixel, pixel, 1]].flatMap(([title, found, digits]) => [
        html("p", { class: "lm-quiet" }, title),
        html("div", { class: "lm-thumbs", role: "group", "aria-label": title },
          ...found.indices.map((index, i) => this.thumb(found, index, i, digits))),
      ]),
    );
  }

  thumb({ images, labels, distances }, index, i, digits) {
    const size = this.map.image_shape.reduce((product, side) => product * side, 1);
    const name = this.className(labels[i]);
    const label = say(this.texts.neighbour, { label: name, distance: number(distances[i], digits) });
    const picture = html("canvas", { class: "lm-ink", "aria-hidden": "true" });
    paint(picture, bytesOf(images).subarray(i * size, (i + 1) * size), this.map.image_shape);
    const onclick = () => this.handlers.pin(index);
    return html("button", { type: "button", "data-index": index, "aria-label": label, title: label, onclick },
      picture, name);
  }

  small(name, base64, label) {
    const element = canvas(name, label);
    paint(element, bytesOf(base64), this.map.image_shape);
    return element;
  }

  named(name, base64, label) {
    return html("figure", {}, this.small(name, base64, label), html("figcaption", {}, label));
  }

  /** Says to a screen reader what is shown. */
  announce(sentence) {
    this.live.textContent = sentence;
  }

  /** Shows what went wrong and a way to try again; null clears it. */
  complain(error, retry) {
    this.problem.hidden = !error;
    if (!error) return;
    this.problem.replaceChildren(
      html("span", {}, error.message),
      html("button", { type: "button", onclick: retry }, this.texts.retry),
    );
  }
}
