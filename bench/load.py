"""A class that clicks once a second, against one server and several behind the real nginx.

What a click costs a server, what an open page takes of its memory, how fast the proxy hands out
kept tiles: measured. How many servers a course needs: simulated from these figures, and marked so.
The model: clicks of many people come at random (Poisson), each person belongs to one server at
random, a server is one process that serves one click after the other, and a click takes it the
measured processor time, exponentially spread. Network, browsers and trainings are not in it.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import math
import os
import random
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.proxy import proxy
from bench.stage import Server, crowd, nearest_rank, percentiles, say, server, settle

COURSES = (30, 100, 300, 1000, 3000, 10_000)
PATIENT_MS = 200.0  # p95 of an answer that still feels like one
CONNECTIONS = 8  # that ask for tiles
CLICKS_SIMULATED = 60_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--servers", default="1,2", help="numbers of servers, with commas")
    parser.add_argument("--sessions", default="30,60", help="numbers of sessions, with commas")
    parser.add_argument("--seconds", type=float, default=15.0, help="of clicking")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    counts = [int(n) for n in arguments.servers.split(",")]
    sessions = [int(n) for n in arguments.sessions.split(",")]
    rows, tiles = [], {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"LATENT_RUNS": folder, "LATENT_PLACES": "0"}
        for n in counts:
            with contextlib.ExitStack() as stack:
                servers = [stack.enter_context(server()) for _ in range(n)]
                for one in servers:
                    settle(one)
                front = stack.enter_context(proxy([one.address for one in servers]))
                for count in sessions:
                    rows.append(_clicks(front.address, servers, count, arguments.seconds))
                    say(json.dumps(rows[-1]))
                if not tiles:
                    tiles = asyncio.run(_tiles(front.address, arguments.seconds / 3))
                    say(json.dumps(tiles))
    click_ms = sorted(row["server_ms_a_click"] for row in rows)[len(rows) // 2]
    page_mb = max(row["memory_mb_a_session"] for row in rows)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "measured": rows,
        "kept_tiles": tiles,
        "simulated": {
            "server_ms_a_click": click_ms,
            "check": [_check(row) for row in rows],
            "courses": [_course(n, click_ms, page_mb) for n in COURSES],
        },
    }


def _clicks(address: str, servers: Sequence[Server], count: int, seconds: float) -> dict[str, Any]:
    memory = sum(_memory_mb(one.pid) for one in servers)
    with crowd(address, count, seconds) as others:
        before = [_processor_s(one.pid) for one in servers]
        said = others.stdout.readline()
        used = [_processor_s(one.pid) - b for one, b in zip(servers, before, strict=True)]
        grown = sum(_memory_mb(one.pid) for one in servers) - memory
    found = json.loads(said)
    return {
        "servers": len(servers),
        "sessions": count,
        "clicks_a_second": round(found["clicks"] / seconds, 1),
        "decode": found["decode"],
        "decode_and_rerun": found["decode_and_rerun"],
        "server_ms_a_click": round(1000 * sum(used) / found["clicks"], 2),
        "share_of_each_server": [round(one / sum(used), 2) for one in used],
        "memory_mb_a_server": round((memory + grown) / len(servers)),
        "memory_mb_a_session": round(max(grown, 0) / count, 2),
    }


async def _tiles(address: str, seconds: float) -> dict[str, Any]:
    """Asks the proxy for the first map's tiles over and over; a server makes each once."""
    host, _, port = address.removeprefix("http://").partition(":")
    paths = await asyncio.to_thread(_tile_paths, address)
    begin = time.perf_counter()
    for path in paths:
        await asyncio.to_thread(lambda p=path: urllib.request.urlopen(address + p).read())
    first_ms = 1000 * (time.perf_counter() - begin) / len(paths)
    times: list[float] = []
    got = 0

    async def ask(turn: "itertools.cycle[str]", until: float) -> None:
        nonlocal got
        reader, writer = await asyncio.open_connection(host, int(port))
        while time.perf_counter() < until:
            begin = time.perf_counter()
            writer.write(f"GET {next(turn)} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            last = "connection: close" in head  # after so many answers the proxy wants a new one
            length = int(head.split("content-length: ")[1].split("\r\n")[0])
            got += len(await reader.readexactly(length))
            assert "x-cache-status: hit" in head, head
            times.append(1000 * (time.perf_counter() - begin))
            if last:
                writer.close()
                reader, writer = await asyncio.open_connection(host, int(port))
        writer.close()

    begin = time.perf_counter()
    turn = itertools.cycle(paths)
    await asyncio.gather(*(ask(turn, begin + seconds) for _ in range(CONNECTIONS)))
    elapsed = time.perf_counter() - begin
    return {
        "made_by_a_server_ms": round(first_ms, 1),
        "kept_a_second": round(len(times) / elapsed),
        "kept": percentiles(times),
        "megabytes_a_second": round(got / elapsed / 2**20, 1),
        "note": "one asking process in Python: the proxy could do more",
    }


def _tile_paths(address: str) -> list[str]:
    request = urllib.request.Request(f"{address}/", headers={"Accept": "text/html"})
    page = urllib.request.urlopen(request).read().decode()
    first = page.partition('"/tiles/')[2].partition("/0/0/0.png")[0]
    return [f"/tiles/{first}/2/{column}/{row}.png" for column in range(4) for row in range(4)]


# --- simulated --------------------------------------------------------------------------------


def simulate(people: int, servers: int, click_ms: float, *, seed: int = 0) -> float:
    """Returns the p95 of an answer, ms, of the model that this module describes.

    Every person clicks once a second on the average, as the measured ones do.
    """
    rng = random.Random(seed)
    # who belongs to whom is random too: the fullest server decides
    members = [0] * servers
    for _ in range(people):
        members[rng.randrange(servers)] += 1
    answers: list[float] = []
    for count in members:
        clicks = max(CLICKS_SIMULATED * count // people, 1) if count else 0
        now = free = 0.0
        for _ in range(clicks):
            now += rng.expovariate(count)
            free = max(now, free) + rng.expovariate(1000 / click_ms)
            answers.append(1000 * (free - now))
    return nearest_rank(answers, 0.95)


def _check(row: dict[str, Any]) -> dict[str, Any]:
    """The model beside what was measured; where servers were full, it has no answer."""
    simulated = None
    if row["sessions"] * row["server_ms_a_click"] < 900 * row["servers"]:
        simulated = round(simulate(row["sessions"], row["servers"], row["server_ms_a_click"]), 1)
    return {
        "servers": row["servers"],
        "sessions": row["sessions"],
        "simulated_p95_ms": simulated,
        "measured_p95_ms": row["decode_and_rerun"]["p95_ms"],
    }


def _course(people: int, click_ms: float, page_mb: float) -> dict[str, Any]:
    """How many servers, a core each, so many people need who all click once a second."""
    n = max(math.ceil(people * click_ms / 1000), 1)
    while simulate(people, n, click_ms) > PATIENT_MS:
        n = math.ceil(n * 1.05) if n > 20 else n + 1
    return {
        "people": people,
        "servers": n,
        "p95_ms": round(simulate(people, n, click_ms), 1),
        "memory_gb_of_open_pages": round(people * page_mb / 1024, 1),
    }


def _memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
