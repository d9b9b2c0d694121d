"""Layers and the pinned image's story in a browser: switches, ellipses to scale, exact draws."""

import numpy as np
import pytest

from tests.browser.pages import EXACT, PLANE, run_js, settled, shown_range
from tests.browser.test_latent_map import DECODED, RUN, decoded, pixels, shown_z
from ui import resources
from vae_core.inference import open_session
from vae_core.runs import SHIPPED, open_run

INDEX = 4321
PINNED = f"/?run={RUN}&digit={INDEX}"
AT_FIRST = {"points", "atlas", "names", "prior"}


@pytest.fixture(scope="module")
def session():
    return open_session(open_run(SHIPPED / RUN))


@pytest.fixture
def bare(open_page):
    return open_page("/api/health", ready=False)


def switch(page, name: str):
    return page.locator(f'.lm-pills [data-layer="{name}"]')


def line(page, name: str):
    return page.locator(f'.lm-legend [data-layer="{name}"]')


def ink(page, selector: str) -> int:
    """How many of a canvas's pixels are drawn on."""
    return page.locator(selector).evaluate(
        """canvas => {
          if (!canvas.width) return 0;
          const copy = new OffscreenCanvas(canvas.width, canvas.height);
          const context = copy.getContext("2d", { willReadFrequently: true });
          context.drawImage(canvas, 0, 0);
          return context.getImageData(0, 0, canvas.width, canvas.height).data
            .reduce((sum, value, i) => sum + (i % 4 === 3 && value > 0), 0);
        }"""
    )


def units_a_pixel(page) -> float:
    low, high = page.evaluate(
        "document.querySelector('.js-plotly-plot')._fullLayout.xaxis.range.map(Number)"
    )
    width = page.evaluate("document.querySelector('.js-plotly-plot')._fullLayout.xaxis._length")
    return (high - low) / width


def radii(page, testid: str) -> np.ndarray:
    found = page.locator(f'[data-testid="{testid}"] ellipse').evaluate_all(
        "all => all.map((e) => [+e.getAttribute('rx'), +e.getAttribute('ry')])"
    )
    return np.array(found)


def test_a_switch_shows_its_layer_with_a_line_that_says_what_it_is(open_page):
    page = open_page(f"/?run={RUN}")
    names = page.locator(".lm-pills button").evaluate_all("all => all.map(b => b.dataset.layer)")
    assert len(names) == 10
    for name in names:
        on = name in AT_FIRST
        assert switch(page, name).get_attribute("aria-pressed") == str(on).lower()
        assert line(page, name).is_visible() == on
    for name in names:
        if name not in AT_FIRST:
            switch(page, name).click()
        assert switch(page, name).get_attribute("aria-pressed") == "true"
        assert len(line(page, name).inner_text()) > 20
        switch(page, name).click()
        assert switch(page, name).get_attribute("aria-pressed") == "false"
        assert line(page, name).is_hidden()


def test_an_autoencoder_is_not_offered_what_it_does_not_have(open_page):
    page = open_page("/?run=ae-shallow")
    assert switch(page, "prior").count() == switch(page, "posterior").count() == 0
    assert page.locator(".lm-prior").get_attribute("visibility") == "hidden"


def test_layers_switched_off_are_gone_and_hidden_points_are_not_meant(open_page):
    page = open_page(PINNED)
    settled(page)
    assert ink(page, ".lm-atlas") > 1000
    switch(page, "atlas").click()
    assert ink(page, ".lm-atlas") == 0
    switch(page, "names").click()
    assert page.locator(".lm-glyph").first.is_hidden()
    switch(page, "prior").click()
    assert page.locator(".lm-prior").get_attribute("visibility") == "hidden"
    switch(page, "points").click()
    marker = page.locator('[data-testid="pin"] circle').bounding_box()
    page.mouse.click(marker["x"] + marker["width"] / 2, marker["y"] + marker["height"] / 2)
    page.wait_for_selector('[data-testid="nearest"]')  # a place, not the point that lies there


@pytest.mark.parametrize("name", ["trust", "stretch", "regions"])
def test_one_layer_at_a_time_colours_the_plane(open_page, name):
    page = open_page(f"/?run={RUN}")
    assert ink(page, '[data-testid="field"]') == 0
    other = "regions" if name == "trust" else "trust"
    switch(page, other).click()
    switch(page, name).click()
    assert switch(page, other).get_attribute("aria-pressed") == "false"
    page.wait_for_function(
        "document.querySelector('[data-testid=field]').width > 0", timeout=60_000
    )
    assert ink(page, '[data-testid="field"]') > 10_000
    # numbers on a bar for what is continuous; classes have their own colours and none
    assert line(page, name).locator(".lm-scale").is_visible() == (name != "regions")


