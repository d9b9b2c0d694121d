"""Each browser gets a secret of its own, once, and no page's script can read it."""

import re

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from ui.owner import COOKIE, SECRET, OwnerCookie

PAGE = {"accept": "text/html"}
HEADERS = [(b"accept", b"text/html")]


def page(request: Request) -> Response:
    return HTMLResponse("<html></html>")


def answer(request: Request) -> Response:
    return JSONResponse({})


def client(address: str = "http://test") -> TestClient:
    routes = [Route("/", page), Route("/api", answer)]
    return TestClient(OwnerCookie(Starlette(routes=routes)), base_url=address)


def test_a_page_gives_a_secret_and_gives_it_once() -> None:
    browser = client()
    words = browser.get("/", headers=PAGE).headers["set-cookie"]
    assert SECRET.fullmatch(browser.cookies[COOKIE])
    assert "HttpOnly" in words
    assert "SameSite=Lax" in words
    assert "Secure" not in words
    assert "set-cookie" not in browser.get("/", headers=PAGE).headers
    assert client().get("/", headers=PAGE).headers["set-cookie"] != words


def test_over_https_it_travels_encrypted_only() -> None:
    assert "; Secure" in client("https://test").get("/", headers=PAGE).headers["set-cookie"]


def test_answers_that_are_no_page_give_none() -> None:
    assert "set-cookie" not in client().get("/api", headers=PAGE).headers
    assert "set-cookie" not in client().get("/").headers


@pytest.mark.parametrize(
    "other",
    [
        'prefs={"theme":"dark"}',
        "name=a b",
        "name=größe",
        "name=이름",
        "alone",
        "a,b=1",
        'open="half',
        "=",
        "",
    ],
)
@pytest.mark.parametrize("order", ["{other}; {own}", "{own}; {other}", "{other};{own}; x=1"])
def test_the_cookies_of_other_apps_on_the_host_cost_no_secret(order: str, other: str) -> None:
    own = f"{COOKIE}={'x' * 43}"
    cookies = order.format(other=other, own=own).encode()
    assert "set-cookie" not in client().get("/", headers=[*HEADERS, (b"cookie", cookies)]).headers


@pytest.mark.parametrize("kept", ["short", "x" * 44, "<script>" + "x" * 35, ""])
def test_what_is_no_secret_is_replaced(kept: str) -> None:
    answer = client().get("/", headers={**PAGE, "cookie": f"other=1; {COOKIE}={kept}"})
    assert re.match(rf"{COOKIE}=[A-Za-z0-9_-]{{43}};", answer.headers["set-cookie"])
