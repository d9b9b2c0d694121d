"""Files that are written whole or not at all, and locked by one process at a time."""

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vae_core.errors import RunError

READER_S = 1.0  # how long a reader may keep a file from being replaced or removed


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces the file in one step: a reader sees the old content or the new, never a part.

    Windows does not replace what somebody reads just then: for `READER_S` it is tried again.

    Raises:
        RunError: The disk is full or the folder cannot be written; the old file is intact.
    """
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"
        )
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        _patiently(lambda: Path(temporary).replace(path))
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise RunError(
            "not-writable", path=path.parent, reason=error.strerror or str(error)
        ) from error


def remove(path: Path) -> None:
    """Removes the file, if it is there, with the same patience.

    Raises:
        OSError: It cannot be removed.
    """
    _patiently(lambda: path.unlink(missing_ok=True))


def _patiently(act: Callable[[], object]) -> None:
    deadline = time.monotonic() + READER_S
    while True:
        try:
            act()
            return
        except PermissionError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.02)


def sweep(folder: Path) -> None:
    """Removes what killed processes left half written; the caller holds the folder's lock."""
    for pattern in (".*.tmp", "*/.*.tmp"):
        for leftover in folder.glob(pattern):
            leftover.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Writes indented JSON, whole or not at all.

    Raises:
        RunError: As `write_bytes`.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path, *, limit: int = 1_000_000) -> Any:
    """Reads JSON that has no duplicate keys and at most `limit` bytes.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not such JSON.
    """
    if path.stat().st_size > limit:
        raise ValueError(f"it is larger than {limit} bytes")
    return parse_json(path.read_bytes())


def parse_json(content: bytes) -> Any:
    """Parses JSON without duplicate keys, which readers would otherwise understand differently.

    Raises:
        ValueError: It is not such JSON.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("it has a key twice")
        return found

    try:
        return json.loads(content, object_pairs_hook=unique)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
