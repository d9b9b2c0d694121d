// Colours and fonts of the page around the map, from Streamlit's own variables. No imports.

/** What a map needs to look at home on a page. */
export function themeOf(element) {
  const style = getComputedStyle(element);
  const read = (name, otherwise) => style.getPropertyValue(`--st-${name}`).trim() || otherwise;
  const paper = read("background-color", "#ffffff");
  return {
    paper,
    ink: read("text-color", "#31333f"),
    accent: read("primary-color", "#4060c0"),
    font: read("font", "sans-serif"),
    dark: luminance(paper) < 0.4,
  };
}

/** Perceived lightness of any CSS colour, 0 to 1. */
function luminance(colour) {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
}
