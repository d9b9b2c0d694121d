"""Laws of trainings on a cluster: the same folder, the same weights, and no Ray without one."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench import NotPossible
from bench import cluster as stage
from vae_core import cluster, jobs, pulse, runs, worker
from vae_core.config import RunConfig
from vae_core.errors import ConfigError, RunError
from vae_core.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[2]
Ask = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setenv("LATENT_RUNS", str(folder))
    monkeypatch.setenv("LATENT_CLUSTER", "127.0.0.1:1")
    monkeypatch.setenv("LATENT_NICE", "0")
    monkeypatch.delenv("LATENT_PLACES", raising=False)
    return folder


@pytest.fixture
def ask(folder: Path, small_config: Callable[..., RunConfig]) -> Ask:
    def make(request: str = "1", device: str = "auto", **settings: object) -> Path:
        config = small_config(**{"limit": 200, "epochs": 2, **settings})
        return folder / jobs.submit(
            config, owner="ann", request=request, recipe="small", device=device
        )

    return make


class Stand:
    """Stands for a cluster: it keeps what it is given until it is told that something died."""

    def __init__(self, folder: Path, offer: cluster.Offer) -> None:
        self.alive: set[str] = set()
        self.ended: list[tuple[str, bool]] = []
        self.why: RunError | None = None
        self.gone = False
        (folder / cluster.OFFER).write_text(json.dumps(vars(offer)))

    def look(self) -> None:
        if self.gone:
            raise RunError("cluster-unreachable", address="x", reason="gone")

    def start(self, path: Path, card: runs.Card, turn: int) -> None:
        self.look()
        self.alive.add(path.name)

    def lives(self, path: Path, turn: int | None) -> bool:
        return path.name in self.alive

    def end(self, path: Path, turn: int | None, *, again: bool) -> None:
        self.ended.append((path.name, again))
        if not again:
            self.alive.discard(path.name)

    def refusal(self, path: Path, turn: int | None) -> RunError | None:
        return self.why


@pytest.fixture
def stand(folder: Path) -> Stand:
    return Stand(folder, cluster.Offer(nodes=2, threads=2, cpu=2))


@pytest.fixture
def keeper(folder: Path, stand: Stand) -> Supervisor:
    keeper = Supervisor(folder)
    keeper._cluster = stand  # type: ignore[assignment]
    return keeper


def status(path: Path) -> str:
    return jobs.job(path).status


# --- without one ------------------------------------------------------------------------------


def test_without_a_cluster_nothing_of_ray_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nimport ui.server\nimport vae_core.__main__\n"
        "from vae_core import jobs, sweeps, worker\nfrom vae_core.supervisor import Supervisor\n"
        f"Path({str(tmp_path)!r}, 'runs').mkdir()\n"
        "keeper = Supervisor()\nkeeper.connect()\nkeeper.tick()\njobs.places()\njobs.devices()\n"
        "assert keeper._lead.is_locked\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] == 'ray']"
    )
    environment = {k: v for k, v in os.environ.items() if k != "LATENT_CLUSTER"}
    environment |= {"LATENT_RUNS": str(tmp_path / "runs"), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


def test_ray_that_is_missing_is_told_in_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RunError, match="requirements-cluster"):
        Supervisor(folder).connect()


def test_an_address_where_nobody_answers_is_told_by_terminal_and_screen(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    from vae_core.__main__ import main

    begin = time.monotonic()
    assert main(["queue", "--serve"]) == 1
    assert time.monotonic() - begin < 30
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "127.0.0.1:1" in said
    assert "LATENT_CLUSTER" in said
    error = cluster.read_offer(folder).explained()  # which pages read
    assert error is not None
    assert error.key == "cluster-unreachable"
    assert jobs.places(folder)["cpu"] == 0


# --- what it offers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "threads", "cpu", "cuda"),
    [
        ([{"CPU": 2.0}, {"CPU": 2.0}], 2, 2, 0),
        ([{"CPU": 1.0}, {"CPU": 1.0}], 1, 2, 0),
        ([{}, {"CPU": 16.0, "GPU": 4.0}, {"CPU": 5.0}], 2, 10, 4),
        ([], 1, 0, 0),
    ],
)
def test_places_are_counted_node_by_node(
    nodes: list[dict[str, float]], threads: int, cpu: int, cuda: int
) -> None:
    offer = cluster.offer_of(nodes, 2)
    assert (offer.nodes, offer.threads, offer.cpu, offer.cuda) == (len(nodes), threads, cpu, cuda)


def test_a_job_gets_a_device_that_the_cluster_has_and_this_machine_may_lack(
    ask: Ask, folder: Path
) -> None:
    Stand(folder, cluster.Offer(nodes=1, threads=8, cpu=2, cuda=1))
    assert jobs.devices() == ("cuda", "cpu")
    card = runs.read_card(ask())
    assert (card.device, card.threads) == ("cuda", 8)
    assert runs.read_card(ask("2", "cpu")).device == "cpu"
    with pytest.raises(ConfigError, match="mps"):
        ask("3", "mps")


def test_a_server_without_places_leaves_trainings_to_others(
    ask: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LATENT_CLUSTER")
    monkeypatch.setenv("LATENT_PLACES", "0")
    path = ask()
    assert runs.read_card(path).threads >= 1
    idle = Supervisor(folder)
    idle.start()
    idle.stop()
    assert not list(folder.glob(".supervisor*"))
    assert (status(path), jobs.jobs()[0].position) == ("queued", 1)


# --- supervising it ---------------------------------------------------------------------------


def test_no_more_are_given_to_it_than_it_has_places_for(
    ask: Ask, keeper: Supervisor, stand: Stand
) -> None:
    paths = [ask(str(i)) for i in range(4)]
    for _ in range(3):
        keeper.tick()
    assert [status(path) for path in paths] == ["starting"] * 2 + ["queued"] * 2
    assert stand.alive == {path.name for path in paths[:2]}


def test_what_ray_is_about_to_start_again_is_not_dead(
    ask: Ask, keeper: Supervisor, stand: Stand
) -> None:
    path = ask()
    keeper.tick()
    with pulse.beating(path):
        worker.write_state(path, "running", runs.read_card(path))
    for _ in range(3):  # a beat, and nobody holds the lock
        keeper._watch = pulse.Watch()  # a new acquaintance's lock is asked for at once
        keeper.tick()
    assert status(path) == "running"
    stand.alive.clear()  # Ray has given up
    keeper._watch = pulse.Watch()
    keeper.tick()
    ticket = jobs.read_ticket(path)
    assert ticket is not None
    assert (ticket.deaths, ticket.turn) == (1, 2)
    assert path.name in stand.alive  # the next one


def test_what_waits_for_a_node_can_be_stopped(ask: Ask, keeper: Supervisor, stand: Stand) -> None:
    path = ask()
    keeper.tick()
    jobs.pause(path)
    keeper.tick()
    keeper.tick()
    assert stand.ended == [(path.name, False)]
    assert status(path) == "paused"


def test_a_node_that_does_not_see_the_folder_is_told(
    ask: Ask, keeper: Supervisor, stand: Stand
) -> None:
    path = ask()
    keeper.tick()
    stand.alive.clear()
    stand.why = RunError("cluster-not-shared", node="n7", path=path)
    keeper.tick()
    error = jobs.job(path).explained()
    assert error is not None
    assert "n7" in str(error)


def test_a_cluster_that_is_gone_is_no_jobs_fault(
    ask: Ask, keeper: Supervisor, stand: Stand
) -> None:
    path = ask()
    stand.gone = True
    with pytest.raises(RunError, match="gone"):
        keeper.tick()
    stand.look = lambda: None  # type: ignore[method-assign]

    def start(*_: object) -> None:
        raise RunError("cluster-unreachable", address="x", reason="gone")

    stand.start = start  # type: ignore[method-assign]
    with pytest.raises(RunError, match="gone"):
        keeper.tick()
    assert status(path) == "queued"


# --- a real one -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nodes() -> Iterator[str]:
    """The address of a cluster of two nodes with a core each, both on this machine."""
    made = stage.two_nodes()
    try:
        address = made.__enter__()
    except NotPossible as error:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(error))
    yield address
    made.__exit__(None, None, None)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_sweep_survives_a_killed_worker_and_equals_a_local_one_bit_for_bit(
    nodes: str, tmp_path: Path
) -> None:
    given = argparse.Namespace(runs=3, epochs=12, limit=1000)
    assert stage.sweep(tmp_path / "here", given).wait(200) == 0
    process = stage.sweep(tmp_path / "there", given, nodes)
    killed = stage.kill_one(tmp_path / "there", process)
    assert killed, "nothing was killed: this test no longer tests anything"
    assert process.wait(300) == 0
    assert stage.digests(tmp_path / "there") == stage.digests(tmp_path / "here")
    ticket = jobs.read_ticket(tmp_path / "there" / killed)
    assert ticket is not None
    assert ticket.deaths == 0, "Ray was to start it again, not the supervisor"
    assert (tmp_path / "there" / killed / worker.LOG).read_text().count("on node") == 2


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_server_gives_jobs_to_the_cluster_and_they_outlive_it(
    nodes: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENT_CLUSTER", nodes)

    def until(what: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 120
        while not what():
            assert time.monotonic() < deadline, [(j.id, j.status, j.error) for j in jobs.jobs()]
            time.sleep(0.1)

    server = Supervisor()
    server.start(apart=True)
    until(lambda: jobs.places()["cpu"] == 2)
    path = ask(limit=4500, epochs=5000)
    until(lambda: runs.read_card(path).epochs_done >= 1)
    server.stop()
    before = pulse.read_beat(path)
    assert before is not None
    until(lambda: (pulse.read_beat(path) or before).number > before.number + 1)
    jobs.pause(path, owner="ann")
    until(lambda: status(path) == "paused")
    done = runs.read_card(path).epochs_done
    server = Supervisor()
    server.start(apart=True)
    try:
        jobs.resume(path, owner="ann")
        until(lambda: runs.read_card(path).epochs_done > done)
        jobs.stop(path, owner="ann")
        until(lambda: status(path) == "stopped")
    finally:
        server.stop()
