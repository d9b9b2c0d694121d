"""Previews against exact decodes: the page's own tiles and blending, the server's own decoder.

2,000 random places inside the box that holds all codes of the gallery, for every run with codes in
a plane. The page fetches the tiles that a pointer at the default zoom would and blends them.
"""

import base64
from typing import Any

import numpy as np

from bench.stage import at_least, chromium, say, server, settle
from vae_core.data import load_gallery
from vae_core.inference import open_session, to_uint8
from vae_core.runs import SHIPPED, Run, list_runs

PLACES = 2000
MEDIAN_DB, P5_DB = 45.0, 35.0
IDENTICAL_DB = 99.0  # stands for pictures without any difference

BLEND = """async ({ folder, run, view, places }) => {
  const [{ Api }, { Tiles, previewLevel, squareOf, tileAt }] = await Promise.all(
    ["api.js", "tiles.js"].map((name) => import(`${folder}/${name}`)));
  const api = new Api(run, {}, view);
  const map = await api.map();
  const { tiles: { cells, max_level: maxLevel, reach }, image_shape: shape } = map;
  const size = shape.reduce((product, side) => product * side, 1);
  const tiles = new Tiles({
    square: squareOf(map.plane), cells, maxLevel, reach, size,
    load: (tile) => api.tile(tile, cells + 1, shape) });
  const { center: [x], half } = map.plane;
  const level = previewLevel(map.plane, { x0: x - half, x1: x + half }, maxLevel);
  const tileOf = (i) => tileAt(tiles.square, level, ...places[i]);
  const key = (i) => tileOf(i).column * 1e6 + tileOf(i).row;
  const order = places.map((_, i) => i).sort((a, b) => key(a) - key(b));
  const pictures = new Uint8Array(places.length * size), levels = places.map(() => -1);
  for (const i of order) {
    await tiles.want(tileOf(i));
    levels[i] = tiles.preview(...places[i], pictures.subarray(i * size, (i + 1) * size));
  }
  let letters = "";
  for (let i = 0; i < pictures.length; i += 8192) {
    letters += String.fromCharCode(...pictures.subarray(i, i + 8192));
  }
  return { half, level, levels, pictures: btoa(letters) };
}"""


def measure(driver: Any, seed: int) -> dict[str, Any]:
    found = {}
    with server() as app, chromium(driver) as browser:
        settle(app)
        page = browser.new_page()
        page.goto(app.address)
        module = page.locator("script[src*=latent_map]").first.get_attribute("src")
        page.goto(f"{app.address}/api/health")  # the tiles alone, without an app around them
        folder = module.rsplit("/", 1)[0]
        for run in list_runs(SHIPPED):
            if isinstance(run, Run) and run.card.config.model.latent_dim == 2:
                found[run.id] = _compared(page, folder, run, seed)
                median, p5 = found[run.id]["median_db"], found[run.id]["p5_db"]
                say(f"{run.id}: median {median['value']} dB, 5th percentile {p5['value']} dB")
    return found


def _compared(page: Any, folder: str, run: Run, seed: int) -> dict[str, Any]:
    """Measures a run at places of its own; a conditional one is asked for each class in turn."""
    session, gallery = open_session(run), load_gallery(run.card.config.data)
    told = np.arange(PLACES) % session.n_classes if session.n_classes else None
    codes = session.encode(gallery.x, gallery.y if session.n_classes else None).mu
    rng = np.random.default_rng(seed)
    places = rng.uniform(codes.min(axis=0), codes.max(axis=0), (PLACES, 2))
    exact = to_uint8(session.decode(places.astype(np.float32), told))
    shown, levels = np.zeros_like(exact), np.zeros(PLACES, int)
    for label in range(max(session.n_classes, 1)):
        rows = np.arange(PLACES) if told is None else np.flatnonzero(told == label)
        target = {
            "folder": folder,
            "run": {"id": run.id, "digest": run.digest},
            "view": {} if told is None else {"class": label},
            "places": places[rows].tolist(),
        }
        got = page.evaluate(BLEND, target)
        pictures = np.frombuffer(base64.b64decode(got["pictures"]), np.uint8)
        shown[rows] = pictures.reshape(exact[rows].shape)
        levels[rows] = got["levels"]
    square = (shown.astype(float) - exact) ** 2
    error = square.reshape(PLACES, -1).mean(axis=1)
    psnr = np.minimum(10 * np.log10(255**2 / np.maximum(error, 1e-12)), IDENTICAL_DB)
    return {
        "n": PLACES,
        "level": got["level"],
        "without_tile": int((levels < got["level"]).sum()),
        "half_plane": got["half"],
        "median_db": at_least(MEDIAN_DB, float(np.median(psnr))),
        "p5_db": at_least(P5_DB, float(np.quantile(psnr, 0.05))),
    }
