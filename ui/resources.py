"""Every cache of the web process: runs, sessions, the gallery and its codes.

Plain memories, not Streamlit's: any client may clear those, and routes need the same objects as
scripts. Keys are a run's id and weights digest, so a retrained run is a new key and nothing stale
is ever served. Disk stays the only truth: whatever is forgotten here is worked out again.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np

from vae_core import data, inference, latent, thumbnails
from vae_core import runs as run_folders
from vae_core.errors import RunError
from vae_core.inference import Codes, Ledger, Session
from vae_core.runs import BrokenRun, Run

V = TypeVar("V")


class Memory(Generic[V]):
    """The last few results of slow work. Each is made once, even when many ask at the same time.

    Whoever asks first does the work, the others wait for it. A failure is told to all who waited
    and then forgotten, so that the next to ask tries again.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._kept: OrderedDict[Hashable, Future[V]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        with self._lock:
            future = self._kept.get(key)
            mine = future is None
            if future is None:
                future = self._kept[key] = Future()
                if len(self._kept) > self.limit:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:
                with self._lock:
                    if self._kept.get(key) is future:
                        del self._kept[key]
                future.set_exception(error)
        return future.result()

    def peek(self, key: Hashable) -> V | None:
        """Returns what is known under a key, without waiting for it or working it out."""
        with self._lock:
            future = self._kept.get(key)
        return future.result() if future and future.done() and not future.exception() else None


_runs: Memory[Run | BrokenRun] = Memory(1024)
_sessions: Memory[Session] = Memory(48)
_codes: Memory[Codes] = Memory(48)
_ledgers: Memory[Ledger] = Memory(48)
_indices: Memory[np.ndarray] = Memory(4)
_planes: Memory[latent.Plane] = Memory(64)
_thumbnails: Memory[bytes] = Memory(64)
_layers: Memory[dict[str, Any]] = Memory(96)
_answers: Memory[bytes] = Memory(128)


def runs() -> tuple[Run | BrokenRun, ...]:
    """Returns all runs, shipped ones first; a folder is read again only when it has changed.

    Only that one: a training changes its own after every epoch, while everybody looks at the list.
    """
    return tuple(_opened(path) for path in run_folders.run_folders())


def run(run_id: str) -> Run:
    """Returns the run of that id; the first of its name, as in the list.

    Raises:
        PlaygroundError: There is none, or its folder cannot be read.
    """
    found = find_run(run_id)
    if found is None:
        raise RunError("run-missing", path=run_id)
    if isinstance(found, BrokenRun):
        raise found.error
    return found


def find_run(run_id: str) -> Run | BrokenRun | None:
    """Returns what `runs` lists under that id, if anything.

    No other run is read: who looks at one does not wait for those that train.
    """
    named = (path for path in run_folders.run_folders() if path.name == run_id)
    return next((_opened(path) for path in named), None)


def _opened(folder: Path) -> Run | BrokenRun:
    return _runs.get(_fingerprint(folder), lambda: run_folders.open_or_tell(folder))


def session(run: Run) -> Session:
    """Returns the run's network, loaded and ready; shared by all threads."""
    return _sessions.get(_key(run), lambda: inference.open_session(run))


def gallery(run: Run | None = None) -> data.Images:
    """Returns the held-out images that a run's screens show; without a run the built-in digits.

    Raises:
        DataError: The run was trained on data that this machine does not have.
    """
    return data.load_gallery(run.card.config.data if run else data.GALLERY)


def gallery_codes(run: Run) -> Codes:
    """Returns where the run's encoder puts each image of its gallery, told its class if need be."""

    def make() -> Codes:
        images = gallery(run)
        return session(run).encode(images.x, images.y if session(run).n_classes else None)

    return _codes.get(_key(run), make)


def gallery_indices(run: Run) -> np.ndarray:
    """Returns the maps of codes by which a VQ-VAE stands for each image of its gallery."""
    return _indices.get(_key(run), lambda: session(run).encode_indices(gallery(run).x))


def gallery_ledger(run: Run) -> Ledger:
    """Returns what each image of the gallery costs at its mean code, in nats."""

    def make() -> Ledger:
        images = gallery(run)
        return session(run).ledger(images.x, images.y if session(run).n_classes else None)

    return _ledgers.get(_key(run), make)


def plane(run: Run) -> latent.Plane:
    """Returns the square of latent space that the run's map shows at first.

    Raises:
        InputError: The run's codes do not lie in a plane.
    """
    return _planes.get(_key(run), lambda: latent.plane_of(gallery_codes(run).mu))


def thumbnail(run: Run) -> bytes:
    """Returns the gallery's codes on the run's plane as a small PNG."""

    def make() -> bytes:
        return thumbnails.codes_png(gallery_codes(run).mu, gallery(run).y, plane(run))

    return _thumbnails.get(_key(run), make)


def layer(key: Hashable, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Returns what a layer of a map shows; see `ui.layers`."""
    return _layers.get(key, make)


def answer(run: Run, name: Hashable, make: Callable[[], bytes]) -> bytes:
    """Returns what many browsers ask of a run, as it is sent: its map, its tiles."""
    return _answers.get((*_key(run), name), make)


def _key(run: Run) -> tuple[str, str]:
    return run.id, run.digest


def _fingerprint(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Returns names, times and sizes of all that decides whether a run reads as before."""
    found = []
    for file in (folder / run_folders.CARD, folder / run_folders.WEIGHTS):
        with suppress(OSError):  # missing, or gone since the folder was listed
            status = file.stat()
            found.append((str(file), status.st_mtime_ns, status.st_size))
    return tuple(found)
