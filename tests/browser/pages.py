"""What several browser tests do on a page: find a place on the plane, wait, call a module."""

from ui import assets

PLANE = '[data-testid="plane"]'
EXACT = '[data-testid="decoded"][data-source="exact"]'
MODULES = f"/assets/{assets.VERSION}/latent_map"


def inside(page, right: float, down: float) -> tuple[float, float]:
    """A pixel of the page, by its share of the plot's width and height."""
    box = page.locator(f"{PLANE} .lm-atlas").bounding_box()
    return box["x"] + right * box["width"], box["y"] + down * box["height"]


def shown_range(page) -> list[float]:
    return page.evaluate("document.querySelector('.js-plotly-plot').layout.xaxis.range")


def settled(page) -> None:
    page.wait_for_selector(EXACT)


def run_js(page, module: str, body: str):
    return page.evaluate(f"async () => {{ const m = await import('{MODULES}/{module}'); {body} }}")
