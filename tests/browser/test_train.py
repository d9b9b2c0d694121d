"""What a student sees: press Train, watch a latent space form, open it on the map."""

import re

import pytest

PATIENCE_MS = 180_000
PLANE = '[data-testid="time-machine"][data-ready="true"]'


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
    page.wait_for_selector(f'{PLANE}[data-moment="0002"]')  # it came along by itself
    page.wait_for_function("document.querySelector('[data-testid=film-grid]').width === 280")
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


@pytest.mark.slow
def test_the_plane_follows_the_training_and_tells_which_image_a_point_is(open_page):
    page = open_page("/train?recipe=vae-shallow", ready=False)
    page.set_default_timeout(PATIENCE_MS)
    ask(page, epochs=5000)
    start(page)
    page.wait_for_selector(PLANE)
    moment = "document.querySelector('[data-testid=time-machine]').dataset.moment"
    first = page.evaluate(moment)
    page.wait_for_function(f"{moment} > '{first}'")
    page.wait_for_function(f"{moment} > '0001'")
    points = page.locator('[data-testid="film-points"]')
    points.scroll_into_view_if_needed()
    box = points.bounding_box()
    card = page.locator('[data-testid="film-card"]')
    places = [(x / 20, y / 20) for x in range(6, 15) for y in range(6, 15)]
    for across, down in places:
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        if card.is_visible():
            break
    assert re.fullmatch(r"Class \d", card.inner_text())
    page.wait_for_function("document.querySelector('.tm-card canvas').width === 28")
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(box["x"] - 30, box["y"] - 30)
    assert card.is_visible()  # it is held on to
    # whoever looks back is left there
    page.locator('[data-testid="film-slider"]').focus()
    page.keyboard.press("Home")
    page.wait_for_function(f"{moment} === '0000-000000'")
    page.wait_for_timeout(5000)
    assert page.evaluate(moment) == "0000-000000"
    page.locator(".st-key-job-stop button").click()
    page.wait_for_selector("text=/Stopped after \\d+ of 5000 epochs/")


@pytest.mark.slow
def test_moments_that_have_passed_before_they_were_asked_for_are_left_out(open_page):
    page = open_page("/train?recipe=vae-shallow", ready=False)
    page.set_default_timeout(PATIENCE_MS)
    passed = []

    def answer(route):
        name = re.search("codes/(.+)[.]f16", route.request.url)[1]
        if passed and name not in passed:
            route.continue_()
        else:
            passed.append(name)
            route.fulfill(status=204)

    page.route("**/api/live/*/codes/*", answer)
    page.route("**/api/live/*/frames/*", lambda route: route.fulfill(status=204))
    ask(page, epochs=5000)
    start(page)
    page.wait_for_selector(PLANE)
    page.evaluate(
        """() => {
            const { dataset } = document.querySelector("[data-testid=time-machine]");
            window.shown = new Set();
            setInterval(() => window.shown.add(dataset.moment), 20);
        }"""
    )
    page.wait_for_function("window.shown.size >= 3")
    assert passed
    assert not set(passed) & set(page.evaluate("[...window.shown]"))
    page.locator(".st-key-job-stop button").click()
    page.wait_for_selector("text=/Stopped after \\d+ of 5000 epochs/")


@pytest.mark.slow
def test_a_sweep_is_started_watched_and_its_dots_open_its_runs(open_page):
    page = open_page("/train?how=sweep", ready=False)
    page.set_default_timeout(PATIENCE_MS)
    for name, value in (("beta", "0.5, 4"), ("epochs", "1"), ("limit", "500")):
        field = page.locator(f".st-key-sweep-{name} input")
        field.fill(value)
        field.press("Enter")
        page.wait_for_timeout(700)
    page.wait_for_selector("text=vae-beta-b0.5, vae-beta-b4")
    page.locator(".st-key-sweep-start button").click(click_count=5, delay=20)
    page.wait_for_url(re.compile("family=[0-9a-f]{12}"))
    page.wait_for_selector("text=Sweep of vae-beta: 2 runs")
    page.wait_for_function("document.querySelectorAll('[data-status=finished]').length === 2")
    loaded = "[...document.querySelectorAll('[data-testid=family] img')].filter(i => i.complete)"
    page.locator('[data-testid="family"]').scroll_into_view_if_needed()
    page.wait_for_function(f"{loaded}.length === 4 && {loaded}.every(i => i.naturalWidth > 0)")
    dots = page.locator(".scatterlayer .point")
    dots.first.scroll_into_view_if_needed()
    box = dots.first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector(PLANE)
    assert "run=vae-beta-b" in page.url
    page.locator(".st-key-job-family button").click()
    page.wait_for_selector('[data-testid="family"]')
