"""Trainings on a Ray cluster, which `LATENT_CLUSTER` names as `ray.init(address=...)` takes it.

A training there is a detached actor that runs the worker of every other training, on the same run
folder, which all nodes see. Ray finds it a node with the cores and the GPU that it asks for and
starts it again when its process or its node dies; it then goes on from the run's last state. What
it is to do, and how far it is, stands in the folder alone. Only the process that supervises
imports Ray, and only where the variable is set.
"""

import hashlib
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vae_core.errors import PlaygroundError, RunError
from vae_core.files import read_json, write_json
from vae_core.pulse import error_fields
from vae_core.runs import CARD, Card

VARIABLE = "LATENT_CLUSTER"
HOST = "(cluster)"  # in tickets, where a machine's name would stand
NAMESPACE = "latent-playground"
OFFER = ".cluster.json"
RESTARTS = 2  # by Ray; after them the supervisor decides
CONNECT_S = 5.0  # for a first word from the address
AGAIN_S = 10.0  # between two attempts to connect
LOOK_S = 2.0  # between two looks at the nodes
PASSED_ON = ("LATENT_DATA", "LATENT_NICE")  # the nodes need not have them set
PACKAGE = Path(__file__).resolve().parent


def address() -> str:
    """Returns the address of the cluster, or "" where trainings stay on this machine."""
    return os.environ.get(VARIABLE, "").strip()


@dataclass(frozen=True)
class Offer:
    """What a cluster has for trainings, as the supervisor last found it.

    Attributes:
        nodes: Machines that take part.
        threads: CPU threads of one training.
        cpu: Trainings without a GPU that fit side by side.
        cuda: GPUs.
        error: Why the cluster cannot be used, as `pulse.error_fields` has it.
    """

    nodes: int = 0
    threads: int = 1
    cpu: int = 0
    cuda: int = 0
    error: dict[str, Any] | None = None

    def explained(self) -> PlaygroundError | None:
        """Returns why the cluster cannot be used, as an error that any language can say."""
        if not self.error:
            return None
        with suppress(KeyError, TypeError):
            return RunError(self.error["key"], **self.error["values"])
        return RunError("cluster-unreachable", address=address(), reason=self.error.get("reason"))


