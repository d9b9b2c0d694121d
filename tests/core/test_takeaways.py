"""What is taken away is what was shown: networks, films, drawings, codes, notebooks, archives."""

import csv
import io
import json
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageSequence
from safetensors.numpy import load as load_tensors

from tests.core.networks import NETWORKS
from vae_core import data, exports, latent, notebooks, runs, sampling, svg, tables, worker
from vae_core import takeaways as take
from vae_core.config import ConvConfig, DataConfig, ModelConfig, RunConfig, TrainConfig
from vae_core.errors import InputError
from vae_core.inference import Session, open_session, to_uint8
from vae_core.latent import Plane

SHIPPED = [run for run in runs.list_runs(runs.SHIPPED) if isinstance(run, runs.Run)]
# exporting takes seconds, and runs of a series share one network
ONE_OF_EACH = list({run.card.config.model.model_dump_json(): run for run in SHIPPED}.values())
QUANTIZED = ConvConfig(
    encoder_channels=(8, 8),
    encoder_strides=(2, 2),
    decoder_channels=(8, 8),
    decoder_strides=(2, 2),
)
MODELS = {
    "ae": ModelConfig(family="ae", network=NETWORKS["dense"]),
    "vae": ModelConfig(family="vae", network=NETWORKS["conv"]),
    "told-dense": ModelConfig(family="vae", network=NETWORKS["dense"], n_classes=10),
    "told-conv": ModelConfig(family="vae", network=NETWORKS["conv"], n_classes=10),
    "vq": ModelConfig(family="vq", network=QUANTIZED, latent_dim=4, codebook_size=8),
}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Session]:
    """Trains a small run of a kind, once, and opens it."""
    found: dict[str, Session] = {}

    def session(kind: str) -> Session:
        if kind not in found:
            path = tmp_path_factory.mktemp("runs") / kind
            config = RunConfig(
                model=MODELS[kind],
                train=TrainConfig(epochs=1),
                data=DataConfig(name="mnist-5k", limit=256),
            )
            worker.create_run(path, config, recipe="small", device="cpu", threads=1)
            for _ in worker.train_run(path):
                pass
            found[kind] = open_session(runs.open_run(path))
        return found[kind]

    return session


def onnx_answers(content: bytes, **given: np.ndarray) -> dict[str, np.ndarray]:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert [node.name for node in session.get_inputs()] == list(given)
    names = [node.name for node in session.get_outputs()]
    return dict(zip(names, session.run(None, given), strict=True))


def check_onnx(session: Session, x: np.ndarray, y: np.ndarray) -> None:
    told = {"y": y} if session.n_classes else {}
    labels = y if session.n_classes else None
    codes = session.encode(x, labels)
    found = onnx_answers(take.encoder_onnx(session), x=x.astype(np.float32) / 255, **told)
    # codes of an autoencoder may lie at 50, where a float32 has no more than six digits
    assert_allclose(found["mu"], codes.mu, rtol=1e-5, atol=1e-5)
    assert ("logvar" in found) == (codes.logvar is not None)
    if codes.logvar is not None:
        assert_allclose(found["logvar"], codes.logvar, rtol=1e-5, atol=1e-5)
    decoder = take.decoder_onnx(session)
    for n in (1, 3, len(x)):  # the batch is free
        pictures = session.decode(codes.mu[:n], None if labels is None else labels[:n])
        some = {name: values[:n] for name, values in told.items()}
        assert_allclose(onnx_answers(decoder, z=codes.mu[:n], **some)["x"], pictures, atol=1e-5)


@pytest.mark.parametrize("run", ONE_OF_EACH, ids=lambda run: run.id)
def test_the_networks_of_every_shipped_run_compute_the_same_as_onnx(run: runs.Run) -> None:
    gallery = data.load_gallery(run.card.config.data)
    check_onnx(open_session(run), gallery.x[::500], gallery.y[::500])


@pytest.mark.parametrize("kind", MODELS)
def test_networks_of_every_kind_compute_the_same_as_onnx(
    kind: str, opened: Callable[[str], Session]
) -> None:
    gallery = data.load_gallery()
    check_onnx(opened(kind), gallery.x[::500], gallery.y[::500])


# --- films ------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_a_webp_keeps_every_pixel(channels: int, rng: np.random.Generator) -> None:
    x = rng.integers(0, 256, (5, channels, 8, 8), dtype=np.uint8)
    with Image.open(io.BytesIO(exports.webp_bytes(x, size=16, duration_ms=50))) as film:
        frames = [np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(film)]
    assert len(frames) == 8  # there, and back without its ends
    for frame, image in zip(frames, [*x, *x[3:0:-1]], strict=True):
        wanted = np.broadcast_to(image.transpose(1, 2, 0), (8, 8, 3))
        assert_array_equal(frame[::2, ::2], wanted)