def test_the_trust_map_shows_what_is_chosen(open_page):
    page = open_page(f"/?run={RUN}")
    switch(page, "trust").click()
    told = set()
    for measure in ("trip", "density", "entropy"):
        button = line(page, "trust").locator(f'[data-measure="{measure}"]')
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        line(page, "trust").locator(".lm-scale").wait_for()
        told.add(line(page, "trust").inner_text())
    assert len(told) == 3


@pytest.mark.parametrize("zooms", [0, 4])
def test_posterior_ellipses_are_to_scale_within_a_pixel(open_page, session, zooms):
    page = open_page(PINNED)
    settled(page)
    for _ in range(zooms):
        page.get_by_role("button", name="Zoom in").click()
        page.wait_for_timeout(150)
    switch(page, "posterior").click()
    page.wait_for_selector('[data-testid="posterior-pin"] ellipse')
    std = session.encode(resources.gallery().x[INDEX : INDEX + 1]).std[0]
    expected = np.outer([1, 2], std) / units_a_pixel(page)
    assert np.abs(radii(page, "posterior-pin") - expected).max() < 0.5
    # on the screen, not only in its attributes: getBBox would not notice a wrong scale
    box = page.locator('[data-testid="posterior-pin"] ellipse').nth(1).bounding_box()
    stroke = 1.6
    assert abs(box["width"] - 2 * expected[1, 0] - stroke) < 1
    assert abs(box["height"] - 2 * expected[1, 1] - stroke) < 1
    pin = page.locator('[data-testid="pin"] circle').bounding_box()
    assert abs(box["x"] + box["width"] / 2 - pin["x"] - pin["width"] / 2) < 1


def test_all_posteriors_are_drawn_once_each(open_page):
    page = open_page(f"/?run={RUN}")
    switch(page, "posterior").click()
    page.get_by_role("button", name="For all").click()
    page.wait_for_selector('[data-testid="posteriors"] path', state="attached")
    drawn = page.locator('[data-testid="posteriors"] path').evaluate_all(
        "all => all.reduce((sum, path) => sum + path.getAttribute('d').split('M').length - 1, 0)"
    )
    assert drawn == 5000


def test_ties_lead_to_the_nearest_codes(open_page):
    page = open_page(PINNED)
    settled(page)
    switch(page, "neighbours").click()
    found = page.locator('[data-testid="ties"] circle').evaluate_all(
        "all => all.map((circle) => +circle.dataset.index)"
    )
    codes = resources.gallery_codes(open_run(SHIPPED / RUN)).mu
    distances = np.linalg.norm(codes - codes[INDEX], axis=1)
    assert found == np.argsort(distances)[1:9].tolist()


def test_zooming_moves_contours_with_the_plane(open_page):
    page = open_page(f"/?run={RUN}")
    switch(page, "density").click()
    paths = page.locator('[data-testid="contours"] path')
    paths.first.wait_for(state="attached")
    assert paths.count() == 3
    before, shown = paths.last.bounding_box(), shown_range(page)
    page.get_by_role("button", name="Zoom out").click()
    page.wait_for_timeout(400)
    after = paths.last.bounding_box()
    factor = (shown[1] - shown[0]) / np.diff(shown_range(page))[0]
    assert after["width"] == pytest.approx(before["width"] * factor, rel=0.03)


# --- the story ----------------------------------------------------------------------------------


def test_a_roll_is_decoded_exactly_and_leaving_restores_it(open_page, session):
    page = open_page(PINNED)
    settled(page)
    mu = shown_z(page)[0]
    std = session.encode(resources.gallery().x[INDEX : INDEX + 1]).std[0]
    seen = set()
    for _ in range(3):
        with page.expect_response("**/place?*"):
            page.get_by_test_id("roll").click()
        page.wait_for_selector(EXACT)
        z = shown_z(page)
        assert np.abs(pixels(page) - decoded(session, z)).max() <= 1
        eps = (z[0] - mu) / std
        told = page.locator(".lm-throw output").inner_text().replace("\u2212", "-")
        assert np.allclose([float(e) for e in told[5:-1].split(",")], eps, atol=0.01)
        seen.add(tuple(z[0]))
    assert len(seen) == 3
    page.locator(PLANE).scroll_into_view_if_needed()  # the die lies further down
    box = page.locator(PLANE).bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.wait_for_selector(f'{DECODED}[data-source="preview"]')
    page.mouse.move(5, 5)
    page.wait_for_selector(EXACT)
    assert tuple(shown_z(page)[0]) == tuple(z[0])


