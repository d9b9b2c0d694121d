"""A run goes into a ZIP file and comes back whole; anything else that comes is refused."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from vae_core import archives, devices, jobs, moments, runs
from vae_core.errors import PlaygroundError, RunError


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LATENT_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return content.getvalue()


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_run_comes_back_as_it_left(small_run: Callable[..., Path], shelf: Path) -> None:
    path = small_run(limit=200, epochs=1)
    (path / "log.txt").write_text("mine")
    (path / "job.json").write_text("{}")
    run = archives.unpack(archives.pack(path), shelf, name="Träined by Ann.ZIP")
    assert run.id == "tr-ined-by-ann"
    left = {f.relative_to(path): f.read_bytes() for f in path.rglob("*") if f.is_file()}
    came = {f.relative_to(run.path): f.read_bytes() for f in run.path.rglob("*") if f.is_file()}
    own = {Path(name) for name in ("log.txt", "job.json", ".lock")}
    assert came == {name: body for name, body in left.items() if name not in own}
    assert archives.unpack(archives.pack(path), shelf, name=f"{run.id}.zip").id == f"{run.id}-2"


def unfinished(path: Path, **changes: object) -> None:
    """Makes a run of one epoch one that was stopped after the first of nine."""
    card = json.loads((path / runs.CARD).read_text())
    card["config"]["train"]["epochs"] = 9
    (path / runs.CARD).write_text(json.dumps({**card, **changes}))


def test_a_run_that_was_stopped_travels_and_may_go_on(
    small_run: Callable[..., Path], shelf: Path
) -> None:
    path = small_run(limit=200, epochs=1)
    unfinished(path)
    run = archives.unpack(archives.pack(path), shelf, name="a.zip")
    jobs.claim(run.path, "ann")
    jobs.resume(run.path, owner="ann")
    assert [(j.id, j.status, j.card.epochs_done) for j in jobs.jobs(shelf)] == [("a", "queued", 1)]


def test_a_run_that_would_go_on_with_more_threads_than_there_are_is_refused(
    small_run: Callable[..., Path], shelf: Path
) -> None:
    path = small_run(limit=200, epochs=1)
    unfinished(path, threads=devices.worker_threads() + 1)
    with pytest.raises(RunError, match="threads"):
        archives.unpack(archives.pack(path), shelf, name="a.zip")
    assert list(shelf.glob("*")) == []


@pytest.mark.parametrize("path", sorted(runs.SHIPPED.glob("*/")), ids=lambda path: path.name)
def test_shipped_runs_travel(path: Path, shelf: Path) -> None:
    content = archives.pack(path)
    assert members(archives.pack(archives.unpack(content, shelf, name="a.zip").path)) == {
        name.replace(path.name, "a", 1): body for name, body in members(content).items()
    }


LINES = {
    "text for seconds": '{"epoch": 1, "seconds": "x"}',
    "time that ran back": '{"epoch": 1, "seconds": -1}',
    "no epoch": '{"seconds": 1.0}',
    "text for an epoch": '{"epoch": "1"}',
    "half an epoch": '{"epoch": 1.5}',
    "no number": '{"epoch": 1, "train": {"total": NaN}}',
    "no double": f'{{"epoch": 1, "train": {{"total": 1{"0" * 400}}}}}',
    "no terms": '{"epoch": 1, "held_out": null}',
    "no plane": '{"epoch": 1, "plane": {"center": [0, 0], "half": 0}}',
    "a key too many": '{"epoch": 1, "surprise": 1}',
    "a list": "[1]",
    "nested": "[" * 100_000,
    "blank": "",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_history_that_training_does_not_write_is_refused(
    line: str, small_run: Callable[..., Path], shelf: Path
) -> None:
    path = small_run(limit=200, epochs=1)
    n = len((path / runs.HISTORY).read_text().splitlines())
    with (path / runs.HISTORY).open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(RunError, match=rf"line {n + 1} of history\.jsonl"):
        archives.unpack(archives.pack(path), shelf, name="a.zip")
    assert list(shelf.glob("*")) == []


def test_codes_that_no_screen_would_read_are_refused(
    small_run: Callable[..., Path], shelf: Path
) -> None:
    path = small_run(limit=200, epochs=1)
    (path / "latents/0001.safetensors").write_bytes(bytes(moments.MAX_FILE_BYTES + 1))
    with pytest.raises(RunError, match=r"0001\.safetensors is too large"):
        archives.unpack(archives.pack(path), shelf, name="a.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_packing_than_ours_is_refused(method: int, shelf: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        archive.writestr(runs.CARD, "{}" * 1000)
    damaged = bytearray(content.getvalue())
    damaged[60:70] = b"\xff" * 10
    with pytest.raises(RunError, match="unusual"):
        archives.unpack(bytes(damaged), shelf, name="a.zip")


def huge_png() -> bytes:
    """Builds a PNG file that claims 900 million pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc(kind + body))

    crc, header = zlib.crc32, struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    return moments.PNG + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