@pytest.mark.parametrize("kind", take.FILMS)
def test_a_film_has_the_size_speed_and_length_that_were_asked_for(
    kind: str, rng: np.random.Generator
) -> None:
    x = rng.integers(0, 256, (4, 1, 28, 28), dtype=np.uint8)
    content = take.FILMS[kind](x, size=56, duration_ms=90, ping_pong=False)
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.size == (56, 56)
        durations = []
        for number in range(picture.n_frames):
            picture.seek(number)
            picture.load()
            durations.append(picture.info["duration"])
    # frames that look alike may have become one that stands longer
    assert sum(durations) == 4 * 90
    assert all(duration % 90 == 0 for duration in durations)


def test_a_path_outside_the_gallery_is_refused(opened: Callable[[str], Session]) -> None:
    session = opened("vae")
    codes = take.gallery_codes(session, data.load_gallery())
    with pytest.raises(InputError, match="4999"):
        take.path_frames(session, codes, take.Path(0, 5000), 5)


# --- codes and drawings -----------------------------------------------------------------------


def test_codes_read_back_exactly_and_no_cell_is_a_formula(rng: np.random.Generator) -> None:
    mu = rng.normal(size=(4, 3)).astype(np.float32)
    names = ("=1+1", "@x", "fine", 'a, "b"')
    text = tables.codes_csv(mu, np.exp(mu), np.arange(4), names)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["class"] for row in rows] == ["'=1+1", "'@x", "fine", 'a, "b"']
    assert_array_equal(np.float32([[row[f"z{d}"] for d in (1, 2, 3)] for row in rows]), mu)
    assert_array_equal(
        np.float32([[row[f"std{d}"] for d in (1, 2, 3)] for row in rows]), np.exp(mu)
    )
    some = list(
        csv.DictReader(io.StringIO(tables.codes_csv(mu, None, np.arange(4), names, rows=[2])))
    )
    assert [(row["index"], row["std1"]) for row in some] == [("2", "")]


SVG = "{http://www.w3.org/2000/svg}"


def test_a_drawing_has_every_code_of_the_plane_in_its_place(rng: np.random.Generator) -> None:
    codes, y = rng.normal(size=(200, 2)), rng.integers(0, 3, 200)
    names = ("<b>", "T-shirt/top", "c")
    plane = Plane((0.5, 0.0), 1.5)
    pictures = rng.random((9, 1, 8, 8))
    content = svg.plane_svg(codes, y, class_names=names, plane=plane, decoded=pictures, title="a&b")
    root = ET.fromstring(content)
    groups = {group[0].text: group for group in root.iter(f"{SVG}g") if group.get("fill-opacity")}
    assert list(groups) == list(names)
    for label, name in enumerate(names):
        inside = codes[(y == label) & plane.contains(codes)]
        drawn = [
            (float(c.get("cx")), float(c.get("cy"))) for c in groups[name].iter(f"{SVG}circle")
        ]
        scale = svg.SIDE / 3
        wanted = np.column_stack([inside[:, 0] + 1, 1.5 - inside[:, 1]]) * scale
        assert_allclose(np.array(drawn).reshape(-1, 2), wanted, atol=0.051)
    assert root.find(f"{SVG}title").text == "a&b"
    assert len(list(root.iter(f"{SVG}image"))) == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_a_drawing_without_a_plane_or_lattice_is_refused(channels: int) -> None:
    looks = {"class_names": ("a",), "plane": Plane((0.0, 0.0), 1.0)}
    decoded = np.zeros((5, channels, 4, 4))
    with pytest.raises(InputError):
        svg.plane_svg(np.zeros((2, 3)), np.zeros(2, int), **looks)
    with pytest.raises(InputError):
        svg.plane_svg(np.zeros((2, 2)), np.zeros(2, int), **looks, decoded=decoded)


# --- archives and notebooks -------------------------------------------------------------------


def test_the_archive_is_a_run_that_opens(opened: Callable[[str], Session], tmp_path: Path) -> None:
    session = opened("vae")
    content = take.run_zip(session)
    assert content == take.run_zip(session)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path)
        assert load_tensors(archive.read("vae/weights.safetensors"))
    assert runs.open_run(tmp_path / "vae").digest == session.run.digest


