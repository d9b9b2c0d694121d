"""From one digit to another in a real browser: choose, drag, take away, link to it."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from tests.browser.test_latent_map import DECODED, decoded, pixels, shown_z
from ui import resources
from vae_core.inference import open_session
from vae_core.latent import interpolate
from vae_core.runs import SHIPPED, open_run

RUN = "vae-keras-dense"
A, B = 1003, 3504  # a 2 and a 7
SLIDER = '[data-testid="path-t"]'
READY = '[data-testid="latent-map"][data-ready="true"]'


@pytest.fixture(scope="module")
def run():
    return open_run(SHIPPED / RUN)


@pytest.fixture(scope="module")
def session(run):
    return open_session(run)


def ends(run, a: int, b: int) -> np.ndarray:
    return resources.gallery_codes(run).mu[[a, b]]


def take(page, key: str) -> tuple[str, bytes]:
    button = page.locator(f".st-key-path-{key} button")
    if not button.is_visible():
        page.locator(".st-key-downloads button").first.click()
    with page.expect_download() as waiting:
        button.click()
    return waiting.value.suggested_filename, waiting.value.path().read_bytes()


def test_the_picture_follows_the_hand_before_it_lets_go(open_page, run, session):
    page = open_page(f"/interpolate?run={RUN}&a={A}&b={B}")
    a, b = ends(run, A, B)
    page.locator(SLIDER).scroll_into_view_if_needed()
    box = page.locator(SLIDER).bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 8, y)
    page.mouse.down()
    seen = []
    for share in (0.2, 0.4, 0.6, 0.8, 1.0):
        page.mouse.move(box["x"] + 8 + share * (box["width"] - 16), y)
        page.wait_for_timeout(50)
        z = shown_z(page)
        assert np.abs(pixels(page) - decoded(session, z)).max() <= 1
        off_the_line = z[0] - a - ((z[0] - a) @ (b - a)) / ((b - a) @ (b - a)) * (b - a)
        assert np.abs(off_the_line).max() < 1e-4
        seen.append(float(np.linalg.norm(z[0] - a)))
    page.mouse.up()
    assert seen == sorted(seen)
    assert len(set(seen)) == 5
    assert np.allclose(shown_z(page)[0], b, atol=1e-5)


def test_twenty_steps_lead_from_a_to_b(open_page, run, session):
    page = open_page(f"/interpolate?run={RUN}&a={A}&b={B}")
    strip = pixels(page, '[data-testid="strip"]')
    assert strip.shape == (28, 20 * 28)
    a, b = ends(run, A, B)
    first, last = (decoded(session, z[None]) for z in (a, b))
    assert np.abs(strip[:, :28] - first).max() <= 1
    assert np.abs(strip[:, -28:] - last).max() <= 1


def test_digits_are_chosen_by_class_and_example_and_the_link_remembers(open_page, run):
    page = open_page(f"/interpolate?run={RUN}")

    def wait_for_start(index: int) -> None:
        """Until the link names this digit and the map has come to it."""
        page.wait_for_url(re.compile(rf"[?&]a={index}\b"))
        x = float(ends(run, index, 0)[0, 0])
        page.wait_for_function(
            """([selector, x]) => {
              const z = document.querySelector(selector).dataset.z.split(",");
              return Math.abs(Number(z[0]) - x) < 1e-5;
            }""",
            arg=[DECODED, x],
        )

    page.locator(".st-key-choose-a-class").get_by_role("radio", name="4").click()
    wait_for_start(2000)
    page.locator(".st-key-choose-a-example").get_by_role("radio", name="4").nth(3).click()
    wait_for_start(2003)
    page.get_by_role("button", name="Others").first.click()
    wait_for_start(2007)
    page.get_by_text("Arc about 0").click()
    page.wait_for_url(re.compile(r"[?&]method=spherical\b"))
    korean = open_page(page.url.removeprefix(page.evaluate("location.origin")) + "&lang=ko")
    assert korean.get_by_role("radio", name="원점을 도는 호 (구면 보간)").is_checked()
    assert np.allclose(shown_z(korean)[0], ends(run, 2007, 0)[0], atol=1e-5)


@pytest.mark.parametrize("method", ["linear", "spherical"])
def test_what_is_taken_away_is_what_was_shown(open_page, run, session, method):
    page = open_page(f"/interpolate?run={RUN}&a={A}&b={B}&method={method}")
    a, b = ends(run, A, B)

    name, content = take(page, "strip")
    assert name == f"{RUN}_{A}-to-{B}_{method}.png"
    strip = np.asarray(Image.open(io.BytesIO(content)), np.int64)[::4, ::4]
    frames = session.decode(interpolate(a, b, 20, method=method))[:, 0]
    assert np.abs(strip - np.rint(255 * np.hstack(frames))).max() <= 1

    name, content = take(page, "gif")
    assert name == f"{RUN}_{A}-to-{B}_{method}.gif"
    film = Image.open(io.BytesIO(content))
    assert film.size == (256, 256)
    assert film.n_frames == 100


def test_a_link_with_no_such_digit_says_so_and_goes_on(open_page):
    page = open_page(f"/interpolate?run={RUN}&a=5000&b=x")
    assert page.locator('[data-testid="stAlert"]').count() == 2
    assert page.locator(READY).count() == 1


def test_on_a_phone_nothing_is_cut_off(open_page):
    page = open_page(f"/interpolate?run={RUN}", viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for selector in (SLIDER, DECODED, '[data-testid="strip"]', ".st-key-choose-a-example"):
        box = page.locator(selector).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
