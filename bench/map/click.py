"""Clicking: from a released button to the exact picture, alone and with a class that clicks too."""

import json
import random
from typing import Any

from bench.launch import click
from bench.stage import at_most, chromium, complaints_of, crowd, open_map, server, settle

CLICKS = 40  # on places, and as many on points
ALONE_P95_MS, CROWD_P95_MS = 150.0, 300.0
OTHERS = 30
LONGEST_S = 300  # that the others go on, should this process be lost


def measure(driver: Any, seed: int) -> dict[str, Any]:
    with server() as app:
        settle(app)
        alone = _clicks(driver, app.address, seed, ALONE_P95_MS)
        with crowd(app.address, OTHERS, LONGEST_S) as others:
            together = _clicks(driver, app.address, seed + 1, CROWD_P95_MS)
            said = others.communicate()[0]  # closes its input
    return {"alone": alone, f"with {OTHERS} others": together, "others": json.loads(said)}


def _clicks(driver: Any, address: str, seed: int, limit: float) -> dict[str, Any]:
    with chromium(driver) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        complaints = complaints_of(page, address)
        open_map(page, address)
        found = click(page, CLICKS, random.Random(seed))
    return {
        "p95_ms": at_most(limit, found["all"]["p95_ms"]),
        **found,
        "largest_difference": at_most(1, found["pictures"]["largest_difference"]),
        "complaints": at_most(0, len(complaints)) | {"texts": complaints},
    }
