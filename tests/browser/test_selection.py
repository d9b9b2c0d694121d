"""Selecting on the map in a real browser: by hand, by finger, by keyboard; and where it leads."""

import csv
import math

import numpy as np
import pytest

from tests.browser.pages import PLANE, inside, run_js, settled, shown_range
from ui import resources
from vae_core import latent
from vae_core.runs import SHIPPED, open_run

RUN = "vae-keras-dense"
SELECTION = '[data-testid="selection"]'


def drag(page, places) -> None:
    page.mouse.move(*inside(page, *places[0]))
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*inside(page, *place), steps=2)
    page.mouse.up()
    page.wait_for_selector(f'{SELECTION} [data-testid="mean-z"]')


def coloured(page) -> int:
    return page.evaluate(
        "document.querySelector('.js-plotly-plot').data"
        ".reduce((n, trace) => n + (trace.selectedpoints?.length ?? 0), 0)"
    )


def test_a_lasso_selects_what_its_csv_lists_and_clearing_ends_it(open_page):
    page = open_page(f"/?run={RUN}")
    home = shown_range(page)
    page.locator("[data-tool=lasso]").click()
    turns = [2 * math.pi * i / 100 for i in range(100)]
    drag(page, [(0.45 + 0.2 * math.cos(t), 0.4 + 0.3 * math.sin(2 * t)) for t in turns])
    assert shown_range(page) == home  # a tool drags no plane
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    assert len(rows) == coloured(page) > 100
    assert page.locator(SELECTION).inner_text().startswith(f"{len(rows)} images")
    bars = page.locator(f"{SELECTION} li").all()
    y = np.array([int(row["label"]) for row in rows])
    for label, bar in enumerate(bars):
        assert bar.get_attribute("aria-label") == f"Class {label}: {(y == label).sum()}"
    with page.expect_download() as download:
        page.get_by_role("link", name="PNG").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    page.get_by_role("button", name="Clear").click()
    assert page.locator(SELECTION).is_hidden()
    assert coloured(page) == 0


def test_a_box_obeys_the_legend_and_a_click_still_pins(open_page):
    page = open_page(f"/?run={RUN}")
    page.locator("[data-tool=box]").click()
    drag(page, [(0.05, 0.05), (0.9, 0.95)])
    everything = coloured(page)
    page.locator(".lm-classes button").nth(3).click()
    page.wait_for_function("document.querySelectorAll('.lm-bars li')[2].innerText.endsWith('0')")
    assert 0 < coloured(page) < everything / 5
    page.mouse.click(*inside(page, 0.3, 0.3))
    settled(page)
    assert page.locator('[data-testid="pin"]').get_attribute("visibility") is None


def test_a_box_can_be_drawn_by_keyboard_and_given_up(open_page):
    page = open_page(f"/?run={RUN}")
    page.locator("[data-tool=box]").focus()
    page.keyboard.press("Enter")
    assert page.locator("[data-tool=box]").get_attribute("aria-pressed") == "true"
    page.locator(PLANE).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert page.locator(".lm-outline").get_attribute("points") == ""
    page.keyboard.press("Enter")
    for key in ["Shift+ArrowRight"] * 2 + ["Shift+ArrowUp"] * 3:
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    page.wait_for_selector(f'{SELECTION} [data-testid="mean-z"]')
    assert coloured(page) > 0
    assert "selected" in page.locator("[aria-live=polite].lm-unseen").inner_text()


def test_an_outline_without_points_says_so(open_page):
    page = open_page(f"/?run={RUN}")
    page.locator("[data-tool=box]").click()
    page.mouse.move(*inside(page, 0.01, 0.96))
    page.mouse.down()
    page.mouse.move(*inside(page, 0.04, 0.99), steps=3)
    page.mouse.up()
    page.get_by_text("There is no image inside.").first.wait_for()


def test_another_run_starts_without_a_selection(open_page):
    page = open_page(f"/?run={RUN}")
    page.locator("[data-tool=box]").click()
    drag(page, [(0.1, 0.1), (0.8, 0.9)])
    page.get_by_role("combobox").first.click()
    page.get_by_role("option", name="vae-shallow", exact=True).click()
    page.wait_for_selector('[data-testid="latent-map"][data-run="vae-shallow"][data-ready="true"]')
    assert page.locator(SELECTION).is_hidden()
    assert coloured(page) == 0


# --- fingers ------------------------------------------------------------------------------------


