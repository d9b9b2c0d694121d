"""Hovering: from a pointer move to the redrawn picture, and what it asks of the server.

The pointer goes twice along one curve through the whole plane. The first time tiles arrive; the
second time is measured: the plane has been seen, so nothing may be asked for. A move's time runs
from the moment the page hears of it (Chromium tells once a frame) to the picture on the canvas;
`since_input` runs from the moment the browser got it, waiting for the frame included. Sixty
thousand points are the gallery's codes twelve times, each a little beside itself. With layers on
all are on that go together, every posterior is drawn, and a point is pinned.
"""

import base64
import json
import math
import time
from typing import Any

import numpy as np

from bench.stage import (
    MAP,
    at_least,
    at_most,
    chromium,
    complaints_of,
    nearest_rank,
    open_map,
    say,
    server,
    settle,
)

RUN = "vae-keras-dense"
P95_MS, REDRAWS_A_SECOND = 16.7, 50
SECONDS = 6.0
MOVES_A_SECOND = 125  # as an ordinary mouse reports
COPIES = 12
LAYERS = ("density", "posterior", "trust", "neighbours")  # beside those that are on at first

WATCH = """(root) => {
  const canvas = root.querySelector("canvas[data-testid=decoded]");
  const watch = (window.__hover = { heard: [], input: [], at: [], pending: null, frames: 0 });
  addEventListener("pointermove", ({ timeStamp }) => {
    watch.pending ??= { timeStamp, heard: performance.now() };
  }, true);
  new MutationObserver(() => {
    if (!watch.pending) return;
    const now = performance.now();
    watch.heard.push(now - watch.pending.heard);
    watch.input.push(now - watch.pending.timeStamp);
    watch.at.push(now);
    watch.pending = null;
  }).observe(canvas, { attributes: true, attributeFilter: ["data-z"] });
  const count = () => { watch.frames += 1; requestAnimationFrame(count); };
  requestAnimationFrame(count);
}"""
RESET = """() => Object.assign(window.__hover, {
  heard: [], input: [], at: [], pending: null, frames: 0 })"""


def measure(driver: Any, seed: int) -> dict[str, Any]:
    with server() as app:
        settle(app)
        return {
            "5,000 points": _hover(driver, app.address, 1, seed),
            "60,000 points": _hover(driver, app.address, COPIES, seed),
            "5,000 points, layers on": _hover(driver, app.address, 1, seed, LAYERS),
        }


def _hover(
    driver: Any, address: str, copies: int, seed: int, layers: tuple[str, ...] = ()
) -> dict[str, Any]:
    with chromium(driver) as browser:
        # with layers the switches stand below the plane: all of it has to be in sight at once
        page = browser.new_page(viewport={"width": 1400, "height": 1400 if layers else 900})
        complaints = complaints_of(page, address)
        if copies > 1:
            page.route("**/map.json", lambda route: _multiply(route, copies, seed))
        open_map(page, f"{address}/?run={RUN}{'&digit=7' if layers else ''}")
        for name in layers:
            page.locator(f"{MAP} .lm-pills [data-layer={name}]").click()
        if layers:
            page.locator(f"{MAP} .lm-legend [data-layer=posterior] button").click()
            page.wait_for_load_state("networkidle")
        asked: list[str] = []
        messages: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        cdp = page.context.new_cdp_session(page)
        for event in ("Network.webSocketFrameSent", "Network.webSocketFrameReceived"):
            cdp.on(event, lambda frame, event=event: messages.append(event))
        cdp.send("Network.enable")
        box = page.locator(f"{MAP} .lm-atlas").bounding_box()
        page.locator(MAP).evaluate(WATCH)
        before = -1
        while len(asked) != before:  # until the whole way has been seen
            before = len(asked)
            _travel(page, box, SECONDS)
            page.wait_for_timeout(1500)
        seen = len(asked)
        asked.clear()
        messages.clear()
        page.evaluate(RESET)
        begin = time.perf_counter()
        _travel(page, box, SECONDS)
        seconds = time.perf_counter() - begin
        got = page.evaluate("window.__hover")
        page.wait_for_timeout(200)
        points = page.evaluate(
            "document.querySelector('.js-plotly-plot')._fullData"
            ".reduce((n, trace) => n + trace.x.length, 0)"
        )
    rate = len(got["at"]) / seconds
    p95 = nearest_rank(got["heard"], 0.95)
    say(f"{points} points: p95 {p95:.1f} ms, {rate:.0f} redraws a second")
    return {
        "points": points,
        "redraws": len(got["at"]),
        "p95_ms": at_most(P95_MS, p95),
        "p50_ms": nearest_rank(got["heard"], 0.5),
        "since_input_p95_ms": nearest_rank(got["input"], 0.95),
        "redraws_a_second": at_least(REDRAWS_A_SECOND, rate),
        "frames_a_second": got["frames"] / seconds,
        "requests_while_first_seen": seen,
        "requests_when_seen": at_most(0, len(asked)),
        "websocket_messages": at_most(0, len(messages)),
        "complaints": at_most(0, len(complaints)) | {"texts": complaints},
    }


def _travel(page: Any, box: dict[str, float], seconds: float) -> None:
    """A closed curve that visits the whole plane, at a mouse's pace."""
    n = int(seconds * MOVES_A_SECOND)
    begin = time.perf_counter()
    for i in range(n):
        turn = 2 * math.pi * i / n
        x = box["x"] + box["width"] * (0.5 + 0.46 * math.sin(5 * turn))
        y = box["y"] + box["height"] * (0.5 + 0.46 * math.sin(4 * turn))
        page.mouse.move(x, y)
        time.sleep(max(0.0, begin + (i + 1) / MOVES_A_SECOND - time.perf_counter()))


def _multiply(route: Any, copies: int, seed: int) -> None:
    answer = route.fetch()
    content = answer.json()
    rng = np.random.default_rng(seed)
    spread = 0.01 * content["plane"]["half"]
    for trace in content["figure"]["data"]:
        for axis in ("x", "y"):
            codes = np.tile(_array(trace[axis]), copies)
            codes += rng.normal(0, spread, codes.shape).astype(codes.dtype)
            trace[axis] = _written(codes)
        # each copy is the same image again, so that its card has a picture
        index = _array(trace["customdata"]).astype(np.int32)
        trace["customdata"] = _written(np.tile(index, copies))
    route.fulfill(status=200, content_type="application/json", body=json.dumps(content))


def _array(written: Any) -> np.ndarray:
    if isinstance(written, list):
        return np.array(written)
    return np.frombuffer(base64.b64decode(written["bdata"]), f"<{written['dtype']}")


def _written(array: np.ndarray) -> dict[str, str]:
    return {
        "dtype": f"{array.dtype.kind}{array.dtype.itemsize}",
        "bdata": base64.b64encode(array.tobytes()).decode(),
    }
