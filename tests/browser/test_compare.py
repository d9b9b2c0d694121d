"""Two runs side by side in a real browser: click in one and both decode."""

import re

import numpy as np
import pytest

from tests.browser.test_latent_map import pixels
from ui import resources
from vae_core.inference import open_session, to_uint8
from vae_core.runs import SHIPPED, open_run

LEFT, RIGHT = "ae-shallow", "vae-shallow"
BOTH = """() => document.querySelectorAll(
  '[data-testid="latent-map"][data-ready="true"]').length === 2"""


@pytest.fixture(scope="module")
def sessions():
    return {name: open_session(open_run(SHIPPED / name)) for name in (LEFT, RIGHT)}


@pytest.fixture
def open_pair(open_page):
    def open_(more: str = "", **options):
        options = {"viewport": {"width": 1400, "height": 1300}, **options}
        page = open_page(f"/compare?left={LEFT}&right={RIGHT}{more}", **options)
        page.wait_for_function(BOTH)
        return page

    return open_


def mark(run: str, name: str) -> str:
    return f'[data-run="{run}"] [data-testid="{name}"]'


def place(page, run: str) -> np.ndarray:
    text = page.get_attribute(mark(run, "decoded"), "data-z")
    return np.array([float(number) for number in text.split(",")])


def click(page, run: str, right: float, down: float) -> None:
    """Clicks by the share of the plot's width and height, and waits for both exact answers."""
    box = page.locator(f"{mark(run, 'plane')} .lm-atlas").bounding_box()
    page.mouse.click(box["x"] + right * box["width"], box["y"] + down * box["height"])
    page.mouse.move(5, 5)
    for name in (LEFT, RIGHT):
        page.wait_for_selector(f'{mark(name, "decoded")}[data-source="exact"]')
    page.wait_for_timeout(300)  # the one that was not clicked may have to ask twice


def ranges(page) -> list[list[float]]:
    """Left, right, bottom and top edge of what each map shows."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".js-plotly-plot")].map(
          (plot) => [...plot.layout.xaxis.range, ...plot.layout.yaxis.range])"""
    )


def check_decoded(page, sessions) -> None:
    for name, session in sessions.items():
        z = place(page, name).astype(np.float32)[None]
        wanted = to_uint8(session.decode(z))[0, 0].astype(np.int64)
        assert np.abs(pixels(page, mark(name, "decoded")) - wanted).max() <= 1, name


@pytest.mark.parametrize("clicked", [LEFT, RIGHT])
def test_a_click_on_an_empty_place_decodes_the_same_picture_in_both(open_pair, sessions, clicked):
    page = open_pair()
    other = RIGHT if clicked == LEFT else LEFT
    click(page, clicked, 0.03, 0.03)
    check_decoded(page, sessions)
    z = place(page, clicked).astype(np.float32)[None]
    arrived = sessions[other].encode(sessions[clicked].decode(z)).mu[0]
    assert np.allclose(place(page, other), arrived, atol=1e-4)


def test_linked_by_place_both_decode_the_same_z(open_pair, sessions):
    page = open_pair("&link=place")
    click(page, RIGHT, 0.04, 0.95)
    check_decoded(page, sessions)
    assert np.allclose(place(page, LEFT), place(page, RIGHT))


def test_a_digit_pinned_in_one_is_pinned_in_both(open_pair, sessions):
    page = open_pair()
    left, right, bottom, top = ranges(page)[1]
    x, y = resources.gallery_codes(sessions[RIGHT].run).mu[2222].tolist()
    click(page, RIGHT, (x - left) / (right - left), (top - y) / (top - bottom))
    check_decoded(page, sessions)
    originals = [pixels(page, mark(name, "original")) for name in (LEFT, RIGHT)]
    assert np.array_equal(*originals)


def test_equal_axes_show_the_same_square_and_the_link_keeps_them(open_pair):
    page = open_pair()
    own = ranges(page)
    assert not np.allclose(own[0], own[1])
    page.get_by_text("Equal", exact=True).click()
    page.wait_for_url(re.compile(r"[?&]axes=equal\b"))
    page.wait_for_timeout(1000)
    page.wait_for_function(BOTH)
    equal = ranges(page)
    assert np.allclose(equal[0], equal[1])


def test_other_runs_can_be_picked_and_are_in_the_link(open_pair):
    page = open_pair()
    page.locator(".st-key-choose-left").get_by_role("combobox").click()
    page.get_by_role("option", name="vae-keras-dense", exact=True).click()
    page.wait_for_url(re.compile(r"[?&]left=vae-keras-dense\b"))
    page.wait_for_selector('[data-run="vae-keras-dense"][data-ready="true"]')
    assert page.locator('[data-testid="latent-map"]').count() == 2


def test_on_a_phone_the_maps_stand_one_under_the_other(open_pair):
    page = open_pair(viewport={"width": 390, "height": 844})
    upper, lower = (page.locator(f'[data-run="{name}"]').bounding_box() for name in (LEFT, RIGHT))
    assert lower["y"] >= upper["y"] + upper["height"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("clicked", [LEFT, RIGHT])
def test_the_pin_stands_in_the_link_and_both_maps_open_with_it(open_pair, clicked):
    page = open_pair()
    click(page, clicked, 0.3, 0.1)  # no point lies there
    pinned = [place(page, name) for name in (LEFT, RIGHT)]
    page.wait_for_url(re.compile(r"[?&]z="))
    assert ("side=right" in page.url) == (clicked == RIGHT)
    page.wait_for_timeout(500)
    page.reload()
    page.wait_for_function(BOTH)
    for name, z in zip((LEFT, RIGHT), pinned, strict=True):
        page.wait_for_selector(f'{mark(name, "decoded")}[data-source="exact"]')
        page.wait_for_function(
            "([mark, x]) => Math.abs(Number(document.querySelector(mark).dataset.z.split(',')[0])"
            " - x) < 1e-3",
            arg=[mark(name, "decoded"), float(z[0])],
        )


def test_clicks_in_turn_in_both_maps_leave_the_last_one_pinned(open_pair, sessions):
    page = open_pair("&link=place")
    for clicked, right in ((LEFT, 0.3), (RIGHT, 0.6), (LEFT, 0.45), (RIGHT, 0.5)):
        click(page, clicked, right, 0.1)
        page.wait_for_timeout(700)
        assert np.allclose(place(page, LEFT), place(page, RIGHT))
    assert "side=right" in page.url
    check_decoded(page, sessions)


def test_what_is_selected_in_one_is_selected_in_both(open_pair):
    page = open_pair()
    page.locator(f'[data-run="{RIGHT}"] [data-tool="box"]').click()
    box = page.locator(f"{mark(RIGHT, 'plane')} .lm-atlas").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.6 * box["height"], steps=5)
    page.mouse.up()
    told = []
    for name in (LEFT, RIGHT):
        found = page.locator(f'[data-run="{name}"] [data-testid="selection"]')
        found.locator('[data-testid="mean-z"]').wait_for()
        told.append(found.locator("p strong").inner_text())
    assert told[0] == told[1]
    greyed = page.evaluate(
        """() => [...document.querySelectorAll(".js-plotly-plot")].map((plot) =>
          plot.data.reduce((n, trace) => n + trace.selectedpoints.length, 0))"""
    )
    assert greyed == [int(told[0].split()[0])] * 2
    page.locator(f'[data-run="{RIGHT}"] [data-testid="selection"] button').click()
    assert page.locator(f'[data-run="{LEFT}"] [data-testid="selection"]').is_hidden()
