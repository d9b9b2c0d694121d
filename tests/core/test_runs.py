"""A run folder is the truth: it comes back whole, and damage is one sentence before it is used."""

import hashlib
import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save

from vae_core import files, runs
from vae_core.config import RunConfig
from vae_core.errors import CheckpointError, PlaygroundError, RunError
from vae_core.models import build

MakeConfig = Callable[..., RunConfig]


@pytest.fixture
def run(tmp_path: Path, small_config: MakeConfig) -> Path:
    """A finished run whose weights are those of a fresh model."""
    path = tmp_path / "small"
    path.mkdir()
    config = small_config()
    digest = runs.write_weights(path, build(config.model))
    card = runs.Card(name="Small", recipe="r", config=config, epochs_done=3, weights_sha256=digest)
    runs.write_card(path, card)
    return path


def replace_weights(path: Path, content: bytes, *, trusted: bool = True) -> None:
    """Puts other weights in place; `trusted` makes the card vouch for them."""
    (path / runs.WEIGHTS).write_bytes(content)
    if trusted:
        digest = hashlib.sha256(content).hexdigest()
        runs.write_card(path, runs.read_card(path).model_copy(update={"weights_sha256": digest}))


def test_a_run_comes_back_as_it_was_written(run: Path) -> None:
    found = runs.open_run(run)
    assert found.id == "small"
    assert found.card == runs.read_card(run)
    assert found.digest == hashlib.sha256((run / runs.WEIGHTS).read_bytes()).hexdigest()[:12]
    wanted = build(found.card.config.model).state_dict()
    model = found.model()
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())
    assert all(torch.equal(value, wanted[name]) for name, value in model.state_dict().items())


def test_the_same_weights_are_the_same_bytes(run: Path, tmp_path: Path) -> None:
    model = runs.open_run(run).model()
    (tmp_path / "other").mkdir()
    runs.write_weights(tmp_path / "other", model)
    first, second = (place / runs.WEIGHTS for place in (run, tmp_path / "other"))
    assert first.read_bytes() == second.read_bytes()


def raw(header: object, data: bytes = b"", size: int | None = None) -> bytes:
    """Builds a safetensors file by hand: header length, header, numbers."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def changed(run: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> bytes:
    tensors = load_file(run / runs.WEIGHTS)
    change(tensors)
    return save(tensors)


def first_weight(tensors: dict[str, torch.Tensor]) -> str:
    return next(name for name in sorted(tensors) if name.endswith("weight"))


def with_nan(tensors: dict[str, torch.Tensor]) -> None:
    tensors[first_weight(tensors)].view(-1)[3] = float("nan")


def with_infinity(tensors: dict[str, torch.Tensor]) -> None:
    tensors[first_weight(tensors)].view(-1)[3] = float("inf")


def transposed(tensors: dict[str, torch.Tensor]) -> None:
    name = first_weight(tensors)
    tensors[name] = tensors[name].T.contiguous()


def doubled(tensors: dict[str, torch.Tensor]) -> None:
    name = first_weight(tensors)
    tensors[name] = tensors[name].double()


def one_less(tensors: dict[str, torch.Tensor]) -> None:
    del tensors[first_weight(tensors)]


def one_more(tensors: dict[str, torch.Tensor]) -> None:
    tensors["../../surprise"] = torch.zeros(1)


def many_more(tensors: dict[str, torch.Tensor]) -> None:
    tensors |= {f"empty.{number}": torch.zeros(0) for number in range(3000)}


CHANGES = [with_nan, with_infinity, transposed, doubled, one_less, one_more, many_more]


def twice(content: bytes) -> bytes:
    """Writes the header's first tensor a second time, under the same key."""
    (size,) = struct.unpack("<Q", content[:8])
    header, data = content[8 : 8 + size].decode(), content[8 + size :]
    name, entry = next(iter(json.loads(header).items()))
    return raw((header.rstrip()[:-1] + f",{json.dumps(name)}:{json.dumps(entry)}}}").encode(), data)


BYTES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "seven bytes": lambda content: content[:7],
    "header cut": lambda content: content[:100],
    "numbers cut": lambda content: content[:-100],
    "numbers added": lambda content: content + bytes(100),
    "header longer than the file": lambda content: raw(b"{}", size=2**40),
    "header longer than any": lambda content: raw(b"{}" + b" " * 2**21),
    "negative header": lambda content: raw(b"{}", size=2**64 - 1),
    "renamed pickle": lambda content: pickle.dumps({"weights": [1.0] * 100}),
    "text": lambda content: b"these are no weights at all, but there are many of them",
    "header is no JSON": lambda content: raw(b"{nonsense}"),
    "header is a list": lambda content: raw([1, 2, 3]),
    "header of numbers": lambda content: raw({"a": 1}),
    "header nested": lambda content: raw(b"[" * 100_000 + b"]" * 100_000),
    "header not text": lambda content: raw(b"\xff\xfe\x00"),
    "keys twice": twice,
    "overlapping tensors": lambda content: raw(
        {
            name: {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
            for name in ("encoder.1.weight", "encoder.1.bias")
        },
        bytes(16),
    ),
}


