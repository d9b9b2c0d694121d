"""Laws of the queue: fair, bounded, one job a request, none started twice, nothing lost."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vae_core import jobs, pulse, runs, supervisor, worker
from vae_core.config import RunConfig
from vae_core.errors import PlaygroundError, RunError
from vae_core.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[2]
Ask = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "runs"
    monkeypatch.setenv("LATENT_RUNS", str(folder))
    monkeypatch.setenv("LATENT_PLACES", "1")
    monkeypatch.setenv("LATENT_NICE", "0")
    yield folder
    for path in jobs.folders(folder):  # a test that failed leaves nobody at work
        beat = pulse.read_beat(path)
        if beat and beat.pid != os.getpid() and pulse.alive(beat.pid, beat.born):
            os.kill(beat.pid, 9)


@pytest.fixture
def ask(folder: Path, small_config: Callable[..., RunConfig]) -> Ask:
    """Puts a small training into the queue and returns its folder."""

    def make(owner: str = "ann", request: str = "1", **settings: object) -> Path:
        config = small_config(**{"limit": 200, "epochs": 2, **settings})
        run_id = jobs.submit(config, owner=owner, request=request, recipe="small", device="cpu")
        return folder / run_id

    return make


class NoWorker:
    """Stands for a worker that was started and has not said anything."""

    pid = 2**30

    def __init__(self, path: Path, *_: object) -> None:
        self.path = path

    def poll(self) -> None:
        return None


def serve(until: Callable[[], bool], keeper: Supervisor, seconds: float = 200) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, [
            (j.id, j.status, j.ticket, j.error) for j in jobs.jobs(keeper.folder)
        ]
        keeper.tick()
        time.sleep(0.02)


def status(path: Path) -> str:
    return jobs.job(path).status


# --- asking -----------------------------------------------------------------------------------


def test_one_request_is_one_job_however_often_it_arrives(ask: Ask, folder: Path) -> None:
    assert len({ask(request="the same") for _ in range(50)}) == 1
    assert len(jobs.jobs(folder)) == 1
    assert ask(request="another") != ask(request="the same")
    assert ask(owner="ben", request="the same") != ask(owner="ann", request="the same")


def test_requests_of_many_processes_at_once_make_one_job_each(
    ask: Ask, folder: Path, small_config: Callable[..., RunConfig]
) -> None:
    code = (
        "import sys, json\nfrom vae_core import jobs\nfrom vae_core.config import RunConfig\n"
        "config = RunConfig.from_json(json.loads(sys.argv[1]))\n"
        "for i in range(3):\n"
        "  print(jobs.submit(config, owner='ann', request=str(i), recipe='small', device='cpu'))"
    )
    config = json.dumps(small_config().to_json())
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code, config], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    said = [racer.communicate(timeout=60)[0].split() for racer in racers]
    assert said[0] == said[1] == said[2]
    assert {j.id for j in jobs.jobs(folder)} == set(said[0])
    assert len(set(said[0])) == 3


def test_the_queue_is_bounded_for_all_and_for_each(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_WAITING", 3)
    monkeypatch.setattr(jobs, "MAX_WAITING_OF_ONE", 2)
    ask(request="1")
    ask(request="2")
    with pytest.raises(RunError, match="2 trainings of yours"):
        ask(request="3")
    ask(owner="ben", request="1")
    with pytest.raises(RunError, match="3 trainings are waiting"):
        ask(owner="cem", request="1")
    ask(request="1")  # what is known already needs no room


def wishes(config: RunConfig, n: int) -> list[jobs.Wish]:
    return [
        jobs.Wish(config.replace(train__seed=seed), "small", name=f"s{seed}") for seed in range(n)
    ]


def test_a_family_enters_whole_or_not_at_all_and_once(
    folder: Path, small_config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"owner": "ann", "request": "1", "device": "cpu"}
    name = jobs.submit_family(wishes(small_config(), 3), **asked)
    assert jobs.submit_family(wishes(small_config(), 3), **asked) == name
    family = jobs.of_family(name, jobs.jobs())
    assert [job.card.config.train.seed for job in family] == [0, 1, 2]
    assert [job.position for job in family] == [1, 2, 3]
    assert jobs.of_family("", jobs.jobs()) == ()
    other = jobs.submit_family(wishes(small_config(), 1), owner="ben", request="1", device="cpu")
    assert other != name
    monkeypatch.setattr(jobs, "MAX_WAITING_OF_ONE", 5)
    with pytest.raises(RunError, match="of yours"):
        jobs.submit_family(wishes(small_config(), 3), owner="ann", request="2")
    assert len(jobs.jobs()) == 4


def test_a_family_with_a_name_that_cannot_be_enters_not_at_all(
    folder: Path, small_config: Callable[..., RunConfig]
) -> None:
    asked = [*wishes(small_config(), 1), jobs.Wish(small_config(), "small", name="a+b")]
    with pytest.raises(RunError, match="cannot name a run"):
        jobs.submit_family(asked, owner="ann", request="1", device="cpu")
    assert not jobs.jobs()


def test_a_family_that_was_entered_in_part_is_completed(
    folder: Path, small_config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    make, made = jobs._make, []

    def full(*args: object) -> str:
        if len(made) == 2:
            raise RunError("not-writable", path=folder, reason="No space left on device")
        made.append(make(*args))  # type: ignore[arg-type]
        return made[-1]

    asked = {"owner": "ann", "request": "1", "device": "cpu"}
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "_make", full)
        with pytest.raises(RunError, match="No space left"):
            jobs.submit_family(wishes(small_config(), 4), **asked)
    name = jobs.submit_family(wishes(small_config(), 4), **asked)
    family = jobs.of_family(name, jobs.jobs())
    assert [job.card.config.train.seed for job in family] == [0, 1, 2, 3]
    assert {job.id for job in family} >= set(made)


def test_sweeps_leave_room_for_single_trainings(
    ask: Ask, small_config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_WAITING", 6)
    jobs.submit_family(wishes(small_config(), 3), owner="ann", request="1", device="cpu")
    with pytest.raises(RunError, match="3 trainings are waiting"):
        jobs.submit_family(wishes(small_config(), 2), owner="ben", request="1", device="cpu")
    ask(owner="ben", request="2")


def test_the_owners_secret_is_not_on_disk(ask: Ask) -> None:
    path = ask(owner="a very secret word")
    for file in path.rglob("*"):
        assert b"a very secret word" not in file.read_bytes()
    assert jobs.job(path).is_of("a very secret word")
    assert not jobs.job(path).is_of("another word")
    assert not jobs.job(path).is_of(None)


def test_only_its_owner_or_someone_at_the_machine_touches_a_job(ask: Ask) -> None:
    path = ask(owner="ann")
    for act in (jobs.pause, jobs.stop, jobs.resume, jobs.delete):
        for stranger in ("ben", ""):
            with pytest.raises(RunError, match="another browser"):
                act(path, owner=stranger)
    jobs.pause(path, owner="ann")
    assert status(path) == "paused"
    jobs.resume(path)
    assert status(path) == "queued"
    jobs.stop(path, owner="ann")
    assert not path.exists()


def test_shipped_runs_are_never_deleted() -> None:
    for path in runs.SHIPPED.iterdir():
        with pytest.raises(RunError, match="comes with the program"):
            jobs.delete(path)
        assert path.is_dir()


# --- fairness ---------------------------------------------------------------------------------


def start_order(folder: Path, monkeypatch: pytest.MonkeyPatch, n: int) -> list[str]:
    """The first letters of the recipes' owners, in the order in which one place serves them."""
    started: list[Path] = []

    def spawn(path: Path, *_: object) -> NoWorker:
        started.append(path)
        return NoWorker(path)

    monkeypatch.setattr(supervisor, "_spawn", spawn)
    keeper = Supervisor(folder)
    for _ in range(n):
        keeper.tick()
        done = jobs.job(started[-1])
        card = done.card.model_copy(update={"epochs_done": done.epochs})
        runs.write_card(done.path, card)  # it has finished
        (done.path / runs.STATE).unlink()
        keeper._children.clear()
    return [path.name for path in started]


