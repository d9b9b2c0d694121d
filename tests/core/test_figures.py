"""Figures say what the arrays say: every point once, in its class's colour, on equal axes."""

import json
import math

import numpy as np
import plotly.graph_objects as go
import pytest
from numpy.testing import assert_array_equal

from vae_core.errors import InputError
from vae_core.figures import (
    GLYPH_GAP,
    PALETTES,
    PETROFF10,
    latent_scatter,
    loss_curves,
    rate_distortion,
    term_curves,
)
from vae_core.latent import Plane, class_centres

Rng = np.random.Generator
DIGITS = tuple("0123456789")
PLANE = Plane(center=(1.0, -2.0), half=3.0)


@pytest.fixture
def labelled(rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    y = rng.integers(0, 10, size=300)
    y[y == 6] = 5  # a class that has no points
    return rng.normal(size=(300, 2)).astype(np.float32), y


@pytest.mark.parametrize("webgl", [True, False])
def test_every_point_is_drawn_once_in_its_own_class(
    labelled: tuple[np.ndarray, np.ndarray], webgl: bool
) -> None:
    codes, y = labelled
    figure = latent_scatter(codes, y, class_names=DIGITS, plane=PLANE, webgl=webgl)
    assert len(figure.data) == 10
    seen = []
    for label, trace in enumerate(figure.data):
        assert trace.type == ("scattergl" if webgl else "scatter")
        assert trace.uid == f"class-{label}"
        assert trace.meta == {"label": label, "name": str(label)}
        assert trace.name == str(label)
        assert trace.marker.color == PETROFF10[label]
        rows = np.asarray(trace.customdata)
        assert_array_equal(np.stack([trace.x, trace.y], axis=1), codes[rows])
        assert (y[rows] == label).all()
        seen.extend(rows.tolist())
    assert sorted(seen) == list(range(300))


def test_axes_are_equal_and_show_the_plane(labelled: tuple[np.ndarray, np.ndarray]) -> None:
    layout = latent_scatter(*labelled, class_names=DIGITS, plane=PLANE).layout
    assert layout.yaxis.scaleanchor == "x"
    assert layout.yaxis.scaleratio == 1
    assert (*layout.xaxis.range, *layout.yaxis.range) == PLANE.bounds
    assert (layout.xaxis.title.text, layout.yaxis.title.text) == ("z₁", "z₂")


def test_a_page_in_any_theme_shows_through(labelled: tuple[np.ndarray, np.ndarray]) -> None:
    history = [{"epoch": 1, "train": {"total": 2.0}, "held_out": {"total": 3.0}}]
    for figure in (
        latent_scatter(*labelled, class_names=DIGITS, plane=PLANE),
        loss_curves(history),
    ):
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
        assert figure.layout.font.color is None


def test_glyphs_stand_at_class_centres_and_apart(labelled: tuple[np.ndarray, np.ndarray]) -> None:
    codes, y = labelled
    glyphs = latent_scatter(codes, y, class_names=DIGITS, plane=PLANE).layout.annotations
    assert [glyph.text for glyph in glyphs] == [f"<b>{label}</b>" for label in sorted(set(y))]
    places = [(glyph.x, glyph.y) for glyph in glyphs]
    gaps = [math.dist(p, q) for i, p in enumerate(places) for q in places[:i]]
    assert min(gaps) >= GLYPH_GAP * 2 * PLANE.half * (1 - 1e-6)
    centres = class_centres(codes, y)[sorted(set(y))]
    assert np.abs(np.array(places) - centres).max() < 1.0
    without = latent_scatter(codes, y, class_names=DIGITS, plane=PLANE, glyphs=False)
    assert not without.layout.annotations


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_a_palette_has_ten_colours_and_its_glyphs_can_be_read(
    palette: tuple[str, ...], labelled: tuple[np.ndarray, np.ndarray]
) -> None:
    assert len(set(palette)) == 10
    figure = latent_scatter(*labelled, class_names=DIGITS, plane=PLANE, palette=palette)
    for glyph in figure.layout.annotations:
        light, dark = sorted((luminance(glyph.bgcolor), luminance(glyph.font.color)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.1, level AA


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_the_gallery_of_five_thousand_stays_light(rng: Rng) -> None:
    y = np.repeat(np.arange(10), 500)
    figure = latent_scatter(rng.normal(size=(5000, 2)), y, class_names=DIGITS, plane=PLANE)
    text = figure.to_json()
    assert len(text) < 150_000
    json.loads(text, parse_constant=pytest.fail)  # no NaN, which browsers refuse


@pytest.mark.parametrize(
    ("codes", "y"),
    [
        (np.zeros((3, 3)), [0, 0, 0]),
        (np.zeros(3), [0, 0, 0]),
        (np.zeros((3, 2)), [0, 0]),
        (np.zeros((3, 2)), [0, 0, 10]),
        (np.zeros((3, 2)), [0, -1, 0]),
    ],
)
def test_codes_and_labels_that_do_not_fit_are_refused(codes: np.ndarray, y: list[int]) -> None:
    with pytest.raises(InputError):
        latent_scatter(codes, y, class_names=DIGITS, plane=PLANE)


def test_loss_curves_draw_each_term_of_each_part() -> None:
    history = [
        {
            "epoch": epoch,
            "train": {"total": 150 - epoch, "recon": 143 - epoch, "kl": 7.0},
            "held_out": {"total": 151 - epoch, "recon": 144 - epoch, "kl": 7.0},
            "learning_rate": 1e-3,
        }
        for epoch in (1, 2, 3)
    ]
    figure = loss_curves(history)
    drawn = {(t.meta["part"], t.meta["term"]): (list(t.x), list(t.y)) for t in figure.data}
    assert len(drawn) == len(figure.data) == 6
    for (part, term), (epochs, values) in drawn.items():
        assert epochs == [1, 2, 3]
        assert values == [line[part][term] for line in history]
    dashes = {t.meta["part"]: t.line.dash for t in figure.data}
    assert dashes == {"held_out": "solid", "train": "dot"}
    assert "nats" in figure.layout.yaxis.title.text


def test_loss_curves_before_the_first_epoch_are_empty() -> None:
    assert len(loss_curves([]).data) == 0


def test_one_term_has_axes_of_its_own_and_moments_within_an_epoch_are_left_out() -> None:
    terms = {"total": 150.0, "recon": 144.0, "kl": 6.0}
    history = [{"epoch": 0, "step": 3}, {"epoch": 1, "train": terms, "held_out": terms}]
    figure = term_curves(history, "kl", "KL")
    assert [(trace.name, list(trace.x), list(trace.y)) for trace in figure.data] == [
        ("held-out", [1], [6.0]),
        ("train", [1], [6.0]),
    ]


def test_rate_and_distortion_name_each_run_at_its_place() -> None:
    figure = rate_distortion(
        [9.0, 5.0, 0.1], [130.0, 140.0, 200.0], [0.1, 1, 32], ["a", "b", "c"], titles=("R", "D")
    )
    (trace,) = figure.data
    assert list(zip(trace.x, trace.y, trace.customdata, trace.text, strict=True)) == [
        (9.0, 130.0, "a", "0.1"),
        (5.0, 140.0, "b", "1"),
        (0.1, 200.0, "c", "32"),
    ]
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("R", "D")


def _named(rate: list[float], distortion: list[float], labels: list[str]) -> go.Scatter:
    (trace,) = rate_distortion(rate, distortion, labels, labels, titles=("R", "D")).data
    return trace


def test_labels_of_near_dots_stand_on_different_sides_and_all_are_read_by_pointing() -> None:
    # the knee of a series over beta: three runs within a fingertip of each other on a phone
    rate, distortion = [0.0, 5.0, 5.6, 6.2, 14.0], [205.0, 145.0, 143.5, 144.0, 141.0]
    labels = ["β = 32", "β = 2", "β = 1", "β = 0.5", "β = 0.05"]
    trace = _named(rate, distortion, labels)
    assert list(trace.text) == labels == list(trace.hovertext)
    assert len(set(trace.textposition[1:4])) == 3
    # the first and the last lie at the rims, and are named towards the middle
    assert trace.textposition[0].endswith("right")
    assert trace.textposition[-1].endswith("left")


def test_a_label_that_no_side_has_room_for_is_left_to_pointing() -> None:
    labels = [f"seed = {k}" for k in range(40)]
    trace = _named([1.0] * 40, [2.0] * 40, labels)
    assert 0 < sum(map(bool, trace.text)) < 40
    assert list(trace.hovertext) == labels
    assert "%{hovertext}" in trace.hovertemplate
    assert list(_named([1.0], [2.0], ["alone"]).text) == ["alone"]
