"""A sweep over a two-node local Ray cluster, one of whose workers is killed with `kill -9`.

The same sweep is trained here first, with the same threads; each run on the cluster has to have the
very same weights. Both nodes are on this machine: what is shown is that it works, not how fast.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import NotPossible
from bench.stage import ROOT, say
from vae_core import jobs, pulse, runs

PATIENCE_S = 600.0
STORE = 80 * 2**20  # bytes of a node's object store: nothing is kept there


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--limit", type=int, default=2000, help="images of a training")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name, two_nodes() as address:
        here, there = Path(name, "here"), Path(name, "there")
        begin = time.perf_counter()
        sweep(here, arguments).wait()
        seconds_here = time.perf_counter() - begin
        say(f"here: {seconds_here:.0f} s")
        begin = time.perf_counter()
        process = sweep(there, arguments, address)
        killed = kill_one(there, process)
        process.wait(PATIENCE_S)
        seconds_there = time.perf_counter() - begin
        say(f"on the cluster: {seconds_there:.0f} s, exit code {process.returncode}")
        pairs = list(zip(digests(here), digests(there), strict=False))
        said = [(path / "log.txt").read_text() for path in jobs.folders(there)]
        ticket = jobs.read_ticket(there / killed) if killed else None
    nodes = {line for text in said for line in text.splitlines() if line.startswith("on node")}
    equal = sum(one == other for one, other in pairs)
    return {
        "runs": arguments.runs,
        "finished": len(pairs),
        "bit_identical": equal,
        "nodes_that_trained": len(nodes),
        "killed": killed,
        "started_again_by_ray": bool(ticket and ticket.deaths == 0),
        "seconds_here_one_after_the_other": round(seconds_here, 1),
        "seconds_on_the_cluster": round(seconds_there, 1),
        "met": equal == arguments.runs and len(nodes) == 2 and bool(killed),
    }


@contextlib.contextmanager
def two_nodes(cpus: int = 1) -> Iterator[str]:
    """Starts a cluster of two nodes on this machine and yields its address."""
    try:
        from ray.cluster_utils import Cluster
    except ImportError as error:
        reason = "Ray is not installed: type `pip install -r requirements-cluster.txt`."
        raise NotPossible(reason) from error
    cluster = Cluster()
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=cpus, object_store_memory=STORE, include_dashboard=False)
        yield str(cluster.address)
    finally:
        cluster.shutdown()


def sweep(
    folder: Path, arguments: argparse.Namespace, address: str = ""
) -> "subprocess.Popen[bytes]":
    """Starts the command line's sweep, here or on the cluster."""
    betas = ",".join(f"{0.25 * 1.5**i:.3g}" for i in range(arguments.runs))
    command = [sys.executable, "-m", "vae_core", "sweep", "vae-beta", "--beta", betas]
    command += ["--data", "mnist-5k", "--limit", str(arguments.limit), "--threads", "1"]
    command += ["--epochs", str(arguments.epochs), "--device", "cpu", "--out", str(folder)]
    environment = {**os.environ, "LATENT_RUNS": str(folder), "LATENT_CLUSTER": address}
    environment |= {"LATENT_NICE": "0", "LATENT_PLACES": ""}  # nobody else is to be spared here
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )


def kill_one(folder: Path, process: "subprocess.Popen[bytes]") -> str:
    """Kills the first process that has finished an epoch and not all; returns its run's id."""
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        for path in jobs.folders(folder):
            beat = pulse.read_beat(path)
            # what it would be resumed from is there: an epoch is done, and not the last
            if (path / runs.RESUME).exists() and beat and pulse.alive(beat.pid, beat.born):
                os.kill(beat.pid, signal.SIGKILL)
                return path.name
        time.sleep(0.05)
    return ""


def digests(folder: Path) -> list[tuple[str, str]]:
    """Returns name and digest of the weights of each run that has finished."""
    cards = {path.name: runs.read_card(path) for path in jobs.folders(folder)}
    return [(name, card.weights_sha256) for name, card in cards.items() if card.finished]


if __name__ == "__main__":
    with two_nodes() as where:
        print(json.dumps({"address": where}), flush=True)
        sys.stdin.read()
