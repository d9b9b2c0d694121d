"""Laws of the routes: what they answer, how long it may be kept, and what they say to nonsense."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ui import assets, head_start, latent_map, resources, server, tiles
from vae_core.inference import to_uint8
from vae_core.latent import Plane
from vae_core.runs import SHIPPED, Run, open_run

IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def client():
    def page(request):
        return HTMLResponse("<html><head></head></html>")

    outside = [Route("/", page), Route("/compare", page)]
    app = Starlette(routes=[*server.routes, *outside], middleware=server.middleware)
    with TestClient(app) as client:
        yield client


@pytest.fixture(scope="module")
def run() -> Run:
    return open_run(SHIPPED / "vae-keras-dense")


@pytest.fixture(scope="module")
def session(run):
    return resources.session(run)


def address(run: Run, what: str) -> str:
    return f"/api/runs/{run.id}/{run.digest}/{what}"


def pixels(text: str, shape=(28, 28)) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(-1, *shape)


def test_health_is_ok_and_never_kept(client):
    answer = client.get("/api/health")
    assert answer.json()["status"] == "ok"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "what", ["map.json", "place?z=0.5,-1.25", "point?index=7", "path?start=0&end=4999&n=5"]
)
def test_answers_about_a_run_may_be_kept_for_ever(client, run, what):
    answer = client.get(address(run, what))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == IMMUTABLE


def test_a_map_holds_every_image_of_the_gallery_once(client, run):
    figure = client.get(address(run, "map.json")).json()["figure"]
    written = [trace["customdata"] for trace in figure["data"]]
    indices = [np.frombuffer(base64.b64decode(w["bdata"]), f"<{w['dtype']}") for w in written]
    assert np.array_equal(np.sort(np.concatenate(indices)), np.arange(len(resources.gallery(run))))


def test_a_place_is_decoded_exactly(client, run, session):
    answer = client.get(address(run, "place?z=0.5,-1.25")).json()
    expected = to_uint8(session.decode(np.array([[0.5, -1.25]], np.float32)))[0]
    assert np.array_equal(pixels(answer["image"]), expected)
    codes = resources.gallery_codes(run).mu
    distances = np.linalg.norm(codes - np.array(answer["z"]), axis=1)
    assert answer["nearest"]["index"] == distances.argmin()
    assert answer["nearest"]["distance"] == pytest.approx(distances.min(), rel=1e-5)


def test_a_point_is_its_image_its_reconstruction_and_a_ledger_that_adds_up(client, run, session):
    answer = client.get(address(run, "point?index=4321")).json()
    mu = resources.gallery_codes(run).mu[4321]
    assert answer["label"] == resources.gallery(run).y[4321]
    assert np.array_equal(pixels(answer["original"])[0], resources.gallery(run).x[4321, 0])
    assert np.array_equal(pixels(answer["image"]), to_uint8(session.decode(mu[None]))[0])
    assert answer["total"] == pytest.approx(answer["recon"] + sum(answer["kl"]), rel=1e-5)


def test_a_path_begins_and_ends_at_its_two_images(client, run, session):
    answer = client.get(address(run, "path?start=3&end=2500&method=spherical&n=11")).json()
    frames, mu = pixels(answer["images"]), resources.gallery_codes(run).mu
    assert len(frames) == len(answer["z"]) == 11
    for frame, index in ((frames[0], 3), (frames[-1], 2500)):
        expected = to_uint8(session.decode(mu[index][None]))[0, 0]
        assert np.abs(frame.astype(int) - expected).max() <= 1  # batches may round differently


def test_a_picture_carried_to_its_own_run_lands_where_that_run_encodes_it(client, run, session):
    both = f"{run.id}/{run.digest}"
    answer = client.get(f"/api/transfer/{both}/{both}?z=0.25,0.75").json()
    expected = session.encode(session.decode(np.array([[0.25, 0.75]], np.float32))).mu[0]
    assert answer["z"] == pytest.approx(expected.tolist(), abs=1e-5)


@pytest.mark.parametrize(("level", "column", "row"), [(0, 0, 0), (2, 3, 1), (1, -1, 2)])
def test_a_tile_holds_the_decodes_of_its_lattice(client, run, session, level, column, row):
    answer = client.get(f"/tiles/{run.id}/{run.digest}/{level}/{column}/{row}.png")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == IMMUTABLE
    nodes = tiles.CELLS + 1
    sheet = np.asarray(Image.open(io.BytesIO(answer.content)))
    found = sheet.reshape(nodes, 28, nodes, 28).swapaxes(1, 2)  # (row, column, H, W)
    left, _, _, top = resources.plane(run).bounds
    side = 2 * resources.plane(run).half / 2**level
    for i, j in ((0, 0), (0, 16), (16, 0), (5, 9)):
        z = [left + (column + j / tiles.CELLS) * side, top - (row + i / tiles.CELLS) * side]
        expected = to_uint8(session.decode(np.array([z], np.float32)))[0, 0]
        assert np.abs(found[i, j].astype(int) - expected).max() <= 1


def test_four_tiles_cover_the_tile_above_them():
    plane = Plane(center=(-1.0, 2.0), half=4.0)
    parent = tiles.tile_plane(plane, 1, 1, 0).bounds
    children = [tiles.tile_plane(plane, 2, i, j).bounds for i in (2, 3) for j in (0, 1)]
    assert parent == pytest.approx(
        (
            min(b[0] for b in children),
            max(b[1] for b in children),
            min(b[2] for b in children),
            max(b[3] for b in children),
        )
    )


@pytest.mark.parametrize(
    "what",
    [
        "place",
        "place?z=1",
        "place?z=nan,0",
        "place?z=inf,0",
        "place?z=1e30,0",
        "place?z=one,two",
        "place?z=1,2,3",
        "point?index=-1",
        "point?index=5000",
        "point?index=1.5",
        "point",
        "path?start=0&end=1&n=1",
        "path?start=0&end=1&n=100000",
        "path?start=0&end=1&method=zigzag",
        "path?start=0",
    ],
)
def test_nonsense_is_answered_with_a_sentence(client, run, what):
    answer = client.get(address(run, what))
    assert answer.status_code == 400
    assert answer.headers["cache-control"] == "no-store"
    sentence = answer.json()["error"]
    assert sentence.endswith(".")
    assert "Traceback" not in sentence


@pytest.mark.parametrize(
    "tile", ["99/0/0", "0/5/0", "0/0/-5", "0/a/0", "-1/0/0", "0/99999999999/0"]
)
def test_there_is_no_such_tile(client, run, tile):
    answer = client.get(f"/tiles/{run.id}/{run.digest}/{tile}.png")
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


@pytest.mark.parametrize("name", ["nobody", "..", "a b", "%00"])
def test_an_unknown_run_is_not_found(client, name):
    answer = client.get(f"/api/runs/{name}/0123456789ab/place?z=0,0")
    assert answer.status_code == 404


def test_a_run_with_other_weights_is_not_found(client, run):
    answer = client.get(f"/api/runs/{run.id}/000000000000/place?z=0,0")
    assert answer.status_code == 404
    assert "reload" in answer.json()["error"]


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_nothing_can_be_written(client, run, method):
    assert getattr(client, method)(address(run, "map.json")).status_code == 405


@pytest.mark.parametrize("encoding", ["br", "gzip"])
@pytest.mark.parametrize("name", assets.ASSETS)
def test_files_of_the_map_are_packed_and_kept(client, name, encoding):
    url = f"/assets/{assets.VERSION}/{name}"
    answer = client.get(url, headers={"accept-encoding": encoding})
    assert answer.headers["content-encoding"] == encoding
    assert answer.headers["cache-control"] == IMMUTABLE
    assert answer.content == assets.content(assets.ASSETS[name])
    assert client.get(url, headers={"accept-encoding": "identity"}).content == answer.content


@pytest.mark.parametrize("name", ["../app.py", "latent_map/__init__.py", "nothing.js"])
def test_no_other_file_is_served(client, name):
    assert client.get(f"/assets/{assets.VERSION}/{name}").status_code == 404


def test_files_of_another_version_are_not_served(client):
    assert client.get("/assets/000000000000/plotly.min.js").status_code == 404


def test_every_answer_carries_the_security_headers(client):
    for url in ("/api/health", "/compare", "/nowhere"):
        headers = client.get(url).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert "default-src 'self'" in headers["content-security-policy"]


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_streamlits_scripts_are_compressed_kept_for_ever_and_stay_what_they_are(client, encoding):
    for name in (
        "/" + head_start.chunks()[1][0],
        *[n for n in head_start.FILES if n[-3:] == "css"],
    ):
        answer = client.get(name, headers={"accept-encoding": encoding})
        assert answer.headers["content-encoding"] == encoding
        assert answer.headers["cache-control"] == IMMUTABLE
        assert answer.content == head_start.FILES[name].read_bytes()


def test_who_reads_no_compression_gets_streamlits_scripts_from_streamlit(client):
    name = "/" + head_start.chunks()[1][0]
    answer = client.get(name, headers={"accept-encoding": "identity"})
    assert answer.status_code == 404  # which is not in this test's app


def page(client, path: str) -> str:
    return client.get(path, headers={"accept": "text/html"}).text


@pytest.mark.parametrize("path", ["/", "/compare", "/?run=ae-conv"])
def test_all_that_a_page_names_is_there_and_may_be_kept_for_ever(client, path):
    text = page(client, path)
    named = re.findall(r'(?:src|href)="\.?([^"]+)"', text)
    fetched = json.loads(re.search(r"of (\[.*?\])\)", text)[1])
    assert latent_map.MODULE in named
    assert len({*named, *fetched}) == len(named) + len(fetched)
    for address in (*named, *fetched):
        answer = client.get(address, headers={"accept-encoding": "br"})
        assert answer.status_code == 200, address
        assert answer.headers["cache-control"] == IMMUTABLE, address


@pytest.mark.parametrize(
    ("path", "run_id"),
    [
        ("/", "vae-narrow-deep"),
        ("/?run=ae-shallow&lang=ko", "ae-shallow"),
        ("/?run=</script>", "vae-narrow-deep"),
    ],
)
def test_the_first_screen_names_the_map_of_the_run_that_it_will_show(client, path, run_id):
    run = open_run(SHIPPED / run_id)
    text = page(client, path)
    assert f'"{address(run, "map.json")}"' in text
    assert f'"/tiles/{run_id}/{run.digest}/0/0/0.png"' in text


def test_other_screens_name_no_map(client):
    assert "map.json" not in page(client, "/compare?run=ae-shallow")


def test_streamlit_has_code_of_its_own_for_the_elements_of_the_first_screen():
    names = {Path(chunk).name.partition(".")[0] for chunk in head_start.chunks()[1]}
    assert names >= set(head_start.ELEMENTS)
    assert not set(head_start.chunks()[0]) & set(head_start.chunks()[1])


def test_plotly_is_sent_whole_without_its_wrapper():
    sent, file = assets.content(assets.PLOTLY), assets.PLOTLY.read_bytes()
    assert file.startswith(sent[:100])  # the licence
    assert len(file) - 1000 < len(sent) < len(file)
    assert sent.count(b"\n window.Plotly = Plotly;") + sent.count(b"\nwindow.Plotly = Plotly;") == 1


def test_a_page_names_the_maps_script(client):
    text = client.get("/compare", headers={"accept": "text/html"}).text
    assert latent_map.MODULE in text
    assert text.startswith("<html><head><script>")
