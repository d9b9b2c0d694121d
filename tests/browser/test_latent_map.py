"""The map in a real browser: hover previews, clicks decode exactly, leaving restores, keys work."""

import random
import re

import numpy as np
import pytest

from tests.browser.pages import PLANE, inside, run_js, settled, shown_range
from ui import resources
from vae_core.inference import open_session, to_uint8
from vae_core.runs import SHIPPED, open_run

RUN = "vae-keras-dense"
DECODED = '[data-testid="decoded"]'

READ_PIXELS = """canvas => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return [canvas.height, canvas.width, ...data.filter((_, i) => i % 4 === 0)];
}"""


@pytest.fixture(scope="module")
def session():
    return open_session(open_run(SHIPPED / RUN))


def pixels(page, selector=DECODED) -> np.ndarray:
    height, width, *values = page.locator(selector).evaluate(READ_PIXELS)
    return np.array(values, np.int64).reshape(height, width)


def shown_z(page) -> np.ndarray:
    text = page.get_attribute(DECODED, "data-z")
    return np.array([[float(number) for number in text.split(",")]], np.float32)


def decoded(session, z) -> np.ndarray:
    return to_uint8(session.decode(z))[0, 0].astype(np.int64)


def test_twenty_of_twenty_clicks_decode_exactly(open_page, session):
    page = open_page(f"/?run={RUN}")
    rng, seen = random.Random(0), set()
    for _ in range(20):
        page.mouse.click(*inside(page, rng.uniform(0.02, 0.9), rng.uniform(0.02, 0.98)))
        settled(page)
        z = shown_z(page)
        assert np.abs(pixels(page) - decoded(session, z)).max() <= 1
        seen.add(tuple(z[0]))
        page.mouse.move(5, 5)  # else two quick clicks would be a double click, which resets
        page.wait_for_timeout(350)
    assert len(seen) == 20


def test_a_click_beside_a_point_pins_the_point_with_its_original(open_page, session):
    page = open_page(f"/?run={RUN}&digit=4321")
    settled(page)
    run = open_run(SHIPPED / RUN)
    mu = resources.gallery_codes(run).mu[4321]
    marker = page.locator('[data-testid="pin"] circle').bounding_box()
    page.mouse.click(*inside(page, 0.5, 0.02))
    settled(page)
    x, y = marker["x"] + marker["width"] / 2, marker["y"] + marker["height"] / 2
    page.mouse.move(5, 5)
    page.wait_for_timeout(500)
    page.mouse.click(x + 1, y + 1)
    page.wait_for_selector('[data-testid="original"]')
    settled(page)
    near = np.linalg.norm(resources.gallery_codes(run).mu - shown_z(page)[0], axis=1).argmin()
    assert np.allclose(resources.gallery_codes(run).mu[near], shown_z(page)[0])
    assert np.linalg.norm(shown_z(page)[0] - mu) < 0.1
    assert np.array_equal(
        pixels(page, '[data-testid="original"]'), resources.gallery(run).x[near, 0]
    )
    text = page.inner_text('[data-testid="pin-text"]')
    assert run.card.name in text
    *terms, total = map(
        float, page.locator('[data-testid="ledger"] td:last-child').all_inner_texts()
    )
    assert len(terms) == 3  # recon, and the KL of each unit
    assert sum(terms) == pytest.approx(total, abs=1e-6)


FETCHED = """[...new Set(performance.getEntriesByType("resource")
  .map(({name}) => name.match(/tiles\\/[^/]+\\/\\w+\\/(0\\/.*)[.]png/)?.[1]))].filter(Boolean)"""
INK_AT_THE_RIGHT = """document.querySelector("[data-testid=plane] .lm-atlas").getContext("2d")
  .getImageData(%d, 0, 12, 10000).data.filter((value, i) => i %% 4 === 3 && value).length"""


