"""A class that clicks: sessions over Streamlit's own websocket, without browsers.

`python -m bench.crowd ADDRESS SESSIONS SECONDS` opens the sessions and prints "ready"; each then
clicks once a second as the map does: it asks for the exact decode of a random place and tells
Streamlit what is pinned, which runs the map's fragment again. It ends when its
input is closed, or after so many seconds, and prints, as JSON, how long the clicks took. A process
of its own, so that it does not slow down whoever measures beside it.
"""

import asyncio
import contextlib
import hashlib
import json
import random
import sys
import time
from typing import Any

import httpx2
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from bench.stage import percentiles

PATIENCE_S = 60.0


class Session:
    """One visitor: the page is run once, then the map's pin is set again and again."""

    def __init__(self, address: str, number: int) -> None:
        self.address = address
        # what the app gives each browser; a proxy keeps visitors with their servers by it
        secret = hashlib.sha256(str(number).encode()).hexdigest()[:43]
        self.cookie = {"Cookie": f"latent-owner={secret}"}
        self.rng = random.Random(number)
        self.cached: list[str] = []
        self.map_id = self.fragment_id = ""
        self.map_data: dict[str, Any] = {}
        self.decodes_ms: list[float] = []
        self.reruns_ms: list[float] = []

    async def run(
        self, http: httpx2.AsyncClient, opened: asyncio.Barrier, over: asyncio.Event
    ) -> None:
        address = self.address.replace("http", "ws", 1) + "/_stcore/stream"
        # between two clicks nobody reads: nothing may wait for that, not even the end
        patient = {"max_size": None, "max_queue": None, "ping_interval": None, "close_timeout": 1}
        async with websockets.connect(
            address, subprotocols=["streamlit"], additional_headers=self.cookie, **patient
        ) as socket:
            self.socket = socket
            await self.rerun()
            await opened.wait()
            await asyncio.sleep(self.rng.random())
            while not over.is_set():
                begin = time.perf_counter()
                await self.click(http)
                await asyncio.sleep(max(0.0, 1 - (time.perf_counter() - begin)))

    async def click(self, http: httpx2.AsyncClient) -> None:
        run, z = self.map_data["run"], [self.rng.uniform(-3, 3), self.rng.uniform(-3, 3)]
        begin = time.perf_counter()
        url = f"{self.address}/api/runs/{run['id']}/{run['digest']}/place?z={z[0]},{z[1]}"
        (await http.get(url, headers=self.cookie)).raise_for_status()
        self.decodes_ms.append(1000 * (time.perf_counter() - begin))
        await self.rerun({"pin": {"z": z, "index": None, "at": time.time_ns()}})
        self.reruns_ms.append(1000 * (time.perf_counter() - begin))

    async def rerun(self, state: dict[str, Any] | None = None) -> None:
        """Runs the page, or with a state of the map its fragment only, and waits for the end."""
        message = BackMsg()
        request = message.rerun_script
        request.cached_message_hashes.extend(self.cached)
        if state:
            request.fragment_id = self.fragment_id
            request.widget_states.widgets.add(id=self.map_id, json_value=json.dumps(state))
        await self.socket.send(message.SerializeToString())
        while True:
            forward = ForwardMsg()
            forward.ParseFromString(await asyncio.wait_for(self.socket.recv(), PATIENCE_S))
            if forward.metadata.cacheable:
                self.cached.append(forward.hash)
            kind = forward.WhichOneof("type")
            if kind == "delta":
                self.notice(forward.delta)
            elif kind == "script_finished":
                return

    def notice(self, delta: Any) -> None:
        element = delta.new_element
        if element.WhichOneof("type") == "bidi_component":
            component = element.bidi_component
            self.map_id, self.fragment_id = component.id, delta.fragment_id
            if component.json:
                self.map_data = json.loads(component.json)


async def crowd(address: str, sessions: int, seconds: float) -> dict[str, Any]:
    opened, over = asyncio.Barrier(sessions + 1), asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, over.set)
    people = [Session(address, number) for number in range(sessions)]
    async with httpx2.AsyncClient(timeout=PATIENCE_S) as http, asyncio.TaskGroup() as group:
        for person in people:
            group.create_task(person.run(http, opened, over))
        await opened.wait()
        print("ready", flush=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), seconds)
        over.set()
    decodes = [ms for person in people for ms in person.decodes_ms]
    reruns = [ms for person in people for ms in person.reruns_ms]
    return {
        "sessions": sessions,
        "clicks": len(decodes),
        "decode": percentiles(decodes),
        "decode_and_rerun": percentiles(reruns),
    }


if __name__ == "__main__":
    target, count, duration = sys.argv[1:]
    print(json.dumps(asyncio.run(crowd(target, int(count), float(duration)))))
