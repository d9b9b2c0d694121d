"""A run as one ZIP file, and back: what leaves is what a run is, what comes is believed in nothing.

Only names that a run folder may hold are read, each as one bounded piece into a file of our own
choosing, so that neither paths nor sizes in the archive matter. The run is checked as any other
before it gets its name, and its history and pictures as well: others' screens will reckon with
them. A run that was stopped travels too; what it could resume from stays, so it begins anew.
"""

import io
import re
import secrets
import shutil
import zipfile
import zlib
from pathlib import Path

from PIL import Image

from vae_core import moments, runs
from vae_core.devices import worker_threads
from vae_core.errors import RunError
from vae_core.files import write_bytes
from vae_core.runs import Run

# a run's files; locks, tickets, states and logs are this machine's own
_NAMES = re.compile(
    r"card\.json|weights\.safetensors|prior\.safetensors|history\.jsonl"
    r"|latents/\d{4}(-\d{6})?\.safetensors|frames/\d{4}(-\d{6})?\.png"
)
MAX_ARCHIVE = 32 * 2**20
MAX_TOTAL = 2 * MAX_ARCHIVE  # unpacked: weights, codes and pictures hardly shrink
MAX_FILES = 4000
# bytes by the first part of a place; of all else the total is the limit
_LIMITS = {
    runs.CARD: 10**6,
    runs.HISTORY: 4 * 10**6,  # 10,000 epochs
    runs.LATENTS: moments.MAX_FILE_BYTES,
    runs.FRAMES: 4 * 10**6,
}
MAX_FRAME_PIXELS = 4_000_000


def pack(path: Path) -> bytes:
    """Returns a run's folder as a ZIP file, every file under the run's id.

    Raises:
        RunError: A file cannot be read.
    """
    content = io.BytesIO()
    try:
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for file in sorted(path.rglob("*")):
                name = file.relative_to(path).as_posix()
                if _NAMES.fullmatch(name) and file.is_file() and not file.is_symlink():
                    archive.writestr(f"{path.name}/{name}", file.read_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError("card-damaged", path=path.name, reason=reason) from error
    return content.getvalue()


def unpack(content: bytes, folder: Path, *, name: str) -> Run:
    """Puts the run of a ZIP file into a folder of runs, under a new id if its own is taken.

    Args:
        content: The file.
        folder: The folder of runs.
        name: What the file was called, for its id and for sentences.

    Raises:
        RunError: It is no such archive, it is too large, or nothing can be written.
        PlaygroundError: What is in it is no sound run.
    """
    files = _members(content, name)
    made = folder / f".new-{secrets.token_hex(8)}"
    try:
        made.mkdir(parents=True)
        for place, body in files.items():
            (made / place).parent.mkdir(exist_ok=True)
            write_bytes(made / place, body)
        _check(made, name)
        target = folder / _free_id(folder, name)
        made.rename(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError("not-writable", path=folder, reason=reason) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return runs.open_run(target)


def _members(content: bytes, name: str) -> dict[str, bytes]:
    if len(content) > MAX_ARCHIVE:
        raise _unusable(name, f"it is larger than {MAX_ARCHIVE // 2**20} MB")
    files: dict[str, bytes] = {}
    left = MAX_TOTAL
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) > MAX_FILES:
                raise _unusable(name, f"it holds more than {MAX_FILES} files")
            for member in members:
                place = _place(member.filename)
                if place is None or place in files:
                    raise _unusable(name, f"{member.filename[:60]!r} does not belong into a run")
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise _unusable(name, "it is packed or encrypted in an unusual way")
                limit = min(_LIMITS.get(place.partition("/")[0], left), left)
                with archive.open(member) as file:
                    files[place] = file.read(limit + 1)  # whatever size the archive claims
                if len(files[place]) > limit:
                    raise _unusable(name, f"{place} is too large")
                left -= len(files[place])
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise _unusable(name, "it is no sound ZIP file") from error
    except (RuntimeError, ValueError) as error:
        if isinstance(error, RunError):
            raise
        raise _unusable(name, "it is packed or encrypted in an unusual way") from error
    if runs.CARD not in files:
        raise _unusable(name, "there is no card.json in it")
    return files


def _place(name: str) -> str | None:
    """Returns a member's place in a run folder: its name, or what follows the folder it is in."""
    for place in (name, name.partition("/")[2]):
        if _NAMES.fullmatch(place):
            return place
    return None


def _check(path: Path, name: str) -> None:
    run = _opened(path, name)
    if run.card.config.data.folder is not None:
        # whoever sends a run shall not choose which of this machine's folders is read for it
        raise _unusable(name, "its pictures lie in a folder of another machine")
    # an unfinished run's weights are not held against its card: a run that travels is whole
    if run.weights_sha256 != run.card.weights_sha256:
        raise _unusable(name, "its weights are not those of its card")
    if not run.card.finished and run.card.threads > worker_threads():
        # as `worker.create_run` has it: whoever sends a run may put it into the queue
        raise _unusable(name, f"it would go on with {run.card.threads} threads")
    number = runs.unsound_line(path)
    if number is not None:
        raise _unusable(name, f"line {number} of {runs.HISTORY} is none that training writes")
    for frame in path.glob("frames/*.png"):
        try:
            with Image.open(frame, formats=("PNG",)) as picture:
                if picture.width * picture.height > MAX_FRAME_PIXELS:
                    raise _unusable(name, f"{frame.name} has too many pixels")
                picture.load()
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            if isinstance(error, RunError):
                raise
            raise _unusable(name, f"{frame.name} is no sound PNG") from error


def _opened(path: Path, name: str) -> Run:
    try:
        run = runs.open_run(path)
        run.model()
    except RunError as error:
        # the folder has no name yet that could be told
        raise type(error)(error.key, **{**error.values, "path": name[:64]}) from error
    return run


def _free_id(folder: Path, name: str) -> str:
    stem = re.sub(r"[^a-z0-9._-]+", "-", Path(name).stem.lower()).strip("-._")[:52] or "run"
    taken = {path.name for root in (*runs.runs_roots(), folder) for path in _entries(root)}
    candidates = (stem, *(f"{stem}-{n}" for n in range(2, 10_000)))
    return runs.check_run_id(next(c for c in candidates if c not in taken))


def _entries(root: Path) -> list[Path]:
    return list(root.iterdir()) if root.is_dir() else []


def _unusable(name: str, reason: str) -> RunError:
    return RunError("archive-unusable", name=name[:64], reason=reason)