def offer_of(nodes: Iterable[dict[str, float]], threads: int) -> Offer:
    """Returns what nodes offer, each told by its resources as Ray names them.

    Args:
        nodes: "CPU" and "GPU" of each.
        threads: What a training is to have, where a node has so many.
    """
    sizes = [(int(node.get("CPU", 0)), int(node.get("GPU", 0))) for node in nodes]
    most = max((cpus for cpus, _ in sizes), default=0)
    each = max(min(threads, most), 1)
    return Offer(
        nodes=len(sizes),
        threads=each,
        cpu=sum(cpus // each for cpus, _ in sizes),
        cuda=sum(gpus for _, gpus in sizes),
    )


def read_offer(folder: Path) -> Offer:
    """Returns what the cluster offered when its supervisor last looked; nothing if none did."""
    try:
        return Offer(**read_json(folder / OFFER))
    except (OSError, ValueError, TypeError):
        return Offer()


class Cluster:
    """The cluster as its supervisor uses it, for one folder of runs.

    Args:
        folder: The folder, which the nodes see under the same path.
        threads: What a training is to have.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        self._folder = folder.absolute()
        self._threads = threads
        self._ray: Any = None
        self._begun: dict[str, Any] = {}  # actor's name -> what Ray will say once it has begun
        self._offer: Offer | None = None
        self._last_look = self._last_attempt = -AGAIN_S

    def connect(self) -> None:
        """Connects, unless that is done or has just failed.

        Raises:
            RunError: Ray is not installed, or there is no cluster at the address.
        """
        if self._ray is not None:
            return
        told = self._offer and self._offer.explained()
        if told and time.monotonic() - self._last_attempt < AGAIN_S:
            raise told
        self._last_attempt = time.monotonic()
        try:
            self._ray = _connected(address())
        except PlaygroundError as error:
            self._tell(Offer(error=error_fields(error)))
            raise

    def look(self) -> None:
        """Connects, looks at the nodes and writes down what they offer.

        Raises:
            RunError: As `connect`, or nothing can be written.
        """
        self.connect()
        if time.monotonic() - self._last_look < LOOK_S:
            return
        self._last_look = time.monotonic()
        nodes = self._asked(lambda: self._ray.nodes())
        self._tell(offer_of((n["Resources"] for n in nodes if n["Alive"]), self._threads))

    def start(self, path: Path, card: Card, turn: int) -> None:
        """Gives a run to the cluster; Ray starts it once a node has room.

        Raises:
            RunError: No node is large enough, or the cluster is not there any more.
        """
        gpus = int(card.device == "cuda")
        sizes = self._asked(lambda: [n["Resources"] for n in self._ray.nodes() if n["Alive"]])
        if not any(s.get("CPU", 0) >= card.threads and s.get("GPU", 0) >= gpus for s in sizes):
            raise RunError("cluster-small", threads=card.threads, gpus=gpus)
        name = self._name(path, turn)
        variables = {key: os.environ[key] for key in PASSED_ON if os.environ.get(key)}
        actor = self._ray.remote(Training).options(
            name=name,
            namespace=NAMESPACE,
            lifetime="detached",  # it outlives this process
            num_cpus=card.threads,
            num_gpus=gpus,
            max_restarts=RESTARTS,
            runtime_env={"env_vars": {**variables, VARIABLE: address()}},
        )
        handle = self._asked(lambda: actor.remote(str(path.absolute())))
        self._begun[name] = self._asked(lambda: handle.begun.remote())

    def lives(self, path: Path, turn: int | None) -> bool:
        """Whether Ray has a run's actor: waiting for a node, at work, or about to be restarted.

        Raises:
            RunError: The cluster is not there any more.
        """

        def found() -> bool:
            try:
                self._ray.get_actor(self._name(path, turn), namespace=NAMESPACE)
            except ValueError:  # Ray's word for none of that name
                return False
            return True

        return bool(self._asked(found))

    def end(self, path: Path, turn: int | None, *, again: bool) -> None:
        """Ends a run's process at once; Ray starts it `again`, or has done with it."""
        with suppress(ValueError):
            actor = self._ray.get_actor(self._name(path, turn), namespace=NAMESPACE)
            self._asked(lambda: self._ray.kill(actor, no_restart=not again))

    def refusal(self, path: Path, turn: int | None) -> PlaygroundError | None:
        """Returns why a run's actor, which is no more, could not even begin; None if it did."""
        begun = self._begun.pop(self._name(path, turn), None)
        if begun is None:
            return None
        known = self._ray.exceptions
        try:
            said = self._ray.get(begun, timeout=CONNECT_S)
        except (known.RuntimeEnvSetupError, known.RayActorError) as error:
            # a node that lacks a package, or the like; what died otherwise may try again
            told = isinstance(error, known.RuntimeEnvSetupError) or "creation task" in str(error)
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = (lines or ["?"])[-1][:300]
            return RunError("worker-failed", path=path.name, reason=reason) if told else None
        except known.RayError:
            return None
        return RunError("cluster-not-shared", node=said, path=path) if said else None

    def _name(self, path: Path, turn: int | None) -> str:
        folder = hashlib.sha256(str(self._folder).encode()).hexdigest()[:8]
        return f"{folder}/{path.name}/{turn}"

    def _tell(self, offer: Offer) -> None:
        if offer != self._offer:
            self._offer = offer
            write_json(self._folder / OFFER, asdict(offer))

    def _asked(self, question: Any) -> Any:
        """Asks the cluster; when it is gone, this is told and the next look connects anew."""
        if self._ray is None:
            raise (self._offer or Offer()).explained() or RunError(
                "cluster-unreachable", address=address(), reason="it is not connected"
            )
        try:
            return question()
        except (PlaygroundError, ValueError):
            raise
        except Exception as error:
            with suppress(Exception):
                self._ray.shutdown()
            self._ray = None
            gone = RunError("cluster-unreachable", address=address(), reason=_first_line(error))
            self._tell(Offer(error=error_fields(gone)))
            raise gone from error


def _connected(where: str) -> Any:
    """Returns Ray's module, connected."""
    try:
        import ray
    except ImportError as error:
        raise RunError("cluster-no-ray") from error
    try:
        _answers(where)
        ray.init(
            address=where,
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.ERROR,
            ignore_reinit_error=True,
            # the nodes train with this very code
            runtime_env={"py_modules": [str(PACKAGE)], "excludes": ["**/__pycache__"]},
        )
    except Exception as error:  # Ray has a dozen ways to say it
        raise RunError("cluster-unreachable", address=where, reason=_first_line(error)) from error
    return ray


def _answers(where: str) -> None:
    """Knocks at an address with a port: Ray itself would go on trying for a minute.

    Raises:
        OSError: Nobody answers.
        ValueError: The port is none.
    """
    import socket

    parts = urlsplit(where if "://" in where else f"//{where}")
    if parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), CONNECT_S).close()


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:300]


# --- on a node ----------------------------------------------------------------------------------


class Training:
    """The actor of one training: it lives as long as the training does.

    Args:
        path: The run's folder.
    """

    def __init__(self, path: str) -> None:
        import socket

        self._missing = "" if (Path(path) / CARD).is_file() else socket.gethostname()
        work = _tell_and_leave if self._missing else _train
        threading.Thread(target=work, args=(Path(path),), name="training").start()

    def begun(self) -> str:
        """Returns "", or the node's name if it does not see the folder."""
        return self._missing


def _train(path: Path) -> None:
    from vae_core import worker

    with (path / worker.LOG).open("a", buffering=1) as log:
        os.dup2(log.fileno(), 2)  # what libraries say belongs into the run's log, which is capped
        sys.stderr = log
        print(f"on node {_node()}", file=log)
        try:
            worker.work(path)
        except PlaygroundError as error:
            print(error, file=log)
        except BaseException:
            traceback.print_exc(file=log)
            os._exit(1)  # Ray starts it again
        _leave()


def _node() -> str:
    import socket

    import ray

    return f"{socket.gethostname()} {ray.get_runtime_context().get_node_id()[:12]}"


def _tell_and_leave(_: Path) -> None:
    time.sleep(2)  # whoever asks whether it has begun gets the answer
    _leave()


def _leave() -> None:
    """Ends this process; for Ray too, the training is over."""
    import ray

    ray.kill(ray.get_runtime_context().current_actor, no_restart=True)