def test_a_slider_dials_one_unit_previewed_while_it_moves_and_exact_at_rest(open_page, session):
    page = open_page(PINNED)
    settled(page)
    mu = shown_z(page)[0]
    std = session.encode(resources.gallery().x[INDEX : INDEX + 1]).std[0]
    slider = page.get_by_test_id("eps-1")
    slider.evaluate(
        "e => { e.value = 2.5; e.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    assert page.get_attribute(DECODED, "data-source") == "preview"
    assert np.allclose(shown_z(page)[0], mu + [0, 2.5] * std, atol=1e-5)
    slider.evaluate("e => e.dispatchEvent(new Event('change', { bubbles: true }))")
    page.wait_for_selector(EXACT)
    assert np.abs(pixels(page) - decoded(session, shown_z(page))).max() <= 1


def test_the_error_is_signed_and_as_strong_as_the_difference(open_page, session):
    page = open_page(PINNED)
    settled(page)
    original, reconstruction = (
        pixels(page, f'[data-testid="{name}"]') for name in ("original", "reconstruction")
    )
    rgba = page.get_by_test_id("error").evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, 28, 28).data]"
    )
    red, _, blue, strength = np.array(rgba).reshape(28, 28, 4).transpose(2, 0, 1)
    difference = reconstruction - original
    assert np.array_equal(strength, np.abs(difference))
    clear = np.abs(difference) > 8  # fainter colours are rounded by the canvas
    assert np.array_equal((red > blue)[clear], (difference > 0)[clear])


def test_a_neighbour_that_is_clicked_is_pinned(open_page):
    page = open_page(PINNED)
    thumbs = page.locator(".lm-thumbs button")
    thumbs.first.wait_for()
    assert thumbs.count() == 16
    index = int(thumbs.nth(3).get_attribute("data-index"))
    thumbs.nth(3).click()
    page.wait_for_url(f"**/*digit={index}*")
    settled(page)
    codes = resources.gallery_codes(open_run(SHIPPED / RUN)).mu
    assert np.allclose(shown_z(page)[0], codes[index])


# --- the pure modules, on their own -------------------------------------------------------------


def test_a_contour_of_a_cone_is_a_closed_circle_of_its_length(bare):
    far, length = run_js(
        bare,
        "contours.js",
        """const n = 81, r = 25.3, at = (x, y) => r - Math.hypot(x - 40, y - 40);
        const found = m.contour(at, n, 0);
        const ends = found.flatMap(([a, b, c, d]) => [[a, b], [c, d]]);
        const far = Math.max(...ends.map(([x, y]) => Math.abs(Math.hypot(x - 40, y - 40) - r)));
        const times = new Map();
        for (const end of ends) {
          const name = end.map((v) => v.toFixed(6)).join();
          times.set(name, (times.get(name) ?? 0) + 1);
        }
        if ([...times.values()].some((n) => n !== 2)) throw new Error("it is not closed");
        return [far, found.reduce((sum, [a, b, c, d]) => sum + Math.hypot(a - c, b - d), 0) / r]""",
    )
    assert far < 0.02
    assert length == pytest.approx(2 * np.pi, rel=1e-3)


def test_a_saddle_is_two_lines_that_do_not_cross(bare):
    found = run_js(
        bare, "contours.js", "return m.contour((x, y) => ((x + y) % 2 ? 1 : -1.2), 2, 0)"
    )
    assert len(found) == 2
    middles = np.array(found).reshape(2, 2, 2).mean(axis=1)
    assert np.linalg.norm(middles[0] - middles[1]) > 0.5


def test_the_colours_rise_in_lightness_and_reach_both_ends(bare):
    ramp = np.array(run_js(bare, "field.js", "return m.ramp"))
    assert ramp.shape == (256, 3)
    assert ramp[0].tolist() == [0, 34, 78]
    assert ramp[-1].tolist() == [254, 232, 56]
    assert (np.diff(ramp @ [0.2126, 0.7152, 0.0722]) > -1).all()


def test_draws_have_the_moments_of_a_standard_normal(bare):
    mean, square = run_js(
        bare,
        "posterior.js",
        """let seed = 7;
        const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
        const draws = Array.from({length: 20000}, () => m.gaussian(random));
        const average = (of) => of.reduce((sum, value) => sum + value, 0) / of.length;
        return [average(draws), average(draws.map((e) => e * e))]""",
    )
    assert abs(mean) < 0.03
    assert square == pytest.approx(1, abs=0.05)


def test_the_nearest_few_are_those_of_a_full_sort_without_the_one_itself(bare):
    wrong = run_js(
        bare,
        "geometry.js",
        """const n = 3000, draw = (i, k) => ((i * k) % 1) * 10;
        const x = Float32Array.from({length: n}, (_, i) => draw(i, 0.7548776662));
        const y = Float32Array.from({length: n}, (_, i) => draw(i, 0.5698402910));
        const points = new m.Points(x, y, Array.from(x.keys()), x.map(() => 0));
        let wrong = 0;
        for (let i = 0; i < 20; i++) {
          const far = (j) => (x[j] - x[i]) ** 2 + (y[j] - y[i]) ** 2;
          const all = [...x.keys()].filter((j) => j !== i).sort((a, b) => far(a) - far(b));
          const few = points.nearestFew(x[i], y[i], 8, i).map(({ index }) => index);
          if (few.join() !== all.slice(0, 8).join()) wrong++;
        }
        return wrong""",
    )
    assert wrong == 0
