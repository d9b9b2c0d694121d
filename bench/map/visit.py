"""First and second visit: seconds to a usable map, and bytes over the wire.

A first visit meets a server that has warmed up but seen nobody, and an empty browser; a second one
meets the same browser's cache. Bytes are what Chromium received, headers and all, until nothing
more arrives, plus the messages of Streamlit's websocket unpacked, which is more than travelled.
"""

import statistics
from typing import Any
from urllib.parse import urlsplit

from bench.stage import at_most, chromium, complaints_of, open_map, say, server, settle

LAUNCHES = 3
FIRST_S, SECOND_S, FIRST_MB = 3.5, 2.0, 3.0
QUIET_MS = 3000
HEAVIEST = 8


def measure(driver: Any, seed: int) -> dict[str, Any]:
    first, second, complaints = [], [], []
    for number in range(LAUNCHES):
        with server() as app, chromium(driver) as browser:
            settle(app)
            context = browser.new_context(viewport={"width": 1400, "height": 900})
            for visits in (first, second):
                page = context.new_page()
                heard = complaints_of(page, app.address)
                traffic = Traffic(context.new_cdp_session(page))
                seconds = open_map(page, app.address)
                page.wait_for_timeout(QUIET_MS)
                visits.append((seconds, traffic))
                complaints += heard
                page.close()
        say(f"launch {number + 1}: {first[-1][0]:.2f} s, again {second[-1][0]:.2f} s")
    return {
        "first_s": at_most(FIRST_S, statistics.median(seconds for seconds, _ in first)),
        "second_s": at_most(SECOND_S, statistics.median(seconds for seconds, _ in second)),
        "first_mb": at_most(FIRST_MB, max(traffic.total for _, traffic in first) / 1e6),
        "second_mb": max(traffic.total for _, traffic in second) / 1e6,
        "first_s_values": [seconds for seconds, _ in first],
        "second_s_values": [seconds for seconds, _ in second],
        "heaviest_kb": first[-1][1].heaviest(),
        "complaints": at_most(0, len(complaints)) | {"texts": complaints},
    }


class Traffic:
    """Counts what a page receives, from the moment it is made."""

    def __init__(self, cdp: Any) -> None:
        self.names: dict[str, str] = {}
        self.bytes: dict[str, float] = {}
        self.websocket = 0
        cdp.on("Network.requestWillBeSent", self._asked)
        cdp.on("Network.loadingFinished", self._finished)
        cdp.on("Network.webSocketFrameReceived", self._message)
        cdp.send("Network.enable")

    @property
    def total(self) -> float:
        return sum(self.bytes.values()) + self.websocket

    def heaviest(self) -> dict[str, float]:
        by_name: dict[str, float] = {"websocket": self.websocket}
        for request, size in self.bytes.items():
            path = urlsplit(self.names.get(request, "")).path
            name = "/tiles" if path.startswith("/tiles/") else path.rsplit("/", 1)[-1] or "/"
            by_name[name] = by_name.get(name, 0) + size
        ranked = sorted(by_name.items(), key=lambda pair: -pair[1])[:HEAVIEST]
        return {name: round(size / 1e3, 1) for name, size in ranked}

    def _asked(self, event: dict[str, Any]) -> None:
        self.names[event["requestId"]] = event["request"]["url"]

    def _finished(self, event: dict[str, Any]) -> None:
        self.bytes[event["requestId"]] = event["encodedDataLength"]

    def _message(self, event: dict[str, Any]) -> None:
        data, binary = event["response"]["payloadData"], event["response"]["opcode"] == 2
        self.websocket += len(data) * 3 // 4 if binary else len(data)  # binary comes as base64