def assert_one_sentence(error: BaseException) -> None:
    text = str(error)
    assert "\n" not in text
    assert text.endswith(".")
    assert len(text) < 500
    assert "Traceback" not in text


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_other_tensors_than_the_cards_are_refused(run: Path, change: Any) -> None:
    replace_weights(run, changed(run, change))
    with pytest.raises(CheckpointError) as caught:
        runs.open_run(run)
    assert_one_sentence(caught.value)
    assert "small" in str(caught.value)


@pytest.mark.parametrize("name", BYTES)
def test_files_that_are_no_weights_are_refused(run: Path, name: str) -> None:
    replace_weights(run, BYTES[name]((run / runs.WEIGHTS).read_bytes()))
    with pytest.raises(CheckpointError) as caught:
        runs.open_run(run)
    assert_one_sentence(caught.value)


def test_a_pickle_is_never_run(run: Path, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (trap,))

    replace_weights(run, pickle.dumps(Trap()))
    with pytest.raises(CheckpointError):
        runs.open_run(run)
    assert not trap.exists()


def test_sound_weights_of_another_run_are_refused(run: Path) -> None:
    other = build(runs.read_card(run).config.model, seed=99)
    content = save({name: value.contiguous() for name, value in other.state_dict().items()})
    replace_weights(run, content, trusted=False)
    with pytest.raises(CheckpointError, match="SHA-256"):
        runs.open_run(run)
    # while it trains, weights are replaced a moment before the card: those of a new epoch are good
    runs.write_card(run, runs.read_card(run).model_copy(update={"epochs_done": 2}))
    assert runs.open_run(run).digest == hashlib.sha256(content).hexdigest()[:12]


def test_a_digest_never_names_pictures_of_other_weights(run: Path) -> None:
    runs.write_card(run, runs.read_card(run).model_copy(update={"epochs_done": 2}))
    found = runs.open_run(run)
    runs.write_weights(run, build(found.card.config.model, seed=99))  # the next epoch's
    with pytest.raises(CheckpointError, match="open it again"):
        found.model()
    assert runs.open_run(run).digest != found.digest


def test_weights_that_are_not_there_are_one_sentence(run: Path) -> None:
    (run / runs.WEIGHTS).unlink()
    with pytest.raises(CheckpointError, match=r"weights\.safetensors"):
        runs.open_run(run)


@pytest.mark.parametrize("damage", ["folder", "card"])
def test_a_run_that_is_not_there_is_one_sentence(run: Path, damage: str) -> None:
    if damage == "card":
        (run / runs.CARD).unlink()
    else:
        run = run / "nowhere"
    with pytest.raises(RunError, match="no run at") as caught:
        runs.open_run(run)
    assert_one_sentence(caught.value)


def without(card: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in card.items() if key != name}


CARDS: dict[str, Callable[[dict[str, Any]], object]] = {
    "list": lambda card: [card],
    "null": lambda card: None,
    "no format": lambda card: without(card, "format"),
    "other format": lambda card: {**card, "format": 99},
    "no settings": lambda card: without(card, "config"),
    "settings of text": lambda card: {**card, "config": "dense"},
    "a field too many": lambda card: {**card, "surprise": 1},
    "a name of the wrong kind": lambda card: {**card, "name": ["a"]},
    "a metric of the wrong kind": lambda card: {**card, "metrics": {"test": {"total": "low"}}},
    "no metrics table": lambda card: {**card, "metrics": 3},
    "no threads": lambda card: {**card, "threads": 0},
    "threads that no machine has": lambda card: {**card, "threads": 30_000},
    "time that ran back": lambda card: {**card, "seconds": -1.0},
    "time without end": lambda card: {**card, "seconds": 1e300},
    "epochs below none": lambda card: {**card, "epochs_done": -1},
    "epochs without end": lambda card: {**card, "epochs_done": 10**30},
    "a device that is none": lambda card: {**card, "device": "cpu\n"},
    "a precision that is none": lambda card: {**card, "precision": "int8"},
    "trained on nothing": lambda card: {**card, "data": {"n_train": 0}},
    "trained on text": lambda card: {**card, "data": {"n_train": "abc"}},
    "measured on text": lambda card: {**card, "data": {"n_held_out": "abc"}},
    "measured on less than nothing": lambda card: {**card, "data": {"n_held_out": -1}},
    "latent_dim 0": lambda card: {
        **card,
        "config": {**card["config"], "model": {**card["config"]["model"], "latent_dim": 0}},
    },
    "a network too large": lambda card: {
        **card,
        "config": {
            **card["config"],
            "model": {
                **card["config"]["model"],
                "network": {
                    "kind": "dense",
                    "encoder_widths": [8192] * 12,
                    "decoder_widths": [8192] * 12,
                },
            },
        },
    },
    "another network": lambda card: {
        **card,
        "config": {**card["config"], "model": {**card["config"]["model"], "latent_dim": 3}},
    },
}


