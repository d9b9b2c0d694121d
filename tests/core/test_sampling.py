"""Grids equal scipy's, draws follow the distributions they name, sums and sweeps are exact."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

from vae_core import sampling
from vae_core.errors import InputError
from vae_core.metrics import bandwidth

N = 20_000


@pytest.mark.parametrize("n", [2, 3, 20, 40])
def test_quantiles_are_scipys(n: int) -> None:
    wanted = norm.ppf(np.linspace(0.01, 0.99, n))
    assert_allclose(sampling.normal_quantiles(n), wanted, atol=1e-12)


@pytest.mark.parametrize("n", [2, 7, 40])
def test_the_quantile_grid_reads_like_the_plane(n: int) -> None:
    places = norm.ppf(np.linspace(0.01, 0.99, n)).astype(np.float32)
    rows = sampling.quantile_lattice(n).reshape(n, n, 2)
    assert_allclose(rows[0, :, 0], places, atol=1e-6)  # left to right
    assert_allclose(rows[:, 0, 1], places[::-1], atol=1e-6)  # from the top down


@pytest.mark.parametrize("n", [-1, 0, 1, 41])
def test_a_grid_of_no_size_is_refused(n: int) -> None:
    with pytest.raises(InputError):
        sampling.quantile_lattice(n)


def test_places_lie_on_two_units_and_nowhere_else(rng: np.random.Generator) -> None:
    places = rng.normal(size=(9, 2)).astype(np.float32)
    z = sampling.on_units(places, (4, 1), 6)
    assert_array_equal(z[:, [4, 1]], places)
    assert not z[:, [0, 2, 3, 5]].any()


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 2.0])
def test_draws_from_the_prior_have_its_moments(temperature: float) -> None:
    z = sampling.from_prior(N, 3, seed=1, temperature=temperature)
    assert_allclose(z.mean(0), 0, atol=5 * temperature / N**0.5)
    assert_allclose(np.cov(z.T), temperature**2 * np.eye(3), atol=0.06 * temperature**2)


def drawers(codes: np.ndarray, y: np.ndarray) -> dict:
    return {
        "prior": lambda seed: sampling.from_prior(50, 2, seed=seed),
        "box": lambda seed: sampling.from_box(codes, 50, seed=seed),
        "codes": lambda seed: sampling.from_codes(codes, 50, seed=seed),
        "classes": lambda seed: sampling.from_classes(codes, y, 50, seed=seed),
    }


@pytest.mark.parametrize("source", ["prior", "box", "codes", "classes"])
def test_a_seed_decides_the_draws(source: str, rng: np.random.Generator) -> None:
    draw = drawers(rng.normal(size=(100, 2)), rng.integers(0, 3, 100))[source]
    assert draw(3).shape == (50, 2)
    assert draw(3).dtype == np.float32
    assert_array_equal(draw(3), draw(3))
    assert (draw(3) != draw(4)).any()


def test_the_box_is_filled_evenly(rng: np.random.Generator) -> None:
    codes = rng.normal(size=(500, 2)) ** 3
    z = sampling.from_box(codes, N, seed=0)
    low, high = codes.min(0), codes.max(0)
    assert (z >= low.astype(np.float32)).all()
    assert (z <= high.astype(np.float32)).all()
    shares = (z - low) / (high - low)
    assert_allclose(
        np.quantile(shares, [0.25, 0.5, 0.75], axis=0)[:, 0], [0.25, 0.5, 0.75], atol=0.02
    )


def test_near_the_codes_every_code_is_equally_likely(rng: np.random.Generator) -> None:
    codes = np.repeat([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0], [50.0, 50.0]], 25, axis=0)
    codes += rng.normal(scale=0.01, size=codes.shape)
    z = sampling.from_codes(codes, N, seed=0, temperature=0.05)
    counts = np.unique((z > 25) @ [1, 2], return_counts=True)[1]
    assert_allclose(counts / N, 0.25, atol=0.02)


def test_without_temperature_the_codes_themselves_are_drawn(rng: np.random.Generator) -> None:
    codes = rng.normal(size=(30, 5)).astype(np.float32)
    z = sampling.from_codes(codes, 200, seed=0, temperature=0)
    assert {row.tobytes() for row in z} <= {row.tobytes() for row in codes}


def test_the_kernel_adds_its_variance(rng: np.random.Generator) -> None:
    codes = rng.normal(size=(1000, 2)) * [1.0, 5.0]
    z = sampling.from_codes(codes, N, seed=2)
    wanted = codes.var(0) + bandwidth(codes) ** 2  # Silverman 1986, equation 6.11
    assert_allclose(z.var(0), wanted, rtol=0.05)


def test_classes_take_turns_whatever_their_size(rng: np.random.Generator) -> None:
    y = np.repeat([0, 1, 5], [300, 10, 40])
    codes = y[:, None] * 100.0 + rng.normal(size=(350, 2))
    z = sampling.from_classes(codes, y, 31, seed=0)
    found = np.round(z[:, 0] / 100).astype(int)
    assert_array_equal(found[:6], [0, 1, 5, 0, 1, 5])
    assert_array_equal(np.unique(found, return_counts=True)[1], [11, 10, 10])


def test_arithmetic_by_hand() -> None:
    assert_array_equal(sampling.arithmetic([1, 2], [0.5, 1], [3, -4]), [3.5, -3])


def test_what_is_taken_and_given_back_changes_nothing(rng: np.random.Generator) -> None:
    a, b = rng.normal(size=(2, 16)).astype(np.float32)
    assert_array_equal(sampling.arithmetic(a, b, b), a)


def test_a_class_mean_is_that_of_its_codes(rng: np.random.Generator) -> None:
    codes, y = rng.normal(size=(60, 4)), rng.integers(0, 3, 60)
    assert_allclose(sampling.class_mean(codes, y, 2), codes[y == 2].mean(0), rtol=1e-6)


def test_a_traversal_changes_one_unit(rng: np.random.Generator) -> None:
    z, values = rng.normal(size=8).astype(np.float32), np.linspace(-3, 3, 7)
    swept = sampling.traverse(z, 5, values)
    assert_allclose(swept[:, 5], values)
    assert_array_equal(np.delete(swept, 5, axis=1), np.repeat(np.delete(z, 5)[None], 7, axis=0))


def test_units_are_sorted_by_what_they_carry(rng: np.random.Generator) -> None:
    mu = rng.normal(size=(5000, 4)) * [1.0, 0.05, 2.0, 0.5]
    kl = np.abs(rng.normal(size=(5000, 4))) * [3.0, 0.0, 1.0, 2.0]
    found = sampling.units(mu, kl)
    assert found.order.tolist() == [0, 3, 2, 1]
    assert_allclose(found.kl, kl.mean(0))
    assert found.active.tolist() == [True, False, True, True]  # variances 1, 0.0025, 4, 0.25
    without = sampling.units(mu, np.zeros_like(kl))
    assert without.order.tolist() == [2, 0, 3, 1]
