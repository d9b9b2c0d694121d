// Pictures: bytes from the server onto a canvas, one canvas pixel for each of the model's.

/** The bytes that a base64 string holds. */
export const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** Draws C, H, W bytes on a context, its corner at (left, top). */
export function draw(context, pixels, [channels, height, width], left = 0, top = 0) {
  const image = context.createImageData(width, height);
  const plane = channels === 3 ? height * width : 0;
  for (let i = 0; i < height * width; i++) {
    image.data[4 * i] = pixels[i];
    image.data[4 * i + 1] = pixels[i + plane];
    image.data[4 * i + 2] = pixels[i + 2 * plane];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, left, top);
}

/** Makes a canvas show one picture at its own resolution; style sheets enlarge it. */
export function paint(canvas, pixels, shape) {
  const [, height, width] = shape;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  draw(canvas.getContext("2d"), pixels, shape);
}

/** Makes a canvas show many pictures, row by row. */
export function paintSheet(canvas, pictures, shape, columns) {
  const [, height, width] = shape;
  canvas.width = columns * width;
  canvas.height = Math.ceil(pictures.length / columns) * height;
  const context = canvas.getContext("2d");
  pictures.forEach((pixels, i) => {
    draw(context, pixels, shape, (i % columns) * width, Math.floor(i / columns) * height);
  });
}

const MORE = [214, 69, 0]; // red-orange: the first picture has more light here
const LESS = [32, 108, 200]; // blue: it has less

/** Draws first - second on nothing: what is equal stays clear, the colour says the sign. */
export function paintDifference(canvas, first, second, [channels, height, width]) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    let difference = 0;
    for (let channel = 0; channel < channels; channel++) {
      const at = channel * height * width + i;
      difference += (first[at] - second[at]) / channels;
    }
    image.data.set([...(difference > 0 ? MORE : LESS), Math.round(Math.abs(difference))], 4 * i);
  }
  context.putImageData(image, 0, 0);
}
