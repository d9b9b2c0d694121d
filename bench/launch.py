"""The way of a first visitor: start the server, open the map, click, and see the exact picture.

Each launch is a fresh server process and a fresh Chromium profile. In the last one, random empty
places and random points are clicked; the time runs inside the page, from the release of the button
to the exact picture on its canvas. The canvas' bytes are then compared with what the command line
decodes at the z that the canvas names.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.stage import (
    MAP,
    PATIENCE_S,
    ROOT,
    chromium,
    complaints_of,
    open_map,
    percentiles,
    playwright,
    say,
    server,
)

HEALTH_LIMIT_S, READY_LIMIT_S, CLICK_P95_LIMIT_MS = 8.0, 5.0, 250.0

# Watches the picture's canvas: from a released button to the next exact picture.
WATCH = """(root) => {
  const canvas = root.querySelector("canvas[data-testid=decoded]");
  const watch = (window.__watch = { since: null, result: null });
  // read from a copy: reading the page's own canvas would change how the browser keeps it
  const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  addEventListener("pointerup", (event) => { watch.since = event.timeStamp; }, true);
  new MutationObserver(() => {
    if (watch.since === null || canvas.dataset.source !== "exact") return;
    const milliseconds = performance.now() - watch.since;
    const { width, height } = canvas;
    Object.assign(copy.canvas, { width, height });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, width, height);
    const grey = Array.from({ length: width * height }, (_, i) => data[4 * i]);
    watch.result = { milliseconds, z: canvas.dataset.z, width, height, grey };
    watch.since = null;
  }).observe(canvas, { attributes: true, attributeFilter: ["data-z", "data-source"] });
}"""

# What the plane shows: its frame in page pixels, the places at its edges, and all points.
FRAME = """(root) => {
  const graph = root.querySelector(".js-plotly-plot");
  const { xaxis, yaxis } = graph._fullLayout;
  const box = graph.getBoundingClientRect();
  return {
    left: box.left + xaxis._offset, top: box.top + yaxis._offset,
    width: xaxis._length, height: yaxis._length, x: xaxis.range, y: yaxis.range,
    points: graph._fullData.flatMap((t) => Array.from(t.x, (x, i) => [x, t.y[i]])),
  };
}"""

# Whether a button of the map lies over a pixel.
COVERED = "([x, y]) => Boolean(document.elementFromPoint(x, y)?.closest('button'))"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--launches", type=int, default=3, help="cold starts (default: 3)")
    parser.add_argument(
        "--clicks", type=int, default=20, help="clicks on places, and as many on points"
    )
    parser.add_argument("--seed", type=int, default=0, help="decides where is clicked")
    parser.add_argument("--log", type=Path, help="keep the server's log in this file")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    health, ready, clicks = [], [], {}
    with playwright() as driver:
        for number in range(max(1, arguments.launches)):
            with server(arguments.log) as app, chromium(driver) as browser:
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                complaints = complaints_of(page, app.address)
                health.append(app.seconds)
                ready.append(open_map(page, app.address))
                say(f"launch {number + 1}: health {app.seconds:.2f} s, map {ready[-1]:.2f} s")
                if number + 1 == max(1, arguments.launches):
                    clicks = click(page, arguments.clicks, random.Random(arguments.seed))
                    lines = app.log.read_text(errors="replace").splitlines()
    p95 = clicks["all"]["p95_ms"]
    return {
        "benchmark": "launch",
        "cores": os.cpu_count(),
        "health_s": {"values": _rounded(health), "median": round(statistics.median(health), 2)},
        "ready_s": {"values": _rounded(ready), "median": round(statistics.median(ready), 2)},
        **clicks,
        "browser_complaints": complaints,
        "server_complaints": [line for line in lines if _complains(line)],
        "limits": {
            "health_s": HEALTH_LIMIT_S,
            "ready_s": READY_LIMIT_S,
            "p95_ms": CLICK_P95_LIMIT_MS,
        },
        "met": max(health) <= HEALTH_LIMIT_S
        and max(ready) <= READY_LIMIT_S
        and p95 <= CLICK_P95_LIMIT_MS
        and clicks["pictures"]["largest_difference"] <= 1
        and clicks["pictures"]["astray"] == 0,
    }


def click(page: Any, n: int, rng: random.Random) -> dict[str, Any]:
    """Clicks n empty places and n points in a shuffled order, and weighs the answers."""
    root = page.query_selector(MAP)
    run = root.get_attribute("data-run")
    root.evaluate(WATCH)
    kinds = ["place", "point"] * n
    rng.shuffle(kinds)
    answers = []
    for number, kind in enumerate(kinds):
        frame = root.evaluate(FRAME)
        x, y = _spot(kind, frame, rng)
        while page.evaluate(COVERED, [x, y]):
            x, y = _spot(kind, frame, rng)
        page.evaluate("window.__watch.result = null")
        page.mouse.move(x, y, steps=3)
        page.wait_for_timeout(rng.uniform(30, 150))  # a hand is never at once
        page.mouse.down()
        page.mouse.up()
        page.wait_for_function("window.__watch.result", timeout=PATIENCE_S * 1000)
        answer = page.evaluate("window.__watch.result")
        wanted = _place(frame, x, y)
        z = [float(part) for part in answer["z"].split(",")]
        pixels = max(
            abs(a - b) * frame["width"] / (frame["x"][1] - frame["x"][0])
            for a, b in zip(z, wanted, strict=True)
        )
        answers.append({**answer, "kind": kind, "off_px": pixels})
        say(f"click {number + 1}/{len(kinds)}: {kind}, {answer['milliseconds']:.0f} ms")
    times = {kind: [a["milliseconds"] for a in answers if a["kind"] == kind] for kind in set(kinds)}
    return {
        "run": run,
        "places": percentiles(times["place"]),
        "points": percentiles(times["point"]),
        "all": percentiles([a["milliseconds"] for a in answers]),
        "pictures": _compared(run, answers),
    }


def _spot(kind: str, frame: dict[str, Any], rng: random.Random) -> tuple[float, float]:
    """Returns a pixel: of a point inside the frame, or of a place far from every point."""
    (x0, x1), (y0, y1) = frame["x"], frame["y"]
    scale_x, scale_y = frame["width"] / (x1 - x0), frame["height"] / (y1 - y0)
    pixels = [
        (frame["left"] + (x - x0) * scale_x, frame["top"] + (y1 - y) * scale_y)
        for x, y in frame["points"]
    ]
    edge = 12
    while True:
        if kind == "point":
            x, y = rng.choice(pixels)
        else:
            x = frame["left"] + rng.uniform(0, frame["width"])
            y = frame["top"] + rng.uniform(0, frame["height"])
            if any(abs(px - x) < 10 and abs(py - y) < 10 for px, py in pixels):
                continue
        inside_x = edge < x - frame["left"] < frame["width"] - edge
        if inside_x and edge < y - frame["top"] < frame["height"] - edge:
            return x, y


def _place(frame: dict[str, Any], x: float, y: float) -> tuple[float, float]:
    (x0, x1), (y0, y1) = frame["x"], frame["y"]
    across = (x - frame["left"]) / frame["width"]
    down = (y - frame["top"]) / frame["height"]
    return x0 + across * (x1 - x0), y1 - down * (y1 - y0)


def _compared(run: str, answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Compares each picture, in grey levels, with the command line's at the same z."""
    import numpy as np

    from vae_core.inference import to_uint8
    from vae_core.runs import list_runs

    folder = next(found.path for found in list_runs() if found.id == run)
    command = [sys.executable, "-m", "vae_core", "decode", str(folder), "--json"]
    command += [f"--z={answer['z']}" for answer in answers]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    wanted = to_uint8(np.array(json.loads(done.stdout)["images"])).astype(int)
    shown = np.array([a["grey"] for a in answers]).reshape(wanted.shape)
    differences = np.abs(shown - wanted).reshape(len(answers), -1).max(axis=1)
    return {
        "n": len(answers),
        "identical": int((differences == 0).sum()),
        "largest_difference": int(differences.max()),
        # a click may mean a point up to 6 pixels away; the pixel itself is rounded
        "astray": sum(answer["off_px"] > 8 for answer in answers),
    }


def _complains(line: str) -> bool:
    return any(word in line.lower() for word in ("error", "warning", "traceback", "exception"))


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 3) for value in values]
