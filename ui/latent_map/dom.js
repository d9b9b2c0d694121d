// Small words for making elements. No imports.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** An HTML element; attributes named on... are listeners. */
export const html = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

/** An SVG element. */
export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** Sets an SVG element's attributes; null removes one. */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null) element.removeAttribute(name);
    else element.setAttribute(name, value);
  }
}

/** A sentence with its {fields} filled in. */
export const say = (sentence, fields) =>
  sentence.replace(/\{(\w+)\}/g, (whole, name) => fields[name] ?? whole);

/** A number for people, with a true minus sign. */
export const number = (value, digits = 2) => value.toFixed(digits).replace("-", "\u2212");