@pytest.mark.parametrize("name", CARDS)
def test_a_damaged_card_is_one_sentence(run: Path, name: str) -> None:
    card = CARDS[name](json.loads((run / runs.CARD).read_text()))
    (run / runs.CARD).write_text(json.dumps(card))
    with pytest.raises(PlaygroundError) as caught:
        runs.open_run(run)
    assert_one_sentence(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "{", "\x00", '{"format": 1, "format": 1}', "[" * 100_000, '{"format": NaN}', "\ud800"],
    ids=["empty", "cut", "nul", "key twice", "nested", "nan", "not utf-8"],
)
def test_a_card_that_is_no_json_is_one_sentence(run: Path, text: str) -> None:
    (run / runs.CARD).write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(RunError) as caught:
        runs.open_run(run)
    assert_one_sentence(caught.value)


def test_a_broken_run_stands_in_the_list_and_the_others_go_on(run: Path) -> None:
    root = run.parent
    broken = root / "broken"
    broken.mkdir()
    (broken / runs.CARD).write_text("{")
    (root / "no-run").mkdir()
    (root / "Not A Run").mkdir()
    (root / "file").write_text("")
    found = {item.id: item for item in runs.list_runs(root)}
    assert sorted(found) == ["broken", "small"]
    assert isinstance(found["small"], runs.Run)
    assert isinstance(found["broken"], runs.BrokenRun)
    assert_one_sentence(found["broken"].error)


def test_a_list_of_no_folder_is_empty(tmp_path: Path) -> None:
    assert runs.list_runs(tmp_path / "nowhere") == ()


@pytest.mark.parametrize("value", ["a", "vae-2", "a.b_c", "0" * 64])
def test_names_that_may_be_folders(value: str) -> None:
    assert runs.check_run_id(value) == value


@pytest.mark.parametrize(
    "value", ["", ".", "..", "../a", "a/b", "A", "-a", ".a", "a b", "a\n", "é", "0" * 65, "a\x00"]
)
def test_names_that_may_not(value: str) -> None:
    with pytest.raises(RunError):
        runs.check_run_id(value)


def test_history_is_read_up_to_the_first_line_that_is_not_whole(run: Path) -> None:
    lines = [{"epoch": 1, "train": {"total": 2.5}}, {"epoch": 2, "train": {"total": 2.0}}]
    runs.write_history(run, lines)
    assert list(runs.read_history(run)) == lines
    whole = (run / runs.HISTORY).read_text()
    for rest in ('{"epoch": 3, "tra', "[" * 100_000):
        (run / runs.HISTORY).write_text(whole + rest)
        assert list(runs.read_history(run)) == lines
    assert list(runs.read_history(run / "nowhere")) == []


def test_a_failed_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    files.write_bytes(path, b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match="No space left"):
            files.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208
    files.write_bytes(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        files.write_bytes(tmp_path / "nowhere" / "file", b"")
    assert_one_sentence(caught.value)


def test_codes_of_an_epoch_are_kept_as_halves(run: Path) -> None:
    mu = np.array([[0.5, -3.25], [100.0, 0.0]], np.float32)
    runs.write_latents(run, "0007", mu)
    (file,) = (run / runs.LATENTS).iterdir()
    kept = load_file(file)["mu"]
    assert kept.dtype == torch.float16
    assert np.array_equal(kept.float().numpy(), mu)


def test_long_codes_are_kept_as_two_principal_components(run: Path) -> None:
    mu = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    runs.write_latents(run, "0007", mu)
    (file,) = (run / runs.LATENTS).iterdir()
    kept = load_file(file)
    assert list(kept) == ["pca"]
    assert kept["pca"].shape == (50, 2)


def test_large_networks_are_kept_in_half_precision_and_used_in_single(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_run: Callable[..., Path]
) -> None:
    whole = small_run("whole", epochs=1)
    monkeypatch.setattr(runs, "HALF_ABOVE", 0)
    half = small_run("half", epochs=1)
    assert (half / runs.WEIGHTS).stat().st_size < 0.6 * (whole / runs.WEIGHTS).stat().st_size
    assert [runs.read_card(path).weights for path in (whole, half)] == ["fp32", "fp16"]
    wide, narrow = (runs.open_run(path).model().state_dict() for path in (whole, half))
    for name, tensor in wide.items():
        assert narrow[name].dtype == tensor.dtype
        torch.testing.assert_close(narrow[name], tensor, atol=1e-3, rtol=1e-3)


def test_where_runs_are_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LATENT_RUNS", str(tmp_path))
    assert runs.runs_roots() == (runs.SHIPPED, tmp_path)
    monkeypatch.delenv("LATENT_RUNS")
    assert runs.runs_roots()[1] == runs.SHIPPED.parent / "runs"
