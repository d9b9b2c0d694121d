"""Planes through many units in a browser: hover and click decode the plane, points whole codes."""

import numpy as np
import pytest

from tests.browser.conftest import serving
from tests.browser.pages import PLANE, inside, run_js, settled
from tests.browser.test_latent_map import DECODED, decoded, pixels, shown_z
from tests.ui.shelves import small_run
from ui import resources, views
from vae_core.inference import open_session, to_uint8
from vae_core.runs import open_run

RUN, UNITS, TOLD = "vae-many", 12, "vae-told"
URL = f"/?run={RUN}"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    small_run(folder, RUN, latent_dim=UNITS)
    small_run(folder, "vae-line", latent_dim=1)
    small_run(folder, TOLD, n_classes=10)
    return folder


@pytest.fixture(scope="module")
def server(shelf, tmp_path_factory):
    with serving(shelf, tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture(scope="module")
def session(shelf):
    return open_session(open_run(shelf / RUN))


def place(page) -> np.ndarray:
    return np.array([float(n) for n in page.get_attribute(DECODED, "data-place").split(",")])


def check_in_plane(page, view) -> None:
    z = shown_z(page)[0]
    assert z == pytest.approx(view.slice.codes(place(page)), abs=1e-5)
    assert len(z) == UNITS


@pytest.mark.parametrize("query", ["", "&plane=axes&across=3&up=7&through=mean"])
def test_hover_and_click_decode_the_plane_that_the_link_names(open_page, session, query):
    page = open_page(URL + query)
    view = views.view(session.run, "axes-3-7-mean" if query else "pca-1-2-zero")
    page.mouse.move(*inside(page, 0.4, 0.3))
    page.wait_for_selector(f'{DECODED}[data-source="preview"]')
    page.wait_for_timeout(1000)
    check_in_plane(page, view)
    assert np.abs(pixels(page) - decoded(session, shown_z(page))).mean() < 3
    page.mouse.click(*inside(page, 0.02, 0.03))
    page.mouse.move(5, 5)
    settled(page)
    check_in_plane(page, view)
    assert np.abs(pixels(page) - decoded(session, shown_z(page))).max() <= 1
    pinned = place(page)
    page.wait_for_url(lambda url: "z=" in url)
    page.reload()
    settled(page)
    assert np.allclose(place(page), pinned)


def test_hovering_a_plane_already_seen_asks_for_nothing(open_page):
    page = open_page(URL)
    page.mouse.move(*inside(page, 0.5, 0.5))
    page.wait_for_timeout(1500)
    asked, sent = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: socket.on("framesent", sent.append))
    for step in range(40):
        page.mouse.move(*inside(page, 0.5 + 0.001 * step, 0.5))
    page.wait_for_timeout(300)
    assert [url for url in asked if "/tiles/" in url] == sent == []


def test_a_pinned_digit_shows_its_whole_code_and_what_every_unit_costs(open_page, session):
    page = open_page(f"{URL}&digit=4321")
    settled(page)
    mu = session.encode(resources.gallery().x[4321:4322]).mu
    assert shown_z(page)[0] == pytest.approx(mu[0], abs=1e-5)
    assert np.abs(pixels(page) - decoded(session, mu)).max() <= 1
    rows = page.locator('[data-testid="ledger"] tr').evaluate_all(
        "all => all.map((row) => Number(row.lastChild.textContent))"
    )
    total, recon, *kl = rows
    assert len(kl) == UNITS
    assert kl == sorted(kl, reverse=True)
    assert recon + sum(kl) == pytest.approx(total, abs=0.006)
    live = page.locator('.lm-panel [aria-live="polite"]').inner_text()
    assert "Class 8: reconstruction" in live
    assert "KL" in live


def test_a_die_leaves_the_plane_and_is_decoded_exactly(open_page, session):
    page = open_page(f"{URL}&digit=4321")
    settled(page)
    mu = shown_z(page)[0]
    with page.expect_response("**/place?code=*"):
        page.get_by_test_id("roll").click()
    page.wait_for_function(f"!document.querySelector('{DECODED}').dataset.z.startsWith('{mu[0]}')")
    z = shown_z(page)
    assert (z[0] != mu).all()
    assert np.abs(pixels(page) - decoded(session, z)).max() <= 1


def test_zooming_to_a_posterior_shows_it_large(open_page):
    page = open_page(f"{URL}&digit=4321")
    settled(page)
    page.get_by_test_id("zoom-posterior").click()
    width = page.locator(f"{PLANE} .lm-atlas").evaluate("canvas => canvas.clientWidth")
    page.wait_for_function(
        """width => {
          const outer = document.querySelector('[data-testid="posterior-pin"] [data-sigma="2"]');
          return outer && Math.abs(outer.getAttribute("rx") - width / 4) < 2;
        }""",
        arg=width,
    )


def test_another_plane_is_chosen_and_the_pinned_digit_stays(open_page):
    page = open_page(f"{URL}&digit=4321")
    settled(page)
    before = place(page)
    page.get_by_text("Latent units", exact=True).click()
    page.wait_for_url(lambda url: "plane=axes" in url)
    page.wait_for_function(
        f"document.querySelector('{DECODED}').dataset.place !== '{before[0]},{before[1]}'"
    )
    settled(page)
    assert "digit=4321" in page.url
    titles = page.locator(".xtitle, .ytitle").all_text_contents()
    assert all(title.startswith("z") for title in titles)


