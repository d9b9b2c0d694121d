"""The runs that travel with the project: whole, small, what their cards say, and good."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from vae_core import data, latent, metrics, model_table, moments, runs, sampling, sweeps, worker
from vae_core.evaluation import evaluate
from vae_core.inference import open_session
from vae_core.recipes import RECIPES

SHIPPED = sorted(path for path in runs.SHIPPED.iterdir() if path.is_dir())
MEGABYTE = 1_000_000
# nats per image on the 10,000 test images: what these runs must at least reach
LIMITS = {"vae-keras-dense": 140.0, "vae-conv": 142.0, "vae-deep": 138.0}
TWINS = [("ae-shallow", "vae-shallow"), ("ae-conv", "vae-conv")]

each_run = pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)


def size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def test_the_recipes_that_are_promised_are_shipped() -> None:
    promised = {"ae-shallow", "vae-shallow", "vae-keras-dense", "ae-conv", "vae-conv"}
    assert promised <= {path.name for path in SHIPPED}


def test_all_of_them_together_are_small() -> None:
    assert sum(map(size, SHIPPED)) < 80 * MEGABYTE


@each_run
def test_a_shipped_run_is_finished_small_and_says_how_it_came_about(path: Path) -> None:
    run = runs.open_run(path)
    card = run.card
    assert card.finished
    assert size(path) < 12 * MEGABYTE
    kept = {file.name for file in path.iterdir()}
    assert kept - {runs.FRAMES} == {runs.CARD, runs.WEIGHTS, runs.HISTORY, runs.LATENTS}
    swept = card.command.startswith("python -m vae_core sweep ")
    wanted = RECIPES[card.recipe].config
    beta = card.config.objective.beta
    assert card.config == (wanted.replace(objective__beta=beta) if swept else wanted)
    assert card.differs == RECIPES[card.recipe].differs
    assert swept or (
        card.command
        == f"python -m vae_core train {card.recipe} --threads 1 --out checkpoints/{path.name}"
    )
    source = data.DATASETS[card.config.data.name]
    held_out = source.held_out_per_class * len(source.class_names)
    assert card.data["name"] == card.config.data.name
    assert (card.data["n_train"], card.data["n_held_out"]) == (source.n_train - held_out, held_out)
    assert [line["epoch"] for line in run.history] == list(range(1, card.epochs_done + 1))
    names = {f"{e:04d}" for e in range(1, card.epochs_done + 1) if worker.is_kept(e, card)}
    assert names <= {file.stem for file in (path / runs.LATENTS).iterdir()}
    assert len(moments.moments(run)) == len(list((path / runs.LATENTS).iterdir()))


@each_run
def test_a_run_on_other_pictures_than_digits_says_where_they_come_from_and_brings_them(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENT_DATA", str(tmp_path / "nowhere"))
    card = runs.open_run(path).card
    gallery = data.load_gallery(card.config.data)
    assert len(gallery) == card.data["n_held_out"]
    if card.config.data.name != "mnist":
        source = data.DATASETS[card.config.data.name]
        assert (card.data["source"], card.data["licence"]) == (source.citation, source.licence)
        assert gallery.name == f"{card.config.data.name}/held-out"


@each_run
def test_the_last_codes_kept_are_the_encoders_own(path: Path) -> None:
    from safetensors.numpy import load_file

    run = runs.open_run(path)
    tensors = load_file(path / runs.LATENTS / f"{run.card.epochs_done:04d}.safetensors")
    session, gallery = open_session(run), data.load_gallery(run.card.config.data)
    codes = session.encode(gallery.x, gallery.y if session.n_classes else None).mu
    if "pca" in tensors:
        codes = latent.principal_components(codes, 2)
    kept = tensors["mu" if "mu" in tensors else "pca"]
    assert kept.shape == codes.shape
    # kept in the order of the data set, which the gallery sorts by class
    np.testing.assert_allclose(
        np.sort(kept.astype(np.float32), axis=0), np.sort(codes, axis=0), atol=0.02, rtol=2e-3
    )


@pytest.mark.slow
@each_run
def test_the_card_tells_what_is_measured_on_the_test_images(path: Path, data_folder: Path) -> None:
    run = runs.open_run(path)
    card, settings = run.card.metrics["test"], run.card.config.data
    if not (data_folder / str(data.DATASETS[settings.name].reader) / "raw").is_dir():
        pytest.skip(f"{settings.name} is not in LATENT_DATA")
    measured = evaluate(open_session(run), data.load(settings, "test"), seed=int(card["seed"]))
    assert measured.n == card["n"] == data.DATASETS[settings.name].n_test
    for name in ("recon", "kl", "total"):
        assert getattr(measured, name) == pytest.approx(card[name], abs=0.01)
    assert measured.mse == pytest.approx(card["mse"], abs=1e-5)


@pytest.mark.parametrize(("name", "limit"), LIMITS.items())
def test_the_shipped_vaes_are_good(name: str, limit: float) -> None:
    figures = runs.open_run(runs.SHIPPED / name).card.metrics["test"]
    assert figures["total"] <= limit
    assert 5 <= figures["kl"] <= 9


def test_a_vae_that_is_told_the_class_costs_less_than_its_twin_that_is_not() -> None:
    told, twin = (
        runs.open_run(runs.SHIPPED / name).card for name in ("cvae-dense", "vae-keras-dense")
    )
    assert told.config.model.model_copy(update={"n_classes": 0}) == twin.config.model
    assert told.metrics["test"]["total"] < twin.metrics["test"]["total"]


def test_a_series_of_betas_trades_reconstruction_for_kl() -> None:
    (series,) = sweeps.find_series(runs.list_runs(runs.SHIPPED))
    assert len(series.runs) >= 8
    figures = [run.card.metrics["test"] for run in series.runs]
    kl, recon = ([terms[name] for terms in figures] for name in ("kl", "recon"))
    assert kl == sorted(kl, reverse=True)
    # one draw of z an image, and one training a beta: a nat either way
    assert all(later > sooner - 1 for sooner, later in itertools.pairwise(recon))
    assert recon[-1] > recon[0] + 10


def test_a_vq_vae_rebuilds_better_than_any_plane_and_uses_its_codebook() -> None:
    shipped = {run.id: run for run in runs.list_runs(runs.SHIPPED) if isinstance(run, runs.Run)}
    mse = {run_id: run.card.metrics["test"]["mse"] for run_id, run in shipped.items()}
    planes = [r for r, run in shipped.items() if run.card.config.model.latent_dim == 2]
    assert mse["vq-vae"] < min(mse[run_id] for run_id in planes)
    session = open_session(shipped["vq-vae"])
    assert session.codebook is not None
    size = len(session.codebook)
    indices = session.encode_indices(data.load_gallery().x)
    shares = np.bincount(indices.ravel(), minlength=size) / indices.size
    assert np.exp(metrics.entropy(shares[None])[0]) >= size / 2  # perplexity


@pytest.mark.parametrize(("ae", "vae"), TWINS)
def test_an_autoencoder_reconstructs_better_than_its_twin(ae: str, vae: str) -> None:
    a, b = (runs.open_run(runs.SHIPPED / name).card.metrics["test"] for name in (ae, vae))
    assert a["recon"] < b["recon"]
    assert a["mse"] < b["mse"]


def test_the_page_of_the_runs_is_what_the_command_writes() -> None:
    shipped = [run for run in runs.list_runs(runs.SHIPPED) if isinstance(run, runs.Run)]
    written = (runs.SHIPPED.parent / "docs" / "models.md").read_text(encoding="utf-8")
    assert written == model_table.page(shipped)  # type: python -m vae_core models --out ...
    assert all(f"`{run.id}`" in written for run in shipped)


@pytest.mark.parametrize(("ae", "vae"), TWINS)
def test_the_articles_claims_hold_of_the_twins(ae: str, vae: str) -> None:
    """Off centre and unbounded, unequal areas: the autoencoder; near N(0, I): the VAE."""
    a, b = (runs.open_run(runs.SHIPPED / name).card.metrics["survey"] for name in (ae, vae))
    assert a["prior_kl"] > 4 * b["prior_kl"]
    assert a["radius"] > 2 * b["radius"]
    assert b["centre"] < 0.5
    assert 0.7 < b["std_least"] <= b["std_most"] < 1.5
    assert a["class_most"] - a["class_least"] > b["class_most"] - b["class_least"]


def survey_of(name: str) -> dict[str, float]:
    return runs.open_run(runs.SHIPPED / name).card.metrics["survey"]


def test_in_128_dimensions_draws_from_the_prior_are_worse_than_in_two() -> None:
    assert survey_of("vae-dense-128d")["like"] < survey_of("vae-keras-dense")["like"] - 0.1
    assert survey_of("vae-dense-128d")["active"] < 64  # most units stay idle


def test_a_kl_that_lost_its_halves_makes_posteriors_narrower_and_costs_more() -> None:
    right, wrong = ("vae-shallow", "vae-shallow-missing-half")
    assert survey_of(wrong)["posterior_std"] < survey_of(right)["posterior_std"]
    totals = [runs.open_run(runs.SHIPPED / n).card.metrics["test"]["total"] for n in (right, wrong)]
    assert totals[0] < totals[1]


def test_averaging_the_terms_collapses_the_posterior() -> None:
    found = survey_of("vae-keras-dense-averaged")
    assert found["active"] == 0
    assert found["posterior_std"] == pytest.approx(1, abs=0.01)
    assert survey_of("vae-keras-dense")["active"] == 2


def test_a_denoiser_cleans_what_its_plain_twin_cannot() -> None:
    gallery = data.load_gallery()
    clean = gallery.x[::20] / np.float32(255)
    noisy = sampling.noisy(clean, 0.5, seed=0)
    cleaned, plain = (
        open_session(runs.open_run(runs.SHIPPED / name)).reconstruct(noisy)
        for name in ("ae-denoise", "ae-dense-32d")
    )
    before, after, other = (sampling.mse(x, clean) for x in (noisy, cleaned, plain))
    assert after < before / 4
    assert after < other / 1.5