def test_the_field_is_drawn_to_its_edges_from_one_tile_until_more_is_to_be_seen(open_page):
    page = open_page(f"/?run={RUN}")
    page.wait_for_selector('[data-testid="latent-map"][data-ready="true"]')
    page.wait_for_timeout(1000)  # what is on its way arrives
    assert page.evaluate(FETCHED) == ["0/0/0"]
    width = page.evaluate('document.querySelector("[data-testid=plane] .lm-atlas").width')
    assert page.evaluate(INK_AT_THE_RIGHT % (width - 12)) > 0
    page.mouse.move(*inside(page, 0.5, 0.5))
    page.mouse.wheel(0, 400)
    page.wait_for_function(f"{FETCHED}.length >= 9")


def test_hover_previews_without_a_message_and_leaving_restores_the_pin(open_page, session):
    page = open_page(f"/?run={RUN}")
    page.mouse.click(*inside(page, 0.3, 0.3))
    settled(page)
    pinned = page.get_attribute(DECODED, "data-z")
    page.wait_for_timeout(1000)  # the page has answered the click by now
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    for i in range(30):
        page.mouse.move(*inside(page, 0.5 + 0.01 * i, 0.6))
    page.wait_for_selector(f'{DECODED}[data-source="preview"]')
    page.wait_for_timeout(1000)  # tiles arrive
    error = np.mean((pixels(page) - decoded(session, shown_z(page))) ** 2.0)
    assert 10 * np.log10(255**2 / max(error, 1e-9)) > 35
    # tiles, and the sheet with the thumbnails of the points that were passed
    assert all("/tiles/" in url or "/gallery/" in url for url in requests)
    seen = len(requests)
    for i in range(30):  # a place already seen costs nothing at all
        page.mouse.move(*inside(page, 0.79 - 0.01 * i, 0.6))
    page.wait_for_timeout(300)
    assert len(requests) == seen
    page.mouse.move(5, 5)
    settled(page)
    assert page.get_attribute(DECODED, "data-z") == pinned


def test_a_drag_pans_and_pins_nothing_and_a_double_click_brings_back(open_page):
    page = open_page(f"/?run={RUN}")
    home = shown_range(page)
    page.mouse.move(*inside(page, 0.5, 0.5))
    page.mouse.down()
    page.mouse.move(*inside(page, 0.8, 0.5), steps=5)
    page.mouse.up()
    page.wait_for_timeout(300)
    assert shown_range(page)[0] < home[0] - 1
    assert page.locator('[data-testid="pin"]').get_attribute("visibility") == "hidden"
    page.mouse.dblclick(*inside(page, 0.5, 0.5))
    page.wait_for_timeout(600)
    assert shown_range(page) == pytest.approx(home)


def test_the_pin_is_in_the_address_and_comes_back_from_it(open_page):
    page = open_page(f"/?run={RUN}")
    page.mouse.click(*inside(page, 0.05, 0.9))
    settled(page)
    page.wait_for_url(re.compile(r"[?&](z|digit)="))
    again = open_page(page.url.removeprefix(page.evaluate("location.origin")))
    settled(again)
    assert np.allclose(shown_z(again), shown_z(page), atol=1e-3)


def test_keys_move_a_cursor_and_enter_pins(open_page, session):
    page = open_page(f"/?run={RUN}")
    page.locator(PLANE).focus()
    page.keyboard.press("ArrowRight")
    before = shown_z(page)[0]
    page.keyboard.press("ArrowRight")
    step = shown_z(page)[0] - before
    page.keyboard.press("Shift+ArrowUp")
    jump = shown_z(page)[0] - before - step
    assert step[0] > 0
    assert jump[1] > 2 * step[0]
    page.keyboard.press("Enter")
    settled(page)
    assert np.abs(pixels(page) - decoded(session, shown_z(page))).max() <= 1
    assert page.locator('[data-testid="pin"]').get_attribute("visibility") is None


