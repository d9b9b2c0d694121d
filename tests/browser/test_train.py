"""What a student sees: press Train, watch a latent space form, open it on the map."""

import re

import pytest

PATIENCE_MS = 180_000
PLANE = '[data-testid="job-plane"]'


def ask(page, epochs: int) -> None:
    """Asks for a small training of the recipe that is shown: 500 of the built-in digits."""
    page.locator('[class*="st-key-data-"] input').click()
    page.get_by_role("option").first.click()
    page.get_by_text("More settings").click()
    for name, value in (("epochs", epochs), ("limit", 500)):
        field = page.locator(f'[class*="st-key-knob-"][class*="-{name}"] input')
        field.fill(str(value))
        field.press("Enter")
        page.wait_for_timeout(500)
    page.wait_for_selector("text=data.limit None → 500")


def start(page) -> None:
    page.locator(".st-key-start button").click()
    page.wait_for_url(re.compile("run="))


@pytest.mark.slow
def test_press_train_watch_it_and_open_it_on_the_map(open_page):
    page = open_page("/train?recipe=vae-shallow", ready=False)
    page.set_default_timeout(PATIENCE_MS)
    ask(page, epochs=2)
    start(page)
    page.wait_for_selector(PLANE)
    page.wait_for_selector("text=All 2 epochs done")
    assert page.locator(f'{PLANE}[data-moment="0002"]').count() == 1
    assert page.locator('[data-testid="job-grid"]').count() == 1
    page.wait_for_selector(".js-plotly-plot >> nth=1")  # reconstruction and KL
    page.locator(".st-key-job-open button").click()
    page.wait_for_selector('[data-testid="latent-map"][data-ready="true"]')
    assert "run=vae-shallow-" in page.url


@pytest.mark.slow
def test_a_training_is_stopped_by_its_browser_and_only_watched_by_another(open_page):
    page = open_page("/train?recipe=vae-shallow", ready=False)
    page.set_default_timeout(PATIENCE_MS)
    ask(page, epochs=5000)
    button = page.locator(".st-key-start button")
    button.click(click_count=5, delay=20)  # impatient: still one job
    page.wait_for_selector(PLANE)
    address = page.url[page.url.index("/train") :]
    other = open_page(address, ready=False)  # another browser: cookies of its own
    other.wait_for_selector(PLANE)
    assert other.locator(".st-key-job-stop").count() == 0
    assert other.locator("text=Started from another browser").count() == 1
    page.reload()
    page.locator(".st-key-job-stop button").click()
    page.wait_for_selector("text=/Stopped after \\d+ of 5000 epochs/")
    other.wait_for_selector("text=/Stopped after \\d+ of 5000 epochs/", timeout=PATIENCE_MS)
    page.locator(".st-key-job-another button").click()
    page.wait_for_selector(".st-key-start button")
    assert page.locator("text=Trainings that run or wait now").count() == 0
