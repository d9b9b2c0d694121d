"""Laws of `deploy/`: what the files name exists, and the real nginx does what they promise.

Docker is not needed: the images themselves are not built here.
"""

import asyncio
import gzip
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
import yaml

from bench import NotPossible
from bench.crowd import Session
from bench.proxy import CONFIGURATION, Proxy, adapted, proxy
from bench.stage import ROOT, server
from ui.quota import MAX_BODY

PATIENCE_S = 10
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
NGINX = CONFIGURATION.read_text()


# --- the files --------------------------------------------------------------------------------


def test_the_proxy_finds_the_servers_where_compose_puts_them() -> None:
    (name, port) = re.findall(r"server (\w+):(\d+) ", NGINX)[0]
    assert port in COMPOSE["services"][name]["expose"]
    assert f"EXPOSE {port}" in DOCKERFILE
    assert f'"--server.port", "{port}"' in DOCKERFILE
    assert f"127.0.0.1:{port}/api/health" in DOCKERFILE
    (listens,) = re.findall(r"listen (\d+) ", NGINX)
    published = COMPOSE["services"]["proxy"]["ports"]
    assert [one.partition(":")[2] for one in published] == [listens]


def test_compose_names_files_volumes_and_services_that_exist() -> None:
    for service in COMPOSE["services"].values():
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            known = (DEPLOY / source).is_file() if "/" in source else source in COMPOSE["volumes"]
            assert known, volume
        for other in service.get("depends_on", {}):
            assert other in COMPOSE["services"]
        build = service.get("build")
        if build:
            assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
            assert set(build["args"]) == set(re.findall(r"^ARG (\w+)", DOCKERFILE, re.MULTILINE))


def test_the_image_holds_all_that_the_app_reads_and_runs_as_nobody_special() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    assert all((ROOT / name).exists() for name in names)
    packages = {path.parent.name for path in ROOT.glob("*/*.py")} - {"bench", "tests"}
    assert packages <= names
    assert {"app.py", ".streamlit", "checkpoints", "galleries"} <= names
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    for name in names:
        assert any(line.startswith(f"!{name}") for line in allowed), name
    before, _, after = DOCKERFILE.partition("USER playground")
    assert "CMD" in after
    assert "USER" not in before
    for folder in re.findall(r"(?:runs|data|cache):(/\w+)", (DEPLOY / "compose.yaml").read_text()):
        assert f"={folder}" in DOCKERFILE
        assert f'"{folder}"' in DOCKERFILE


def test_the_proxy_lets_through_what_the_app_takes() -> None:
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", NGINX)
    assert int(megabytes) * 2**20 >= MAX_BODY


# --- the real nginx before two real servers -------------------------------------------------------


@pytest.fixture(scope="module")
def front() -> Iterator[Proxy]:
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("LATENT_PLACES", "0")
        try:
            stack.enter_context(proxy(["http://127.0.0.1:9"]))
        except NotPossible as error:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(error))
        servers = [stack.enter_context(server()) for _ in range(2)]
        yield stack.enter_context(proxy([one.address for one in servers]))


