"""The command line: results on stdout, sentences on stderr, exit codes 0, 1 and 2."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from vae_core import data, pulse, runs, worker
from vae_core.__main__ import main
from vae_core.inference import open_session, to_uint8
from vae_core.recipes import RECIPES

ROOT = Path(__file__).resolve().parents[2]
Answer = Callable[..., Any]


@pytest.fixture
def answer(capsys: pytest.CaptureFixture[str]) -> Answer:
    """Runs a command with --json and returns what it printed; it must succeed."""

    def run(*words: object) -> Any:
        code = main([*map(str, words), "--json"])
        out, err = capsys.readouterr()
        assert code == 0, err
        assert out.count("\n") == 1  # nothing but the result
        return json.loads(out, parse_constant=pytest.fail)

    return run


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs a command that must fail and returns its exit code and its one sentence."""

    def run(*words: object) -> tuple[int, str]:
        code = main([*map(str, words)])
        out, err = capsys.readouterr()
        assert code != 0
        assert out == ""
        sentence = err.strip().splitlines()[-1]
        assert "Traceback" not in err
        assert err.strip().count("\n") == 0, err
        return code, sentence

    return run


@pytest.fixture
def run_folder(small_run: Callable[..., Path]) -> Path:
    return small_run(limit=300, epochs=1)


def test_recipes_are_listed_with_their_settings(answer: Answer) -> None:
    rows = answer("recipes")
    assert [row["name"] for row in rows] == list(RECIPES)
    assert all(row["summary"] and row["config"] for row in rows)


