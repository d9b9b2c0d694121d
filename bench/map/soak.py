"""A long lesson: a thousand hovers, two hundred clicks, fifty zooms, twenty changes of page.

One round of each goes before the first weighing, so that what is kept on purpose (tiles, code) is
not taken for a leak. The heap is weighed on the same page after a collection; the server's memory
after every few clicks.
"""

import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np

from bench.stage import (
    MAP,
    READY,
    at_most,
    chromium,
    complaints_of,
    open_map,
    say,
    server,
    settle,
)

HOVERS, CLICKS, ZOOMS, CHANGES = 1000, 200, 50, 20
WEIGH_EVERY = 10  # clicks
HEAP_MB, SERVER_KB_A_CLICK = 20.0, 20.0
PAGES = ("interpolate", "compare", "latent_map")
EXACT = "[data-testid=decoded][data-source=exact]"

COUNT_LOST = """
  window.__lost = 0;
  addEventListener("webglcontextlost", (event) => {
    if (event.target.isConnected) window.__lost += 1;
  }, true);
"""


def measure(driver: Any, seed: int) -> dict[str, Any]:
    rng = random.Random(seed)
    with server() as app, chromium(driver) as browser:
        settle(app)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        complaints = complaints_of(page, app.address)
        page.add_init_script(COUNT_LOST)
        open_map(page, app.address)
        lesson = Lesson(page, rng)
        lesson.hover(HOVERS)  # tiles of the whole plane, at every zoom that comes
        lesson.zoom(ZOOMS)
        lesson.change_pages(len(PAGES))
        lesson.click(WEIGH_EVERY)
        heap = _heap(page)
        rss = [_rss(app.pid)]
        lesson.hover(HOVERS)
        say("hovered")
        for _ in range(CLICKS // WEIGH_EVERY):
            lesson.click(WEIGH_EVERY)
            rss.append(_rss(app.pid))
        say("clicked")
        lesson.zoom(ZOOMS)
        lesson.change_pages(CHANGES)
        say("changed pages")
        grown = _heap(page) - heap
        lost = page.evaluate("window.__lost")
        rss.append(_rss(app.pid))
    weighed = rss[1:-1]
    # the median slope of all pairs (Theil and Sen): memory given back once is no merit
    slope = np.median(
        [
            (b - a) / (WEIGH_EVERY * (j - i))
            for (i, a), (j, b) in itertools.combinations(enumerate(weighed), 2)
        ]
    )
    return {
        "hovers": HOVERS,
        "clicks": CLICKS,
        "zooms": ZOOMS,
        "page_changes": CHANGES,
        "heap_mb": heap,
        "heap_growth_mb": at_most(HEAP_MB, grown),
        "server_kb_a_click": at_most(SERVER_KB_A_CLICK, float(slope)),
        "server_mb": [round(kb / 1024, 1) for kb in rss],
        "contexts_lost": at_most(0, lost),
        "complaints": at_most(0, len(complaints)) | {"texts": complaints},
    }


class Lesson:
    def __init__(self, page: Any, rng: random.Random) -> None:
        self.page = page
        self.rng = rng

    def hover(self, n: int) -> None:
        for _ in range(n):
            self.page.mouse.move(*self._somewhere())

    def click(self, n: int) -> None:
        for _ in range(n):
            self.page.mouse.click(*self._somewhere())
            self.page.wait_for_selector(EXACT)
            self.page.mouse.move(5, 5)  # else two quick clicks would be a double click
            self.page.wait_for_timeout(320)

    def zoom(self, n: int) -> None:
        for i in range(n):
            self.page.mouse.move(*self._somewhere())
            self.page.mouse.wheel(0, -120 if i % 10 < 5 else 120)
            self.page.wait_for_timeout(60)
        self.page.mouse.dblclick(*self._somewhere())
        self.page.wait_for_timeout(500)

    def change_pages(self, n: int) -> None:
        """From page to page by the sidebar, and back to the map in the end."""
        for i in range(n):
            name = "latent_map" if i == n - 1 else PAGES[i % len(PAGES)]
            address = "/" if name == "latent_map" else f"/{name}"
            link = f'[data-testid="stSidebarNavLink"][href$="{address}"]'
            self.page.locator(link).first.click()
            self.page.wait_for_url(lambda url, address=address: url.split("?")[0].endswith(address))
            maps = 2 if name == "compare" else 1
            self.page.wait_for_function(
                "([ready, all, n]) => document.querySelectorAll(ready).length === n "
                "&& document.querySelectorAll(all).length === n",
                arg=[READY, MAP, maps],
            )

    def _somewhere(self) -> tuple[float, float]:
        box = self.page.locator(f"{MAP} .lm-atlas").first.bounding_box()
        right, down = self.rng.uniform(0.02, 0.9), self.rng.uniform(0.02, 0.95)  # no button there
        return box["x"] + right * box["width"], box["y"] + down * box["height"]


def _heap(page: Any) -> float:
    """Megabytes that the page's scripts hold, after a collection."""
    cdp = page.context.new_cdp_session(page)
    page.mouse.move(5, 5)
    page.wait_for_timeout(1000)
    for _ in range(3):
        cdp.send("HeapProfiler.collectGarbage")
        page.wait_for_timeout(100)
    used = cdp.send("Runtime.getHeapUsage")
    cdp.detach()
    return (used["usedSize"] + used.get("backingStorageSize", 0)) / 1e6


def _rss(pid: int) -> int:
    """Kilobytes of memory that the server holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])
