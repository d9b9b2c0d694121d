"""Laws of paths, planes and neighbours: ends, lengths, inverses, brute force, numbers by hand."""

import json
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from vae_core.errors import InputError
from vae_core.latent import (
    INTERPOLATIONS,
    Plane,
    class_centres,
    code_summary,
    common_plane,
    inside,
    interpolate,
    lattice,
    lerp,
    nearest,
    plane_of,
    slerp,
    spread,
)

T = np.linspace(0, 1, 11)


@pytest.mark.parametrize("dim", [1, 2, 3, 128])
@pytest.mark.parametrize("method", INTERPOLATIONS)
def test_a_path_meets_its_ends_exactly(method: str, dim: int, rng: np.random.Generator) -> None:
    a, b = rng.normal(size=(2, dim)).astype(np.float32)
    path = interpolate(a, b, 20, method=method)
    assert path.shape == (20, dim)
    assert path.dtype == np.float32
    assert_array_equal(path[[0, -1]], [a, b])


@pytest.mark.parametrize("method", INTERPOLATIONS)
def test_a_path_walked_from_the_other_end_is_the_same_path(
    method: str, rng: np.random.Generator
) -> None:
    a, b = rng.normal(size=(2, 5))
    there, back = interpolate(a, b, 21, method=method), interpolate(b, a, 21, method=method)
    assert_allclose(there, back[::-1], atol=1e-6)


def test_a_line_has_equal_steps() -> None:
    steps = np.diff(lerp([-1, 4], [3, 2], T), axis=0)
    assert_allclose(steps, np.broadcast_to([0.4, -0.2], (10, 2)), atol=1e-6)


def test_an_arc_between_unit_vectors_stays_on_the_circle_and_turns_evenly() -> None:
    arc = slerp([1, 0], [0, 1], T)
    angles = T * math.pi / 2
    assert_allclose(arc, np.stack([np.cos(angles), np.sin(angles)], axis=1), atol=1e-6)


def test_an_arc_keeps_the_length_that_a_line_loses(rng: np.random.Generator) -> None:
    a, b = rng.normal(size=(2, 128))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    assert_allclose(np.linalg.norm(slerp(a, b, T), axis=1), 1, atol=1e-6)
    assert np.linalg.norm(lerp(a, b, [0.5]), axis=1)[0] < 0.9


def test_an_arc_between_unequal_lengths_by_hand() -> None:
    # omega = 90 degrees: at t = 1/2 both weights are sin(45) / sin(90) = 0.7071
    assert_allclose(slerp([2, 0], [0, 1], [0.5]), [[math.sqrt(2), math.sqrt(0.5)]], atol=1e-6)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([0, 0], [1, 2]),
        ([1, 2], [0, 0]),
        ([1, 2], [3, 6]),
        ([1, 2], [-2, -4]),
        ([1e-30, 0], [0, 1e-30]),
    ],
)
def test_where_no_arc_is_singled_out_the_line_is_taken(a: list[float], b: list[float]) -> None:
    assert_array_equal(slerp(a, b, T), lerp(a, b, T))


def test_the_arc_joins_the_line_smoothly_as_directions_become_parallel() -> None:
    a = np.array([1.0, 2.0])
    for tilt in (1e-3, 1e-5, 1e-7):
        b = 1.5 * a + tilt * np.array([-2.0, 1.0])
        assert_allclose(slerp(a, b, T), lerp(a, b, T), atol=3 * tilt + 1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "cubic"}, "linear, spherical"),
        ({"n": 1}, "at least|between 2"),
        ({"b": [1.0, 2.0, 3.0]}, "shape"),
        ({"a": [[1.0, 2.0]], "b": [[1.0, 2.0]]}, "shape"),
        ({"a": [math.nan, 0.0]}, "finite"),
        ({"b": [math.inf, 0.0]}, "finite"),
    ],
)
def test_a_wrong_path_is_refused_in_one_sentence(change: dict[str, object], words: str) -> None:
    arguments: dict[str, object] = {"a": [0.0, 1.0], "b": [1.0, 0.0], "n": 5, **change}
    a, b, n = (arguments.pop(name) for name in ("a", "b", "n"))
    with pytest.raises(InputError, match=words):
        interpolate(a, b, n, **arguments)  # type: ignore[arg-type]


