"""Starts the workers of the queue, watches their heartbeats and takes care of the dead.

A worker is `python -m vae_core.background RUN`, a process that outlives whoever started it, or
where a cluster is named an actor of Ray (`cluster`). Of all supervisors of a machine, or of a
cluster, over one folder one is at work, the one that holds the lock; when its process ends, another
takes over, and finds the workers by the locks that they hold.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vae_core import cluster, jobs, pulse, runs, worker
from vae_core.errors import PlaygroundError, RunError
from vae_core.jobs import (
    BUSY,
    WAITING,
    Job,
    Ticket,
    folders,
    is_held,
    queue_lock,
    read_state,
    read_ticket,
    write_ticket,
)
from vae_core.worker import LOG

MAX_DEATHS = 3  # of a worker, without an epoch finished in between
SILENT_S = 2.5 * pulse.BEAT_S  # so that three heartbeats have not passed when it is told
KILL_S = 30.0
STUCK_S = 900.0  # beating, but no step done
START_S = 600.0  # until a worker that was started holds its run; beside busy cores, minutes
TICK_S = 0.5
LEFTOVER_S = 3600.0  # age of a half-made folder that nobody will finish
RESTART_S = 5.0  # between two processes that supervise a cluster
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has one way to end a process
ROOT = Path(__file__).resolve().parent.parent


class Supervisor:
    """Looks after the jobs of one folder of runs.

    Args:
        folder: The folder; the user's runs if None.
        kill_s: How long a worker may be silent before it is killed, and its job goes on in another.
    """

    def __init__(self, folder: Path | None = None, *, kill_s: float = KILL_S) -> None:
        self.folder = folder or jobs.root()
        self.kill_s = kill_s
        self._watch = pulse.Watch()
        self._children: dict[Path, subprocess.Popen[bytes]] = {}
        self._cluster: cluster.Cluster | None = None
        self.host = socket.gethostname()
        if cluster.address():
            self._cluster = cluster.Cluster(self.folder, jobs.THREADS_A_PLACE)
            self.host = cluster.HOST
        host = "".join(c if c.isalnum() else "-" for c in self.host)[:64]
        self._lead = FileLock(self.folder / f".supervisor-{host}.lock", is_singleton=False)
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, *, apart: bool = False) -> None:
        """Supervises from a thread until `stop`, unless `LATENT_PLACES` is 0.

        Args:
            apart: A cluster is supervised from a process of its own: Ray ends a process that has
                lost its cluster for a minute, which must not be a web server.
        """
        if jobs.leaves_it_to_others():
            return
        work = self._keep_apart if apart and self._cluster else self.run
        self._thread = threading.Thread(target=work, name="supervisor", daemon=True)
        self._thread.start()

    def connect(self) -> None:
        """Makes sure that there is a cluster, where one is named.

        Raises:
            RunError: There is none.
        """
        if self._cluster:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._cluster.look()

    def stop(self) -> None:
        """Supervises no more; workers go on."""
        self._over.set()
        if self._thread:
            self._thread.join(10)

    def _keep_apart(self) -> None:
        command = [sys.executable, "-m", "vae_core.supervisor", str(self.folder.absolute())]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        while not self._over.is_set():
            # it ends when its input does: with this process, however that ends
            apart = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE)
            while not self._over.wait(TICK_S) and apart.poll() is None:
                pass
            if apart.stdin:
                apart.stdin.close()
            if not self._over.is_set():
                self._over.wait(RESTART_S)
            else:
                with suppress(subprocess.TimeoutExpired):
                    apart.wait(5)
                apart.kill()
            apart.wait()

    def run(self) -> None:
        """Supervises until `stop`."""
        complained = ""
        while not self._over.wait(TICK_S):
            try:
                self.tick()
                complained = ""
            except Exception as error:  # a supervisor that dies leaves everybody waiting
                if str(error) != complained:
                    complained = str(error)
                    print(f"The queue of trainings: {complained}", file=sys.stderr)
        if self._lead.is_locked:
            self._lead.release()

    def tick(self) -> None:
        """Looks once at every job, and does what is to be done.

        Raises:
            RunError: The folder cannot be written.
        """
        if self._cluster:
            self.folder.mkdir(parents=True, exist_ok=True)  # what the cluster offers stands there
        if not self.folder.is_dir() or not self._leads():
            return
        if self._cluster:
            self._cluster.look()
        live = [path for path in folders(self.folder) if (path / runs.STATE).exists()]
        if not live and not self._children:
            return
        ended = self._reap()
        with queue_lock(self.folder):
            status = {path: read_state(path).get("status") for path in live}
            for path in live:
                if status[path] in BUSY:
                    with suppress(PlaygroundError):
                        self._look_after(jobs.job(path), ended=path in ended)
                    status[path] = read_state(path).get("status")
            busy = [path for path in live if status[path] in BUSY]
            # a class that waits is not read for nothing
            if any(one in WAITING for one in status.values()) and self._has_room(busy):
                self._fill_places()

    def _leads(self) -> bool:
        if self._lead.is_locked:
            return True
        try:
            self._lead.acquire(timeout=0)
        except (Timeout, OSError):
            return False
        _sweep(self.folder)
        return True

    def _reap(self) -> list[Path]:
        ended = [path for path, child in self._children.items() if child.poll() is not None]
        for path in ended:
            del self._children[path]
        return ended

    def _look_after(self, one: Job, *, ended: bool) -> None:
        ticket, path = one.ticket, one.path
        if ticket is None or read_state(path).get("status") not in BUSY:
            return
        beat = pulse.read_beat(path)
        met = self._watch.knows(path)
        age = self._watch.age(path, "beat", (ticket.turn, beat))
        work = self._watch.age(path, "work", (ticket.turn, beat and beat.work))
        if ticket.host not in ("", self.host):
            # another machine's; where that has died, the lock is free and this machine takes over
            if age > self.kill_s and not is_held(path):
                self._bury(one, ticket)
            return
        if beat is None:
            self._look_after_start(one, ticket, age)
            return
        # a lock is asked for when it may be free: of an old acquaintance that beats it is not
        suspect = ended or beat.end or not met or age > 1.5 * pulse.BEAT_S
        if suspect and not is_held(path):
            # what Ray is about to start again is not dead
            if not (self._cluster and self._cluster.lives(path, ticket.turn)):
                self._bury(one, ticket)
            return
        silent = age > SILENT_S
        if silent != ticket.silent:
            with suppress(RunError):
                write_ticket(path, ticket.model_copy(update={"silent": silent}))
        if age > self.kill_s or work > STUCK_S:
            if self._cluster:
                self._cluster.end(path, ticket.turn, again=True)
                self._watch.forget(path)
            else:
                self._kill(path, beat.pid, beat.born)

    def _look_after_start(self, one: Job, ticket: Ticket, age: float) -> None:
        """Before the first beat there is no lock to ask for, only a process or an actor."""
        if self._cluster:
            self._look_after_actor(one, ticket, self._cluster)
            return
        lives = one.path in self._children or pulse.alive(ticket.pid, ticket.born)
        # without a number its starter died in the act, or is about to write it
        gone = not lives if ticket.pid else age > START_S
        if gone and not is_held(one.path):
            self._bury(one, ticket)
        elif age > START_S and ticket.pid:
            self._kill(one.path, ticket.pid, ticket.born)

    def _look_after_actor(self, one: Job, ticket: Ticket, there: cluster.Cluster) -> None:
        """It may wait for a node as long as it takes, unless nobody wants it any more."""
        if there.lives(one.path, ticket.turn):
            if pulse.read_wish(one.path):
                there.end(one.path, ticket.turn, again=False)
            return
        refusal = there.refusal(one.path, ticket.turn)
        if refusal:
            self._fail(one, pulse.error_fields(refusal))
        elif not is_held(one.path):
            self._bury(one, ticket)

    def _kill(self, path: Path, pid: int, birth: int) -> None:
        child = self._children.get(path)
        if child and child.pid == pid:
            child.kill()
            child.wait(10)
            del self._children[path]
        elif pulse.alive(pid, birth) and pid != os.getpid():
            with suppress(OSError):
                os.kill(pid, KILL)
        self._watch.forget(path)

    def _bury(self, one: Job, ticket: Ticket) -> None:
        """Decides what becomes of a job whose worker is no more."""
        wish, beat = pulse.read_wish(one.path), pulse.read_beat(one.path)
        with suppress(RunError):
            if beat and beat.end:
                self._fail(one, beat.error)
            elif wish:
                worker.write_state(one.path, wish, one.card)
                pulse.forget_wish(one.path)
            else:
                came_on = one.card.epochs_done > ticket.epochs_at_start
                deaths = 1 if came_on else ticket.deaths + 1
                changes = {"deaths": deaths, "back": True, "silent": False, "pid": 0}
                write_ticket(one.path, ticket.model_copy(update=changes))
                if deaths >= MAX_DEATHS:
                    died = RunError("worker-died", path=one.id, times=deaths)
                    self._fail(one, pulse.error_fields(died))
                else:
                    worker.write_state(one.path, "queued", one.card)

    def _fail(self, one: Job, error: dict[str, Any]) -> None:
        reason = error.get("reason", "")
        worker.write_state(one.path, "failed", one.card, error=error, reason=reason)

    def _has_room(self, busy: Sequence[Path]) -> bool:
        tickets = [read_ticket(path) for path in busy]
        here = sum(ticket is not None and ticket.host == self.host for ticket in tickets)
        return here < sum(jobs.places(self.folder).values())

    def _fill_places(self) -> None:
        found = jobs.jobs(self.folder)
        busy = [j for j in found if j.status in BUSY and j.ticket and j.ticket.host == self.host]
        if not self._cluster:  # a terminal's training takes a place too
            busy += [j for j in found if j.status in BUSY and not j.ticket and is_held(j.path)]
        room = jobs.places(self.folder)
        for one in busy:
            room[one.card.device] = room.get(one.card.device, 0) - 1
        turn = max((j.ticket.turn or 0 for j in found if j.ticket), default=0)
        for one in jobs.in_turn(found):
            if room.get(one.card.device, 0) <= 0:
                continue
            taken = {j.ticket.slot for j in busy if j.ticket and j.card.device == one.card.device}
            slot = next(i for i in range(len(taken) + 1) if i not in taken)
            turn += 1
            try:
                busy.append(self._start(one, turn, slot))
            except (PlaygroundError, OSError) as error:
                if getattr(error, "key", "") == "cluster-unreachable":
                    worker.write_state(one.path, "queued", one.card)  # it is not this job's fault
                    raise
                with suppress(RunError):
                    self._fail(one, pulse.error_fields(error))
                continue
            room[one.card.device] -= 1

    def _start(self, one: Job, turn: int, slot: int) -> Job:
        """Starts a worker: the ticket says so first, so that none is started twice."""
        ticket = (one.ticket or Ticket()).model_copy(
            update={
                "turn": turn,
                "host": self.host,
                "slot": slot,
                "pid": 0,
                "born": 0,
                "epochs_at_start": one.card.epochs_done,
                "back": False,
                "silent": False,
            }
        )
        (one.path / pulse.HEARTBEAT).unlink(missing_ok=True)
        write_ticket(one.path, ticket)
        worker.write_state(one.path, "starting", one.card)
        self._watch.forget(one.path)
        if self._cluster:
            self._cluster.start(one.path, one.card, turn)
            return replace(one, ticket=ticket, status="starting")
        child = _spawn(one.path, one.card.device, slot)
        self._children[one.path] = child
        ticket = ticket.model_copy(update={"pid": child.pid, "born": pulse.born(child.pid)})
        with suppress(RunError):
            write_ticket(one.path, ticket)
        return replace(one, ticket=ticket, status="starting")


def _spawn(path: Path, device: str, slot: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("OMP_NUM_THREADS", None)  # a web server's own; a training's stand in its card
    if device == "cuda":
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        environment["CUDA_VISIBLE_DEVICES"] = visible.split(",")[slot] if visible else str(slot)
    with (path / LOG).open("ab") as log:
        # a session of its own: Ctrl-C at the server's terminal is not meant for it
        return subprocess.Popen(
            [sys.executable, "-m", "vae_core.background", str(path.absolute())],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
        )


def main() -> None:
    """Supervises the folder that is named on the command line until its input ends."""
    keeper = Supervisor(Path(sys.argv[1]))

    def until_alone() -> None:
        sys.stdin.buffer.read()
        keeper.stop()

    threading.Thread(target=until_alone, daemon=True).start()
    keeper.run()


def _sweep(folder: Path) -> None:
    """Removes folders that were half made or half removed when a process ended."""
    for path in (*folder.glob(".new-*"), *folder.glob(".gone-*")):
        with suppress(OSError):
            if path.name.startswith(".gone-") or time.time() - path.stat().st_mtime > LEFTOVER_S:
                shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
