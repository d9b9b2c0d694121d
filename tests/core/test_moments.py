"""Laws of a run's past: which moments there are, whose codes they keep, how planes are aligned."""

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes

from vae_core import data, latent
from vae_core import moments as past
from vae_core.__main__ import main
from vae_core.errors import InputError, RunError
from vae_core.inference import open_session
from vae_core.runs import HISTORY, SHIPPED, open_run


def turned(angle: float, *, mirrored: bool) -> np.ndarray:
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return rotation @ np.diag([1, -1]) if mirrored else rotation


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [0.0, 0.7, 3.0])
def test_procrustes_recovers_a_rotation_and_a_reflection(rng, angle, mirrored) -> None:
    codes, truth = rng.normal(size=(200, 2)), turned(angle, mirrored=mirrored)
    found = latent.procrustes(codes, codes @ truth)
    assert np.allclose(found, truth)
    assert np.allclose(found.T @ found, np.eye(2))


def test_procrustes_is_scipys(rng) -> None:
    codes, onto = rng.normal(size=(50, 4)), rng.normal(size=(50, 4))
    assert np.allclose(latent.procrustes(codes, onto), orthogonal_procrustes(codes, onto)[0])


@pytest.mark.parametrize("onto", [np.zeros((3, 2)), np.full((4, 2), np.nan)])
def test_procrustes_wants_codes_of_the_same_images(onto) -> None:
    with pytest.raises(InputError):
        latent.procrustes(np.zeros((4, 2)), onto)


def test_aligning_undoes_what_was_turned_and_leaves_home_as_it_is(rng) -> None:
    codes = rng.normal(size=(300, 2))
    turns = [turned(0.4, mirrored=True), turned(2.0, mirrored=False), np.eye(2)]
    found = latent.aligned([codes @ turn for turn in turns], 1)
    assert np.array_equal(found[1], np.eye(2))
    for turn, back in zip(turns, found, strict=True):
        assert np.allclose(turn @ back, turns[1])


def test_codes_of_any_length_are_points_of_a_plane(rng) -> None:
    for units in (1, 2, 5):
        codes = rng.normal(size=(40, units))
        assert latent.planar(codes).shape == (40, 2)
    pair = rng.normal(size=(40, 2)).astype(np.float32)
    assert np.array_equal(latent.planar(pair), pair)
    line = latent.planar(pair[:, :1])
    assert np.array_equal(line, np.column_stack([pair[:, 0], np.zeros(40)]))


def test_moments_run_from_before_training_to_the_last_epoch(small_run) -> None:
    run = open_run(small_run(epochs=2))
    found = past.moments(run)
    assert found[0].name == "0000-000000"
    assert [moment.epoch for moment in found][-2:] == [1, 2]
    steps = [moment.step for moment in found]
    assert steps == sorted(set(steps))
    assert found[-1].step == 2 * 8  # 1,000 images in batches of 128
    assert found[-1].terms["kl"] > 0
    assert not found[0].terms
    assert all(moment.pictured and moment.plane for moment in found)
    assert past.frame(run, found[0].name).startswith(past.PNG)
    assert past.moments(run, limit=2) == (found[0], found[-1])
    assert past.has_several(run)


def test_the_last_moments_codes_are_those_of_the_weights(small_run) -> None:
    run = open_run(small_run(epochs=1))
    held_out = data.load(run.card.config.data, "held-out")
    last = past.codes(run, past.moments(run)[-1:])[0]
    assert np.allclose(last, open_session(run).encode(held_out.x).mu, atol=2e-3, rtol=2e-3)
    assert np.array_equal(held_out.y, data.held_out_labels(run.card.config.data))


def test_projections_of_longer_codes_are_turned_onto_each_other(small_run) -> None:
    run = open_run(small_run(epochs=3, latent_dim=6))
    found = past.moments(run)
    codes = past.codes(run, found).astype(np.float64)
    kept = [past._points(run.path, moment.name)[0] for moment in found]
    assert np.allclose(codes[-1], kept[-1], atol=1e-2)
    for before, after, raw in zip(codes, codes[1:], kept, strict=False):
        assert np.allclose(np.linalg.norm(before, axis=1), np.linalg.norm(raw, axis=1), atol=2e-2)
        best = orthogonal_procrustes(before, after)[0]
        assert np.allclose(best, np.eye(2), atol=2e-2)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_labels_that_travel_are_the_data_sets(name: str, data_folder) -> None:
    held_out = data.load(name, "held-out")
    assert np.array_equal(data.held_out_labels(name), held_out.y)
    labels = np.sort(data.held_out_labels(name), kind="stable")
    assert np.array_equal(labels, data.load_gallery(name).y)


def test_the_command_that_writes_a_gallery_writes_its_labels(tmp_path) -> None:
    assert main(["gallery", "mnist-5k", "--out", str(tmp_path / "some.png")]) == 0
    labels = np.frombuffer((tmp_path / "some.labels").read_bytes(), np.uint8)
    assert np.array_equal(labels, data.held_out_labels("mnist-5k"))


def test_runs_from_before_there_were_pictures_still_have_their_codes() -> None:
    run = open_run(SHIPPED / "vae-shallow")
    found = past.moments(run)
    labels = data.held_out_labels(run.card.config.data)
    codes = past.codes(run, found[-1:])[0].astype(np.float64)
    centres = latent.class_centres(codes, labels)
    mine = np.linalg.norm(codes - centres[labels], axis=1).mean()
    assert mine < 0.6 * np.linalg.norm(codes - centres[labels[::-1]], axis=1).mean()


def test_what_a_folder_holds_is_not_trusted(small_run) -> None:
    path = small_run(epochs=1)
    run = open_run(path)
    for name in ("../card", "0001/..", "9999"):
        with pytest.raises(RunError):
            past.frame(run, name)
    (path / "latents" / "0001.safetensors").write_bytes(b"no tensors")
    with pytest.raises(RunError, match="damaged"):
        past.codes(run, past.moments(run))
    (path / HISTORY).write_text('{"epoch": "1"}\n{"epoch": 1, "plane": {"half": -1}}\n')
    (only,) = past.moments(open_run(path))
    assert only.plane is None