BAD_NAMES = [
    "../card.json",
    "/card.json",
    "run/../../evil",
    "run/latents/../../x.safetensors",
    "run/.lock",
    "run/code.py",
    "C:\\card.json",
    "run/weights.pkl",
    "a/b/card.json",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_no_run_has_are_refused_and_nothing_is_written(
    name: str, small_run: Callable[..., Path], shelf: Path, tmp_path: Path
) -> None:
    files = members(archives.pack(small_run(limit=200, epochs=1)))
    before = set(tmp_path.rglob("*"))
    with pytest.raises(RunError, match=r"does not belong|no run"):
        archives.unpack(zipped({**files, name: b"x"}), shelf, name="a.zip")
    assert {path for path in tmp_path.rglob("*") if path.is_file()} <= before


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_archive_is_refused(content: bytes, shelf: Path) -> None:
    with pytest.raises(RunError, match="no sound ZIP"):
        archives.unpack(content, shelf, name="a.zip")


def test_a_bomb_is_refused_before_it_is_unpacked(
    small_run: Callable[..., Path], shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = members(archives.pack(small_run(limit=200, epochs=1)))
    bomb = {**files, "small/latents/0002.safetensors": bytes(50 * 2**20)}
    content = zipped(bomb)
    assert len(content) < 2 * 2**20
    monkeypatch.setattr(archives, "MAX_TOTAL", 10 * 2**20)
    with pytest.raises(RunError, match="too large"):
        archives.unpack(content, shelf, name="a.zip")
    many = zipped({f"r/latents/{i:04d}.safetensors": b"" for i in range(archives.MAX_FILES + 1)})
    with pytest.raises(RunError, match="more than"):
        archives.unpack(many, shelf, name="a.zip")
    monkeypatch.setattr(archives, "MAX_ARCHIVE", 1000)
    with pytest.raises(RunError, match="larger than"):
        archives.unpack(content, shelf, name="a.zip")
    assert list(shelf.glob("*")) == []


def tampered(files: dict[str, bytes], what: str) -> dict[str, bytes]:
    stem = next(iter(files)).partition("/")[0]
    changed = dict(files)
    card = json.loads(files[f"{stem}/{runs.CARD}"])
    if what == "weights":
        changed[f"{stem}/{runs.WEIGHTS}"] = files[f"{stem}/{runs.WEIGHTS}"][:-4] + b"\0\0\0\x3f"
    elif what == "other weights of an unfinished run":
        card["epochs_done"], card["config"]["train"]["epochs"] = 1, 9
        card["weights_sha256"] = "0" * 64
        changed[f"{stem}/{runs.CARD}"] = json.dumps(card).encode()
    elif what == "folder":
        card["config"]["data"] |= {"name": "folder", "folder": "/etc"}
        changed[f"{stem}/{runs.CARD}"] = json.dumps(card).encode()
    elif what == "card":
        card["surprise"] = 1
        changed[f"{stem}/{runs.CARD}"] = json.dumps(card).encode()
    elif what == "no card":
        del changed[f"{stem}/{runs.CARD}"]
    elif what == "frame":
        changed[f"{stem}/frames/0001.png"] = b"<svg onload=alert(1)>"
    elif what == "huge frame":
        changed[f"{stem}/frames/0001.png"] = huge_png()
    return changed


@pytest.mark.parametrize(
    "what",
    [
        "weights",
        "other weights of an unfinished run",
        "card",
        "no card",
        "frame",
        "huge frame",
        "folder",
    ],
)
def test_a_run_that_is_not_sound_is_refused_and_leaves_nothing(
    what: str, small_run: Callable[..., Path], shelf: Path
) -> None:
    files = members(archives.pack(small_run(limit=200, epochs=1)))
    with pytest.raises(PlaygroundError) as caught:
        archives.unpack(zipped(tampered(files, what)), shelf, name="a.zip")
    assert "\n" not in str(caught.value)
    assert ".new-" not in str(caught.value)
    assert list(shelf.glob("*")) == []