def test_owners_take_turns_however_many_jobs_one_of_them_has(
    ask: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {}
    for owner, count in (("ann", 4), ("ben", 2), ("cem", 1)):
        for i in range(count):
            names[ask(owner=owner, request=str(i)).name] = f"{owner}{i}"
    order = [names[name] for name in start_order(folder, monkeypatch, 7)]
    assert order == ["ann0", "ben0", "cem0", "ann1", "ben1", "ann2", "ann3"]


def test_who_comes_late_is_served_before_those_who_were_served(
    ask: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {ask(owner=o, request=str(i)).name: f"{o}{i}" for i in range(3) for o in ("ann", "ben")}
    first = [names[name] for name in start_order(folder, monkeypatch, 2)]
    assert first == ["ann0", "ben0"]
    names[ask(owner="cem", request="0").name] = "cem0"
    assert [names[j.id] for j in jobs.jobs(folder) if j.position] == [
        "cem0",
        "ann1",
        "ben1",
        "ann2",
        "ben2",
    ]


def test_positions_and_starting_times_follow_the_order(
    folder: Path, small_config: Callable[..., RunConfig]
) -> None:
    for i in range(3):
        jobs.submit(
            small_config(),
            owner="ann",
            request=str(i),
            recipe="small",
            device="cpu",
            seconds=100,
        )
    waiting = jobs.jobs(folder)
    assert [j.position for j in waiting] == [1, 2, 3]
    assert [j.starts_in for j in waiting] == [0, 100, 200]
    assert jobs.find(waiting[2].id, folder) == waiting[2]


@pytest.mark.parametrize(
    "history",
    [
        '{"epoch": 1, "seconds": "x"}',
        '{"epoch": 1, "seconds": [1]}',
        '{"epoch": 1, "seconds": NaN}',
        '{"epoch": 1, "seconds": Infinity}',
        f'{{"epoch": 1, "seconds": 1{"0" * 400}}}',
        "[" * 100_000,
    ],
    ids=["text", "list", "nan", "infinity", "no double", "nested"],
)
def test_a_history_of_nonsense_costs_only_its_own_estimate(
    history: str, ask: Ask, folder: Path
) -> None:
    bad, good = ask(request="1"), ask(owner="ben", request="2")
    (bad / runs.HISTORY).write_text(history)
    assert [(j.path, j.starts_in) for j in jobs.jobs(folder)] == [(bad, 0), (good, None)]
    jobs.stop(bad)
    assert [(j.path, j.starts_in) for j in jobs.jobs(folder)] == [(good, 0)]


def test_a_state_of_nonsense_costs_only_its_own_steps(ask: Ask, folder: Path) -> None:
    path = ask()
    (path / runs.STATE).write_text('{"status": "running", "step": Infinity, "steps": 1e999}')
    (found,) = jobs.jobs(folder)
    assert (found.step, found.steps, found.share) == (0, 0, 0)


# --- starting ---------------------------------------------------------------------------------


def test_no_more_start_than_there_are_places(
    ask: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENT_PLACES", "2")
    monkeypatch.setattr(supervisor, "_spawn", NoWorker)
    for i in range(4):
        ask(request=str(i))
    keeper = Supervisor(folder)
    for _ in range(3):
        keeper.tick()
    assert [j.status for j in jobs.jobs(folder)] == ["starting"] * 2 + ["queued"] * 2


def test_those_who_wait_are_read_only_when_there_is_a_place(
    ask: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_spawn", NoWorker)
    for i in range(3):
        ask(request=str(i))
    keeper = Supervisor(folder)
    keeper.tick()
    (busy,) = [j.path for j in jobs.jobs(folder) if j.status == "starting"]
    read, job = [], jobs.job
    monkeypatch.setattr(jobs, "job", lambda path: read.append(path) or job(path))
    keeper.tick()
    assert set(read) == {busy}


def test_of_many_supervisors_one_is_at_work(ask: Ask, folder: Path) -> None:
    ask()
    keepers = [Supervisor(folder) for _ in range(4)]
    assert [keeper._leads() for keeper in keepers] == [True, False, False, False]
    keepers[0]._lead.release()
    assert keepers[1]._leads()


@pytest.mark.slow
def test_many_servers_start_each_job_once(ask: Ask, folder: Path) -> None:
    paths = [ask(request=str(i), epochs=1) for i in range(3)]
    code = (
        "import time\nfrom vae_core.supervisor import Supervisor\n"
        "k = Supervisor()\nk.start()\ntime.sleep(300)"
    )
    servers = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(3)]
    try:
        deadline = time.monotonic() + 150
        while not all(jobs.job(path).status == "finished" for path in paths):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        for server in servers:
            server.kill()
            server.wait()
    tickets = [jobs.read_ticket(path) for path in paths]
    assert sorted(t.turn for t in tickets if t) == [1, 2, 3]
    for path in paths:
        assert (path / supervisor.LOG).read_text().count("epoch 1:") == 1


@pytest.mark.slow
def test_many_machines_over_one_folder_start_each_job_once(ask: Ask, folder: Path) -> None:
    paths = [ask(request=str(i), epochs=1) for i in range(6)]
    code = (
        "import socket, sys, time\nsocket.gethostname = lambda: sys.argv[1]\n"
        "from vae_core.supervisor import Supervisor\nk = Supervisor()\nk.start()\ntime.sleep(300)"
    )
    names = ["one", "two"]
    machines = [subprocess.Popen([sys.executable, "-c", code, name], cwd=ROOT) for name in names]
    try:
        deadline = time.monotonic() + 200
        while not all(jobs.job(path).status == "finished" for path in paths):
            assert time.monotonic() < deadline, [(j.id, j.status, j.ticket) for j in jobs.jobs()]
            time.sleep(0.1)
    finally:
        for machine in machines:
            machine.kill()
            machine.wait()
    tickets = [ticket for ticket in map(jobs.read_ticket, paths) if ticket]
    assert sorted(ticket.turn or 0 for ticket in tickets) == [1, 2, 3, 4, 5, 6]
    assert {ticket.host for ticket in tickets} == set(names)
    for path in paths:
        assert (path / supervisor.LOG).read_text().count("epoch 1:") == 1


def test_a_job_is_trained_to_its_end_and_equals_a_terminals(
    ask: Ask, folder: Path, small_run: Callable[..., Path]
) -> None:
    path = ask(limit=300)
    keeper = Supervisor(folder)
    serve(lambda: status(path) == "finished", keeper)
    card = runs.read_card(path)
    whole = small_run("whole", limit=300, epochs=2)
    if card.threads == runs.read_card(whole).threads:
        assert (path / runs.WEIGHTS).read_bytes() == (whole / runs.WEIGHTS).read_bytes()
    assert runs.open_run(path).card.epochs_done == 2
    left = {file.name for file in path.iterdir()}
    assert not left & {runs.STATE, runs.RESUME, pulse.HEARTBEAT, pulse.WISH}


# --- pausing, stopping, dying -----------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("wish", ["paused", "stopped"])
def test_a_running_job_halts_between_steps_and_goes_on_to_the_same_weights(
    ask: Ask, folder: Path, wish: str
) -> None:
    settings = {"limit": 4500, "epochs": 5000}
    path = ask(**settings)
    keeper = Supervisor(folder)
    serve(lambda: runs.read_card(path).epochs_done >= 1, keeper)
    {"paused": jobs.pause, "stopped": jobs.stop}[wish](path, owner="ann")
    serve(lambda: status(path) == wish, keeper)
    done = runs.read_card(path).epochs_done
    assert 1 <= done < 5000
    assert runs.open_run(path).card.epochs_done == done  # what is finished can be looked at
    serve(lambda: not jobs.is_held(path), keeper)
    assert status(path) == wish
    jobs.resume(path, owner="ann")
    serve(lambda: runs.read_card(path).epochs_done > done, keeper)
    jobs.stop(path)
    serve(lambda: status(path) == "stopped", keeper)


def killed(path: Path) -> None:
    beat = pulse.read_beat(path)
    assert beat is not None
    os.kill(beat.pid, 9)


def running(path: Path) -> Callable[[], bool]:
    return lambda: pulse.read_beat(path) is not None and status(path) == "running"


@pytest.mark.slow
def test_a_killed_worker_is_resumed_and_equals_one_that_was_not(ask: Ask, folder: Path) -> None:
    paths = [ask(request=str(i), limit=500, epochs=12) for i in range(2)]
    keeper = Supervisor(folder)
    serve(lambda: status(paths[0]) == "finished", keeper)
    for epoch in (1, 4):
        serve(lambda e=epoch: runs.read_card(paths[1]).epochs_done >= e, keeper)
        if status(paths[1]) != "finished":
            killed(paths[1])
            serve(running(paths[1]), keeper)
    serve(lambda: status(paths[1]) == "finished", keeper)
    ticket = jobs.read_ticket(paths[1])
    assert ticket is not None
    assert ticket.turn is not None
    assert ticket.turn > 2, "it was never killed: this test no longer tests anything"
    weights = [(path / runs.WEIGHTS).read_bytes() for path in paths]
    assert weights[0] == weights[1]


def test_a_worker_that_dies_again_and_again_fails_with_a_sentence(
    ask: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dead(NoWorker):
        def poll(self) -> int:  # type: ignore[override]
            return -9

    monkeypatch.setattr(supervisor, "_spawn", Dead)
    path = ask()
    keeper = Supervisor(folder)
    serve(lambda: status(path) == "failed", keeper, 5)
    error = jobs.job(path).explained()
    assert error is not None
    assert error.key == "worker-died"
    assert "3 times" in str(error)
    jobs.resume(path, owner="ann")
    assert status(path) == "queued"


@pytest.mark.slow
def test_a_stopped_process_is_noticed_told_killed_and_replaced(ask: Ask, folder: Path) -> None:
    path = ask(limit=4500, epochs=5000)
    keeper = Supervisor(folder, kill_s=8)
    serve(running(path), keeper)
    beat = pulse.read_beat(path)
    assert beat is not None
    os.kill(beat.pid, 19)  # SIGSTOP
    began = time.monotonic()
    serve(lambda: status(path) == "silent", keeper)
    assert time.monotonic() - began <= 3 * pulse.BEAT_S
    serve(lambda: not pulse.alive(beat.pid, beat.born), keeper)
    serve(lambda: running(path)() and pulse.read_beat(path).pid != beat.pid, keeper)  # type: ignore[union-attr]
    jobs.stop(path)
    serve(lambda: not path.exists() or status(path) == "stopped", keeper)


@pytest.mark.slow
def test_a_worker_outlives_its_server_and_the_next_one_finds_it(ask: Ask, folder: Path) -> None:
    path = ask(limit=4500, epochs=5000)
    code = "from vae_core.supervisor import Supervisor\nimport time\nk = Supervisor()\nk.start()\n"
    server = subprocess.Popen([sys.executable, "-c", code + "time.sleep(300)"], cwd=ROOT)
    deadline = time.monotonic() + 150
    while not running(path)() and time.monotonic() < deadline:
        time.sleep(0.05)
    server.kill()
    server.wait()
    before = pulse.read_beat(path)
    assert before is not None
    keeper = Supervisor(folder)
    until = time.monotonic() + 4
    serve(lambda: time.monotonic() > until, keeper)
    after = pulse.read_beat(path)
    assert after is not None
    assert after.pid == before.pid
    assert after.number > before.number
    killed(path)
    serve(lambda: running(path)() and pulse.read_beat(path).pid != before.pid, keeper)  # type: ignore[union-attr]
    jobs.stop(path)
    serve(lambda: not path.exists() or status(path) == "stopped", keeper)


def test_the_age_of_a_heartbeat_knows_no_wall_clock(
    ask: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, path = pulse.Watch(), ask()
    with pulse.beating(path):
        assert watch.age(path, "beat", pulse.read_beat(path)) == 0
        monkeypatch.setattr(time, "time", lambda: 0.0)
        os.utime(path / pulse.HEARTBEAT, (0, 0))
        assert watch.age(path, "beat", pulse.read_beat(path)) < 1


# --- a full disk ------------------------------------------------------------------------------


@pytest.mark.parametrize("writes", range(1, 16, 2))
def test_a_full_disk_ends_training_with_its_reason_and_the_last_good_state(
    writes: int, ask: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import tempfile

    path = ask(epochs=3)
    make, left = tempfile.mkstemp, writes

    def full(*args: object, **options: object) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return make(*args, **options)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkstemp", full)
        with pytest.raises(RunError, match="No space left"):
            for _ in worker.train_run(path):
                pass
        one = jobs.job(path)
        assert one.status in ("failed", "queued")  # "queued": not even its first state was written
        if one.status == "failed":
            assert "No space left" in str(one.explained())
    if one.card.epochs_done:
        assert runs.open_run(path).card.epochs_done == one.card.epochs_done
    jobs.resume(path, owner="ann")
    for _ in worker.train_run(path):
        pass
    whole = ask(request="whole", epochs=3)
    for _ in worker.train_run(whole):
        pass
    assert (path / runs.WEIGHTS).read_bytes() == (whole / runs.WEIGHTS).read_bytes()


def test_a_full_disk_refuses_a_job_and_leaves_nothing(
    ask: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_: object) -> None:
        raise RunError("not-writable", path=path, reason="No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "write_ticket", full)
        with pytest.raises(PlaygroundError, match="No space left"):
            ask()
    assert [path for path in folder.iterdir() if not path.name.endswith(".lock")] == []


# --- the terminal -----------------------------------------------------------------------------


def said(capsys: pytest.CaptureFixture[str]) -> object:
    return json.loads(capsys.readouterr().out)


def test_the_terminal_lists_pauses_and_cancels(
    ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    from vae_core.__main__ import main

    path, other = ask(request="1"), ask(owner="ben", request="1")
    assert main(["queue", "--json"]) == 0
    listed = said(capsys)
    assert isinstance(listed, list)
    assert [(row["run"], row["position"]) for row in listed] == [(path.name, 1), (other.name, 2)]
    assert main(["pause", path.name, "--json"]) == 0  # by its id alone
    assert said(capsys) == {"run": path.name, "wish": "paused"}
    assert main(["watch", str(path), "--json"]) == 0
    state = said(capsys)
    assert isinstance(state, dict)
    assert state["status"] == "paused"
    assert main(["pause", path.name]) == 0  # once more is no harm
    assert main(["cancel", str(other)]) == 0
    assert not other.exists()
    assert main(["cancel", str(other)]) == 1
    assert "no run" in capsys.readouterr().err
    with pytest.raises(SystemExit) as usage:
        main(["pause"])
    assert usage.value.code == 2


def test_watching_a_failure_is_exit_code_one(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    from vae_core.__main__ import main

    path = ask()
    error = RunError("diverged", value="nan", epoch=1)
    worker.write_state(path, "failed", runs.read_card(path), error=pulse.error_fields(error))
    with pytest.raises(SystemExit) as failed:
        main(["watch", str(path), "--json"])
    assert failed.value.code == 1
    assert "learning rate" in capsys.readouterr().out
