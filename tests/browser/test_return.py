"""Whoever comes back finds the training where it is: after a sleep, after the server was restarted.

A server that is started anew knows nothing of the sessions before it, which is more than ten
minutes of sleep take away: Streamlit keeps a session that has lost its browser for two.
"""

import re

import pytest

from tests.browser.conftest import free_port, serving, shelf_of_runs
from tests.browser.test_train import PATIENCE_MS, PLANE, ask, start

MOMENT = "document.querySelector('[data-testid=time-machine]').dataset.moment"
DONE = re.compile(r"(\d+) of 5000 epochs done")


def done(page, after: int = -1) -> int:
    """The epochs that a page says are done, once they are more than so many."""
    page.wait_for_function(
        """([pattern, after]) => {
            const told = document.querySelector("[data-testid=stProgress]")?.innerText ?? "";
            return Number(told.match(pattern)?.[1] ?? -1) > after;
        }""",
        arg=[DONE.pattern, after],
    )
    return int(DONE.search(page.locator('[data-testid="stProgress"]').inner_text()).group(1))


@pytest.mark.slow
def test_a_page_that_slept_while_the_server_was_restarted_shows_the_training_again(
    chromium, tmp_path
) -> None:
    port = free_port()
    with shelf_of_runs(tmp_path / "runs") as runs, chromium.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        with serving(runs, tmp_path, port) as address:
            page.goto(f"{address}/train?recipe=vae-shallow")
            ask(page, epochs=5000)
            start(page)
            page.wait_for_selector(PLANE)
            page.wait_for_function(f"{MOMENT} > '0001'")
            link, before = page.url, done(page)
            device = page.context.new_cdp_session(page)
            device.send("Page.setWebLifecycleState", {"state": "frozen"})
        # nobody serves; the training goes on
        with serving(runs, tmp_path, port):
            device.send("Page.setWebLifecycleState", {"state": "active"})
            page.wait_for_function(f"{MOMENT} > '{before:04d}'")  # the page that was left open
            done(page, after=before)
            assert page.locator(".st-key-job-stop button").count() == 1  # still its own
            page.close()
            again = page.context.new_page()  # the tab was closed; the link is kept
            again.set_default_timeout(PATIENCE_MS)
            again.goto(link)
            again.wait_for_selector(PLANE)
            done(again, after=before)
            again.locator(".st-key-job-stop button").click()
            again.wait_for_selector("text=/Stopped after \\d+ of 5000 epochs/")