def test_a_plane_survives_json() -> None:
    plane = Plane(center=(0.1, -3.7), half=2.3)
    assert Plane.from_dict(json.loads(json.dumps(plane.to_dict()))) == plane


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"center": [1], "half": 1},
        {"center": [1, 2, 3], "half": 1},
        {"center": [0, 0], "half": 0},
        {"center": [0, 0], "half": -1},
        {"center": [0, math.nan], "half": 1},
        {"center": [0, 0], "half": math.inf},
        {"center": "ab", "half": 1},
        {"center": None, "half": 1},
    ],
)
def test_what_is_no_plane_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Plane.from_dict(value)


def test_a_plane_contains_its_edges_and_nothing_beyond() -> None:
    plane = Plane(center=(1.0, -1.0), half=2.0)
    assert plane.bounds == (-1.0, 3.0, -3.0, 1.0)
    places = [[1, -1], [3, 1], [-1, -3], [3.01, 0], [0, 1.01], [math.nan, 0]]
    assert plane.contains(places).tolist() == [True, True, True, False, False, False]


@pytest.mark.parametrize("scale", [1e-3, 0.1, 1.0, 37.0, 4e4])
@pytest.mark.parametrize("offset", [0.0, 0.3, -5.0])
def test_a_plane_holds_the_codes_and_little_else(
    scale: float, offset: float, rng: np.random.Generator
) -> None:
    codes = scale * (rng.normal(size=(5000, 2)) + offset)
    plane = plane_of(codes)
    assert plane.contains(codes).mean() > 0.997
    extent = np.ptp(codes, axis=0).max() / 2
    assert plane.half < 1.3 * extent


def test_a_gaussian_cloud_gets_a_plane_centred_on_the_prior(rng: np.random.Generator) -> None:
    codes = rng.normal(size=(5000, 2)) + np.array([0.03, -0.05])
    plane = plane_of(codes)
    assert plane.center == (0.0, 0.0)
    assert 3.2 <= plane.half <= 4.0


def test_a_few_codes_far_away_do_not_move_the_plane(rng: np.random.Generator) -> None:
    codes = rng.uniform(-1, 1, size=(5000, 2))
    far = np.concatenate([codes, [[1e6, 1e6], [-1e5, 3e5]]])
    assert plane_of(far) == plane_of(codes)


@pytest.mark.parametrize(
    "codes",
    [
        [[0.0, 0.0]],
        [[5.0, -5.0]] * 7,
        [[1e4, 1e4], [1e4, 1e4]],
        [[0.0, 0.0], [1e-12, 0.0]],
        [[1.0, 0.0], [1.0, 8.0]],
    ],
)
def test_no_codes_make_a_plane_without_an_inside(codes: list[list[float]]) -> None:
    plane = plane_of(codes)
    assert plane.contains(codes).all()
    places = lattice(plane, 17)  # as float32: still 17 different columns and rows
    assert len(np.unique(places[:, 0])) == len(np.unique(places[:, 1])) == 17


@pytest.mark.parametrize("codes", [np.zeros((0, 2)), np.zeros((4, 3)), [[math.nan, 0.0]]])
def test_codes_that_have_no_plane_are_refused(codes: object) -> None:
    with pytest.raises(InputError):
        plane_of(codes)  # type: ignore[arg-type]


def test_a_lattice_reads_like_the_plane_by_hand() -> None:
    places = lattice(Plane(center=(1.0, 10.0), half=1.0), 3).reshape(3, 3, 2)
    assert_array_equal(places[0], [[0, 11], [1, 11], [2, 11]])  # the top row has the largest z₂
    assert_array_equal(places[2], [[0, 9], [1, 9], [2, 9]])


def test_tiles_of_a_plane_share_their_edges() -> None:
    whole = lattice(Plane(center=(0.0, 0.0), half=4.0), 33).reshape(33, 33, 2)
    quarter = lattice(Plane(center=(2.0, 2.0), half=2.0), 17).reshape(17, 17, 2)
    assert_array_equal(whole[:17, 16:], quarter)


def test_a_lattice_needs_two_places_a_side() -> None:
    with pytest.raises(InputError):
        lattice(Plane(center=(0.0, 0.0), half=1.0), 1)


