// A sheet of pictures: move over it to see one enlarged, click or press Enter to pick it. Streamlit
// calls `mount` again with every message, so one sheet lives for each element it is mounted in.

import { loadOnce } from "../latent_map/api.js";
import { html } from "../latent_map/dom.js";

const style = () => loadOnce(new URL("sheet.css", import.meta.url).href);
const sheets = new WeakMap();

export default function mount(component) {
  const { parentElement } = component;
  if (!sheets.has(parentElement)) sheets.set(parentElement, new Sheet(parentElement));
  sheets.get(parentElement).update(component);
  return () => {
    sheets.get(parentElement)?.root.remove();
    sheets.delete(parentElement);
  };
}

class Sheet {
  constructor(parent) {
    this.at = null; // the picture under pointer or cursor
    this.image = html("img", { alt: "", class: "sheet-image" });
    this.frame = html("span", { class: "sheet-frame", hidden: true });
    this.kept = html("span", { class: "sheet-frame sheet-kept", hidden: true });
    this.field = html("div", {
      class: "sheet-field", role: "slider", tabindex: "0", "data-testid": "sheet",
      onpointermove: (event) => this.show(this.under(event)),
      onpointerleave: () => this.show(this.picked),
      onclick: (event) => this.pick(this.under(event)),
      onkeydown: (event) => this.key(event),
    }, this.image, this.frame, this.kept);
    this.lens = html("canvas", { class: "sheet-lens", "data-testid": "sheet-lens" });
    this.name = html("p", { class: "sheet-name", "aria-hidden": true });
    this.root = html("section", { class: "sheet", "data-ready": "false" },
      this.field, html("div", { class: "sheet-side" }, this.lens, this.name));
    this.image.addEventListener("load", () => this.shown());
    parent.append(this.root);
  }

  update({ data, setTriggerValue }) {
    this.tell = (index) => setTriggerValue("pick", index);
    const { png, names, columns, picked, label, width, colour } = data;
    const other = this.data?.png !== png;
    this.data = data;
    this.picked = picked;
    this.rows = Math.ceil(names.length / columns);
    this.root.classList.toggle("sheet-ink", !colour);
    this.field.style.maxWidth = width;
    this.field.setAttribute("aria-label", label);
    this.field.setAttribute("aria-valuemin", 1);
    this.field.setAttribute("aria-valuemax", names.length);
    if (this.at >= names.length) this.at = null;
    this.place(this.kept, picked);
    if (other) {
      this.root.dataset.ready = "false";
      this.image.src = png;
    }
    this.show(this.at ?? picked);
  }

  /** The sheet can be seen: once its style is there too, it is ready. */
  async shown() {
    await style().catch(() => {}); // without its style sheet it is plain, and works
    this.show(this.at ?? this.picked);
    this.root.dataset.ready = "true";
  }

  /** Sides of a cell as shares of the sheet, and of what of it is picture. */
  cell() {
    const { side: [height, width], gap, columns } = this.data;
    const across = columns * (width + gap) - gap;
    const down = this.rows * (height + gap) - gap;
    return { step: [(width + gap) / across, (height + gap) / down], size: [width / across, height / down] };
  }

  under({ clientX, clientY }) {
    const { columns, names } = this.data;
    const box = this.image.getBoundingClientRect();
    const { step } = this.cell();
    const column = Math.floor((clientX - box.left) / box.width / step[0]);
    const row = Math.floor((clientY - box.top) / box.height / step[1]);
    const index = row * columns + column;
    const inside = column >= 0 && column < columns && row >= 0 && index < names.length;
    return inside ? index : null;
  }

  place(frame, index) {
    frame.hidden = index == null;
    if (index == null) return;
    const { columns } = this.data;
    const { step, size } = this.cell();
    const left = (index % columns) * step[0];
    const top = Math.floor(index / columns) * step[1];
    Object.assign(frame.style, {
      left: `${100 * left}%`, top: `${100 * top}%`, width: `${100 * size[0]}%`, height: `${100 * size[1]}%`,
    });
  }

  show(index) {
    this.at = index ?? null;
    this.place(this.frame, this.at);
    const { side: [height, width], gap, columns, names } = this.data;
    this.field.setAttribute("aria-valuenow", (this.at ?? 0) + 1);
    this.field.setAttribute("aria-valuetext", names[this.at ?? 0] ?? "");
    this.name.textContent = this.at == null ? "" : names[this.at];
    this.lens.hidden = this.at == null;
    if (this.at == null || !this.image.complete) return;
    this.lens.width = width;
    this.lens.height = height;
    const left = (this.at % columns) * (width + gap);
    const top = Math.floor(this.at / columns) * (height + gap);
    this.lens.getContext("2d").drawImage(this.image, left, top, width, height, 0, 0, width, height);
  }

  pick(index) {
    if (index == null) return;
    this.show(index);
    this.tell(index);
  }

  key(event) {
    const { columns, names } = this.data;
    const at = this.at ?? -1;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    if (event.key in steps) this.show(Math.min(Math.max(at < 0 ? 0 : at + steps[event.key], 0), names.length - 1));
    else if (event.key === "Home") this.show(0);
    else if (event.key === "End") this.show(names.length - 1);
    else if (event.key === "Enter" || event.key === " ") this.pick(this.at);
    else return;
    event.preventDefault();
  }
}
