"""Laws of films: what the browser fetches of a run's moments and of a series, and for how long."""

import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.ui.shelves import small_run
from ui import films, multiples, resources, server
from vae_core import data, latent, moments, runs, sweeps
from vae_core.runs import SHIPPED, Run, open_run

IMMUTABLE = "public, max-age=31536000, immutable"
BETAS = (0.5, 1.0, 4.0)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Path:
    """Runs on a shelf of their own: a trained one, and a series of three."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture(scope="module")
def trained(shelf: Path) -> Run:
    return small_run(shelf, "trained")


@pytest.fixture(scope="module")
def series(shelf: Path) -> sweeps.Series:
    recipe = sweeps_recipe()
    for one in sweeps.plan([(recipe, recipe.config)], shelf, {"beta": BETAS, "seed": [1]}):
        for _ in sweeps.train(one, device="cpu", threads=1):
            pass
    (found,) = sweeps.find_series(run for run in runs.list_runs(shelf) if isinstance(run, Run))
    return found


def sweeps_recipe():
    from dataclasses import replace

    from vae_core.recipes import recipe

    chosen = recipe("vae-beta")
    small = {"data__name": "mnist-5k", "data__limit": 600, "train__epochs": 1}
    return replace(chosen, config=chosen.config.replace(**small))


@pytest.fixture
def client(shelf: Path, monkeypatch) -> TestClient:
    monkeypatch.setenv("LATENT_RUNS", str(shelf))
    return TestClient(Starlette(routes=server.routes))


def halves(client: TestClient, content: dict) -> np.ndarray:
    body = client.get(content["codes"]).content
    return np.frombuffer(body, "<f2").reshape(len(content["moments"]), content["n"], 2)


def test_a_film_holds_every_moment_with_its_codes_and_figures(client, trained) -> None:
    answer = client.get(f"{films.address_of(trained)}/film.json")
    assert answer.headers["cache-control"] == IMMUTABLE
    content, kept = answer.json(), moments.moments(trained)
    assert [moment["name"] for moment in content["moments"]] == [moment.name for moment in kept]
    assert np.array_equal(halves(client, content), moments.codes(trained, kept))
    assert content["moments"][-1]["terms"]["kl"] == kept[-1].terms["kl"]
    assert content["curve"][-1][0] == 1
    last = halves(client, content)[-1]
    plane = latent.Plane.from_dict(content["moments"][content["home"]]["plane"])
    assert plane.contains(last).mean() > 0.99


def test_each_moment_has_its_own_sheet_and_no_other_file_is_served(client, trained) -> None:
    content = client.get(f"{films.address_of(trained)}/film.json").json()
    for moment in content["moments"]:
        answer = client.get(moment["sheet"])
        assert answer.headers["cache-control"] == IMMUTABLE
        assert answer.content == (trained.path / "frames" / f"{moment['name']}.png").read_bytes()
    for name in ("0009", "..%2Fcard", "card", "%00"):
        answer = client.get(f"{films.address_of(trained)}/frames/{name}.png")
        assert answer.status_code in (400, 404), name


def test_a_run_that_kept_no_pictures_names_none() -> None:
    run = open_run(SHIPPED / "vae-shallow")
    film = films.run_film(run).content()
    assert len(film["moments"]) == len(list((run.path / "latents").iterdir()))
    assert not any(moment["sheet"] for moment in film["moments"])


def test_originals_are_the_images_that_the_sheet_rebuilds(trained) -> None:
    film = films.run_film(trained)
    rebuilt = Image.open(io.BytesIO(film.sheet(film.moments[-1]["name"])))
    row = np.asarray(rebuilt)[:28].reshape(28, 10, 28).transpose(1, 0, 2)
    mine = resources.session(trained).reconstruct(film.originals)
    assert np.abs(row - 255 * mine[:, 0]).max() <= 2


def test_an_unfinished_film_is_not_kept(client, trained, monkeypatch) -> None:
    film = films.run_film(trained)
    going_on = film.__class__(**{**vars(film), "final": False})
    monkeypatch.setattr(films, "run_film", lambda run: going_on)
    answer = client.get(f"{films.address_of(trained)}/film.json")
    assert answer.headers["cache-control"] == "no-store"


def test_many_points_are_thinned_evenly() -> None:
    assert np.array_equal(films._rows(7), np.arange(7))
    many = films._rows(70_000)
    assert (len(many), many[0], many[-1]) == (films.MAX_POINTS, 0, 69_999)


# --- series -----------------------------------------------------------------------------------


def test_a_series_is_a_film_over_beta(client, series) -> None:
    address = films.series_address(series)
    content = client.get(f"{address}/film.json").json()
    assert [moment["value"] for moment in content["moments"]] == list(BETAS)
    assert content["home"] == 1
    own = resources.gallery_codes(series.runs[1]).mu
    assert np.allclose(halves(client, content)[1], own, atol=1e-2, rtol=1e-2)
    assert client.get("/api/series/000000000000/film.json").status_code == 404
    assert client.get(f"{address}/frames/other.png").status_code == 404


def test_planes_of_a_series_are_turned_onto_their_neighbours(series) -> None:
    codes = films.series_film(series).codes.astype(np.float64)
    for before, after in pairwise(codes):
        assert np.allclose(latent.procrustes(before, after), np.eye(2), atol=2e-2)


def test_the_grid_of_a_series_shows_what_lies_at_its_places(client, series) -> None:
    film, run = films.series_film(series), series.runs[2]
    sheet = np.asarray(Image.open(io.BytesIO(film.sheet(run.id))))
    corner = sheet[28:56, :28]  # the plane's upper left
    place = latent.lattice(film.planes[2], 10)[0]
    own = resources.gallery_codes(run).mu.astype(np.float64)
    turn = latent.procrustes(own, film.codes[2].astype(np.float64))
    decoded = resources.session(run).decode((place @ turn.T)[None].astype(np.float32))[0, 0]
    assert np.abs(corner - 255 * decoded).max() <= 4


def test_small_multiples_name_every_beta(series) -> None:
    for html in (multiples.planes(series), multiples.grids(series)):
        assert html.count("<img") == len(BETAS)
        for beta in BETAS:
            assert f"β = {beta:g}" in html


# --- files ------------------------------------------------------------------------------------


def test_a_series_is_a_file_that_plays(series) -> None:
    with Image.open(io.BytesIO(films.series_gif(series))) as picture:
        assert (picture.format, picture.is_animated) == ("GIF", True)
        assert picture.width > picture.height  # the sheet stands beside the plane


def test_labels_and_codes_are_of_the_same_images(trained) -> None:
    film = films.run_film(trained)
    assert np.array_equal(film.y, data.load("mnist-5k", "held-out").y)
    assert film.codes.shape == (len(film.moments), len(film.y), 2)
