"""Thirty sessions press Train within a second, while others go on clicking on the map.

Real sessions over Streamlit's websocket, in a runs folder of their own. One training may start for
each place, the others wait with their position; decodes of those who only click may take twice as
long as before, not more, from the first press on. Many presses from one session have to be one job.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from bench.stage import at_most, crowd, say, server, settle
from vae_core import jobs

PATIENCE_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--presses", type=int, default=50, help="of one more session")
    parser.add_argument("--clickers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20.0)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LATENT_RUNS"] = folder
        try:
            with server() as app, asyncio.Runner() as runner:
                settle(app)
                idle, _ = _clicks(app.address, arguments, lambda: None)
                say(f"before: {idle['decode']}")
                people = [Student(app.address) for _ in range(arguments.sessions + 1)]
                runner.run(_open(people))

                def rush() -> tuple[float, float, Any]:
                    answered = runner.run(_rush(people, arguments.presses))
                    time.sleep(2)  # the queue looks twice a second
                    return *answered, jobs.jobs()

                busy, (sent, answered, found) = _clicks(app.address, arguments, rush)
                say(f"while all press and trainings run: {busy['decode']}")
        finally:
            for job in jobs.jobs():
                if not job.over:
                    jobs.stop(job.path)
            _end_workers()
    places = jobs.places()["cpu"]
    started = sum(job.status in jobs.BUSY for job in found)
    positions = sorted(job.position for job in found if job.position)
    return {
        "seconds_until_all_have_pressed": round(sent, 2),
        "seconds_until_all_are_answered": round(answered, 2),
        "jobs": {"value": len(found), "wanted": arguments.sessions + 1},
        "started": {"value": started, "places": places, "met": started == places},
        "queued_with_position": positions == list(range(1, len(found) - started + 1)),
        "decode_before": idle["decode"],
        "decode_while_training": busy["decode"],
        "decode_p95_ratio": at_most(2.0, busy["decode"]["p95_ms"] / idle["decode"]["p95_ms"]),
    }


def _clicks(
    address: str, arguments: argparse.Namespace, meanwhile: Callable[[], Any]
) -> tuple[dict[str, Any], Any]:
    """Lets others click for a while; does something once they do, and returns its result too."""
    with crowd(address, arguments.clickers, arguments.seconds) as others:
        done = meanwhile()
        said = others.stdout.read()
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found, done


async def _open(people: Sequence["Student"]) -> None:
    for person in people:
        await person.open()


async def _rush(people: Sequence["Student"], presses: int) -> tuple[float, float]:
    """Presses all buttons; returns the seconds until that was done, and until all had answers."""
    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for person in people[:-1]:
            group.create_task(person.press(1))
        group.create_task(people[-1].press(presses))
    sent = time.perf_counter() - begin
    async with asyncio.TaskGroup() as group:
        for person in people:
            group.create_task(person.finished())
    answered = time.perf_counter() - begin
    for person in people:
        await person.socket.close()
    return sent, answered


class Student:
    """A session with the form of a recipe open."""

    def __init__(self, address: str) -> None:
        self.address = address.replace("http", "ws", 1) + "/_stcore/stream"
        self.cached: list[str] = []
        self.button = ""

    async def open(self) -> None:
        options = {"max_size": None, "ping_interval": None, "close_timeout": 1}
        self.socket = await websockets.connect(self.address, subprotocols=["streamlit"], **options)
        await self._send(self._message())
        await self.finished()

    async def press(self, times: int) -> None:
        for _ in range(times):
            message = self._message()
            widgets = message.rerun_script.widget_states.widgets
            widgets.add(id=self.button, trigger_value=True)
            await self._send(message)

    def _message(self) -> BackMsg:
        message = BackMsg()
        request = message.rerun_script
        request.page_name, request.query_string = "train", "recipe=vae-shallow"
        request.cached_message_hashes.extend(self.cached)
        return message

    async def _send(self, message: BackMsg) -> None:
        await self.socket.send(message.SerializeToString())

    async def finished(self) -> None:
        while True:
            forward = ForwardMsg()
            forward.ParseFromString(await asyncio.wait_for(self.socket.recv(), PATIENCE_S))
            if forward.metadata.cacheable:
                self.cached.append(forward.hash)
            element = forward.delta.new_element
            if element.WhichOneof("type") == "button" and element.button.id.endswith("-start"):
                self.button = element.button.id
            if forward.WhichOneof("type") == "script_finished":
                return


def _end_workers() -> None:
    """Waits until the trainings have heard that they are to stop."""
    deadline = time.monotonic() + PATIENCE_S
    while any(jobs.is_held(job.path) for job in jobs.jobs()) and time.monotonic() < deadline:
        time.sleep(0.2)