def run_notebook(content: bytes) -> tuple[dict[str, Any], list[str]]:
    """Executes a notebook's code cells in a fresh namespace; returns it, and what was printed."""
    notebook = json.loads(content)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    said: list[str] = []
    space: dict[str, Any] = {"print": lambda *words: said.append(" ".join(map(str, words)))}
    for cell in notebook["cells"]:
        assert set(cell) >= {"cell_type", "id", "metadata", "source"}
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec(compile("".join(cell["source"]), cell["id"], "exec"), space)
    return space, said


@pytest.mark.parametrize("kind", ["vae", "told-dense"])
def test_a_notebook_rebuilds_what_was_on_the_screen(
    kind: str, opened: Callable[[str], Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(kind)
    monkeypatch.setenv("LATENT_RUNS", str(session.run.path.parent))
    gallery = data.load_gallery()
    codes = take.gallery_codes(session, gallery)
    way = take.Path(12, 3456, "spherical", 7 if session.n_classes else None)
    space, said = run_notebook(take.path_notebook(session, codes, way, 9))
    assert said == ["as on the screen: True"]
    assert_array_equal(
        to_uint8(space["frames"]), to_uint8(take.path_frames(session, codes, way, 9))
    )

    plane, z = take.plane_of(session, codes), np.float32([0.25, -1.5])
    space, said = run_notebook(take.map_notebook(session, plane, z))
    assert said == ["as on the screen: True"]
    assert space["plane"] == plane


@pytest.mark.parametrize("kind", ["vae", "told-dense"])
def test_a_notebook_decodes_anew_whatever_the_generate_screen_shows(
    kind: str, opened: Callable[[str], Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(kind)
    monkeypatch.setenv("LATENT_RUNS", str(session.run.path.parent))
    d, told = session.latent_dim, session.n_classes
    label = {"label": 3} if told else {}
    places = latent.lattice(Plane((0.5, 0.0), 2.0), 3)
    ways: list[tuple[str, np.ndarray, dict[str, Any]]] = [
        (
            "even",
            sampling.on_units(places, (0, 1), d),
            {"center": (0.5, 0.0), "half": 2.0, "n": 3, "units": (0, 1)},
        ),
        (
            "quantile",
            sampling.on_units(sampling.quantile_lattice(3), (1, 0), d),
            {"n": 3, "units": (1, 0)},
        ),
        (
            "prior",
            sampling.from_prior(4, d, seed=7, temperature=0.5),
            {"n": 4, "seed": 7, "temperature": 0.5},
        ),
    ]
    gallery = data.load_gallery()
    mu, y = take.gallery_codes(session, gallery).mu, gallery.y
    drawn = {"n": 4, "seed": 7}
    ways += [
        ("box", sampling.from_box(mu, **drawn), drawn),
        ("codes", sampling.from_codes(mu, **drawn), {**drawn, "temperature": 1.0}),
        ("classes", sampling.from_classes(mu, y, **drawn), {**drawn, "temperature": 1.0}),
        (
            "sweep",
            np.concatenate([sampling.traverse(mu[5], unit, [-1.0, 0.5]) for unit in (1, 0)]),
            {"index": 5, "swept": [(1, [-1.0, 0.5]), (0, [-1.0, 0.5])]},
        ),
        (
            "sweep",
            sampling.traverse(mu.mean(axis=0), 1, [2.0]),
            {"index": None, "swept": [(1, [2.0])]},
        ),
    ]
    for way, z, values in ways:
        images = session.decode(z, *label.values())
        content = take.decodes_notebook(session, way, images, columns=2, **values, **label)
        space, said = run_notebook(content)
        assert said == ["as on the screen: True"], way
        assert_array_equal(to_uint8(space["images"]), to_uint8(images))
    if told:
        z = np.repeat(sampling.from_prior(2, d, seed=1), told, axis=0)
        images = session.decode(z, np.tile(np.arange(told), 2))
        values = {"n": 2, "seed": 1, "label": "each_class"}
        _, said = run_notebook(
            take.decodes_notebook(session, "styles", images, columns=told, **values)
        )
        assert said == ["as on the screen: True"]


def test_a_notebook_says_so_when_the_weights_are_others(
    opened: Callable[[str], Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened("vae")
    monkeypatch.setenv("LATENT_RUNS", str(session.run.path.parent))
    content = notebooks.notebook_bytes(notebooks.opening(session.run.id, "0" * 12))
    with pytest.raises(SystemExit, match="other weights"):
        run_notebook(content)


def test_a_notebook_is_valid_to_those_who_made_the_format(
    opened: Callable[[str], Session],
) -> None:
    nbformat = pytest.importorskip("nbformat")
    session = opened("vae")
    plane = Plane((0.0, 0.0), 4.0)
    nbformat.validate(nbformat.reads(take.map_notebook(session, plane).decode(), as_version=4))
