"""A digit of one's own in a real browser: drawn digits land among their like, pictures as well."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from ui import assets, resources
from vae_core import data, latent
from vae_core.mnist_like import mnist_like
from vae_core.runs import Run

PAD = '[data-testid="pad"]'
PAGE = "/encode_yours"
STROKES = {
    "7": [[(0.25, 0.22), (0.5, 0.2), (0.75, 0.22), (0.62, 0.45), (0.5, 0.65), (0.42, 0.85)]],
    "1": [[(0.55, 0.15), (0.52, 0.5), (0.48, 0.87)]],
    "0": [
        [
            (0.5 + 0.24 * np.sin(angle), 0.5 - 0.33 * np.cos(angle))
            for angle in np.linspace(0, 2 * np.pi, 24)
        ]
    ],
}


def opened(open_page, address: str = PAGE, **options):
    page = open_page(address, ready=False, **options)
    page.wait_for_selector('[data-testid="latent-map"][data-ready="true"]')
    page.wait_for_selector('.pad[data-ready="true"]')
    return page


def draw(page, strokes) -> None:
    page.locator(PAD).scroll_into_view_if_needed()
    box = page.locator(PAD).bounding_box()
    for points in strokes:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=4)
        page.mouse.up()


def fed(page) -> np.ndarray:
    """The very image that the page says the encoder gets."""
    source = page.locator('[data-testid="fed"]').get_attribute("src")
    png = base64.b64decode(source.partition(",")[2])
    return np.array(Image.open(io.BytesIO(png)))


def neighbours(page) -> list[str]:
    page.wait_for_selector('[data-testid="neighbour"]')
    names = page.locator('[data-testid="neighbour"]').evaluate_all("all => all.map(e => e.alt)")
    return [name[0] for name in names]


def placed(page) -> dict[str, np.ndarray]:
    cards = page.locator('[data-testid="placed"]').evaluate_all(
        "all => all.map(e => [e.dataset.run, e.dataset.z])"
    )
    return {run: np.array([float(part) for part in z.split(",")]) for run, z in cards}


@pytest.mark.parametrize("digit", STROKES)
def test_a_drawn_digit_lands_among_its_like(open_page, digit: str):
    page = opened(open_page)
    draw(page, STROKES[digit])
    names = neighbours(page)
    assert len(names) == 5
    assert names.count(digit) >= 3, names


def test_it_is_on_every_map_where_its_encoder_puts_the_very_image_that_is_shown(open_page):
    page = opened(open_page)
    draw(page, STROKES["7"])
    page.wait_for_selector('[data-testid="placed"]')
    image, places = fed(page), placed(page)
    assert image.shape == (28, 28)
    planar = [
        run
        for run in resources.runs()
        if isinstance(run, Run)
        and run.card.config.model.latent_dim == 2
        and not run.card.config.model.n_classes
        and run.card.config.data.name == "mnist"
    ]
    assert set(places) >= {run.id for run in planar if run.path.parent.name == "checkpoints"}
    for run in planar:
        expected = resources.session(run).encode(image[None]).mu[0]
        assert places[run.id] == pytest.approx(expected, abs=1e-4)
    current = page.get_attribute('[data-testid="latent-map"]', "data-run")
    decoded = page.locator('[data-testid="decoded"][data-source="exact"]')
    decoded.wait_for()
    z = [float(part) for part in decoded.get_attribute("data-z").split(",")]
    assert z == pytest.approx(places[current], abs=1e-6)


def test_undo_takes_the_last_stroke_and_clear_all(open_page):
    page = opened(open_page)
    draw(page, STROKES["1"])
    page.wait_for_selector('[data-testid="fed"]')
    one = fed(page)
    draw(page, [[(0.2, 0.2), (0.8, 0.8)]])
    changed = "before => document.querySelector('[data-testid=fed]')?.src !== before"
    before = page.locator('[data-testid="fed"]').get_attribute("src")
    page.wait_for_function(changed, arg=before)
    before = page.locator('[data-testid="fed"]').get_attribute("src")
    page.get_by_test_id("pad-undo").click()
    page.wait_for_function(changed, arg=before)
    assert np.array_equal(fed(page), one)
    page.get_by_test_id("pad-clear").click()
    page.wait_for_selector('[data-testid="fed"]', state="detached")
    assert page.get_by_test_id("pad-clear").is_disabled()
    pin = page.locator('[data-testid="pin"]')
    pin.wait_for(state="hidden")


def test_the_drawing_is_still_there_after_a_look_at_another_screen(open_page):
    page = opened(open_page)
    draw(page, STROKES["0"])
    page.wait_for_selector('[data-testid="fed"]')
    before = fed(page)
    page.get_by_role("link", name="Interpolate").click()
    page.wait_for_selector('[data-testid="path-t"]')
    page.get_by_role("link", name="Encode yours").click()
    page.wait_for_selector('[data-testid="fed"]')
    assert np.array_equal(fed(page), before)
    ink = page.locator(PAD).evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v)"
    )
    assert ink


def test_a_digit_of_the_gallery_as_a_picture_lands_on_its_own_code(open_page):
    page = opened(open_page)
    page.get_by_text("Upload", exact=True).click()
    x = data.load_gallery().x[2500, 0]
    file = io.BytesIO()
    Image.fromarray(x).save(file, "PNG")
    picture = {"name": "five.png", "mimeType": "image/png", "buffer": file.getvalue()}
    page.locator('input[type="file"]').set_input_files(picture)
    page.wait_for_selector('[data-testid="placed"]')
    assert np.array_equal(fed(page), x)
    for run_id, z in placed(page).items():
        codes = resources.gallery_codes(resources.run(run_id)).mu
        assert z == pytest.approx(codes[2500], abs=1e-3)
        assert latent.nearest(codes, z).indices[0] == 2500


def test_what_is_no_picture_is_one_sentence(open_page):
    page = open_page(f"{PAGE}?source=upload")
    picture = {"name": "five.png", "mimeType": "image/png", "buffer": b"no picture"}
    page.locator('input[type="file"]').set_input_files(picture)
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert re.search(r"five\.png is damaged or no picture", alert.inner_text())


def test_a_finger_draws_on_a_phone_and_the_page_stays(open_page):
    page = opened(open_page, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.locator(PAD).scroll_into_view_if_needed()
    box = page.locator(PAD).bounding_box()
    before = page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop")
    client = page.context.new_cdp_session(page)
    places = [
        {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        for x, y in STROKES["1"][0]
    ]
    for kind, place in [
        ("touchStart", places[0]),
        *(("touchMove", place) for place in places[1:]),
        ("touchEnd", None),
    ]:
        points = [place] if place else []
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert neighbours(page).count("1") >= 3
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == before
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    pad, image, plane = (
        page.locator(name).bounding_box()["y"]
        for name in (PAD, '[data-testid="fed"]', '[data-testid="plane"]')
    )
    assert pad < image < plane


def test_strokes_stay_on_the_pad_and_close_points_say_nothing_new(open_page):
    page = open_page("/api/health", ready=False)
    got = page.evaluate(
        f"""async () => {{
          const m = await import('{assets.address("draw_pad/strokes.js")}');
          const box = {{ left: 10, top: 20, width: 200, height: 200 }};
          const at = (clientX, clientY) => m.placeOn(box, {{ clientX, clientY }});
          const stroke = {{ width: 0.1, points: [at(110, 70)] }};
          const grew = [m.extend(stroke, at(110.5, 70)), m.extend(stroke, at(120, 70))];
          return [at(110, 70), at(-50, 900), grew, stroke.points];
        }}"""
    )
    assert got == [[0.5, 0.25], [0, 1], [False, True], [[0.5, 0.25], [0.55, 0.25]]]


@pytest.mark.parametrize("digit", STROKES)
def test_what_is_seen_on_the_pad_is_what_is_encoded(open_page, digit: str):
    """The browser's drawing and the core's of the same strokes differ by edges only.

    The centre of mass may then fall to the other side of a half, which moves all by one pixel.
    """
    page = opened(open_page)
    draw(page, STROKES[digit])
    page.wait_for_selector('[data-testid="fed"]')
    size, *alpha = page.locator(PAD).evaluate(
        """c => [c.width, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data
          .filter((_, i) => i % 4 === 3)]"""
    )
    seen = np.array(alpha, np.uint8).reshape(size, size)
    image, expected = fed(page).astype(int), mnist_like(seen).x[0].astype(int)
    steps = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    errors = [np.abs(np.roll(image, step, (0, 1)) - expected).mean() for step in steps]
    assert min(errors) < 4
