"""The Generate screen in a real browser: each view drawn, and one control of each used."""

import re

import pytest

from tests.browser.pages import settled

SHEET = '.sheet[data-ready="true"]'
PRINT = '[data-testid="print-sheet"]'


def opened(open_page, view: str, first: str, **choices: object):
    """A view's page, once what comes `first` in it is there; afterwards it may not be broken."""
    link = "&".join(f"{name}={value}" for name, value in choices.items())
    page = open_page(f"/generate?view={view}&{link}", ready=False)
    page.wait_for_selector(first)
    assert page.get_by_role("alert").count() == 0
    return page


def source(page, selector: str) -> str:
    return page.locator(selector).first.get_attribute("src")


def changes(page, selector: str, act) -> None:
    """Whether the first picture of that selector is another one after the act."""
    before = source(page, selector)
    act()
    page.wait_for_function(
        "([selector, before]) => ![null, undefined, before].includes("
        "document.querySelector(selector)?.getAttribute('src'))",
        arg=[selector, before],
    )


def choose(page, name: str, option: str) -> None:
    page.locator(f".st-key-choose-{name}").get_by_text(option, exact=True).click()


def slide(page, name: str, key: str = "ArrowRight") -> None:
    thumb = page.locator(f".st-key-choose-{name}").get_by_role("slider").first
    thumb.focus()
    thumb.press(key)


def test_a_tile_of_the_grid_is_found_on_the_map(open_page):
    page = opened(open_page, "grid", SHEET, run="vae-keras-dense", n=10)
    changes(page, f"{SHEET} img", lambda: choose(page, "grid", "Quantiles of the prior"))
    page.wait_for_selector(SHEET)
    field = page.get_by_test_id("sheet")
    box = field.bounding_box()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])
    told = page.locator(".sheet-name").inner_text().replace("\N{MINUS SIGN}", "-")
    x, y = map(float, re.findall(r"-?\d+\.\d+", told)[:2])
    assert x > 0
    assert y > 0
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])
    page.wait_for_selector('[data-testid="latent-map"][data-ready="true"]')
    settled(page)
    shown = page.get_by_test_id("decoded").first.get_attribute("data-z")
    assert list(map(float, shown.split(","))) == pytest.approx([x, y], abs=0.01)


def test_a_grid_is_walked_by_keys(open_page):
    page = opened(open_page, "grid", SHEET, run="vae-keras-dense", n=5)
    field = page.get_by_test_id("sheet")
    field.focus()
    for key in ("Home", "ArrowRight", "ArrowDown"):
        field.press(key)
    assert field.get_attribute("aria-valuenow") == "7"
    field.press("Enter")
    page.wait_for_selector('[data-testid="latent-map"][data-ready="true"]')


def test_draws_change_with_seed_source_and_temperature(open_page):
    page = opened(open_page, "samples", PRINT, run="vae-keras-dense", other="ae-shallow")
    page.wait_for_selector(f"{PRINT} >> nth=1")
    changes(page, PRINT, lambda: page.locator(".st-key-next-seed button").click())
    assert "seed=1" in page.url
    changes(page, PRINT, lambda: choose(page, "from", "Near the codes"))
    changes(page, PRINT, lambda: slide(page, "temperature"))


def test_a_digit_keeps_its_style_as_another_class(open_page):
    page = opened(open_page, "classes", '[data-testid="as"]', run="cvae-dense")
    own = source(page, '[data-testid="own"]')
    changes(page, '[data-testid="as"]', lambda: choose(page, "as", "3"))
    assert source(page, '[data-testid="own"]') == own
    assert page.get_by_text("Decoded as a 3").count() == 1


def test_a_code_is_swapped_by_clicks_and_swapped_back(open_page):
    page = opened(open_page, "codebook", f"{SHEET} >> nth=1", run="vq-vae")
    fields = page.get_by_test_id("sheet")
    own, swapped = (source(page, f'[data-testid="{name}"]') for name in ("own", "swapped"))
    assert own == swapped
    map_ = fields.first.bounding_box()
    fields.first.click(position={"x": 3.5 / 7 * map_["width"], "y": 2.5 / 7 * map_["height"]})
    page.wait_for_url(re.compile(r"cell=17"))
    box = fields.nth(1).bounding_box()

    def swap():
        fields.nth(1).click(position={"x": 0.05 * box["width"], "y": 0.6 * box["height"]})

    changes(page, '[data-testid="swapped"]', swap)
    assert source(page, '[data-testid="own"]') == own
    assert "swaps=17-" in page.url
    undo = page.locator(".st-key-undo-swaps button")
    changes(page, '[data-testid="swapped"]', undo.click)
    assert source(page, '[data-testid="swapped"]') == own
    changes(page, PRINT, lambda: slide(page, "temperature"))  # draws of the prior


def test_noise_is_taken_away(open_page):
    strip = '[data-testid="strip"]'
    page = opened(open_page, "denoise", strip, run="ae-denoise")
    assert page.locator(strip).count() == 4  # noisy, cleaned, by the plain twin, clean
    assert page.get_by_text("ae-dense-32d").count() >= 1
    changes(page, strip, lambda: slide(page, "noise"))
    assert "noise=0.55" in page.url


def test_sums_of_classes(open_page):
    page = opened(open_page, "arithmetic", '[data-testid="term"]', run="vae-dense-16d")
    assert page.get_by_test_id("term").count() == 4
    choose(page, "terms", "Whole classes")
    changes(page, '[data-testid="term"]', lambda: choose(page, "mean-a", "0"))
    assert page.get_by_test_id("term").count() == 4


def test_units_are_swept_those_with_the_most_kl_first(open_page):
    strip = '[data-testid="strip"]'
    page = opened(open_page, "traverse", strip, run="vae-dense-128d")
    assert page.locator(strip).count() == 10
    nats = [
        float(re.search(r"([\d.]+) nats", text).group(1))
        for text in page.locator(".prints.rows p").all_inner_texts()
    ]
    assert nats == sorted(nats, reverse=True)
    slide(page, "rows")
    page.wait_for_function(f"document.querySelectorAll('{strip}').length === 11")
    changes(page, strip, lambda: choose(page, "start", "A digit"))


def test_reconstructions_lead_to_their_digit_on_the_map(open_page):
    page = opened(open_page, "reconstruct", SHEET, run="vae-keras-dense")
    changes(page, f"{SHEET} img", lambda: page.locator(".st-key-next-seed button").click())
    page.wait_for_selector(SHEET)
    page.get_by_test_id("sheet").click()
    page.wait_for_selector('[data-testid="latent-map"][data-ready="true"]')
    page.wait_for_url(re.compile(r"digit=\d+"))


def test_a_network_is_drawn_whole_and_fits_a_phone(open_page):
    for width in (1400, 390):
        page = open_page(
            "/generate?view=network&run=vae-conv",
            ready=False,
            viewport={"width": width, "height": 844},
        )
        page.wait_for_selector('[data-testid="network"]')
        assert page.get_by_test_id("part").count() == 2
        assert page.get_by_text("1,804,165").count() == 1
        across = page.evaluate("document.documentElement.scrollWidth")
        assert across <= width
