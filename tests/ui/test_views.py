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
def shelf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_RUNS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def run(shelf):
    return small_run(shelf, "many", latent_dim=5)


@pytest.fixture(scope="module")
def told(shelf):
    """A run that is told the class."""
    return small_run(shelf, "told", n_classes=10)


def asking(run):
    client = TestClient(Starlette(routes=server.routes))
    return lambda what, **query: client.get(f"/api/runs/{run.id}/{run.digest}/{what}", params=query)


@pytest.fixture(scope="module")
def get(run):
    return asking(run)


@pytest.fixture(scope="module")
def get_told(told):
    return asking(told)


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
    places, basis = np.array([[0.3, -0.4], [0.0, 1.0]]), view.slice.basis
    whole = session.metric(view.codes(places))  # along all units: v^T G v for any step v
    assert view.metric(places) == pytest.approx(basis @ whole @ basis.T, rel=1e-4, abs=1e-6)


def test_an_outline_selects_projections(get, run):
    inside = "-1,-1,1,-1,1,1,-1,1"
    answer = get("selection", slice="axes-5-2-zero", outline=inside).json()
    mu = resources.gallery_codes(run).mu
    chosen = (np.abs(mu[:, [4, 1]]) < 1).all(axis=1)
    assert answer["n"] == chosen.sum()
    assert answer["z"] == pytest.approx(mu[chosen].mean(axis=0, dtype=np.float64), abs=1e-5)
    lines = get("selection.csv", slice="axes-5-2-zero", outline=inside).text.splitlines()
    assert lines[0] == "index,label,class,z1,z2,z3,z4,z5,std1,std2,std3,std4,std5"
    assert len(lines) == answer["n"] + 1


# --- of one class -------------------------------------------------------------------------------


def test_a_place_is_decoded_as_the_class_asked_for_and_as_each(get_told, told):
    session = resources.session(told)
    answers = [get_told("place", z="0.5,-1.25", **{"class": label}).json() for label in range(10)]
    z = np.repeat([[0.5, -1.25]], 10, axis=0)
    expected = to_uint8(session.decode(z, np.arange(10)))[:, 0]
    for label, answer in enumerate(answers):
        assert near(pixels(answer["image"]), expected[label])
        each = np.frombuffer(base64.b64decode(answer["classes"]), np.uint8).reshape(10, 28, 28)
        assert near(each, expected)


def test_a_point_is_encoded_and_decoded_as_its_own_class(get_told, told):
    session, gallery = resources.session(told), resources.gallery(told)
    answer, y = get_told("point", index=4321).json(), gallery.y[4321:4322]
    codes = session.encode(gallery.x[4321:4322], y)
    assert answer["z"] == pytest.approx(codes.mu[0].tolist(), abs=1e-5)
    assert near(pixels(answer["image"]), to_uint8(session.decode(codes.mu, y))[0, 0])
    assert answer["total"] == pytest.approx(answer["recon"] + sum(answer["kl"]), rel=1e-5)


def test_tiles_of_two_classes_are_two(told):
    with TestClient(Starlette(routes=server.routes)) as client:
        url = f"/tiles/{told.id}/{told.digest}/0/0/0.png"
        tiles = {label: client.get(url, params={"class": label}) for label in (0, 7)}
    assert tiles[0].content != tiles[7].content
    assert "immutable" in tiles[0].headers["cache-control"]


@pytest.mark.parametrize("layer", layers.LAYERS)
def test_every_layer_shows_a_class(get_told, layer):
    assert get_told(f"layer/{layer}.json", **{"class": 3}).status_code == 200


@pytest.mark.parametrize("query", [{}, {"class": "10"}, {"class": "-1"}, {"class": "x"}])
def test_a_class_is_needed_and_has_to_be_one(get_told, query):
    answer = get_told("place", z="0,0", **query)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


# --- sheets and outlines ------------------------------------------------------------------------


def test_sheets_hold_the_gallery(get, run):
    gallery = resources.gallery(run)
    sheet = np.asarray(Image.open(io.BytesIO(get("gallery/3.png").content)))
    found = sheet.reshape(20, 28, 25, 28).swapaxes(1, 2).reshape(500, 28, 28)
    assert np.array_equal(found, gallery.x[1500:2000, 0])
    assert get("gallery/10.png").status_code == 400


def test_an_outline_drawn_on_another_map_selects_its_images_here(get, run, told):
    outline = "-1,-1,1,-1,1,1,-1,1"
    drawn = f"{told.id}/{told.digest}"
    answer = get("selection", slice="pca-1-2-zero", outline=outline, on=drawn).json()
    inside = (np.abs(resources.gallery_codes(told).mu) < 1).all(axis=1)
    assert answer["n"] == inside.sum()
    mu = resources.gallery_codes(run).mu[inside]
    assert answer["z"] == pytest.approx(mu.mean(axis=0, dtype=np.float64).tolist(), abs=1e-5)
    assert get("selection", outline=outline, on="nobody/0").status_code == 404
