"""Every screen under axe-core, light and dark: nothing that it calls serious or critical."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from ui.router import SCREENS

PAGES = [name for screens in SCREENS.values() for name in screens]
MAPLESS = ("generate", "high_dimensions", "train", "runs", "time_machine", "beta_series")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
STOPS = 100  # more than any screen has
# Streamlit's own elements, out of our reach: rule -> where it finds something, and why that stays.
# The navigation's list holds section headings between its items; its links are named and in order.
STREAMLITS_OWN = {
    "list": '[data-testid="stSidebarNavItems"]',
    "listitem": '[data-testid="stSidebarNavItems"]',
}


def findings(page) -> dict[str, list[str]]:
    """What is serious: rule -> the elements it names."""
    options = {"runOnly": RULES, "resultTypes": ["violations"]}
    found: dict[str, list[str]] = {}
    for violation in Axe().run(page, options=options).response["violations"]:
        rule = violation["id"]
        for node in violation["nodes"] if violation["impact"] in ("serious", "critical") else ():
            own = STREAMLITS_OWN.get(rule)
            if not own or not page.locator(node["target"][0]).first.evaluate(
                "(element, own) => element.closest(own) !== null", own
            ):
                found.setdefault(rule, []).append(node["failureSummary"] + node["html"][:200])
    return found


def path_of(name: str) -> str:
    return "/" if name == "latent_map" else f"/{name}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_screen_has_no_serious_finding(open_page, name, scheme):
    page = open_page(path_of(name), ready=name not in MAPLESS, color_scheme=scheme)
    page.wait_for_selector("h1")
    page.wait_for_timeout(2000 if name in MAPLESS else 500)  # Streamlit fades its elements in
    assert findings(page) == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_neither_has_the_story_of_a_digit_nor_a_selection(open_page, scheme):
    page = open_page("/?digit=7", color_scheme=scheme)
    page.locator("[data-tool=box]").click()
    box = page.locator(".lm-atlas").bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 400, steps=3)
    page.mouse.up()
    page.wait_for_selector('[data-testid="mean-z"]')
    assert findings(page) == {}


@pytest.mark.parametrize("name", [name for name in PAGES if name not in MAPLESS])
def test_every_control_of_the_map_is_reached_by_the_tab_key(open_page, name):
    page = open_page(path_of(name))
    page.evaluate(
        """() => {
          window.__reached = new Set();
          addEventListener("focusin", ({ target }) => window.__reached.add(target));
        }"""
    )
    for _ in range(STOPS):
        page.keyboard.press("Tab")
    missed = page.evaluate(
        """() => [...document.querySelectorAll(".lm button, .lm input, .lm a, .lm [tabindex]")]
          .filter((element) => element.checkVisibility() && !window.__reached.has(element))
          .map((element) => element.outerHTML.slice(0, 200))"""
    )
    assert missed == []