def test_touch_looks_around_and_a_tap_pins(open_page):
    page = open_page(
        f"/?run={RUN}", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page.touchscreen.tap(*inside(page, 0.4, 0.4))
    settled(page)
    plane, picture = (page.locator(name).bounding_box() for name in (PLANE, DECODED))
    assert picture["y"] >= plane["y"] + plane["height"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_another_run_takes_over_without_a_new_map(open_page):
    page = open_page(f"/?run={RUN}")
    page.locator('[data-testid="latent-map"]').evaluate("element => { element.mine = true; }")
    page.get_by_role("combobox").first.click()
    page.get_by_role("option", name="vae-conv", exact=True).click()
    page.wait_for_selector('[data-testid="latent-map"][data-run="vae-conv"][data-ready="true"]')
    assert page.locator('[data-testid="latent-map"]').evaluate("element => element.mine")
    assert page.locator(".js-plotly-plot").count() == 1


def test_without_webgl_points_are_svg_and_a_notice_says_so(open_page):
    page = open_page(ready=False)
    page.add_init_script(
        """const get = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
          return kind.startsWith("webgl") ? null : get.call(this, kind, ...rest);
        };"""
    )
    page.reload()
    page.wait_for_selector('[data-testid="latent-map"][data-ready="true"]')
    assert page.get_by_text("WebGL").is_visible()
    assert page.locator(".scatterlayer .point").count() == 5000


def test_a_failed_answer_is_a_sentence_and_can_be_tried_again(open_page):
    page = open_page(f"/?run={RUN}", expect="Failed to load resource")
    page.route("**/place?*", lambda route: route.abort())
    page.route("**/point?*", lambda route: route.abort())
    page.mouse.click(*inside(page, 0.4, 0.4))
    page.get_by_role("alert").wait_for()
    page.unroute_all()
    page.get_by_role("alert").get_by_role("button").click()
    settled(page)
    assert page.get_by_role("alert").count() == 0


def test_a_stale_answer_never_overwrites_a_newer_one(open_page, session):
    page = open_page(f"/?run={RUN}")
    held, given_up = [], []
    page.on("requestfailed", lambda request: given_up.append(request))
    page.route("**/p*?*", lambda route: route.continue_() if held else held.append(route.request))
    page.mouse.click(*inside(page, 0.02, 0.95))
    page.wait_for_timeout(400)
    page.mouse.click(*inside(page, 0.9, 0.05))
    settled(page)
    assert given_up == held
    assert np.abs(pixels(page) - decoded(session, shown_z(page))).max() <= 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ink_follows_the_theme_and_the_bytes_do_not(open_page, session, scheme):
    page = open_page(f"/?run={RUN}&digit=7", color_scheme=scheme)
    settled(page)
    style = page.locator(DECODED).evaluate("element => getComputedStyle(element).filter")
    assert style == ("invert(1)" if scheme == "light" else "none")
    assert np.abs(pixels(page) - decoded(session, shown_z(page))).max() <= 1


# --- the pure modules, on their own -------------------------------------------------------------


@pytest.fixture
def bare(open_page):
    return open_page("/api/health", ready=False)


def test_blending_at_a_node_is_that_nodes_decode_and_between_two_their_mean(bare):
    got = run_js(
        bare,
        "tiles.js",
        """const lattice = Uint8Array.from({length: 9}, (_, i) => 10 * i), out = new Uint8Array(1);
        const at = (column, row, right, down) =>
          m.blend(lattice, 2, 1, {column, row, right, down}, out)[0];
        return [[0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0.5, 0], [0, 0, 0, 0.5], [1, 0, 0.5, 0.5]]
          .map((cell) => at(...cell))""",
    )
    assert got == [0, 80, 5, 15, 30]


def test_every_place_lies_in_its_tile_and_its_cell(bare):
    worst = run_js(
        bare,
        "tiles.js",
        """const square = m.squareOf({center: [-1, 2], half: 3.5});
        let worst = 0;
        for (let i = 0; i < 2000; i++) {
          const x = -20 + 40 * ((i * 0.618) % 1), y = -20 + 40 * ((i * 0.414) % 1), level = i % 6;
          const tile = m.tileAt(square, level, x, y), cell = m.cellAt(square, tile, 16, x, y);
          const side = square.side / 2 ** level;
          const back = [square.left + side * (tile.column + (cell.column + cell.right) / 16),
                        square.top - side * (tile.row + (cell.row + cell.down) / 16)];
          worst = Math.max(worst, Math.abs(back[0] - x), Math.abs(back[1] - y),
                           -cell.right, cell.right - 1, -cell.down, cell.down - 1);
        }
        return worst""",
    )
    assert worst < 1e-9


def test_tiles_are_fetched_once_latest_first_and_forgotten_when_many(bare):
    got = run_js(
        bare,
        "tiles.js",
        """const asked = [], square = m.squareOf({center: [0, 0], half: 1});
        const tiles = new m.Tiles({square, cells: 16, maxLevel: 5, reach: 0, size: 1, limit: 3,
          load: async (tile) => { asked.push(m.nameOf(tile)); return new Uint8Array(289); }});
        const tile = (column) => ({level: 5, column, row: 0});
        await Promise.all([0, 0, 1, 2, 3, 4, 5].map((column) => tiles.want(tile(column))));
        const beyond = await tiles.want({level: 0, column: 1, row: 0});
        return {asked, kept: [...tiles.lattices.keys()].length, beyond}""",
    )
    assert got["asked"][:4] == ["5/0/0", "5/1/0", "5/2/0", "5/3/0"]  # four at once
    assert sorted(got["asked"]) == sorted(set(got["asked"]))
    assert got["asked"][4] == "5/5/0"
    assert got["kept"] == 3
    assert got["beyond"] is None


def test_the_nearest_point_is_the_one_a_full_search_finds(bare):
    wrong = run_js(
        bare,
        "geometry.js",
        """const n = 60000, draw = (i, k) => ((i * k) % 1) * 10 - 5;
        const x = Float32Array.from({length: n}, (_, i) => draw(i, 0.7548776662));
        const y = Float32Array.from({length: n}, (_, i) => draw(i, 0.5698402910));
        const points = new m.Points(x, y, Array.from(x.keys()), x.map(() => 0));
        let wrong = 0;
        for (let i = 0; i < 50; i++) {
          const [px, py] = [draw(i, 0.31), draw(i, 0.77)];
          let best = null, least = 0.05 ** 2;
          for (let j = 0; j < n; j++) {
            const d = (x[j] - px) ** 2 + (y[j] - py) ** 2;
            if (d < least) { least = d; best = j; }
          }
          if ((points.nearest(px, py, 0.05)?.index ?? null) !== best) wrong++;
        }
        return wrong""",
    )
    assert wrong == 0


def test_pixels_and_places_are_inverse_and_zooming_keeps_its_place(bare):
    got = run_js(
        bare,
        "geometry.js",
        """const frame = {
          left: 40, top: 8, width: 600, height: 500, x0: -3, x1: 3, y0: -2.5, y1: 2.5};
        const z = m.toPlace(frame, 123, 456), pixel = m.toPixel(frame, z);
        return [...pixel, ...m.toPixel({...frame, ...m.zoomed(frame, 1.7, z)}, z)]""",
    )
    assert got == pytest.approx([123, 456, 123, 456])


def test_labels_keep_apart(bare):
    closest = run_js(
        bare,
        "geometry.js",
        """const moved = m.spread([[0, 0], [0, 0], [1, 0], [5, 5], [300, 300]], 22);
        let closest = Infinity;
        moved.forEach((a, i) => moved.slice(0, i).forEach((b) => {
          closest = Math.min(closest, Math.hypot(a[0] - b[0], a[1] - b[1]));
        }));
        return closest""",
    )
    assert closest >= 21.9
