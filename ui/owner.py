"""Whose trainings these are: a secret that the server gives to each browser, and that scripts read.

It comes as a cookie that no script in the page can see. What was started from a browser can be
stopped from it, after a reload, in another tab, tomorrow. On disk there is only its hash.
"""

import re
import secrets

import streamlit as st
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "latent-owner"
YEAR_S = 365 * 24 * 3600
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


def secret() -> str:
    """This browser's secret; without cookies one that lasts as long as the page stays open."""
    kept = str(st.context.cookies.get(COOKIE, ""))
    if SECRET.fullmatch(kept):
        return kept
    return st.session_state.setdefault("owner", secrets.token_urlsafe(32))


class OwnerCookie:
    """Gives a secret to each browser that opens a page and has none."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        wants_page = scope["type"] == "http" and b"text/html" in headers.get(b"accept", b"")
        if not wants_page or SECRET.fullmatch(_kept(headers.get(b"cookie", b""))):
            await self.app(scope, receive, send)
            return
        safe = scope.get("scheme") == "https"
        words = (
            f"{COOKIE}={secrets.token_urlsafe(32)}; Path=/; Max-Age={YEAR_S}; HttpOnly; "
            f"SameSite=Lax{'; Secure' if safe else ''}"
        )

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                kinds = dict(message["headers"]).get(b"content-type", b"")
                if kinds.startswith(b"text/html"):
                    cookie = (b"set-cookie", words.encode())
                    message["headers"] = [*message["headers"], cookie]
            await send(message)

        await self.app(scope, receive, send_with_cookie)


def _kept(header: bytes) -> str:
    # as browsers write them: http.cookies drops all that follows another app's irregular one
    return cookie_parser(header.decode("latin-1")).get(COOKIE, "")
