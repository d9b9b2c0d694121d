"""Training learns, is decided by its seed, and goes on after any interruption as if unbroken."""

import itertools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.overrides import TorchFunctionMode

from tests.core.networks import VARIANTS
from vae_core import data, latent, pulse, runs, worker
from vae_core.config import RunConfig
from vae_core.errors import DataError, RunError
from vae_core.inference import open_session, to_uint8
from vae_core.training import EpochEnd, Progress, Trainer, noisy

MakeConfig = Callable[..., RunConfig]
CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[2]


def trainer(config: RunConfig) -> Trainer:
    images, held_out = (data.load(config.data.name, split) for split in ("train", "held-out"))
    return Trainer(config, images, held_out, device=CPU)


def epoch_ends(trainer: Trainer) -> list[EpochEnd]:
    return [event for event in trainer.epochs() if isinstance(event, EpochEnd)]


def content(path: Path) -> dict[str, Any]:
    """What a finished run holds, but for the times it took."""
    history = [
        {k: v for k, v in line.items() if k != "seconds"} for line in runs.read_history(path)
    ]
    card = runs.read_card(path).model_dump()
    return {
        "weights": (path / runs.WEIGHTS).read_bytes(),
        "latents": {f.name: f.read_bytes() for f in sorted((path / runs.LATENTS).glob("[0-9]*"))},
        "history": history,
        "card": {
            k: v for k, v in card.items() if k not in ("seconds", "created", "command", "name")
        },
    }


@pytest.mark.parametrize("network", ["dense", "dense-dropout", "conv"])
@pytest.mark.parametrize("family", ["ae", "vae"])
def test_learning_lowers_the_loss_on_images_it_never_sees(
    small_config: MakeConfig, family: str, network: str
) -> None:
    ends = epoch_ends(trainer(small_config(family=family, network=network, epochs=4)))
    assert [end.epoch for end in ends] == [1, 2, 3, 4]
    assert ends[-1].held_out.total < 0.9 * ends[0].held_out.total
    assert ends[-1].train.total < ends[0].train.total
    for end in ends:
        for terms in (end.train, end.held_out):
            assert terms.total == pytest.approx(terms.recon + terms.kl, rel=1e-4)
            assert terms.kl >= 0 if family == "vae" else terms.kl == 0