@pytest.fixture
def phone(open_page):
    page = open_page(
        f"/?run={RUN}", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    cdp = page.context.new_cdp_session(page)

    def touch(kind: str, *fingers: tuple[float, float]) -> None:
        points = [
            dict(zip("xy", inside(page, *finger), strict=True), id=number)
            for number, finger in enumerate(fingers)
        ]
        cdp.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
        page.wait_for_timeout(30)

    return page, touch


def test_two_fingers_zoom_about_what_lies_between_them(phone):
    page, touch = phone
    x0, x1 = shown_range(page)
    touch("Start", (0.4, 0.5))
    touch("Start", (0.4, 0.5), (0.6, 0.5))
    for i in range(1, 11):
        touch("Move", (0.4 - 0.02 * i, 0.5), (0.6 + 0.02 * i, 0.5))
    touch("End")
    page.wait_for_timeout(300)
    a, b = shown_range(page)
    assert (x1 - x0) / (b - a) == pytest.approx(3, rel=0.1)  # from 0.2 to 0.6 apart
    assert (a + b) / 2 == pytest.approx((x0 + x1) / 2, abs=0.03 * (x1 - x0))
    assert page.locator('[data-testid="pin"]').get_attribute("visibility") == "hidden"
    assert page.evaluate("visualViewport.scale") == 1  # the page itself stays


def test_one_finger_draws_a_box_and_a_second_one_gives_it_up(phone):
    page, touch = phone
    page.locator("[data-tool=box]").tap()
    touch("Start", (0.3, 0.3))
    touch("Move", (0.5, 0.5))
    touch("Start", (0.5, 0.5), (0.7, 0.7))
    touch("End")
    assert page.locator(SELECTION).is_hidden()
    touch("Start", (0.2, 0.3))
    for i in range(1, 6):
        touch("Move", (0.2 + 0.1 * i, 0.3 + 0.08 * i))
    touch("End")
    page.wait_for_selector(f'{SELECTION} [data-testid="mean-z"]')
    assert coloured(page) > 0


# --- palette and full screen --------------------------------------------------------------------


def test_the_palette_follows_the_link_and_the_switch(open_page):
    page = open_page(f"/?run={RUN}&palette=tab10")
    first = "document.querySelector('.js-plotly-plot').data[0].marker.color"
    assert page.evaluate(first) == "#1f77b4"
    page.get_by_role("radio", name="Colour-blind safe").or_(
        page.get_by_role("button", name="Colour-blind safe")
    ).click()
    page.wait_for_function(f"{first} === '#3f90da'")
    page.wait_for_function("!location.search.includes('tab10')")


def test_the_map_fills_the_screen_and_comes_back(open_page):
    page = open_page(f"/?run={RUN}")
    width = page.locator(PLANE).bounding_box()["width"]
    page.get_by_role("button", name="Full screen").click()
    page.wait_for_function("document.fullscreenElement?.dataset.testid === 'latent-map'")
    page.wait_for_function(
        f"document.querySelector('.js-plotly-plot')._fullLayout.width > {width + 100}"
    )
    page.mouse.click(*inside(page, 0.5, 0.5))
    settled(page)
    page.get_by_role("button", name="Full screen").click()
    page.wait_for_function("!document.fullscreenElement")


# --- the pure parts -----------------------------------------------------------------------------


def test_browser_and_server_agree_on_every_point_even_on_the_edge(open_page):
    page = open_page("/api/health", ready=False)
    codes = resources.gallery_codes(open_run(SHIPPED / RUN)).mu
    rng = np.random.default_rng(0)
    star = rng.uniform(-3, 3, (64, 2)).round(4)
    through = np.concatenate([codes[:30], star[:10]]).astype(float)  # corners on points
    for outline in (star, through):
        got = run_js(
            page,
            "geometry.js",
            f"const codes = {codes.tolist()}, outline = {outline.tolist()};"
            "return codes.map(([x, y]) => m.inside(outline, x, y))",
        )
        assert got == latent.inside(codes, outline).tolist()


def test_a_simplified_outline_keeps_corners_and_loses_what_lies_between(open_page):
    page = open_page("/api/health", ready=False)
    got = run_js(
        page,
        "geometry.js",
        """const along = (a, b) => Array.from({length: 50}, (_, i) =>
          [a[0] + (b[0] - a[0]) * i / 50, a[1] + (b[1] - a[1]) * i / 50]);
        const square = [[0, 0], [4, 0], [4, 4], [0, 4]];
        const line = square.flatMap((a, i) => along(a, square[(i + 1) % 4]));
        const circle = Array.from({length: 500}, (_, i) => [Math.cos(i), Math.sin(i)]);
        return [m.simplified(line, 4), m.simplified(circle, 64).length,
                m.simplified([[1, 1], [1, 1], [2, 1]], 64).length]""",
    )
    assert sorted(got[0]) == [[0, 0], [0, 4], [4, 0], [4, 4]]
    assert got[1:] == [64, 2]
