"""Laws of films of trainings under way: they grow, and what was shown stays where it was."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.core.networks import NETWORKS
from ui import live_films, server
from vae_core import data, jobs, latent, runs, worker
from vae_core.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from vae_core.training import EpochEnd


def config(**model: object) -> RunConfig:
    return RunConfig(
        model=ModelConfig(network=NETWORKS["dense"], **{"family": "vae", **model}),
        train=TrainConfig(epochs=3),
        data=DataConfig(name="mnist-5k", limit=400),
    )


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("LATENT_RUNS", str(tmp_path))
    with TestClient(Starlette(routes=server.routes)) as client:
        yield client


def begin(folder: Path, name: str = "live", **model: object) -> Iterator[int]:
    """Trains, and stops after each epoch to be looked at."""
    worker.create_run(folder / name, config(**model), recipe="small", device="cpu", threads=1)
    for event in worker.train_run(folder / name):
        if isinstance(event, EpochEnd):
            yield event.epoch


def points(client: TestClient, content: dict) -> np.ndarray:
    body = client.get(content["codes"]).content
    return np.frombuffer(body, "<f2").reshape(len(content["moments"]), content["n"], 2)


@pytest.mark.parametrize("latent_dim", [2, 5])
def test_a_film_grows_and_what_was_there_stays_where_it_was(
    latent_dim: int, client: TestClient, tmp_path: Path
) -> None:
    training = begin(tmp_path, latent_dim=latent_dim)
    next(training)
    first = client.get("/api/live/live/film.json")
    assert first.headers["cache-control"] == "no-store"
    before = first.json()
    assert before["grows"]
    seen = points(client, before)
    told = client.get(before["codes"]).headers["moments"].split(",")
    assert told == [moment["name"] for moment in before["moments"]]
    next(training)
    after = client.get("/api/live/live/film.json").json()
    names = [moment["name"] for moment in after["moments"]]
    assert names[:-1] == [moment["name"] for moment in before["moments"]]
    assert names[-1] == "0002"
    grown = points(client, after)
    assert np.array_equal(grown[:-1], seen)
    new = client.get("/api/live/live/codes/0002.f16").content
    assert np.array_equal(np.frombuffer(new, "<f2").reshape(-1, 2), grown[-1])
    assert client.get(after["moments"][-1]["sheet"]).headers["content-type"] == "image/png"
    for _ in training:
        pass
    job = jobs.job(tmp_path / "live")
    assert live_films.newest(job) == "0003"
    assert live_films.film(job).moments[-1]["name"] == "0003"


def test_a_moment_that_has_passed_is_no_mistake_of_who_asks_for_it(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LOOK_S", 0.0)
    monkeypatch.setattr(worker, "KEPT_EPOCHS", 1)
    training = begin(tmp_path)
    next(training)
    first = client.get("/api/live/live/film.json").json()["moments"][-1]
    assert first["name"] == "0001"
    assert client.get(first["sheet"]).status_code == 200
    for _ in training:
        pass
    names = [one["name"] for one in client.get("/api/live/live/film.json").json()["moments"]]
    assert "0001" not in names
    for passed in (first["sheet"], "/api/live/live/codes/0001.f16"):
        answer = client.get(passed)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["cache-control"] == "no-store"


def test_the_image_behind_a_point_is_the_one_that_was_encoded(
    client: TestClient, tmp_path: Path
) -> None:
    for _ in begin(tmp_path):
        pass
    content = client.get("/api/live/live/film.json").json()
    about = content["images"]
    held_out = data.load("mnist-5k", "held-out")
    sheet = client.get(f"{about['address']}/0.png").content
    with Image.open(io.BytesIO(sheet)) as picture:
        pixels = np.asarray(picture)
    for index in (0, 26, 499):
        row, column = divmod(index, about["columns"])
        image = pixels[row * 28 :][:28, column * 28 :][:, :28]
        assert np.array_equal(image, held_out.x[index, 0])
    assert client.get(f"{about['address']}/1.png").status_code == 404


def test_a_plane_is_turned_onto_anothers(client: TestClient, tmp_path: Path) -> None:
    for name in ("one", "two"):
        for _ in begin(tmp_path, name):
            pass
    one, two = (jobs.job(tmp_path / name) for name in ("one", "two"))
    assert live_films.plane_png(one, one) == live_films.plane_png(one, None)
    # the same settings and seed: turned onto each other they lie as they do
    assert live_films.plane_png(two, one) == live_films.plane_png(one, None)
    asked = client.get("/api/live/two/plane.png?onto=one&at=0003")
    assert asked.content == live_films.plane_png(two, one)
    assert latent.plane_of(live_films.film(one).codes[-1]).half > 0


@pytest.mark.parametrize("name", ["..%2F..%2Fetc", "none", "A", "%00"])
def test_what_is_no_training_has_no_film(name: str, client: TestClient, tmp_path: Path) -> None:
    for part in ("film.json", "film.f16", "plane.png", "codes/0001.f16", "images/0.png"):
        assert client.get(f"/api/live/{name}/{part}").status_code in (400, 404), part


def test_before_the_first_moment_it_is_one_sentence(client: TestClient, tmp_path: Path) -> None:
    worker.create_run(tmp_path / "live", config(), recipe="small", device="cpu", threads=1)
    answer = client.get("/api/live/live/film.json")
    assert answer.status_code == 400
    assert answer.json()["key"] == "moments-damaged"
    assert live_films.newest(jobs.job(tmp_path / "live")) is None
    assert runs.read_card(tmp_path / "live").epochs_done == 0
