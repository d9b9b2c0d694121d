"""How much a client may send: Streamlit limits one file, and counts none of those it keeps.

A request's body, a session's files and everybody's files together have a limit each; beyond it the
answer is one sentence. Files are kept in memory only, never on disk, until their session ends.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.formparsers import MultiPartParser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import runtime

from vae_core.archives import MAX_ARCHIVE
from vae_core.pictures import MAX_BYTES

FRAME = 64 * 2**10  # what a multipart body holds beside its file
MAX_BODY = max(MAX_BYTES, MAX_ARCHIVE) + FRAME
MAX_SESSION = 2 * MAX_BODY
MAX_TOTAL = 16 * MAX_BODY

Key = tuple[str, str]  # session and file
UPLOAD = re.compile(r".*/_stcore/upload_file/(?P<session>[^/]+)/(?P<file>[^/]+)/?")

# Starlette puts files over 1 MB on disk while it reads them
MultiPartParser.spool_max_size = MAX_BODY


def _is_open(session: str) -> bool:
    return runtime.exists() and runtime.get_instance().is_active_session(session)


@dataclass
class UploadQuota:
    """Refuses bodies that are too large, by what they claim and by what really comes.

    Attributes:
        app: What is protected.
        is_open: Whether a session still lives; the files of one that ended are gone.
    """

    app: ASGIApp
    is_open: Callable[[str], bool] = _is_open
    _kept: dict[Key, int] = field(default_factory=dict)  # bytes of the files that Streamlit keeps
    _coming: Counter[Key] = field(default_factory=Counter)  # what those on their way may reach

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        upload = UPLOAD.fullmatch(scope["path"])
        if upload is None:
            await self._count(scope, receive, send, MAX_BODY)
        elif scope["method"] == "DELETE":
            if (await self._count(scope, receive, send, MAX_BODY)).done:
                self._kept.pop((upload["session"], upload["file"]), None)
        else:
            await self._upload(scope, receive, send, (upload["session"], upload["file"]))

    async def _upload(self, scope: Scope, receive: Receive, send: Send, key: Key) -> None:
        wanted = _claimed(scope) or MAX_BODY
        if wanted > self._room(key):
            await _refusal(scope, receive, send)
            return
        self._coming[key] += wanted  # at once, so that many at a time cannot pass together
        try:
            outcome = await self._count(scope, receive, send, wanted)
        finally:
            self._coming[key] -= wanted
            self._coming += Counter()  # forgets what is zero
        if outcome.done:
            self._kept[key] = outcome.came

    def _room(self, key: Key) -> int:
        """How many bytes this file may have; one that is sent again replaces the first."""
        lives = {session: self.is_open(session) for session, _ in self._kept}
        self._kept = {k: size for k, size in self._kept.items() if lives[k[0]]}
        others = Counter({k: size for k, size in self._kept.items() if k != key}) + self._coming
        of_session = sum(size for (session, _), size in others.items() if session == key[0])
        return min(MAX_BODY, MAX_SESSION - of_session, MAX_TOTAL - others.total())

    async def _count(self, scope: Scope, receive: Receive, send: Send, allowed: int) -> "_Outcome":
        """Runs the app. Once too much has come, it hears that the client left, and is not heard."""
        outcome = _Outcome()

        async def counted() -> Message:
            if outcome.came > allowed:
                return {"type": "http.disconnect"}
            message = await receive()
            outcome.came += len(message.get("body", b""))
            return message if outcome.came <= allowed else {"type": "http.disconnect"}

        async def unless_too_much(message: Message) -> None:
            if outcome.came <= allowed:
                if message["type"] == "http.response.start":
                    outcome.done = message["status"] < 300
                await send(message)

        if _claimed(scope) <= allowed:
            try:
                await self.app(scope, counted, unless_too_much)
            except Exception:
                if outcome.came <= allowed:
                    raise
            if outcome.came <= allowed:
                return outcome
        await _refusal(scope, receive, send)
        return _Outcome()


@dataclass
class _Outcome:
    came: int = 0
    done: bool = False


def _claimed(scope: Scope) -> int:
    claims = [value for name, value in scope["headers"] if name == b"content-length"]
    return max((int(claim) for claim in claims if claim.isdigit()), default=0)


async def _refusal(scope: Scope, receive: Receive, send: Send) -> None:
    sentence = (
        f"This is too much to send: a picture may have up to {MAX_BYTES // 2**20} MB, a run up to "
        f"{MAX_ARCHIVE // 2**20} MB, and only a few are kept at a time; choose a smaller one or "
        "remove another first."
    )
    headers = {"Cache-Control": "no-store", "Connection": "close"}
    await JSONResponse({"error": sentence}, 413, headers)(scope, receive, send)