@pytest.mark.parametrize("k", [1, 4, 50])
def test_nearest_agrees_with_brute_force(k: int, rng: np.random.Generator) -> None:
    codes, z = rng.normal(size=(50, 3)), rng.normal(size=3)
    distances = [math.dist(code, z) for code in codes]
    wanted = sorted(range(50), key=distances.__getitem__)[:k]
    indices, found = nearest(codes, z, k)
    assert indices.tolist() == wanted
    assert_allclose(found, [distances[i] for i in wanted])


def test_a_code_is_its_own_nearest_and_the_first_of_equals_wins() -> None:
    codes = np.array([[1, 1], [2, 2], [2, 2]], np.float32)
    assert nearest(codes, codes[2]).indices.tolist() == [1]
    assert nearest(codes, codes[2]).distances.tolist() == [0.0]


@pytest.mark.parametrize(
    ("z", "k"), [([0.0], 1), ([0.0, math.nan], 1), ([0.0, 0.0], 0), ([0.0, 0.0], 4)]
)
def test_a_wrong_question_for_neighbours_is_refused(z: list[float], k: int) -> None:
    with pytest.raises(InputError):
        nearest(np.zeros((3, 2)), z, k)


def test_class_centres_are_medians_by_hand() -> None:
    codes = [[0, 0], [1, 5], [50, 1], [7, 8]]
    centres = class_centres(codes, [0, 0, 0, 2])
    assert_array_equal(centres, [[1, 1], [math.nan, math.nan], [7, 8]])


def test_spread_parts_what_is_too_close_and_leaves_the_rest() -> None:
    places = np.array([[0, 0], [0.1, 0], [5, 5], [math.nan, 0], [0, 0]])
    moved = spread(places, 1.0)
    crowd = moved[[0, 1, 4]]
    gaps = [math.dist(p, q) for i, p in enumerate(crowd) for q in crowd[:i]]
    assert min(gaps) >= 1.0 - 1e-6
    assert np.abs(crowd).max() < 2.0
    assert_array_equal(moved[2:4], places[2:4])
    assert_array_equal(spread(moved, 1.0), moved)


def test_a_crowd_in_one_place_is_spread() -> None:
    moved = spread(np.zeros((10, 2)), 0.5)
    gaps = [math.dist(p, q) for i, p in enumerate(moved) for q in moved[:i]]
    assert min(gaps) >= 0.5 - 1e-6
    assert_array_equal(moved, spread(np.zeros((10, 2)), 0.5))


def test_a_code_summary_by_hand() -> None:
    summary = code_summary([[0, 1], [4, 1], [2, 1], [-3, -4]])
    assert summary.mean == (0.75, -0.25)
    assert_allclose(summary.std, [math.sqrt(6.6875), math.sqrt(4.6875)])
    assert summary.radius_max == 5.0
    assert summary.n == 4


def test_a_common_plane_holds_both_and_is_no_larger_than_it_must_be() -> None:
    first, second = Plane(center=(0.0, 0.0), half=1.0), Plane(center=(3.0, 1.0), half=2.0)
    assert common_plane(first, second) == Plane(center=(2.0, 1.0), half=3.0)
    assert common_plane(second, first) == common_plane(first, second)
    assert common_plane(first, first) == first


def test_what_is_inside_a_convex_outline_lies_left_of_all_its_edges():
    rng = np.random.default_rng(0)
    codes = rng.uniform(-2, 2, (2000, 2)).astype(np.float32)
    turns = np.sort(rng.uniform(0, 2 * np.pi, 9))
    outline = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    edges = np.roll(outline, -1, axis=0) - outline
    away = codes[:, None] - outline  # (N, K, 2)
    left = edges[:, 0] * away[..., 1] - edges[:, 1] * away[..., 0]
    assert np.array_equal(inside(codes, outline), (left > 0).all(axis=1))


def test_a_star_that_winds_twice_about_its_middle_does_not_hold_it():
    turns = 2 * np.pi * np.arange(5) * 2 / 5
    star = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    places = [[0.0, 0.0], [0.7, 0.0], [2.0, 0.0]]
    assert inside(places, star).tolist() == [False, True, False]


@pytest.mark.parametrize(
    "outline", [[[0, 0], [1, 1]], [[0, 0, 1]] * 3, [[0, 0], [1, math.nan], [1, 0]]]
)
def test_an_outline_needs_three_finite_corners(outline):
    with pytest.raises(InputError):
        inside([[0.0, 0.0]], outline)
