"""Laws of planes through many units as the routes answer them."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.ui.shelves import small_run
from ui import layers, resources, server, tiles, views
from vae_core.inference import to_uint8

NAMES = ("pca-1-2-zero", "pca-3-1-mean", "axes-5-2-zero", "axes-2-4-123")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_RUNS", str(folder))
        yield small_run(folder, "many", latent_dim=5)


@pytest.fixture(scope="module")
def get(run):
    with TestClient(Starlette(routes=server.routes)) as client:
        yield lambda what, **query: client.get(
            f"/api/runs/{run.id}/{run.digest}/{what}", params=query
        )


def pixels(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(28, 28)


def decoded(run, z) -> np.ndarray:
    return to_uint8(resources.session(run).decode(np.asarray(z, np.float32)[None]))[0, 0]


def near(one: np.ndarray, other: np.ndarray) -> bool:
    return np.abs(one.astype(int) - other).max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_the_browser_learns_which_code_a_place_is(get, run, name):
    answer = get("map.json", slice=name).json()
    origin, basis = (np.array(answer["slice"][key]) for key in ("origin", "basis"))
    place = get("place", slice=name, z="0.75,-1.5").json()
    assert place["place"] == [0.75, -1.5]
    assert place["z"] == pytest.approx(origin + [0.75, -1.5] @ basis, abs=1e-6)
    assert near(pixels(place["image"]), decoded(run, place["z"]))
    codes = resources.gallery_codes(run).mu
    distances = np.linalg.norm(codes - np.array(place["z"]), axis=1)
    assert place["near"] == np.argsort(distances, kind="stable")[:8].tolist()


@pytest.mark.parametrize("name", NAMES)
def test_a_point_is_seen_where_its_code_projects_and_decoded_whole(get, run, name):
    answer, codes = get("point", slice=name, index=4321).json(), resources.gallery_codes(run)
    view = views.view(run, name)
    assert answer["z"] == codes.mu[4321].tolist()
    assert answer["place"] == pytest.approx(view.slice.places(codes.mu[4321]), abs=1e-5)
    assert near(pixels(answer["image"]), decoded(run, codes.mu[4321]))
    assert len(answer["kl"]) == 5


def test_a_tile_names_its_plane_and_holds_its_decodes(run):
    with TestClient(Starlette(routes=server.routes)) as client:
        url = f"/tiles/{run.id}/{run.digest}/1/1/0.png"
        answers = {name: client.get(url, params={"slice": name}) for name in NAMES}
    assert len({answer.content for answer in answers.values()}) == len(NAMES)
    for name, answer in answers.items():
        assert "immutable" in answer.headers["cache-control"]
        view, nodes = views.view(run, name), tiles.CELLS + 1
        sheet = np.asarray(Image.open(io.BytesIO(answer.content)))
        found = sheet.reshape(nodes, 28, nodes, 28)[4, :, 9]
        left, right, bottom, top = tiles.tile_plane(view.plane, 1, 1, 0).bounds
        place = left + (right - left) * 9 / tiles.CELLS, top - (top - bottom) * 4 / tiles.CELLS
        assert near(found, decoded(run, view.codes([place])[0]))


def test_a_whole_code_is_decoded_whole_and_seen_where_it_projects(get, run):
    z = [0.5, -1.0, 0.25, 2.0, -0.75]
    answer = get("place", slice="axes-5-2-zero", code=",".join(map(str, z))).json()
    assert answer["z"] == z
    assert answer["place"] == [-0.75, -1.0]
    assert near(pixels(answer["image"]), decoded(run, z))


@pytest.mark.parametrize(
    "name",
    ["pca", "pca-0-1-zero", "pca-1-1-zero", "axes-1-6-zero", "axes-1-2-99999", "axes-1-2-../x"],
)
def test_a_plane_that_is_none_is_a_sentence(get, name):
    answer = get("map.json", slice=name)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


@pytest.mark.parametrize("query", [{"code": "1,2"}, {"code": "nan,0,0,0,0"}, {"z": "1,2,3,4,5"}])
def test_a_code_that_is_none_is_a_sentence(get, query):
    assert get("place", slice=NAMES[0], **query).status_code == 400


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layer", layers.LAYERS)
def test_every_layer_shows_the_plane(run, name, layer):
    assert layers.layer(views.view(run, name), layer)


def test_round_trips_are_measured_over_all_units(run):
    view, session = views.view(run, "axes-5-2-zero"), resources.session(run)
    field = layers.layer(view, "round-trip")
    middle = view.codes([view.plane.center])
    away = np.linalg.norm(session.encode(session.decode(middle)).mu - middle)
    n = field["n"]
    step = np.frombuffer(base64.b64decode(field["values"]), np.uint8)[n * n // 2]
    expected = np.clip((away - field["low"]) / (field["high"] - field["low"]), 0, 1)
    assert step / 255 == pytest.approx(expected, abs=0.01)


def test_a_stretch_is_that_of_steps_within_the_plane(run):
    view, session = views.view(run, "pca-1-2-zero"), resources.session(run)
    place, step = np.array([[0.3, -0.4]]), 1e-2
    u, v = (
        session.decode(view.codes(place + d)) - session.decode(view.codes(place - d))
        for d in np.eye(2) * step
    )
    steps = np.stack([u.ravel(), v.ravel()]) / (2 * step)
    expected = steps @ steps.T
    assert view.metric(place)[0] == pytest.approx(expected, abs=0.03 * np.trace(expected))


def test_an_outline_selects_projections(get, run):
    inside = "-1,-1,1,-1,1,1,-1,1"
    answer = get("selection", slice="axes-5-2-zero", outline=inside).json()
    mu = resources.gallery_codes(run).mu
    chosen = (np.abs(mu[:, [4, 1]]) < 1).all(axis=1)
    assert answer["n"] == chosen.sum()
    assert answer["z"] == pytest.approx(mu[chosen].mean(axis=0, dtype=np.float64), abs=1e-5)
    lines = get("selection.csv", slice="axes-5-2-zero", outline=inside).text.splitlines()
    assert lines[0] == "index,label,z1,z2,z3,z4,z5,std1,std2,std3,std4,std5"
    assert len(lines) == answer["n"] + 1
