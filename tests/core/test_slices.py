"""Laws of planes through many units: places and codes invert each other, axes are principal."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from vae_core import slices
from vae_core.errors import InputError


@pytest.fixture
def codes(rng) -> np.ndarray:
    return rng.normal(size=(400, 6)) @ rng.normal(size=(6, 6)) + 3


@pytest.fixture(params=["axes", "principal"])
def plane(request, codes) -> slices.Slice:
    if request.param == "axes":
        return slices.axes(codes[7], 4, 1)
    return slices.principal(codes, codes[7], 1, 3)


def test_a_place_is_the_projection_of_its_own_code(plane, rng):
    places = rng.normal(size=(50, 2))
    assert np.allclose(plane.places(plane.codes(places)), places)
    assert np.allclose(plane.basis @ plane.basis.T, np.eye(2))


def test_a_projection_is_the_nearest_place(plane, codes, rng):
    nearest = plane.places(codes)
    best = np.linalg.norm(plane.codes(nearest) - codes, axis=1)
    for step in rng.normal(size=(20, 2)):
        assert (np.linalg.norm(plane.codes(nearest + step) - codes, axis=1) > best).all()


def test_the_plane_holds_the_code_that_it_goes_through(plane, codes):
    assert np.allclose(plane.codes(plane.places(codes[7])), codes[7])


def test_along_units_places_are_the_units_themselves(codes):
    plane = slices.axes(codes[7], 4, 1)
    assert np.allclose(plane.places(codes), codes[:, [4, 1]])


def test_of_two_units_the_plane_is_the_space_itself_to_the_last_bit(rng):
    codes = rng.normal(size=(100, 2)).astype(np.float32)
    plane = slices.axes(np.zeros(2), 0, 1)
    assert np.array_equal(plane.codes(codes).astype(np.float32), codes)
    assert np.array_equal(plane.places(codes).astype(np.float32), codes)


def test_principal_places_are_the_scores_of_scikit_learn_up_to_the_sign(codes):
    pca = PCA().fit(codes)
    found = slices.principal(codes, np.zeros(6), 0, 2).places(codes)
    assert np.allclose(np.abs(found), np.abs(pca.transform(codes)[:, [0, 2]]))
    assert np.allclose(slices.shares(codes), pca.explained_variance_ratio_)


def test_where_the_plane_goes_through_does_not_move_the_points(codes):
    one, other = (slices.principal(codes, codes[i], 0, 1) for i in (3, 200))
    assert np.allclose(one.places(codes), other.places(codes))


def test_ellipses_are_those_of_samples(plane, rng):
    std = rng.uniform(0.1, 2, size=6)
    samples = plane.places(rng.normal(size=(200_000, 6)) * std)
    long, short, angle = slices.ellipses(plane.covariances(std[None]))[0]
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    assert np.cov(turn @ samples.T) == pytest.approx(
        np.diag([long**2, short**2]), rel=0.02, abs=0.02
    )


@pytest.mark.parametrize(("first", "second"), [(0, 0), (-1, 0), (0, 6)])
def test_two_directions_are_needed(codes, first, second):
    with pytest.raises(InputError):
        slices.axes(codes[0], first, second)
    with pytest.raises(InputError):
        slices.principal(codes, codes[0], first, second)
