"""Two servers over one folder of runs: what one has started, the other shows and controls."""

import re

import pytest

from tests.browser.conftest import serving, shelf_of_runs
from tests.browser.test_train import PATIENCE_MS, PLANE, ask, start


@pytest.mark.slow
def test_a_training_of_one_server_is_watched_paused_and_taken_over_by_the_other(chromium, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with (
        shelf_of_runs(tmp_path / "runs") as runs,
        chromium.new_context() as context,  # a browser: its cookie is known to both
        serving(runs, tmp_path / "two") as two,
    ):
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        with serving(runs, tmp_path / "one") as one:
            page.goto(f"{one}/train?recipe=vae-shallow")
            ask(page, epochs=5000)
            start(page)
            page.wait_for_selector(PLANE)
            path = page.url.removeprefix(one)
            page.goto(two + path)
            page.locator(".st-key-job-pause button").click()
            page.wait_for_selector("text=/Paused after \\d+ of 5000 epochs/")
            page.goto(one + path)
            page.locator(".st-key-job-resume button").click()
            page.wait_for_selector(".st-key-job-pause button")
        # the server that started it has ended
        page.goto(two + path)
        page.wait_for_selector("text=/\\d+ of 5000 epochs/")
        page.locator(".st-key-job-stop button").click()
        page.wait_for_selector("text=/Stopped after \\d+ of 5000 epochs/")
        assert re.search("run=vae-shallow-", page.url)
