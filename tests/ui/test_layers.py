"""Laws of the map's layers: fields that read back as what they were made of, routes that say so."""

import base64
import math

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ui import layers, resources, server
from ui.views import view
from vae_core.latent import class_centres, lattice
from vae_core.runs import SHIPPED, Run, open_run


@pytest.fixture(scope="module")
def client():
    with TestClient(Starlette(routes=server.routes)) as client:
        yield client


@pytest.fixture(scope="module")
def run() -> Run:
    return open_run(SHIPPED / "vae-keras-dense")


@pytest.fixture(scope="module")
def autoencoder() -> Run:
    return open_run(SHIPPED / "ae-shallow")


def address(run: Run, what: str) -> str:
    return f"/api/runs/{run.id}/{run.digest}/{what}"


def steps(field: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(field["values"]), np.uint8)


def values(field: dict) -> np.ndarray:
    return field["low"] + steps(field) / 255 * (field["high"] - field["low"])


def node(run: Run, field: dict, z) -> int:
    """The node of a field's lattice that is nearest to a place."""
    return int(np.linalg.norm(lattice(resources.plane(run), field["n"]) - z, axis=1).argmin())


@pytest.mark.parametrize("name", layers.LAYERS)
def test_a_layer_is_light_and_may_be_kept_for_ever(client, run, name):
    answer = client.get(address(run, f"layer/{name}.json"))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert len(answer.content) < 60_000


@pytest.mark.parametrize("name", ["posteriors", "nothing", "..", "density.json"])
def test_a_layer_that_a_run_does_not_have_is_a_sentence(client, autoencoder, name):
    answer = client.get(address(autoencoder, f"layer/{name}.json"))
    assert answer.status_code in (400, 404)
    assert answer.headers.get("cache-control") != "public, max-age=31536000, immutable"


@pytest.mark.parametrize("made", ["run", "autoencoder"])
def test_codes_lie_dense_where_they_are_and_contours_hold_what_they_say(made, request):
    run = request.getfixturevalue(made)
    field = layers.layer(view(run), "density")
    density, codes = values(field), resources.gallery_codes(run).mu
    at = [density[node(run, field, z)] for z in codes[::25]]
    assert np.median(at) > np.median(density)
    for level, share in zip(field["levels"], field["shares"], strict=True):
        assert np.mean(np.array(at) >= level) == pytest.approx(share, abs=0.12)


def test_codes_come_back_better_than_places_between_nowhere(run):
    field = layers.layer(view(run), "round-trip")
    away, codes = values(field), resources.gallery_codes(run).mu
    assert away.min() >= 0
    at = [away[node(run, field, z)] for z in codes[::50]]
    assert np.median(at) < np.median(away)


def test_a_class_is_the_majority_at_its_own_centre_and_entropy_is_lower_there(run):
    layer, gallery = layers.layer(view(run), "classes"), resources.gallery(run)
    majority, entropy = layer["majority"], layer["entropy"]
    centres = class_centres(resources.gallery_codes(run).mu, gallery.y)
    named = [steps(majority)[node(run, majority, z)] for z in centres]
    assert np.mean(named == np.arange(10)) >= 0.7
    assert entropy["high"] == pytest.approx(math.log(10))
    assert values(entropy)[node(run, entropy, centres[0])] < math.log(10) / 4


def test_the_stretch_is_that_of_the_metric_and_its_ellipses_are_steps_of_one_cost(run):
    layer, session = layers.layer(view(run), "stretch"), resources.session(run)
    metric = session.metric(lattice(resources.plane(run), layer["n"]))
    logs = np.clip(0.5 * np.log10(np.linalg.det(metric)), layer["low"], layer["high"])
    assert values(layer) == pytest.approx(logs, abs=(layer["high"] - layer["low"]) / 255)
    x, y, long, short, angle = np.array(layer["ellipses"]).T
    along = np.stack([long * np.cos(angle), long * np.sin(angle)], axis=1)
    metric = session.metric(np.stack([x, y], axis=1))
    cost = np.sqrt(np.einsum("nd,nde,ne->n", along, metric, along))
    assert cost == pytest.approx(np.full(len(x), layer["step"]), rel=1e-2)
    assert (long >= short).all()


def test_posteriors_are_every_images_own_and_only_a_vae_has_them(run):
    layer = layers.layer(view(run), "posteriors")
    std = np.frombuffer(base64.b64decode(layer["std"]), "<f4").reshape(-1, 2)
    assert np.array_equal(std, resources.gallery_codes(run).std)


def test_the_neighbours_of_an_image_are_others_nearest_first(client, run):
    gallery, index = resources.gallery(run), 4321
    answer = client.get(address(run, f"neighbours?index={index}")).json()
    spaces = {"latent": resources.gallery_codes(run).mu, "pixel": gallery.x.reshape(5000, -1) / 255}
    for name, codes in spaces.items():
        found = answer[name]
        distances = np.linalg.norm(codes - codes[index], axis=1)
        assert found["distances"] == pytest.approx(np.sort(distances)[1:9], rel=1e-4)
        assert found["distances"] == pytest.approx(distances[found["indices"]], rel=1e-4)
        assert index not in found["indices"]
        assert found["labels"] == gallery.y[found["indices"]].tolist()
        images = np.frombuffer(base64.b64decode(found["images"]), np.uint8).reshape(8, 28, 28)
        assert np.array_equal(images, gallery.x[found["indices"], 0])


@pytest.mark.parametrize("query", ["", "?index=-1", "?index=5000", "?index=x"])
def test_neighbours_of_no_image_are_a_sentence(client, run, query):
    answer = client.get(address(run, f"neighbours{query}"))
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
