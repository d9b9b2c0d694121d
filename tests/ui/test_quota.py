"""Laws of the quota: what is too much is refused by one sentence, whatever a client claims."""

import asyncio
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from ui import quota
from ui.quota import MAX_BODY, MAX_SESSION, MAX_TOTAL, UploadQuota

CHUNK = bytes(2**20)


class Shelf:
    """An app that keeps files as Streamlit does, and the sessions that live."""

    def __init__(self) -> None:
        self.files: dict[str, int] = {}
        self.living = {"a", "b", *(f"s{i}" for i in range(100))}
        self.form_was_on_disk: bool | None = None
        route = "/_stcore/upload_file/{session}/{file}"
        routes = [
            Route(route, self.put, methods=["PUT"]),
            Route(route, self.delete, methods=["DELETE"]),
            Route("/form", self.form, methods=["POST"]),
            Route("/page", lambda request: PlainTextResponse("page")),
        ]
        app = UploadQuota(Starlette(routes=routes), is_open=self.living.__contains__)
        self.client = TestClient(app)

    async def put(self, request: Request) -> Response:
        body = await request.body()
        if "refuse" in request.query_params:
            return Response(status_code=403)
        self.files[request.url.path] = len(body)
        return Response(status_code=204)

    async def delete(self, request: Request) -> Response:
        if "refuse" in request.query_params:
            return Response(status_code=403)
        self.files.pop(request.url.path, None)
        return Response(status_code=204)

    async def form(self, request: Request) -> Response:
        async with request.form() as form:
            file = form["file"]
            assert isinstance(file, UploadFile)
            self.form_was_on_disk = file.file._rolled
        return Response(status_code=204)

    def send(self, session: str, file: str, size: int, *, claim: bool = True, query="") -> int:
        def chunks() -> Iterator[bytes]:
            for start in range(0, size, len(CHUNK)):
                yield CHUNK[: size - start]

        url = f"/_stcore/upload_file/{session}/{file}{query}"
        answer = self.client.put(url, content=bytes(size) if claim else chunks())
        if answer.status_code == 413:
            assert answer.json()["error"].endswith(".")
        return answer.status_code

    def remove(self, session: str, file: str, query: str = "") -> int:
        return self.client.delete(f"/_stcore/upload_file/{session}/{file}{query}").status_code


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def fill(shelf: Shelf, session: str) -> None:
    for i in range(MAX_SESSION // MAX_BODY):
        assert shelf.send(session, f"f{i}", MAX_BODY) == 204


@pytest.mark.parametrize("claim", [True, False], ids=["claimed", "streamed"])
def test_a_body_has_a_limit(shelf: Shelf, claim: bool) -> None:
    assert shelf.send("a", "f", MAX_BODY, claim=claim) == 204
    assert shelf.send("b", "f", MAX_BODY + 1, claim=claim) == 413
    assert shelf.files == {"/_stcore/upload_file/a/f": MAX_BODY}


@pytest.mark.parametrize("claim", [True, False], ids=["claimed", "streamed"])
def test_a_session_has_a_limit_and_others_have_their_own(shelf: Shelf, claim: bool) -> None:
    fill(shelf, "a")
    assert shelf.send("a", "one-more", 1, claim=claim) == 413
    assert shelf.send("b", "f", MAX_BODY, claim=claim) == 204


def test_what_is_removed_makes_room(shelf: Shelf) -> None:
    fill(shelf, "a")
    assert shelf.remove("a", "f0") == 204
    assert shelf.send("a", "one-more", MAX_BODY) == 204


def test_a_file_that_is_sent_again_replaces_the_first(shelf: Shelf) -> None:
    fill(shelf, "a")
    assert shelf.send("a", "f0", MAX_BODY) == 204


def test_only_what_really_happened_counts(shelf: Shelf) -> None:
    fill(shelf, "a")
    assert shelf.remove("a", "f0", "?refuse") == 403  # still kept
    assert shelf.send("a", "one-more", 1) == 413
    assert shelf.send("b", "f", MAX_BODY, query="?refuse") == 403  # never kept
    fill(shelf, "b")


def test_all_together_have_a_limit_until_sessions_end(shelf: Shelf) -> None:
    for i in range(MAX_TOTAL // MAX_BODY):
        assert shelf.send(f"s{i}", "f", MAX_BODY) == 204
    assert shelf.send("a", "f", MAX_BODY) == 413
    shelf.living.remove("s0")
    assert shelf.send("a", "f", MAX_BODY) == 204


def test_many_at_once_cannot_pass_together(shelf: Shelf) -> None:
    async def together() -> list[int]:
        arrived = asyncio.Event()
        statuses: list[int] = []

        async def put(i: int) -> None:
            scope = {
                "type": "http",
                "method": "PUT",
                "path": f"/_stcore/upload_file/a/f{i}",
                "query_string": b"",
                "headers": [],
            }

            async def receive() -> dict[str, object]:
                await arrived.wait()
                return {"type": "http.request", "body": b"x", "more_body": False}

            async def send(message: dict[str, object]) -> None:
                if message["type"] == "http.response.start":
                    statuses.append(message["status"])

            await shelf.client.app(scope, receive, send)

        tasks = [asyncio.create_task(put(i)) for i in range(20)]
        await asyncio.sleep(0)
        arrived.set()
        await asyncio.gather(*tasks)
        return statuses

    statuses = asyncio.run(together())
    room = MAX_SESSION // MAX_BODY
    assert sorted(statuses) == [204] * room + [413] * (20 - room)


def test_a_bodiless_request_passes(shelf: Shelf) -> None:
    assert shelf.client.get("/page").text == "page"


def test_other_addresses_have_the_limit_too(shelf: Shelf) -> None:
    assert shelf.client.post("/form", content=bytes(MAX_BODY + 1)).status_code == 413


def test_files_are_read_without_the_disk(shelf: Shelf) -> None:
    answer = shelf.client.post("/form", files={"file": bytes(quota.MAX_BYTES)})
    assert answer.status_code == 204
    assert shelf.form_was_on_disk is False