def test_all_layers_show_something(open_page):
    page = open_page(f"{URL}&digit=4321")
    settled(page)
    for name in ("density", "posterior", "trust", "stretch", "regions", "neighbours"):
        page.locator(f'.lm-pills [data-layer="{name}"]').click()
        line = page.locator(f'.lm-legend [data-layer="{name}"]')
        page.wait_for_function(
            "(line) => !line.textContent.includes('worked out')", arg=line.element_handle()
        )
        assert len(line.inner_text()) > 20
    ties = page.locator('[data-testid="ties"] circle')
    assert ties.count() == 8


def test_a_run_without_a_plane_is_said_and_not_offered(open_page):
    page = open_page(URL)
    page.get_by_text("Runs without a map").wait_for()
    assert page.get_by_text("vae-line (1)").count() == 1


def test_places_and_codes_invert_each_other(open_page):
    page = open_page("/api/health", ready=False)
    back = run_js(
        page,
        "slice.js",
        """const slice = { origin: [0, 2, 1], basis: [[1, 0, 0], [0, 0.6, 0.8]] };
        return m.placeOf(slice, m.codeAt(slice, [0.5, -1.5]));""",
    )
    assert back == pytest.approx([0.5, -1.5])


# --- of one class -------------------------------------------------------------------------------

EACH = '[data-testid="each-class"]'


def each(page) -> np.ndarray:
    """What the strip's canvases show, (10, 28, 28)."""
    return np.stack([pixels(page, f"{EACH} span:nth-child({i}) canvas") for i in range(1, 11)])


@pytest.fixture(scope="module")
def told(shelf):
    return open_session(open_run(shelf / TOLD))


def as_each(session, z) -> np.ndarray:
    codes = np.repeat(z.astype(np.float32), 10, axis=0)
    return to_uint8(session.decode(codes, np.arange(10)))[:, 0].astype(np.int64)


def test_a_class_is_chosen_and_the_strip_shows_each(open_page, told):
    page = open_page(f"/?run={TOLD}&class=3")
    page.mouse.move(*inside(page, 0.6, 0.4))
    page.wait_for_timeout(2500)
    expected = as_each(told, shown_z(page))
    assert np.abs(pixels(page) - expected[3]).mean() < 3
    assert np.abs(each(page) - expected).mean() < 4
    page.mouse.click(*inside(page, 0.6, 0.4))
    page.mouse.move(5, 5)
    settled(page)
    expected = as_each(told, shown_z(page))
    assert np.abs(pixels(page) - expected[3]).max() <= 1
    assert np.abs(each(page) - expected).max() <= 1
    page.locator(".st-key-choose-class").get_by_text("7", exact=True).click()
    page.wait_for_url(lambda url: "class=7" in url)
    page.wait_for_timeout(500)
    settled(page)
    assert np.abs(pixels(page) - expected[7]).max() <= 1


def test_the_strip_follows_the_pointer_without_a_message_or_a_request(open_page):
    page = open_page(f"/?run={TOLD}&class=3")
    page.mouse.move(*inside(page, 0.6, 0.4))
    page.wait_for_timeout(2500)
    asked, before = [], each(page)
    page.on("request", lambda request: asked.append(request.url))
    page.mouse.move(*inside(page, 0.62, 0.42))
    page.wait_for_timeout(300)
    assert (each(page) != before).any()
    assert asked == []


def test_a_roll_of_a_digit_is_decoded_as_its_own_class(open_page, told):
    page = open_page(f"/?run={TOLD}&class=3&digit=4321")
    settled(page)
    mu = shown_z(page)[0]
    with page.expect_response("**/place?code=*"):
        page.get_by_test_id("roll").click()
    page.wait_for_function(f"!document.querySelector('{DECODED}').dataset.z.startsWith('{mu[0]}')")
    assert np.abs(pixels(page) - as_each(told, shown_z(page))[8]).max() <= 1


# --- the card beside the pointer ----------------------------------------------------------------


def point_pixel(page, run, index) -> tuple[float, float]:
    x, y = views.view(run).points[index].tolist()
    left, right, bottom, top = page.evaluate(
        """() => { const { xaxis, yaxis } = document.querySelector(".js-plotly-plot")._fullLayout;
        return [...xaxis.range, ...yaxis.range].map(Number); }"""
    )
    return inside(page, (x - left) / (right - left), (top - y) / (top - bottom))


def test_a_point_under_the_pointer_shows_its_digit_from_one_sheet(open_page, session):
    page = open_page(URL)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    points, gallery = views.view(session.run).points, resources.gallery()
    apart = np.linalg.norm(points[2000:2500], axis=1).argsort()[-6:] + 2000
    for index in apart:
        page.mouse.move(*point_pixel(page, session.run, index))
        card = page.get_by_test_id("card")
        card.wait_for()
        page.wait_for_timeout(400)
        shown = pixels(page, '[data-testid="card"] canvas')
        label, found = (
            int(card.inner_text().split()[1]),
            np.flatnonzero((gallery.x[:, 0] == shown).all(axis=(1, 2))),
        )
        assert label in gallery.y[found]
    sheets = [url for url in asked if "/gallery/" in url]
    assert len(sheets) == len(set(sheets)) <= 10
    page.mouse.move(5, 5)
    assert page.get_by_test_id("card").is_hidden()
