// An image's posterior N(mu, sigma²): a die that draws eps, and a slider for eps along each unit.

import { html, number, say } from "./dom.js";

const REACH = 3; // sigmas that the sliders dial
const SUBSCRIPTS = ["₁", "₂"];

/** A draw from N(0, 1) (Box & Muller 1958). */
export const gaussian = (random = Math.random) =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** z = mu + sigma eps, unit by unit. */
export const reparameterize = (mu, std, eps) => mu.map((middle, unit) => middle + std[unit] * eps[unit]);

/** The controls of one posterior; `dial({z, eps, settled})` hears of each move. */
export function posterior({ z: mu, std }, texts, dial) {
  const eps = mu.map(() => 0);
  const told = html("output", {});
  const sliders = mu.map((_, unit) =>
    html("input", {
      type: "range", min: -REACH, max: REACH, step: 0.01, value: 0,
      "aria-label": say(texts.dial, { unit: `ε${SUBSCRIPTS[unit]}` }), "data-testid": `eps-${unit}`,
      oninput: ({ target }) => move(unit, Number(target.value), false),
      onchange: ({ target }) => move(unit, Number(target.value), true),
    }),
  );
  const tell = (settled) => {
    told.textContent = `ε = (${eps.map((value) => number(value)).join(", ")})`;
    dial({ z: reparameterize(mu, std, eps), eps: [...eps], settled });
  };
  const move = (unit, value, settled) => {
    eps[unit] = value;
    tell(settled);
  };
  const roll = (draw) => {
    eps.forEach((_, unit) => {
      eps[unit] = draw();
      sliders[unit].value = eps[unit];
    });
    tell(true);
  };
  told.textContent = texts.die_hint;
  return html("fieldset", { class: "lm-die" },
    html("legend", {}, say(texts.posterior, { x: number(std[0], 3), y: number(std[1], 3) })),
    html("div", { class: "lm-throw" },
      html("button", { type: "button", "data-testid": "roll", onclick: () => roll(gaussian) }, `⚄ ${texts.roll}`),
      html("button", { type: "button", onclick: () => roll(() => 0) }, texts.back_to_mean),
      told),
    ...sliders.map((slider, unit) => html("label", {}, `ε${SUBSCRIPTS[unit]}`, slider)));
}