@pytest.mark.parametrize(
    "command",
    [
        "recipes",
        "train",
        "sweep",
        "seeds",
        "resume",
        "evaluate",
        "encode",
        "decode",
        "export",
        "data",
        "gallery",
        "models",
        "list",
        "doctor",
    ],
)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [[], ["dance"], ["decode"], ["train", "vae-shallow", "--epochs", "many"]]
)
def test_what_makes_no_sense_is_exit_code_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_training_writes_a_run_that_says_how_it_came_about(
    answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENT_DATA", str(tmp_path / "nowhere"))  # built-in data need no folder
    out = tmp_path / "mine"
    options = ("--data", "mnist-5k", "--limit", 300, "--epochs", 2, "--seed", 5, "--threads", 1)
    result = answer("train", "vae-shallow", *options, "--name", "Mine", "--out", out)
    assert result["epochs"] == 2
    assert result["total"] == pytest.approx(result["recon"] + result["kl"], abs=1e-3)
    card = runs.open_run(out).card
    assert card.name == "Mine"
    assert card.recipe == "vae-shallow"
    assert card.weights_sha256 == result["weights_sha256"]
    assert (card.config.data.name, card.config.train.seed) == ("mnist-5k", 5)
    assert card.data["n_train"] == 300
    assert "--limit 300" in card.command
    assert len(runs.open_run(out).history) == 2


def test_any_setting_can_be_changed_by_name(answer: Answer, tmp_path: Path) -> None:
    words = ["train", "vae-shallow", "--data", "mnist-5k", "--limit", 260, "--epochs", 1]
    words += ["--set", "train.ema_decay=0.9", "--set", "train.schedule=step"]
    words += ["--set", "model.network.encoder_widths=[24, 16]", "--out", tmp_path / "mine"]
    answer(*words, "--set", "model.network.dropout=0.1", "--set", "objective.free_bits=0.05")
    config = runs.open_run(tmp_path / "mine").card.config
    assert (config.train.ema_decay, config.train.schedule) == (0.9, "step")
    assert config.model.network.encoder_widths == (24, 16)
    assert (config.model.network.dropout, config.objective.free_bits) == (0.1, 0.05)


def test_a_run_without_a_place_goes_to_the_users_folder(
    answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENT_RUNS", str(tmp_path / "mine"))
    answer("train", "ae-shallow", "--data", "mnist-5k", "--limit", 200, "--epochs", 1)
    rows = [row for row in answer("list") if row["path"].startswith(str(tmp_path))]
    assert [row["recipe"] for row in rows] == ["ae-shallow"]
    assert runs.open_run(Path(rows[0]["path"])).card.epochs_done == 1


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["no-such-recipe"], 2, "vae-keras-dense"),
        (["vae-shallow", "--latent-dim", "0"], 2, "latent_dim"),
        (["vae-shallow", "--learning-rate", "nan"], 2, "learning_rate"),
        (["vae-shallow", "--learning-rate", "-1"], 2, "learning_rate"),
        (["vae-shallow", "--epochs", "0"], 2, "epochs"),
        (["vae-shallow", "--beta", "inf"], 2, "beta"),
        (["vae-shallow", "--precision", "fp4"], 2, "precision"),
        (["vae-shallow", "--data", "mnist-5k", "--device", "abacus"], 2, "abacus"),
        (["vae-shallow", "--data", "mnist-5k", "--threads", "0"], 2, "threads"),
        (["vae-shallow", "--data", "mnist-5k", "--threads", "-3"], 2, "threads"),
        (["vae-shallow", "--set", "train.ema_decay"], 2, "SETTING=VALUE"),
        (["vae-shallow", "--set", "train.ema_decay=2"], 2, "ema_decay"),
        (["vae-shallow", "--set", "no.such=1"], 2, "no.such"),
        (["vae-shallow", "--data", "cats"], 1, "cats"),
        (["vae-shallow", "--data", "mnist"], 1, "LATENT_DATA"),
    ],
)
def test_a_training_that_cannot_be_is_one_sentence_and_leaves_nothing(
    words: list[str],
    code: int,
    part: str,
    refusal: Callable[..., tuple[int, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LATENT_DATA", str(tmp_path / "nowhere"))
    found, sentence = refusal("train", *words, "--out", tmp_path / "new")
    assert found == code
    assert part in sentence
    assert not (tmp_path / "new").exists()


def test_a_folder_in_use_is_never_overwritten(
    refusal: Callable[..., tuple[int, str]], run_folder: Path
) -> None:
    before = (run_folder / runs.WEIGHTS).read_bytes()
    code, sentence = refusal("train", "vae-shallow", "--data", "mnist-5k", "--out", run_folder)
    assert code == 1
    assert "resume" in sentence
    assert (run_folder / runs.WEIGHTS).read_bytes() == before


def test_decode_prints_exactly_what_a_session_decodes(answer: Answer, run_folder: Path) -> None:
    z = [[0.5, -1.25], [0.1, 3.3], [-2.0, 1e-3]]
    words = [f"--z={','.join(map(str, code))}" for code in z]
    result = answer("decode", run_folder, *words)
    images = np.array(result["images"], np.float32)
    assert images.shape == (3, 28, 28)
    assert result["z"] == z
    wanted = open_session(runs.open_run(run_folder)).decode(z)
    assert_array_equal(images, wanted[:, 0])
    one = answer("decode", run_folder, words[1])
    assert_array_equal(to_uint8(np.array(one["images"])), to_uint8(wanted[1:2, 0]))


def test_decode_draws_and_writes_a_strip(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decode", str(run_folder), "--z=0,0"]) == 0
    assert capsys.readouterr().out.count("\n") == 28
    out = tmp_path / "strip.png"
    codes = ["--z=0,0", "--z=1,1"]
    assert main(["decode", str(run_folder), *codes, "--out", str(out), "--scale", "2"]) == 0
    with Image.open(out) as picture:
        assert picture.size == (2 * 56, 56)


@pytest.mark.parametrize(
    ("z", "part"),
    [
        ("1", "2"),
        ("1,2,3", "2"),
        ("a,b", "a,b"),
        ("nan,0", "finite"),
        ("0,inf", "finite"),
        ("", "z"),
    ],
)
def test_a_code_that_is_none_is_one_sentence(
    z: str, part: str, refusal: Callable[..., tuple[int, str]], run_folder: Path
) -> None:
    code, sentence = refusal("decode", run_folder, f"--z={z}")
    assert code == 2
    assert part in sentence


def test_evaluate_measures_a_seeded_sample(answer: Answer, run_folder: Path) -> None:
    words = ("evaluate", run_folder, "--data", "mnist-5k", "--split", "held-out")
    first, again, other = answer(*words), answer(*words), answer(*words, "--seed", 1)
    assert first == again
    assert first["total"] != other["total"]
    assert first["kl"] == other["kl"]  # no sample is drawn for it
    assert (first["n"], first["latent_dim"], first["run"]) == (500, 2, "small")
    assert first["total"] == pytest.approx(first["recon"] + first["kl"], abs=1e-4)
    x = data.load("mnist-5k", "held-out").x
    ledger = open_session(runs.open_run(run_folder)).ledger(x, seed=0)
    assert first["recon"] == pytest.approx(ledger.recon.mean(), rel=1e-5)
    assert first["mse"] == pytest.approx(ledger.mse.mean(), rel=1e-4)


def test_evaluate_keeps_figures_only_when_asked(answer: Answer, run_folder: Path) -> None:
    words = ("evaluate", run_folder, "--data", "mnist-5k", "--split", "held-out")
    before = (run_folder / runs.CARD).read_bytes()
    answer(*words)
    assert (run_folder / runs.CARD).read_bytes() == before
    result = answer(*words, "--keep")
    kept = runs.open_run(run_folder).card.metrics["held-out"]
    assert kept["total"] == result["total"]


def test_encode_gives_the_gallerys_codes(answer: Answer, run_folder: Path) -> None:
    result = answer("encode", run_folder, "--limit", 7)
    codes = open_session(runs.open_run(run_folder)).encode(data.load_gallery().x[:7])
    assert_allclose(result["mu"], codes.mu, atol=1e-5)
    assert_allclose(result["std"], codes.std, atol=1e-5)
    assert result["labels"] == [0] * 7


def test_encode_reads_a_picture_file(answer: Answer, run_folder: Path, tmp_path: Path) -> None:
    x = data.load_gallery().x[2500]
    Image.fromarray(x[0]).save(tmp_path / "five.png")
    from_file = answer("encode", run_folder, tmp_path / "five.png")
    codes = open_session(runs.open_run(run_folder)).encode(x[None])
    assert_allclose(from_file["mu"], codes.mu, atol=1e-5)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_a_file_that_is_no_picture_is_one_sentence(
    content: bytes, refusal: Callable[..., tuple[int, str]], run_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file.png").write_bytes(content)
    code, sentence = refusal("encode", run_folder, tmp_path / "file.png")
    assert code == 2
    assert "file.png" in sentence


def test_exports_are_files_of_their_kind(answer: Answer, run_folder: Path, tmp_path: Path) -> None:
    def exported(what: str, *options: object) -> Path:
        out = tmp_path / f"made.{what}"
        result = answer("export", run_folder, what, "--out", out, *options)
        assert result["bytes"] == out.stat().st_size
        return out

    with Image.open(exported("png", "--n", 5, "--scale", 2)) as picture:
        assert picture.size == (5 * 56, 5 * 56)
    with Image.open(exported("gif", "--n", 4, "--start", 0, "--end", 4999)) as picture:
        assert (picture.format, picture.size) == ("GIF", (256, 256))
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(
        exported("onnx").read_bytes(), providers=["CPUExecutionProvider"]
    )
    z = np.array([[0.5, -1.0], [2.0, 0.1]], np.float32)
    (images,) = session.run(None, {"z": z})
    wanted = open_session(runs.open_run(run_folder)).decode(z)
    assert_allclose(images, wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["gif", "--start", "5000"], "4999"),
        (["gif", "--end", "-1"], "start|end"),
        (["gif", "--method", "cubic"], "spherical"),
        (["gif", "--n", "1"], "2"),
        (["gif", "--size", "3"], "28"),
        (["png", "--n", "1"], "2"),
        (["png", "--scale", "0"], "scale"),
    ],
)
def test_an_export_that_cannot_be_is_one_sentence(
    words: list[str],
    part: str,
    refusal: Callable[..., tuple[int, str]],
    run_folder: Path,
    tmp_path: Path,
) -> None:
    code, sentence = refusal("export", run_folder, *words, "--out", tmp_path / "file")
    assert code == 2
    assert any(word in sentence for word in part.split("|")), sentence
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("command", ["evaluate", "encode", "decode", "export", "resume"])
def test_a_run_that_is_not_there_is_one_sentence(
    command: str, refusal: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    more = {"decode": ["--z=0,0"], "export": ["png"]}.get(command, [])
    code, sentence = refusal(command, tmp_path / "nowhere", *more)
    assert code == 1
    assert "nowhere" in sentence


def test_resuming_what_is_no_folder_is_one_sentence(
    refusal: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    (tmp_path / "file.txt").write_text("no run")
    code, sentence = refusal("resume", tmp_path / "file.txt")
    assert code == 1
    assert "file.txt" in sentence


def test_resuming_a_run_that_is_being_trained_leaves_its_owners_wish(
    refusal: Callable[..., tuple[int, str]],
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LATENT_RUNS", str(run_folder.parent))
    pulse.write_wish(run_folder, "paused")
    with worker.locked(run_folder):
        monkeypatch.setattr(worker, "LOCK_PATIENCE_S", 0.1)
        code, sentence = refusal("resume", run_folder.name)
    assert code == 1
    assert "finished" not in sentence
    assert pulse.read_wish(run_folder) == "paused"


@pytest.mark.parametrize("damage", ["cut", "pickle", "none"])
def test_a_damaged_run_is_one_sentence(
    damage: str, refusal: Callable[..., tuple[int, str]], run_folder: Path
) -> None:
    file = run_folder / runs.WEIGHTS
    if damage == "cut":
        os.truncate(file, 1000)
    elif damage == "pickle":
        file.write_bytes(b"\x80\x05\x95" + bytes(1000))
    else:
        file.unlink()
    code, sentence = refusal("decode", run_folder, "--z=0,0")
    assert code == 1
    assert "weights" in sentence


def test_a_broken_run_is_listed_with_its_sentence(
    answer: Answer, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENT_RUNS", str(run_folder.parent))
    (run_folder / runs.WEIGHTS).unlink()
    rows = {row["run"]: row for row in answer("list")}
    assert "weights.safetensors" in rows["small"]["error"]


def test_missing_test_images_are_one_sentence(
    refusal: Callable[..., tuple[int, str]],
    run_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LATENT_DATA", str(tmp_path / "nowhere"))
    code, sentence = refusal("evaluate", run_folder)
    assert code == 1
    assert "LATENT_DATA" in sentence


def test_the_doctor_names_what_to_type(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENT_DATA", str(tmp_path / "nowhere"))
    try:
        code = main(["doctor", "--json"])
    except SystemExit as ended:
        code = int(ended.code or 0)
    findings = json.loads(capsys.readouterr().out)
    assert code == (0 if all(f["ok"] for f in findings if f["needed"]) else 1)
    by_name = {finding["name"]: finding for finding in findings}
    assert by_name["torch"]["ok"]
    assert by_name["built-in digits"]["detail"] == "5000 digits"
    assert not by_name["mnist"]["ok"]
    assert "LATENT_DATA" in by_name["mnist"]["fix"]


def test_a_real_process_keeps_results_and_progress_apart(tmp_path: Path) -> None:
    words = ["train", "vae-shallow", "--data", "mnist-5k", "--limit", "200", "--epochs", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "vae_core", *words, "--out", str(tmp_path / "a"), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["epochs"] == 1
    assert "epoch 1" in done.stderr
    assert "Warning" not in done.stderr
