"""Laws of the selection: the outline decides, and every answer to it tells of the same images."""

import base64
import csv
import io

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ui import resources, server
from vae_core.inference import to_uint8
from vae_core.runs import SHIPPED, open_run

BOX = "-1,-1,1,-1,1,1,-1,1"


@pytest.fixture(scope="module", params=["vae-keras-dense", "ae-shallow"])
def run(request):
    return open_run(SHIPPED / request.param)


@pytest.fixture(scope="module")
def ask(run):
    with TestClient(Starlette(routes=server.routes)) as client:
        folder = f"/api/runs/{run.id}/{run.digest}"
        yield lambda what="selection", **query: client.get(f"{folder}/{what}", params=query)


@pytest.fixture(scope="module")
def selected(run):
    """What the box holds, counted by hand."""
    return np.flatnonzero((np.abs(resources.gallery_codes(run).mu) < 1).all(axis=1))


def picture(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(28, 28).astype(int)


def test_counts_mean_and_decode_are_those_of_the_images_inside(ask, run, selected):
    answer = ask(outline=BOX).json()
    gallery, mu = resources.gallery(run), resources.gallery_codes(run).mu
    assert answer["n"] == sum(answer["counts"]) == len(selected)
    assert answer["counts"] == [int((gallery.y[selected] == k).sum()) for k in range(10)]
    assert answer["z"] == pytest.approx(mu[selected].mean(axis=0).tolist(), abs=1e-5)
    mean = gallery.x[selected, 0].astype(float).mean(axis=0)
    assert np.abs(picture(answer["mean"]) - mean).max() <= 0.51
    decoded = to_uint8(resources.session(run).decode(np.array([answer["z"]], np.float32)))[0, 0]
    assert np.abs(picture(answer["image"]) - decoded).max() <= 1


def test_labels_narrow_a_selection(ask, run, selected):
    y = resources.gallery(run).y[selected]
    answer = ask(outline=BOX, labels="3,8").json()
    assert answer["n"] == np.isin(y, (3, 8)).sum()
    assert answer["counts"][3] == (y == 3).sum()


def test_the_csv_has_a_row_for_each_image_and_reads_back_exactly(ask, run, selected):
    answer = ask("selection.csv", outline=BOX)
    assert answer.headers["content-disposition"] == f'attachment; filename="{run.id}-selection.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [int(row["index"]) for row in rows] == selected.tolist()
    codes, y = resources.gallery_codes(run), resources.gallery(run).y
    for row, i in zip(rows, selected, strict=True):
        assert int(row["label"]) == y[i]
        assert np.float32(row["z1"]) == codes.mu[i, 0]
        assert np.float32(row["z2"]) == codes.mu[i, 1]
        if codes.std is None:
            assert row["std1"] == row["std2"] == ""
        else:
            assert np.float32([row["std1"], row["std2"]]).tolist() == codes.std[i].tolist()


def test_the_png_is_the_mean_beside_the_decode(ask):
    answer = ask(outline=BOX).json()
    sheet = np.asarray(Image.open(io.BytesIO(ask("selection.png", outline=BOX).content)))
    mean, decode = sheet[:224, :224], sheet[:224, 232:]
    assert np.array_equal(mean[::8, ::8], picture(answer["mean"]))
    assert np.array_equal(decode[::8, ::8], picture(answer["image"]))


@pytest.mark.parametrize(
    "outline",
    ["", "1,2", "0,0,1,1", "0,0,1,1,2", "0,0,1,nan,2,2", "0,0,inf,1,2,2", "a,b,c,d,e,f",
     "900,900,901,900,901,901", ",".join(["0,0"] * 65)],
)  # fmt: skip
@pytest.mark.parametrize("what", ["selection", "selection.csv", "selection.png"])
def test_an_outline_that_selects_nothing_is_answered_with_a_sentence(ask, what, outline):
    answer = ask(what, outline=outline)
    assert answer.status_code == 400
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["error"].endswith(".")


def test_unreadable_labels_are_answered_with_a_sentence(ask):
    assert ask(outline=BOX, labels="one").status_code == 400