@pytest.mark.parametrize("network", ["dense", "dense-dropout", "conv"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    small_run: Callable[..., Path], network: str
) -> None:
    settings = {"network": network, "limit": 300, "epochs": 2}
    first, second, other = (
        content(small_run(name, **settings, seed=seed))
        for name, seed in (("first", 1), ("second", 1), ("other", 2))
    )
    assert first == second
    assert first["weights"] != other["weights"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_kind_of_run_learns_and_is_decided_by_its_seed(
    small_run: Callable[..., Path], variant: str
) -> None:
    first, second = (small_run(name, variant=variant, epochs=3) for name in ("first", "second"))
    assert content(first) == content(second)
    lines = [line["held_out"] for line in runs.read_history(first) if line["epoch"]]
    assert lines[-1]["recon"] < lines[0]["recon"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_kind_of_run_goes_on_from_a_state_to_the_same_weights(
    small_config: MakeConfig, variant: str
) -> None:
    config = small_config(limit=300, epochs=2, variant=variant)
    states = [
        {name: t.clone() for name, t in event.trainer.state().items()}
        for event in trainer(config).epochs()
        if isinstance(event, EpochEnd)
    ]
    resumed = trainer(config)
    resumed.restore(states[0])
    epoch_ends(resumed)
    final = resumed.state()
    assert final.keys() == states[1].keys()
    assert all(torch.equal(final[name], states[1][name]) for name in final)


def test_what_is_kept_is_the_average_of_the_weights_over_the_steps(
    small_config: MakeConfig,
) -> None:
    part = trainer(small_config(limit=300, epochs=1, variant="averaged"))
    average = part.model.encoder[-1].weight.detach().clone()
    step = part._step

    def watched(rows: torch.Tensor, rate: float, number: int) -> torch.Tensor:
        nonlocal average
        figures, now = step(rows, rate, number), part.model.encoder[-1].weight.detach()
        decay = min(0.9, (1 + number) / (10 + number))
        average = decay * average + (1 - decay) * now
        return figures

    part._step = watched  # type: ignore[method-assign]
    epoch_ends(part)
    torch.testing.assert_close(part.kept.encoder[-1].weight.detach(), average)
    assert not torch.equal(part.kept.encoder[-1].weight, part.model.encoder[-1].weight)


def test_noise_has_its_standard_deviation_and_leaves_pixels_in_range() -> None:
    noise = torch.Generator().manual_seed(0)
    grey = torch.full((1, 1, 300, 300), 0.5)
    assert float((noisy(grey, 0.05, noise) - grey).std()) == pytest.approx(0.05, rel=0.02)
    x = noisy(grey, 2.0, noise)
    assert x.min() >= 0
    assert x.max() <= 1


def test_a_denoiser_beats_its_input_on_noise_it_was_trained_on(small_config: MakeConfig) -> None:
    config = small_config(variant="denoising", latent_dim=16, limit=4000, epochs=8)
    part = trainer(config)
    epoch_ends(part)
    x = part._held_out
    corrupted = noisy(x, 0.5, torch.Generator().manual_seed(3))
    with torch.inference_mode():
        restored = part.kept.eval().decode(part.kept.encode(corrupted).mode())
    assert (restored - x).square().mean() < 0.6 * (corrupted - x).square().mean()


def test_a_condition_wants_as_many_classes_as_the_data_have(small_config: MakeConfig) -> None:
    config = small_config(variant="conditional").replace(model__n_classes=7)
    with pytest.raises(DataError, match="7 classes"):
        trainer(config)


def test_the_first_epoch_is_kept_from_before_its_first_step(
    small_run: Callable[..., Path],
) -> None:
    path = small_run("watched", epochs=2)
    moments = runs.open_run(path).moments
    steps = [line["step"] for line in moments if line["epoch"] == 0]
    assert steps[0] == 0
    assert steps == sorted(set(steps))
    assert len(steps) > 2
    names = [*(f"0000-{step:06d}" for step in steps), "0001", "0002"]
    assert sorted(f.stem for f in (path / runs.FRAMES).iterdir()) == names
    assert sorted(f.stem for f in (path / runs.LATENTS).iterdir()) == names


def test_kept_pictures_are_what_the_run_decodes(small_run: Callable[..., Path]) -> None:
    run = runs.open_run(small_run("pictures", epochs=1))
    session = open_session(run)
    plane = latent.Plane.from_dict(run.history[-1]["plane"])
    with Image.open(run.path / runs.FRAMES / "0001.png") as picture:
        sheet = np.asarray(picture).reshape(11, 28, 10, 28).transpose(0, 2, 1, 3)
    grid = to_uint8(session.decode(latent.lattice(plane, 10))).reshape(10, 10, 28, 28)
    assert np.array_equal(sheet[1:], grid)
    held_out = data.load("mnist-5k", "held-out")
    first = np.array([np.flatnonzero(held_out.y == label)[0] for label in range(10)])
    assert np.array_equal(sheet[0], to_uint8(session.reconstruct(held_out.x[first]))[:, 0])


def test_global_randomness_neither_decides_nor_is_disturbed(small_config: MakeConfig) -> None:
    config = small_config(network="dense-dropout", limit=300, epochs=1)
    totals = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        totals.append(epoch_ends(trainer(config))[0].held_out)
        assert torch.equal(torch.get_rng_state(), before)
    assert totals[0] == totals[1]


def test_a_state_taken_between_epochs_goes_on_to_the_same_weights(small_config: MakeConfig) -> None:
    config = small_config(network="dense-dropout", limit=300, epochs=3)
    whole, states = trainer(config), []
    for event in whole.epochs():
        if isinstance(event, EpochEnd):
            states.append({name: t.clone() for name, t in event.trainer.state().items()})
    for state in states[:-1]:
        resumed = trainer(config)
        resumed.restore(state)
        epoch_ends(resumed)
        final = resumed.state()
        assert final.keys() == states[-1].keys()
        assert all(torch.equal(final[name], states[-1][name]) for name in final)


class Killed(BaseException):
    """Stands for the end of the process: nothing may catch it."""


@pytest.mark.parametrize("writes", range(14))
def test_killed_before_any_write_it_resumes_to_what_it_would_have_been(
    writes: int,
    small_config: MakeConfig,
    small_run: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = {"limit": 200, "epochs": 2, "network": "dense"}
    path = tmp_path / "interrupted"
    worker.create_run(path, small_config(**settings), recipe="small", device="cpu", threads=1)
    replace, left = Path.replace, writes

    def counted(self: Path, target: Path) -> Path:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        return replace(self, target)

    interrupted = False
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", counted)
        try:
            for _ in worker.train_run(path):
                pass
        except Killed:
            interrupted = True
    if runs.read_card(path).epochs_done:
        runs.open_run(path)  # what is there can be looked at, whenever it stopped
    if runs.read_card(path).epochs_done < 2:
        assert interrupted
        for _ in worker.train_run(path):
            pass
    assert content(path) == content(small_run("whole", **settings))
    assert not (path / runs.RESUME).exists()


def test_what_a_killed_process_left_half_written_is_swept_up(
    small_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "interrupted"
    config = small_config(limit=200, epochs=1)
    worker.create_run(path, config, recipe="small", device="cpu", threads=1)

    def killed(self: Path, target: Path) -> Path:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(Killed):
            next(worker.train_run(path))
    assert list(path.rglob(".*.*")), "nothing was left: this test no longer tests anything"
    for _ in worker.train_run(path):
        pass
    assert [file.name for file in path.rglob(".*") if file.name != worker.LOCK] == []


@pytest.mark.slow
def test_kill_9_and_resume_give_the_uninterrupted_file(tmp_path: Path) -> None:
    def command(*words: object) -> list[str]:
        return [sys.executable, "-m", "vae_core", *map(str, words)]

    options = ("--data", "mnist-5k", "--limit", 2000, "--epochs", 4, "--threads", 1, "--seed", 3)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train = ("train", "vae-keras-dense", *options, "--out")
    subprocess.run(command(*train, whole), cwd=ROOT, check=True, capture_output=True)
    process = subprocess.Popen(
        command(*train, killed), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while not (killed / runs.RESUME).exists():
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = runs.read_card(killed).epochs_done
    assert 1 <= done < 4
    resumed = subprocess.run(
        command("resume", killed, "--json"), cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert json.loads(resumed.stdout)["epochs"] == 4
    assert content(killed) == content(whole)


def test_progress_counts_steps_within_the_epoch(
    small_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vae_core.training.PROGRESS_INTERVAL_S", 0.0)
    events = list(trainer(small_config(limit=300, epochs=2)).epochs())
    seen = [(e.epoch, e.step, e.steps) for e in events if isinstance(e, Progress)]
    assert seen == [(epoch, step, 3) for epoch in (1, 2) for step in (1, 2, 3)]


def test_every_image_is_seen_once_an_epoch_in_an_order_of_its_own(
    small_config: MakeConfig,
) -> None:
    part = trainer(small_config(limit=300, epochs=2))
    batches: list[torch.Tensor] = []
    step = part._step

    def watched(rows: torch.Tensor, *rest: Any) -> torch.Tensor:
        batches.append(part._x[rows])
        return step(rows, *rest)

    part._step = watched  # type: ignore[method-assign]
    epoch_ends(part)
    first, second = torch.cat(batches[:3]), torch.cat(batches[3:])
    images = data.load("mnist-5k", "train").x[:300]

    def rows(x: Any) -> list[bytes]:
        return [np.ascontiguousarray(row).tobytes() for row in np.asarray(x)]

    assert sorted(rows(first)) == sorted(rows(second)) == sorted(rows(images))
    assert rows(first) != rows(second)


def test_the_loss_of_a_batch_does_not_depend_on_its_size(small_config: MakeConfig) -> None:
    # sums over pixels, means over images: halves of a batch weigh as much as the whole
    part = trainer(small_config(family="ae", limit=300))
    x, y = part._x[:200] / 255, part._y[:200]
    whole = part.evaluate(x, y, seed=0)
    halves = [part.evaluate(x[h], y[h], seed=0) for h in (slice(100), slice(100, 200))]
    assert whole.total == pytest.approx(sum(half.total for half in halves) / 2, rel=1e-5)


def test_a_loss_that_explodes_is_one_sentence_and_the_last_good_epoch_stays(
    tmp_path: Path, small_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "exploding"
    worker.create_run(path, small_config(limit=300), recipe="small", device="cpu", threads=1)
    step = Trainer._step

    def poisoned(self: Trainer, x: torch.Tensor, *rest: Any) -> torch.Tensor:
        terms = step(self, x, *rest)
        return terms * float("nan") if self.epochs_done == 1 else terms

    monkeypatch.setattr(Trainer, "_step", poisoned)
    with pytest.raises(RunError, match="learning rate"):
        for _ in worker.train_run(path):
            pass
    assert runs.open_run(path).card.epochs_done == 1
    state = json.loads((path / runs.STATE).read_text())
    assert state["status"] == "failed"
    assert "learning rate" in state["reason"]


def test_an_error_that_nobody_foresaw_is_told_once_and_ends_the_run(
    tmp_path: Path, small_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> torch.Tensor:
        raise KeyError("no such layer")

    path = tmp_path / "broken"
    worker.create_run(path, small_config(limit=100), recipe="small", device="cpu", threads=1)
    monkeypatch.setattr(Trainer, "_step", broken)
    with pytest.raises(KeyError):
        for _ in worker.train_run(path):
            pass
    state = json.loads((path / runs.STATE).read_text())
    beat = pulse.read_beat(path)
    assert state["status"] == "failed"
    assert state["reason"] == "KeyError: 'no such layer'"
    assert beat is not None
    assert (beat.end, beat.error) == ("failed", state["error"])  # so that no queue tries it again


class NoFloat64(TorchFunctionMode):
    """An accelerator that has no float64, as Apple's: only what has come to the host is widened."""

    def __init__(self) -> None:
        super().__init__()
        self.on_host: list[torch.Tensor] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.Tensor.double and not any(args[0] is x for x in self.on_host):
            raise TypeError("Cannot convert an MPS tensor to float64.")
        result = func(*args, **(kwargs or {}))
        if func is torch.Tensor.cpu:
            self.on_host.append(result)
        return result


def test_evaluation_asks_no_device_for_float64(small_config: MakeConfig) -> None:
    one = trainer(small_config(limit=100))
    x, y = one._held_out[:50], one._held_out_y[:50]
    expected = one.evaluate(x, y, seed=1)
    with NoFloat64():
        assert one.evaluate(x, y, seed=1) == expected


def test_images_of_another_shape_are_refused(small_config: MakeConfig) -> None:
    config = small_config().replace(model__image_size=32)
    with pytest.raises(DataError, match="28"):
        trainer(config)


def test_a_run_is_made_once_and_finished_once(
    small_run: Callable[..., Path], small_config: MakeConfig, tmp_path: Path
) -> None:
    path = small_run(limit=200, epochs=1)
    with pytest.raises(RunError, match="in use"):
        worker.create_run(path, small_config(), recipe="small")
    with pytest.raises(RunError):
        next(worker.train_run(path))
    with pytest.raises(RunError, match="no run"):
        next(worker.train_run(tmp_path / "nowhere"))


def test_two_processes_never_train_one_run(small_config: MakeConfig, tmp_path: Path) -> None:
    path = tmp_path / "busy"
    worker.create_run(path, small_config(limit=200), recipe="small", device="cpu", threads=1)
    code = "import sys; from pathlib import Path; from vae_core import worker\n"
    code += "with worker.locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="another process"):
            next(worker.train_run(path))
        holder.communicate("")
    next(worker.train_run(path))  # and it is free once the holder has gone


def test_a_state_of_another_model_is_one_sentence(
    small_run: Callable[..., Path], small_config: MakeConfig, tmp_path: Path
) -> None:
    path = tmp_path / "other"
    worker.create_run(path, small_config(limit=200), recipe="small", device="cpu", threads=1)
    for content in (
        b"",
        b"garbage" * 100,
        (small_run(limit=200, epochs=1) / runs.WEIGHTS).read_bytes(),
    ):
        (path / runs.RESUME).write_bytes(content)
        with pytest.raises(RunError, match="resume") as caught:
            next(worker.train_run(path))
        assert "\n" not in str(caught.value)


def test_a_state_of_an_earlier_version_is_refused(small_config: MakeConfig) -> None:
    trained = trainer(small_config(limit=200, epochs=1))
    epoch_ends(trained)
    state = trained.state()
    state["optimizer.0.exp_avg"] = state.pop("optimizer.exp_avg")
    with pytest.raises(ValueError, match="earlier version"):
        trained.restore(state)


def test_a_run_whose_data_have_changed_is_not_resumed(
    small_config: MakeConfig, tmp_path: Path
) -> None:
    path = tmp_path / "changed"
    config = small_config(limit=200, epochs=2)
    worker.create_run(path, config, recipe="small", device="cpu", threads=1)
    events = worker.train_run(path)
    while not isinstance(next(events), EpochEnd):
        pass
    events.close()
    card = runs.read_card(path)
    runs.write_card(path, card.model_copy(update={"data": {**card.data, "train": "0" * 64}}))
    with pytest.raises(RunError, match="its data set has changed"):
        next(worker.train_run(path))


def test_a_long_training_keeps_evenly_spread_epochs_and_the_last(small_config: MakeConfig) -> None:
    card = runs.Card(name="long", recipe="small", config=small_config(epochs=200))
    kept = [epoch for epoch in range(1, 201) if worker.is_kept(epoch, card)]
    assert len(kept) <= worker.KEPT_EPOCHS
    assert kept[-1] == 200
    assert len({later - sooner for sooner, later in itertools.pairwise(kept[:-1])}) == 1
    short = runs.Card(name="short", recipe="small", config=small_config(epochs=15))
    assert all(worker.is_kept(epoch, short) for epoch in range(1, 16))


@pytest.mark.parametrize(
    ("look_s", "expected"),
    [
        (0.0, ["1", "1 2", "2 3", "3 4", "3 5"]),  # those of epochs 1, 2 and 4 are not kept
        (3600.0, ["1", "1", "1 3", "1 3", "3 5"]),
    ],
    ids=["every epoch is looked at", "an epoch passes unseen"],
)
def test_a_passing_look_stays_until_the_second_next_and_is_gone_in_the_end(
    small_config: MakeConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    look_s: float,
    expected: list[str],
) -> None:
    monkeypatch.setattr(worker, "KEPT_EPOCHS", 2)
    monkeypatch.setattr(worker, "LOOK_S", look_s)
    path = tmp_path / "watched"
    worker.create_run(path, small_config(epochs=5), recipe="small", device="cpu", threads=1)
    seen = []
    for event in worker.train_run(path):
        if isinstance(event, EpochEnd):
            looks = sorted(f.stem for f in (path / runs.FRAMES).glob("000[1-9].png"))
            seen.append(" ".join(str(int(name)) for name in looks))
    assert seen == expected


@pytest.mark.skipif(
    not torch.set_flush_denormal(False), reason="this processor cannot flush denormal numbers"
)
def test_a_process_made_ready_for_training_computes_with_no_denormal_numbers() -> None:
    program = (
        "import torch; from vae_core.devices import prepare_training; prepare_training(2);"
        "x = torch.full((2_000_000,), 1e-38); print(int((x * 0.1 != 0).sum()))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "0"


def test_gradients_are_shortened_to_the_norm_that_is_wanted(
    small_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms: dict[float, list[float]] = {}
    for wanted in (0.0, 5.0):
        whole = trainer(small_config(limit=300, epochs=1).replace(train__clip_norm=wanted))
        found = norms.setdefault(wanted, [])

        def record(whole: Trainer = whole, found: list[float] = found) -> None:
            found.append(float(whole.optimizer.masters.grad.norm()))

        monkeypatch.setattr(whole.optimizer, "step", record)
        epoch_ends(whole)
    assert min(norms[0.0]) > 10
    assert max(norms[5.0]) <= 5.001
