// An image's posterior N(mu, sigma²): a die that draws eps, and a slider for eps along each unit,
// or along those of many that cost most.

import { html, number, say } from "./dom.js";
import { byCost, unitName } from "./slice.js";

const REACH = 3; // sigmas that the sliders dial
const SLIDERS = 6; // of many units, those that tell most; the die throws for all

/** A draw from N(0, 1) (Box & Muller 1958). */
export const gaussian = (random = Math.random) =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** z = mu + sigma eps, unit by unit. */
export const reparameterize = (mu, std, eps) => mu.map((middle, unit) => middle + std[unit] * eps[unit]);

/**
 * The controls of one posterior; `dial({code, eps, settled})` hears of each move, `zoom()` of the
 * wish to see it large.
 */
export function posterior({ z: mu, std, kl }, texts, { dial, zoom }) {
  const eps = mu.map(() => 0);
  const told = html("output", {});
  const units = mu.length > 2 ? byCost(kl).slice(0, SLIDERS) : [0, 1];
  const sliders = units.map((unit) =>
    html("input", {
      type: "range", min: -REACH, max: REACH, step: 0.01, value: 0,
      "aria-label": say(texts.dial, { unit: unitName(unit, "ε") }), "data-testid": `eps-${unit}`,
      oninput: ({ target }) => move(unit, Number(target.value), false),
      onchange: ({ target }) => move(unit, Number(target.value), true),
    }),
  );
  const tell = (settled) => {
    const shown = units.map((unit) => number(eps[unit]));
    if (mu.length > units.length) shown.push("…");
    told.textContent = mu.length > 2 ? "" : `ε = (${shown.join(", ")})`;
    dial({ code: reparameterize(mu, std, eps), eps: shown, settled });
  };
  const move = (unit, value, settled) => {
    eps[unit] = value;
    tell(settled);
  };
  const roll = (draw) => {
    for (const unit of eps.keys()) eps[unit] = draw();
    units.forEach((unit, i) => {
      sliders[i].value = eps[unit];
    });
    tell(true);
  };
  told.textContent = texts.die_hint;
  const legend = mu.length > 2
    ? say(texts.posterior_many, { n: mu.length, k: units.length })
    : say(texts.posterior, { x: number(std[0], 3), y: number(std[1], 3) });
  const button = (name, label, onclick) =>
    html("button", { type: "button", "data-testid": name, onclick }, label);
  return html("fieldset", { class: "lm-die" },
    html("legend", {}, legend),
    html("div", { class: "lm-throw" },
      button("roll", `⚄ ${texts.roll}`, () => roll(gaussian)),
      button("mean", texts.back_to_mean, () => roll(() => 0)),
      button("zoom-posterior", texts.zoom_posterior, zoom),
      told),
    ...sliders.map((slider, i) => html("label", {}, unitName(units[i], "ε"), slider)));
}
