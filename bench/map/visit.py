"""First and second visit: seconds to a usable map, and bytes over the wire.

A first visit meets a server that has warmed up but seen nobody, and an empty browser; a second one
meets the same browser's cache. Seconds run from the navigation to the frame that shows the map, on
a page that no debugger watches: on Playwright's pages Chromium notes where each exception that
Plotly catches came from, and reads Plotly three times more for it. Those seconds are `watched`.
Bytes are what Chromium received, headers and all, until nothing more arrives, plus the messages of
Streamlit's websocket unpacked, which is more than travelled.
"""

import json
import statistics
import time
from typing import Any
from urllib.parse import urlsplit

from bench.stage import (
    PATIENCE_S,
    READY,
    at_most,
    chromium,
    complaints_of,
    open_map,
    say,
    server,
    settle,
)

LAUNCHES = 3
FIRST_S, SECOND_S, FIRST_MB = 3.5, 2.0, 3.0
QUIET_MS = 3000
HEAVIEST = 8
SIZE = {"width": 1400, "height": 900}

# When a ready map has been painted, in seconds since 1970
PAINTED = """
  new MutationObserver((_, watching) => {
    if (!document.querySelector("%s")) return;
    watching.disconnect();
    requestAnimationFrame(() => setTimeout(() => {
      window.__painted = (performance.timeOrigin + performance.now()) / 1000;
    }));
  }).observe(document, { subtree: true, childList: true, attributes: true,
                         attributeFilter: ["data-ready"] });
"""


def measure(driver: Any, seed: int) -> dict[str, Any]:
    first, second = Visits(), Visits()
    for number in range(LAUNCHES):
        with server() as app:
            settle(app)
            with chromium(driver) as browser:
                cdp = browser.new_browser_cdp_session()
                context = cdp.send("Target.createBrowserContext")["browserContextId"]
                for visits in (first, second):
                    visits.seconds.append(Tab(cdp, context).visit(app.address))
            with chromium(driver) as browser:
                context = browser.new_context(viewport=SIZE)
                for visits in (first, second):
                    visits.watch(context, app.address)
        say(f"launch {number + 1}: {first.seconds[-1]:.2f} s, again {second.seconds[-1]:.2f} s")
    complaints = first.complaints + second.complaints
    return {
        "first_s": at_most(FIRST_S, statistics.median(first.seconds)),
        "second_s": at_most(SECOND_S, statistics.median(second.seconds)),
        "first_mb": at_most(FIRST_MB, max(first.megabytes)),
        "second_mb": max(second.megabytes),
        "first_s_values": first.seconds,
        "second_s_values": second.seconds,
        "first_watched_s_values": first.watched,
        "second_watched_s_values": second.watched,
        "heaviest_kb": first.heaviest,
        "complaints": at_most(0, len(complaints)) | {"texts": complaints},
    }


class Visits:
    """What is found out about all first visits, or about all second ones."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.watched: list[float] = []
        self.megabytes: list[float] = []
        self.complaints: list[str] = []
        self.heaviest: dict[str, float] = {}

    def watch(self, context: Any, address: str) -> None:
        page = context.new_page()
        heard = complaints_of(page, address)
        traffic = Traffic(context.new_cdp_session(page))
        self.watched.append(open_map(page, address))
        page.wait_for_timeout(QUIET_MS)
        self.megabytes.append(traffic.total / 1e6)
        self.heaviest = traffic.heaviest()
        self.complaints += heard
        page.close()


class Tab:
    """A page that Playwright does not know of, so that nothing in it is debugged."""

    def __init__(self, cdp: Any, context: str) -> None:
        self.cdp = cdp
        self.answers: dict[int, dict[str, Any]] = {}
        where = {"url": "about:blank", "browserContextId": context, **SIZE}
        self.target = cdp.send("Target.createTarget", where)["targetId"]
        attached = {"targetId": self.target, "flatten": False}
        self.session = cdp.send("Target.attachToTarget", attached)["sessionId"]
        cdp.on("Target.receivedMessageFromTarget", self._hear)

    def visit(self, address: str) -> float:
        """Goes to a page with a map; returns the seconds until the map has been painted."""
        self._call("Page.enable")
        self._call("Page.addScriptToEvaluateOnNewDocument", source=PAINTED % READY)
        begin = time.time()
        self._call("Page.navigate", url=address)
        while time.time() < begin + PATIENCE_S:
            answer = self._call("Runtime.evaluate", expression="window.__painted ?? 0")
            if painted := answer["result"]["value"]:
                time.sleep(QUIET_MS / 1000)
                self._close()
                return float(painted - begin)
            time.sleep(0.1)
        raise TimeoutError(f"no map within {PATIENCE_S} s")

    def _close(self) -> None:
        """Closes the page; the next one has a window of its own only once this one has gone."""
        self.cdp.send("Target.closeTarget", {"targetId": self.target})
        targets = [{"targetId": self.target}]
        while any(one["targetId"] == self.target for one in targets):
            time.sleep(0.05)
            targets = self.cdp.send("Target.getTargets")["targetInfos"]

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = len(self.answers) + 1
        message = json.dumps({"id": number, "method": method, "params": parameters})
        self.cdp.send("Target.sendMessageToTarget", {"sessionId": self.session, "message": message})
        while number not in self.answers:
            self.cdp.send("Target.getTargetInfo", {"targetId": self.target})  # lets events in
            time.sleep(0.005)
        return self.answers[number]

    def _hear(self, event: dict[str, Any]) -> None:
        message = json.loads(event["message"])
        if event["sessionId"] == self.session and "id" in message:
            self.answers[message["id"]] = message.get("result", {})


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
