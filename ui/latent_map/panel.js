// The panel: the picture large, what made it, and the story of what is pinned.

import { html, number, say } from "./dom.js";
import { bytesOf, paint } from "./picture.js";

const canvas = (name, label) =>
  html("canvas", { class: "lm-ink", "data-testid": name, role: "img", "aria-label": label ?? "" });

export class Panel {
  constructor() {
    this.decoded = canvas("decoded");
    this.caption = html("p", { class: "lm-caption" });
    this.place = html("p", { class: "lm-place" });
    this.story = html("div", { class: "lm-story", "data-testid": "pin-text" });
    this.problem = html("div", { class: "lm-problem", role: "alert", hidden: true });
    this.live = html("p", { class: "lm-unseen", "aria-live": "polite" });
    this.element = html(
      "div",
      { class: "lm-panel" },
      html("figure", { class: "lm-figure" }, this.decoded,
        html("figcaption", {}, this.caption, this.place)),
      this.problem, this.story, this.live,
    );
  }

  setUp(texts, run, map, digits) {
    Object.assign(this, { texts, run, map, digits });
    this.decoded.setAttribute("aria-label", texts.decoded);
  }

  /** Shows a picture large: its bytes, its place, where it is from and what made it. */
  show({ pixels, z, source, caption }) {
    paint(this.decoded, pixels, this.map.image_shape);
    this.decoded.dataset.z = z.join(",");
    this.decoded.dataset.source = source;
    this.caption.textContent = caption;
    this.place.textContent = this.coordinates(z);
  }

  coordinates = ([x, y]) => `z = (${number(x, this.digits)}, ${number(y, this.digits)})`;

  className = (label) => this.map.class_names[label];

  /** A quiet sentence in place of a story: what is awaited, or what one can do here. */
  tellQuietly(sentence) {
    this.story.replaceChildren(html("p", { class: "lm-quiet" }, sentence));
  }

  /** An empty place: which image of the gallery is nearest. */
  tellPlace(answer) {
    const { nearest } = answer;
    const sentence = say(this.texts.nearest, {
      label: this.className(nearest.label),
      distance: number(nearest.distance, this.digits),
    });
    this.tell(
      answer.z,
      html("div", { class: "lm-row" },
        this.small("nearest", nearest.original, this.texts.nearest.split(/[:{]/)[0]),
        html("p", {}, sentence)),
    );
  }

  /** An image of the gallery: original, reconstruction, posterior, what it costs. */
  tellPoint(answer) {
    const { texts } = this;
    const kl = answer.kl.reduce((sum, unit) => sum + unit, 0);
    const isVae = answer.std !== null;
    const figures = {
      recon: number(answer.recon, 1), kl: number(kl, 1), total: number(answer.recon + kl, 1),
    };
    const share = (100 * answer.recon) / (answer.recon + kl);
    this.tell(
      answer.z,
      html("div", { class: "lm-pair" },
        this.named("original", answer.original, texts.original),
        html("span", { class: "lm-arrow", "aria-hidden": "true" }, "→"),
        this.named("reconstruction", answer.image, texts.reconstruction)),
      html("p", {}, say(texts.digit, { label: this.className(answer.label) })),
      isVae && html("p", {}, say(texts.posterior, {
        x: number(answer.std[0], 3), y: number(answer.std[1], 3),
      })),
      html("div", { class: "lm-ledger", "aria-hidden": "true" },
        html("span", { style: `width:${share}%` }), html("span", { style: `width:${100 - share}%` })),
      html("p", { class: "lm-quiet" }, say(isVae ? texts.ledger : texts.ledger_ae, figures)),
    );
  }

  tell(z, ...children) {
    const head = html("p", { class: "lm-pinned" },
      html("strong", {}, this.texts.pinned), ` ${this.coordinates(z)}`,
      html("span", { class: "lm-quiet" }, this.run.name));
    this.story.replaceChildren(head, ...children.filter(Boolean));
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