def asked(front: Proxy, path: str, **headers: str) -> tuple[dict[str, str], bytes]:
    request = urllib.request.Request(
        front.address + path, headers={name.replace("_", "-"): v for name, v in headers.items()}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return {k.lower(): v for k, v in answer.headers.items()}, answer.read()


def served_by(front: Proxy, path: str, n: int = 0) -> list[str]:
    """The servers that answered at least n requests for a path, in the order of the log.

    A line is written once its answer has gone, and may be read a moment later.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        lines = front.log.read_text().splitlines()
        servers = [line.rsplit(" ", 1)[1] for line in lines if f' {path}" ' in line]
        if len(servers) >= n or time.monotonic() > deadline:
            return servers
        time.sleep(0.05)


def first_tile(front: Proxy) -> str:
    page = asked(front, "/", Accept="text/html")[1].decode()
    return re.findall(r'"(/tiles/[^"]+)"', page)[0]


@pytest.mark.slow
def test_a_page_loads_through_the_proxy_compressed_and_with_its_cookie(front: Proxy) -> None:
    headers, body = asked(front, "/", Accept="text/html", Accept_Encoding="gzip")
    assert headers["content-encoding"] == "gzip"
    assert b"<html" in gzip.decompress(body)
    assert "latent-owner=" in headers["set-cookie"]
    assert "x-cache-status" not in headers
    assert "content-security-policy" in headers


@pytest.mark.slow
def test_a_tile_is_made_once_and_then_kept_for_everybody(front: Proxy) -> None:
    path = first_tile(front).replace("/0/0/0.png", "/3/1/2.png")
    first, tile = asked(front, path)
    assert first["x-cache-status"] == "MISS"
    assert "immutable" in first["cache-control"]
    for number in range(8):
        again, same = asked(front, path, Cookie=cookie(number))
        assert again["x-cache-status"] == "HIT"
        assert same == tile
    assert len([one for one in served_by(front, path) if one != "-"]) == 1


@pytest.mark.slow
def test_a_map_is_compressed_for_who_reads_it_and_kept(front: Proxy) -> None:
    run, digest = first_tile(front).split("/")[2:4]
    path = f"/api/runs/{run}/{digest}/map.json"
    plain = asked(front, path)[1]
    for expected in ("MISS", "HIT"):
        headers, packed = asked(front, path, Accept_Encoding="gzip")
        assert headers["x-cache-status"] == expected
        assert headers["content-encoding"] == "gzip"
        assert "accept-encoding" in headers["vary"].lower()
        assert json.loads(gzip.decompress(packed)) == json.loads(plain)
        assert len(packed) < 0.8 * len(plain)


@pytest.mark.slow
def test_what_the_app_has_packed_with_brotli_arrives_so(front: Proxy) -> None:
    page = asked(front, "/", Accept="text/html")[1].decode()
    script = re.findall(r'"(/assets/[^"]+\.js)"', page)[0]
    assert asked(front, script, Accept_Encoding="gzip, br")[0]["content-encoding"] == "br"
    assert asked(front, script, Accept_Encoding="gzip")[0]["content-encoding"] == "gzip"
    assert "content-encoding" not in asked(front, script)[0]


@pytest.mark.slow
def test_mistakes_and_states_are_not_kept(front: Proxy) -> None:
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError) as refused:
            asked(front, "/tiles/no-such-run/0/0/0/0.png")
        assert refused.value.code == 404
        assert asked(front, "/api/health")[0]["cache-control"] == "no-store"
    for path in ("/tiles/no-such-run/0/0/0/0.png", "/api/health"):
        servers = served_by(front, path, 2)
        assert len(servers) == 2
        assert "-" not in servers


def cookie(number: int) -> str:
    """What the app gives a browser, for a browser of the tests."""
    return Session("", number).cookie["Cookie"]


@pytest.mark.slow
def test_visitors_are_shared_out_and_each_stays_with_a_server(front: Proxy) -> None:
    paths = [f"/api/runs/of-visitor-{number}/none/map.json" for number in range(40)]
    for number, path in [*enumerate(paths), *enumerate(paths)]:
        with pytest.raises(urllib.error.HTTPError):
            asked(front, path, Cookie=f"a=b; {cookie(number)}; c=d")
    visits = [served_by(front, path, 2) for path in paths]
    assert all(len(servers) == 2 and len(set(servers)) == 1 for servers in visits)
    firsts = [servers[0] for servers in visits]
    assert len(set(firsts)) == 2
    assert all(firsts.count(one) >= 5 for one in set(firsts))


@pytest.mark.slow
def test_a_session_works_over_the_websocket_and_all_of_it_is_one_servers(front: Proxy) -> None:
    for number in range(3):
        before = len(front.log.read_text().splitlines())
        asyncio.run(asyncio.wait_for(_visit(front.address, number), 60))
        deadline = time.monotonic() + 10
        while True:
            lines = front.log.read_text().splitlines()[before:]
            if any("/_stcore/stream" in line for line in lines):  # told when it is closed
                break
            assert time.monotonic() < deadline, lines
            time.sleep(0.05)
        assert sum("/place" in line for line in lines) >= 2
        assert len({line.rsplit(" ", 1)[1] for line in lines}) == 1, lines


async def _visit(address: str, number: int) -> None:
    """Opens the map, pins two places, leaves."""
    person, over = Session(address, number), asyncio.Event()
    async with httpx2.AsyncClient(timeout=60) as http:
        task = asyncio.create_task(person.run(http, asyncio.Barrier(1), over))
        while len(person.reruns_ms) < 2 and not task.done():
            await asyncio.sleep(0.05)
        over.set()
        await task


def test_the_configuration_can_be_adapted_to_any_servers(tmp_path: Path) -> None:
    text = adapted(["a:1", "b:2"], 8081, tmp_path)
    assert "server a:1 " in text
    assert "server b:2 " in text
    assert "/var/cache" not in text
