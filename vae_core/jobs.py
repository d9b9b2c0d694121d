"""A fair, bounded queue of trainings over a folder of runs.

Disk is the only truth: a job is a run folder with a `job.json` beside its card and its state, so
that any page, any server and any terminal sees the same queue, and a server that comes back finds
its trainings where they are. Changes are made under the queue's lock; what a page shows is read
without one. Nothing is started here: that is the supervisor's.
"""

import hashlib
import hmac
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from vae_core import cluster, pulse, runs, worker
from vae_core.config import RunConfig
from vae_core.devices import available_devices, resolve_device, worker_threads
from vae_core.errors import MESSAGES, ConfigError, PlaygroundError, RunError
from vae_core.files import read_json, write_json

TICKET = "job.json"
QUEUE_LOCK = ".queue.lock"
MAX_WAITING = 200
MAX_WAITING_OF_ONE = 40  # a sweep fits
THREADS_A_PLACE = 2
MAX_NUMBER = 1e12  # steps or seconds

WAITING = ("queued",)
BUSY = ("starting", "running", "silent")
RESUMABLE = ("paused", "stopped", "failed", "interrupted")


class Ticket(BaseModel):
    """What `job.json` holds: who asked for a run, and what the queue did about it.

    Attributes:
        owner: SHA-256 of the owner's secret; "" for nobody's.
        request: SHA-256 of the request; the same request twice is one job.
        number: Order of asking.
        turn: When it was started, among all starts; None before.
        deaths: How often its worker has died since the last epoch that was finished.
        epochs_at_start: Epochs that were done when its worker was started.
        back: Its worker died, so it goes on before others begin.
        silent: The supervisor has heard no heartbeat for too long.
        host: The machine that trains it.
        pid: The worker, and `born` when it was started, in the system's ticks.
        slot: Which of the machine's GPUs it has.
        seconds: What it was expected to take; None if unknown.
        family: Names the sweep that it is a run of; "" for none.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = 1
    owner: str = ""
    request: str = ""
    number: int = 0
    turn: int | None = None
    deaths: int = 0
    epochs_at_start: int = 0
    back: bool = False
    silent: bool = False
    host: str = ""
    pid: int = 0
    born: int = 0
    slot: int = 0
    seconds: float | None = None
    family: str = ""

    def is_of(self, secret: str | None) -> bool:
        """Whether the owner of this secret asked for it."""
        return bool(secret and self.owner and hmac.compare_digest(_hash(secret), self.owner))


@dataclass(frozen=True)
class Job:
    """What can be said of a run that is, was or will be trained.

    Attributes:
        status: "queued", "starting", "running", "silent" (no heartbeat), "paused", "stopped",
            "failed", "finished", or "interrupted" (a terminal's training that was broken off).
        ticket: None for a run that the queue does not know, as one trained at a terminal.
        step: Steps done of the `steps` of the epoch under way.
        rate: Steps a second; 0 if unknown.
        error: Why it failed, as `pulse.error_fields` has it.
        position: Place among those that wait, from 1; 0 for all others.
        starts_in: Seconds until it is expected to start; None if unknown.
        left: Seconds of training that are left, once it runs; None if unknown.
    """

    path: Path
    card: runs.Card
    status: str
    ticket: Ticket | None = None
    step: int = 0
    steps: int = 0
    rate: float = 0.0
    error: dict[str, Any] | None = None
    position: int = 0
    starts_in: float | None = None
    left: float | None = None

    @property
    def id(self) -> str:
        """The run's id."""
        return self.path.name

    @property
    def epochs(self) -> int:
        """How many epochs it is to have."""
        return self.card.config.train.epochs

    @property
    def over(self) -> bool:
        """Whether nothing goes on any more."""
        return self.status not in (*WAITING, *BUSY)

    @property
    def share(self) -> float:
        """How much of the training is done, from 0 to 1."""
        within = self.step / self.steps if self.steps else 0.0
        return min((self.card.epochs_done + within) / self.epochs, 1.0)

    def is_of(self, secret: str | None) -> bool:
        """Whether the owner of this secret asked for it."""
        return self.ticket is not None and self.ticket.is_of(secret)

    def explained(self) -> PlaygroundError | None:
        """Returns why it failed, as an error that can be said in any language."""
        if not self.error:
            return None
        key, values = self.error.get("key"), self.error.get("values", {})
        with suppress(KeyError, IndexError, ValueError, TypeError, AttributeError):
            if isinstance(key, str) and key in MESSAGES:
                return RunError(key, **values)
        reason = str(self.error.get("reason", "?"))
        return RunError("worker-failed", path=self.id, reason=reason)


# --- reading ----------------------------------------------------------------------------------


def root() -> Path:
    """Returns the folder of the user's runs, which is where jobs are."""
    return runs.runs_roots()[1].absolute()


def places(folder: Path | None = None) -> dict[str, int]:
    """Returns how many trainings run at a time, by kind of device: here, or on the cluster.

    `LATENT_PLACES` says how many without a GPU; at 0 none at all, so that others do the training.
    """
    import torch

    chosen = _chosen_places()
    if chosen == 0:
        return {"cpu": 0, "cuda": 0, "mps": 0}
    if cluster.address():
        offer = cluster.read_offer(folder or root())
        return {"cpu": chosen or offer.cpu, "cuda": offer.cuda, "mps": 0}
    return {
        "cpu": chosen or max(worker_threads() // THREADS_A_PLACE, 1),
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }


def _chosen_places() -> int | None:
    configured = os.environ.get("LATENT_PLACES", "")
    return int(configured) if configured.isdecimal() else None


def leaves_it_to_others() -> bool:
    """Whether whoever runs this machine wants no training to be started from here."""
    return _chosen_places() == 0


def threads_a_place() -> int:
    """Returns the threads of one training: the cores, shared out among the places."""
    if cluster.address():
        return cluster.read_offer(root()).threads
    n = places()["cpu"]
    return max(worker_threads() // n, 1) if n else min(THREADS_A_PLACE, worker_threads())


def devices() -> tuple[str, ...]:
    """Returns the kinds of device that trainings can have, the fastest first."""
    if cluster.address():
        return ("cuda", "cpu") if cluster.read_offer(root()).cuda else ("cpu",)
    return available_devices()


def kind_of_device(name: str) -> str:
    """Returns the kind of device that a training gets for one of `devices.DEVICES`.

    Raises:
        ConfigError: There is no such device.
    """
    if not cluster.address():
        return resolve_device(name).type
    found = devices()
    if name not in ("auto", *found):
        raise ConfigError("device-missing", name=name, known=", ".join(("auto", *found)))
    return found[0] if name == "auto" else name


def job(path: Path) -> Job:
    """Returns what can be said of one run, without its place in the queue.

    Raises:
        PlaygroundError: There is no run, or its card cannot be read.
    """
    card = _card(path)
    ticket = read_ticket(path)
    if card.finished:
        return Job(path, card, "finished", ticket)
    state = read_state(path)
    status = str(state.get("status", ""))
    error = state.get("error")
    beat = pulse.read_beat(path)
    if status in BUSY:
        if beat and beat.end == "failed":
            status, error = beat.end, beat.error  # its disk was too full for a state
        elif ticket and ticket.silent:
            status = "silent"
        elif ticket is None and not is_held(path):
            status = "interrupted"
    elif status not in (*WAITING, *RESUMABLE):
        status = "interrupted"
    running = status in BUSY
    made = Job(
        path,
        card,
        status,
        ticket,
        step=int(_number_of(state.get("step"))) if running else 0,
        steps=int(_number_of(state.get("steps"))) if running else 0,
        rate=_number_of(state.get("rate")) if running else 0.0,
        error=error if status == "failed" and isinstance(error, dict) else None,
    )
    if status == "failed" and made.error is None:
        made = replace(made, error={"key": "", "reason": str(state.get("reason", "?"))})
    return replace(made, left=_left(made)) if not made.over else made


def jobs(folder: Path | None = None) -> tuple[Job, ...]:
    """Returns all jobs of a folder of runs: those that train, those that wait, those that are over.

    A run that cannot be read is passed over; `runs.list_runs` says why.
    """
    found = []
    for path in folders(folder or root()):
        with suppress(PlaygroundError):
            made = job(path)
            if made.ticket or not made.over or made.status in ("interrupted", "failed"):
                found.append(made)
    busy = sorted((j for j in found if j.status in BUSY), key=_turn)
    return (
        *busy,
        *_expected(in_turn(found), busy),
        *sorted((j for j in found if j.over), key=lambda j: -_number(j)),
    )


def find(
    run_id: str, folder: Path | None = None, *, listed: Callable[[], Sequence[Job]] | None = None
) -> Job | None:
    """Returns the job of that id with its place in the queue, or None.

    Args:
        run_id: The run's id, which may be anything.
        folder: The folder of runs; the user's if None.
        listed: Tells all jobs of that folder, for a caller who knows them.
    """
    if not runs.RUN_ID.fullmatch(run_id) or not ((folder or root()) / run_id).is_dir():
        return None
    try:
        one = job((folder or root()) / run_id)
    except PlaygroundError:
        return None
    if one.status in WAITING:
        found = listed() if listed else jobs(folder)
        return next((j for j in found if j.id == run_id and j.status in WAITING), one)
    return one


def of_family(name: str, found: Iterable[Job]) -> tuple[Job, ...]:
    """Returns the runs of a sweep among jobs, in the order of asking."""
    mine = [j for j in found if j.ticket and j.ticket.family == name and name]
    return tuple(sorted(mine, key=_number))


def in_turn(found: Sequence[Job]) -> list[Job]:
    """Returns the jobs that wait, in the order in which they get places.

    Owners take turns, the one served longest ago first, each with the jobs in the order of asking.
    A job whose worker died goes before all of these: it has had its turn and not its due.
    """
    waiting = sorted((j for j in found if j.status in WAITING), key=_number)
    order = [j for j in waiting if j.ticket and j.ticket.back]
    rest = [j for j in waiting if j not in order]
    served: dict[str, int] = {}
    for one in found:
        if one.ticket and one.ticket.turn is not None:
            served[one.ticket.owner] = max(served.get(one.ticket.owner, 0), one.ticket.turn)
    turn = max(served.values(), default=0)
    while rest:
        chosen = min(rest, key=lambda j: (served.get(_owner(j), 0), _number(j)))
        turn += 1
        served[_owner(chosen)] = turn
        rest.remove(chosen)
        order.append(chosen)
    return order


def _expected(waiting: Sequence[Job], busy: Sequence[Job]) -> Iterator[Job]:
    """Adds to jobs in their order their position, and when each is expected to start."""
    free: dict[str, list[float | None]] = {}
    for kind, n in places().items():
        ends = [j.left for j in busy if j.card.device == kind]
        free[kind] = [*ends, *(0.0 for _ in range(n - len(ends)))]
    for position, one in enumerate(waiting, 1):
        ends = free.setdefault(one.card.device, [])
        known = [end for end in ends if end is not None]
        start = min(known) if known and len(known) == len(ends) else None
        if start is not None:
            ends.remove(start)
            length = _length(one)
            ends.append(None if length is None else start + length)
        yield replace(one, position=position, starts_in=start)


def _left(one: Job) -> float | None:
    """Returns the seconds of training that are left, judged by the epochs that are done."""
    length = _length(one)
    if length is not None:
        return length * (1 - one.share) / max(1 - one.card.epochs_done / one.epochs, 1e-9)
    if one.rate and one.steps:
        return (one.steps * (one.epochs - one.card.epochs_done) - one.step) / one.rate
    return None


def _length(one: Job) -> float | None:
    """Returns the seconds that the epochs which are not done will take, from the last few."""
    to_do = one.epochs - one.card.epochs_done
    told = (_number_of(line.get("seconds")) for line in runs.read_history(one.path))
    last = [seconds for seconds in told if seconds > 0][-3:]
    if last:
        return to_do * sum(last) / len(last)
    if one.ticket and one.ticket.seconds is not None:
        return one.ticket.seconds * to_do / one.epochs
    return None


# --- asking -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wish:
    """A training that is asked for.

    Attributes:
        config: What to train.
        recipe: Where the settings come from.
        differs: How they differ from it.
        name: Display name; the recipe's if empty.
        seconds: What it is expected to take.
    """

    config: RunConfig
    recipe: str
    differs: str = ""
    name: str = ""
    seconds: float | None = None


def submit(
    config: RunConfig,
    *,
    owner: str,
    request: str,
    recipe: str,
    differs: str = "",
    name: str = "",
    device: str = "auto",
    seconds: float | None = None,
    folder: Path | None = None,
) -> str:
    """Puts a training into the queue and returns its run's id; the same request again is no other.

    Args:
        config: What to train.
        owner: The secret of whoever asks; only its hash is kept.
        request: Names this wish to train, however often it arrives.
        recipe: Where the settings come from.
        differs: How they differ from it.
        name: Display name; the recipe's if empty.
        device: One of `devices.DEVICES`.
        seconds: What it is expected to take.
        folder: The folder of runs; the user's if None.

    Raises:
        RunError: The queue is full, or nothing can be written.
        ConfigError: The device is not there.
    """
    folder = folder or root()
    wish = Wish(config, recipe, differs, name, seconds)
    with queue_lock(folder):
        return _enter({request: wish}, "", owner, device, folder)[0]


def submit_family(
    wishes: Sequence[Wish],
    *,
    owner: str,
    request: str,
    device: str = "auto",
    folder: Path | None = None,
) -> str:
    """Puts the runs of a sweep into the queue and returns the family's name, 12 hex digits.

    All of them find room, or none. The same request again is no other family: what of it is missing
    is added.

    Raises:
        RunError: As `submit`.
        ConfigError: As `submit`.
    """
    folder = folder or root()
    family = _hash(f"{_hash(owner)}/family/{request}")[:12]
    with queue_lock(folder):
        asked = {f"{request}/{number}": wish for number, wish in enumerate(wishes)}
        _enter(asked, family, owner, device, folder)
    return family


def _enter(
    wishes: Mapping[str, Wish], family: str, owner: str, device: str, folder: Path
) -> list[str]:
    """Returns the runs' ids; the caller holds the queue's lock."""
    found = jobs(folder)
    known = {one.ticket.request: one.id for one in found if one.ticket and one.ticket.request}
    asked = {_hash(f"{_hash(owner)}/{request}"): wish for request, wish in wishes.items()}
    new = {request: wish for request, wish in asked.items() if request not in known}
    if new:
        _check_room(found, _hash(owner), len(new))
    number = max(map(_number, found), default=0)
    # all names first: one that cannot be is told before any run is made
    ids = {request: _run_id(wish, request, family) for request, wish in new.items()}
    for request, wish in new.items():
        number += 1
        ticket = Ticket(
            owner=_hash(owner),
            request=request,
            number=number,
            seconds=wish.seconds,
            family=family,
        )
        known[request] = _make(wish, ticket, ids[request], device, folder)
    return [known[request] for request in asked]


def _run_id(wish: Wish, request: str, family: str) -> str:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    stem = wish.name if family else wish.recipe
    return runs.check_run_id(f"{stem[:40]}-{stamp}-{request[:6]}")


def _make(wish: Wish, ticket: Ticket, run_id: str, device: str, folder: Path) -> str:
    """Makes a run that waits: whole or not at all, under another name first and then its own."""
    made = folder / f".new-{secrets.token_hex(8)}"
    try:
        worker.create_run(
            made,
            wish.config,
            recipe=wish.recipe,
            differs=wish.differs,
            name=wish.name,
            device=kind_of_device(device),
            threads=threads_a_place(),
            elsewhere=bool(cluster.address()),
            command=f"python -m vae_core.worker {run_id}",
        )
        write_ticket(made, ticket)
        worker.write_state(made, "queued", runs.read_card(made))
        made.replace(folder / run_id)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError("not-writable", path=folder, reason=reason) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return run_id


def pause(path: Path, *, owner: str | None = None) -> None:
    """Takes a job off its place, or off the queue; finished epochs stay, and it can be resumed.

    Args:
        path: The run's folder.
        owner: The secret of whoever asks; None for someone at the machine, who may do all.

    Raises:
        RunError: It is somebody else's, it is over, or nothing can be written.
    """
    _halt(path, "paused", owner)


def stop(path: Path, *, owner: str | None = None) -> None:
    """Ends a job; finished epochs stay. One that has not begun leaves nothing.

    Raises:
        RunError: As `pause`.
    """
    _halt(path, "stopped", owner)


def _halt(path: Path, wish: str, owner: str | None) -> None:
    with queue_lock(path.parent):
        one = job(path)
        _check_owner(one, owner)
        if one.status in BUSY:
            pulse.write_wish(path, wish)
        elif wish == "stopped" and not one.card.epochs_done and one.status in (*WAITING, "paused"):
            _remove(path)
        elif one.status in WAITING or (one.status, wish) == ("paused", "stopped"):
            worker.write_state(path, wish, one.card)
        elif one.status != wish:
            raise RunError("run-over", path=path.name)


def resume(path: Path, *, owner: str | None = None) -> None:
    """Puts a job that was paused, stopped, broken off or failed back into the queue.

    Raises:
        RunError: As `pause`, or the queue is full.
    """
    with queue_lock(path.parent):
        one = job(path)
        _check_owner(one, owner)
        if one.status in BUSY:
            pulse.forget_wish(path)  # it has not been heard yet
            return
        if one.status in WAITING:
            return
        if one.status == "finished":
            raise RunError("run-finished", path=path.name, epochs=one.epochs)
        _check_not_held(path)  # a terminal may train it
        found = jobs(path.parent)
        ticket = one.ticket or Ticket(owner=_hash(owner) if owner else "")
        _check_room(found, ticket.owner)
        number = 1 + max(map(_number, found), default=0)
        pulse.forget_wish(path)
        changes = {"number": number, "deaths": 0, "back": False, "silent": False}
        write_ticket(path, ticket.model_copy(update=changes))
        worker.write_state(path, "queued", one.card)


def delete(path: Path, *, owner: str | None = None) -> None:
    """Removes a run for good.

    Raises:
        RunError: It ships with the program, is somebody else's or is being trained.
    """
    if path.absolute().parent == runs.SHIPPED.absolute():
        raise RunError("run-shipped", path=path.name)
    with queue_lock(path.parent):
        if owner is not None:
            # a run whose card is damaged still has its ticket
            ticket = read_ticket(path)
            if not (ticket and ticket.is_of(owner)):
                raise RunError("job-not-yours", path=path.name)
        _check_not_held(path)
        _remove(path)


def claim(path: Path, owner: str) -> None:
    """Makes a run somebody's that the queue has not trained, as one that was imported.

    Raises:
        RunError: Nothing can be written.
    """
    write_ticket(path, Ticket(owner=_hash(owner)))


def n_owned(owner: str, folder: Path | None = None) -> int:
    """Returns how many runs of a folder are this owner's."""
    tickets = (read_ticket(path) for path in folders(folder or root()))
    return sum(ticket is not None and ticket.owner == _hash(owner) for ticket in tickets)


def _check_room(found: Iterable[Job], owner: str, n: int = 1) -> None:
    """Whether so many more may wait; sweeps fill half of the queue at most, so all find room."""
    waiting = [j for j in found if j.status in WAITING]
    limit = MAX_WAITING if n == 1 else MAX_WAITING // 2
    if len(waiting) + n > limit:
        raise RunError("queue-full", limit=len(waiting))
    if sum(_owner(j) == owner for j in waiting) + n > MAX_WAITING_OF_ONE:
        raise RunError("queue-full-yours", limit=MAX_WAITING_OF_ONE)


def _check_owner(one: Job, owner: str | None) -> None:
    if owner is not None and not one.is_of(owner):
        raise RunError("job-not-yours", path=one.id)


def _check_not_held(path: Path) -> None:
    if is_held(path):
        raise RunError("run-busy", path=path.name, pid="its worker")


def _remove(path: Path) -> None:
    """Removes a folder: at once by its name, which is what counts, then what is in it."""
    gone = path.parent / f".gone-{secrets.token_hex(8)}"
    try:
        path.rename(gone)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError("not-writable", path=path.parent, reason=reason) from error
    shutil.rmtree(gone, ignore_errors=True)


# --- files and locks --------------------------------------------------------------------------


@contextmanager
def queue_lock(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder's queue, for milliseconds.

    Raises:
        RunError: The folder cannot be written, or the lock is not to be had.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / QUEUE_LOCK, timeout=20, poll_interval=0.01, is_singleton=False)
        lock.acquire()
    except Timeout as error:
        raise RunError("not-writable", path=folder, reason="the queue is locked") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError("not-writable", path=folder, reason=reason) from error
    try:
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Whether a process trains this run: it then holds the run's lock, whatever the state says."""
    lock = FileLock(path / worker.LOCK, is_singleton=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def folders(folder: Path) -> list[Path]:
    """Returns the folders in a folder of runs whose names a run may have."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(e.path) for e in entries if runs.RUN_ID.fullmatch(e.name))
    except OSError:
        return []


def _card(path: Path) -> runs.Card:
    try:
        status = (path / runs.CARD).stat()
    except OSError:
        return runs.read_card(path)  # which says what is wrong
    return _card_as_of(path, status.st_mtime_ns, status.st_size, status.st_ino)


@lru_cache(maxsize=1024)
def _card_as_of(path: Path, *_: int) -> runs.Card:
    return runs.read_card(path)


def read_ticket(path: Path) -> Ticket | None:
    """Returns a run's ticket, or None where there is none that can be read."""
    try:
        return Ticket.model_validate(read_json(path / TICKET))
    except (OSError, ValueError, ValidationError):
        return None


def write_ticket(path: Path, ticket: Ticket) -> None:
    """Replaces a run's ticket; the caller holds the queue's lock.

    Raises:
        RunError: It cannot be written.
    """
    write_json(path / TICKET, ticket.model_dump(mode="json"))


def read_state(path: Path) -> dict[str, Any]:
    """Returns a run's state, or nothing where there is none that can be read."""
    try:
        state = read_json(path / runs.STATE)
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _number_of(value: object) -> float:
    # a folder may hold anything: what is no number, not finite or absurdly large counts as 0
    if isinstance(value, int | float) and abs(value) <= MAX_NUMBER:
        return float(value)
    return 0.0


def _number(one: Job) -> int:
    return one.ticket.number if one.ticket else 0


def _turn(one: Job) -> int:
    return (one.ticket.turn or 0) if one.ticket else 0


def _owner(one: Job) -> str:
    return one.ticket.owner if one.ticket else ""
