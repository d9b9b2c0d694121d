"""Codes of many dimensions in a real browser: worked out, stopped, clicked, selected."""

import re

# Plotly's own advice to itself, in three dimensions
PLOTLYS = "willReadFrequently"
WAIT_MS = 180_000  # for a projection, on a machine that does other things
VIEWS = '[data-testid="projections"][data-ready="true"]'
RUN = "run=vae-dense-16d"


def opened(open_page, link: str, **options):
    page = open_page(f"/high_dimensions?{RUN}&{link}", ready=False, **options)
    page.wait_for_selector(VIEWS)
    return page


def place(page, row: int, view: int = 0) -> tuple[float, float]:
    """The pixel of a point, by its row, in one of the views."""
    found = page.evaluate(
        """([row, view]) => {
          const plot = document.querySelectorAll(".projection")[view];
          const { xaxis, yaxis } = plot._fullLayout, box = plot.getBoundingClientRect();
          for (const { customdata, x, y } of plot._fullData) {
            const i = Array.from(customdata ?? []).indexOf(row);
            if (i < 0) continue;
            const left = box.left + xaxis._offset, top = box.top + yaxis._offset;
            return [left + xaxis.d2p(x[i]), top + yaxis.d2p(y[i])];
          }
        }""",
        [row, view],
    )
    return tuple(found)


def lonely(page) -> int:
    """The row of a point that none lies on, so that a click means it alone."""
    return page.evaluate(
        """() => {
          const plot = document.querySelector(".projection");
          const { xaxis, yaxis } = plot._fullLayout;
          const points = plot._fullData.flatMap(({ customdata, x, y }) =>
            Array.from(customdata ?? []).map((row, i) => [row, xaxis.d2p(x[i]), yaxis.d2p(y[i])]));
          const gap = ([, x, y], k) => Math.min(...points.map(([, u, v], j) =>
            j === k ? Infinity : Math.hypot(x - u, y - v)));
          const { _length: across } = xaxis, { _length: down } = yaxis;
          const inside = ([, x, y]) => Math.min(x, y, across - x, down - y) > 30;
          let best = 0, widest = -1;
          for (let k = 0; k < points.length; k += 7) {
            const wide = inside(points[k]) ? gap(points[k], k) : -1;
            if (wide > widest) [best, widest] = [k, wide];
          }
          return points[best][0];
        }"""
    )


def test_a_projection_is_worked_out_and_a_click_tells_the_points_story(open_page):
    page = opened(open_page, "method=tsne&perplexity=10")
    page.locator(".st-key-work-out button").click()
    page.wait_for_selector('[data-testid="stProgress"]')
    page.get_by_role("progressbar").first.wait_for()
    page.get_by_text("t-SNE, 2-D, perplexity 10, seed 0").first.wait_for()
    page.wait_for_selector('[data-testid="stProgress"]', state="detached", timeout=WAIT_MS)
    page.wait_for_function("document.querySelectorAll('.projection').length === 2")
    page.wait_for_selector(VIEWS)
    row = lonely(page)
    page.mouse.click(*place(page, row))
    page.wait_for_selector(f'[data-testid="projections"][data-picked="{row}"]')
    page.get_by_test_id("reconstruction").wait_for()
    assert page.get_by_test_id("neighbour").count() == 5
    assert page.get_by_text(f"image {row} of the gallery").count() == 1
    page.wait_for_url(re.compile(rf"digit={row}\b"))
    # kept on disk: seen at once the next time
    again = opened(open_page, f"method=tsne&perplexity=10&digit={row}")
    assert again.locator(".st-key-work-out").count() == 0
    again.wait_for_selector(f'[data-testid="projections"][data-picked="{row}"]')


def test_what_is_under_way_can_be_stopped_and_begun_again(open_page):
    page = opened(open_page, "view=three&vary=seed")
    page.locator(".st-key-work-out button").click()
    page.wait_for_selector('[data-testid="stProgress"]')
    assert page.get_by_test_id("stProgress").count() == 3
    page.locator(".st-key-stop button").click()
    page.locator(".st-key-work-out button").wait_for()
    assert page.get_by_test_id("stProgress").count() == 0
    page.wait_for_selector(VIEWS)  # the principal components stay meanwhile


def test_a_lasso_selects_in_every_view_until_it_is_cleared(open_page):
    page = opened(open_page, "axes=3", expect=PLOTLYS)
    assert page.locator(".projection").count() == 2  # solid, and the plane of the map
    page.locator('[data-tool="lasso"]').click()
    page.wait_for_function(
        "document.querySelectorAll('.projection')[1]._fullLayout.dragmode === 'lasso'"
    )
    box = page.locator(".projection").nth(1).bounding_box()

    def at(x, y):
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    page.mouse.move(*at(0.3, 0.3))
    page.mouse.down()
    for corner in ((0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.32)):
        page.mouse.move(*at(*corner), steps=8)
    page.mouse.up()
    page.wait_for_function(
        "+document.querySelector('[data-testid=projections]').dataset.selected > 20"
    )
    n = int(page.get_by_test_id("projections").get_attribute("data-selected"))
    page.get_by_text(f"{n:,} images selected").wait_for()
    page.get_by_test_id("mean-code").wait_for()
    with page.expect_download() as download:
        page.locator(".st-key-selection-csv button").click()
    assert len(download.value.path().read_text().splitlines()) == n + 1
    page.locator('[data-tool="clear"]').click()
    page.wait_for_selector('[data-testid="projections"][data-selected=""]')
    page.get_by_text(f"{n:,} images selected").wait_for(state="detached")


def test_units_say_what_they_carry_and_collapse_is_named(open_page):
    page = open_page("/high_dimensions?view=units&run=vae-dense-128d", ready=False)
    page.get_by_text("Posterior collapse").wait_for()
    page.wait_for_selector(".js-plotly-plot")
    averaged = open_page("/high_dimensions?view=units&run=vae-keras-dense-averaged", ready=False)
    averaged.get_by_text("0 of 2 units are active").wait_for()
    averaged.get_by_text("Posterior collapse: 2 of 2").wait_for()


def test_three_dimensions_fit_a_phone(open_page):
    page = opened(open_page, "axes=3", expect=PLOTLYS, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
