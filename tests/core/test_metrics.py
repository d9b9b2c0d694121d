"""Laws of what a plane is like: masses of 1, brute force, linear maps, ellipses by hand."""

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from vae_core import metrics
from vae_core.errors import InputError
from vae_core.inference import open_session
from vae_core.latent import Plane, lattice, nearest
from vae_core.runs import SHIPPED, open_run

PLANE = Plane(center=(0.0, 0.0), half=8.0)


@pytest.fixture
def codes(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(400, 2)) * [1.0, 0.5] + [0.5, -1.0]


def test_a_density_integrates_to_one(codes: np.ndarray) -> None:
    density = metrics.kde(codes, PLANE, 201)
    assert density.min() >= 0
    assert density.sum() * (2 * PLANE.half / 200) ** 2 == pytest.approx(1, abs=1e-6)


def test_the_density_of_one_code_is_its_kernel_the_right_way_up() -> None:
    density = metrics.kde([[2.0, 5.0]], PLANE, 17, width=(0.5, 1.0))
    places = lattice(PLANE, 17)
    assert_array_equal(places[density.argmax()], [2, 5])
    assert density.max() == pytest.approx(1 / (2 * math.pi * 0.5 * 1.0))
    below = density.ravel()[np.flatnonzero((places == [2, 4]).all(axis=1))]
    assert below == pytest.approx(density.max() * math.exp(-0.5))


def test_far_codes_do_not_widen_the_kernel(codes: np.ndarray) -> None:
    far = np.concatenate([codes, [[1e4, -1e4]] * 4])
    assert_allclose(metrics.bandwidth(far), metrics.bandwidth(codes), rtol=0.2)
    assert (metrics.bandwidth(np.zeros((5, 2))) > 0).all()


def test_half_of_a_gaussians_mass_lies_inside_its_known_circle() -> None:
    n = 401
    z = lattice(PLANE, n).astype(float)
    density = np.exp(-0.5 * (z**2).sum(axis=1)) / (2 * math.pi)
    cell = (2 * PLANE.half / (n - 1)) ** 2
    levels = metrics.mass_levels(density, cell, [0.5, 0.95])
    # r² is exponential: a share s of N(0, I) lies within r² = -2 log(1 - s), at density (1-s) / 2pi
    assert levels == pytest.approx([0.5 / (2 * math.pi), 0.05 / (2 * math.pi)], rel=0.01)
    assert metrics.mass_levels(density / 2, cell, [0.9]) == [density.min() / 2]  # not all is here


def test_neighbours_are_those_that_a_full_search_finds(rng: np.random.Generator) -> None:
    codes, places = rng.normal(size=(700, 2)) * 30 + 1000, rng.normal(size=(600, 2)) * 30 + 1000
    found = metrics.neighbours(codes, places, 7)
    for place, indices in list(zip(places, found, strict=True))[::37]:
        assert set(indices) == set(nearest(codes, place, 7).indices)


@pytest.mark.parametrize("k", [0, 11])
def test_there_are_no_more_neighbours_than_codes(k: int) -> None:
    with pytest.raises(InputError):
        metrics.neighbours(np.zeros((10, 2)), np.zeros((1, 2)), k)


def test_class_shares_sum_to_one_and_their_entropy_is_between_one_class_and_a_tie(
    codes: np.ndarray, rng: np.random.Generator
) -> None:
    y = rng.integers(0, 4, len(codes))
    shares = metrics.class_shares(y, metrics.neighbours(codes, lattice(PLANE, 9), 20), 4)
    assert shares.shape == (81, 4)
    assert_allclose(shares.sum(axis=1), 1)
    spread = metrics.entropy(shares)
    assert spread.min() >= 0
    assert spread.max() <= math.log(4) + 1e-12


def test_entropy_by_hand() -> None:
    shares = [[1, 0, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0]]
    assert_allclose(metrics.entropy(shares), [0, math.log(4), math.log(2)])


def test_a_perfect_inverse_makes_the_round_trip_in_no_distance() -> None:
    z = lattice(PLANE, 5)
    assert_array_equal(metrics.round_trip(z, z.copy()), np.zeros(25))
    assert_allclose(metrics.round_trip(z, np.add(z, (3, -4))), 5, rtol=1e-6)


def test_volume_and_indicatrix_of_a_metric_worked_by_hand() -> None:
    turn = math.radians(30)
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    metric = rotation @ np.diag([1 / 3**2, 1 / 0.5**2]) @ rotation.T  # half axes 3 and 0.5
    axes, angle = metrics.indicatrix([metric, metric * 4])
    assert_allclose(axes, [[3, 0.5], [1.5, 0.25]])
    assert_allclose(angle, turn)
    assert_allclose(metrics.volume([metric, metric * 4]), [1 / 1.5, 4 / 1.5])


def test_every_step_to_an_indicatrix_costs_one(rng: np.random.Generator) -> None:
    jacobian = rng.normal(size=(20, 50, 2))
    metric = jacobian.swapaxes(1, 2) @ jacobian
    axes, angle = metrics.indicatrix(metric)
    for turn in np.linspace(0, 2 * math.pi, 9):
        u, v = axes[:, 0] * math.cos(turn), axes[:, 1] * math.sin(turn)
        step = np.stack(
            [u * np.cos(angle) - v * np.sin(angle), u * np.sin(angle) + v * np.cos(angle)], axis=1
        )
        assert_allclose(np.linalg.norm(np.einsum("npd,nd->np", jacobian, step), axis=1), 1)


def test_a_flat_decoder_has_no_volume_and_an_endless_ellipse() -> None:
    assert metrics.volume([np.zeros((2, 2))]) == 0
    assert np.isinf(metrics.indicatrix([np.zeros((2, 2))])[0]).all()


# --- the decoder's metric, which needs a model --------------------------------------------------


@pytest.mark.parametrize("name", ["vae-keras-dense", "ae-shallow"])
def test_the_metric_of_a_decoder_is_that_of_finite_differences(
    name: str, rng: np.random.Generator
) -> None:
    session = open_session(open_run(SHIPPED / name))
    check_metric(session, rng)


@pytest.mark.parametrize("network", ["dense-dropout", "conv"])
def test_so_it_is_with_batch_norm_dropout_and_convolutions(
    network: str, small_run, rng: np.random.Generator
) -> None:
    path: Path = small_run(network=network, epochs=1, latent_dim=3)
    check_metric(open_session(open_run(path)), rng)


def check_metric(session, rng: np.random.Generator, step: float = 1e-4) -> None:
    """In double precision, since a difference of float32 pictures has few digits left."""
    z = rng.normal(size=(20, session.latent_dim)).astype(np.float32)
    metric = session.metric(z)
    assert_allclose(metric, metric.swapaxes(1, 2))
    model = session.decoder().double()
    with torch.no_grad():
        columns = [
            (model(torch.tensor(z + unit, dtype=torch.float64))
             - model(torch.tensor(z - unit, dtype=torch.float64))).flatten(1) / (2 * step)
            for unit in step * np.eye(session.latent_dim)
        ]  # fmt: skip
    jacobian = torch.stack(columns, dim=2).numpy()
    expected = jacobian.swapaxes(1, 2) @ jacobian
    # a kink of ReLU within a step is met by few of the places
    close = np.isclose(metric, expected, rtol=1e-2, atol=1e-4 * np.abs(expected).max())
    assert close.all(axis=(1, 2)).mean() >= 0.9


def test_the_metric_of_a_linear_map_is_its_own_square(rng: np.random.Generator) -> None:
    session = open_session(open_run(SHIPPED / "vae-keras-dense"))
    weights = torch.tensor(rng.normal(size=(784, 2)), dtype=torch.float32)
    session._model.decode = lambda z, condition: (z @ weights.T).reshape(-1, 1, 28, 28)
    metric = session.metric(rng.normal(size=(600, 2)))
    expected = (weights.T @ weights).numpy()
    assert_allclose(metric, np.broadcast_to(expected, (600, 2, 2)), rtol=1e-4)


def test_metrics_may_be_asked_for_by_many_threads_at_once(rng: np.random.Generator) -> None:
    session = open_session(open_run(SHIPPED / "vae-keras-dense"))
    z = rng.normal(size=(8, 40, 2)).astype(np.float32)
    alone = [session.metric(batch) for batch in z]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(session.metric, z))
    assert_array_equal(together, alone)


def test_no_codes_have_no_metric() -> None:
    session = open_session(open_run(SHIPPED / "vae-keras-dense"))
    assert session.metric(np.zeros((0, 2))).shape == (0, 2, 2)


def test_knn_accuracy_is_scikit_learns(rng: np.random.Generator) -> None:
    neighbors = pytest.importorskip("sklearn.neighbors")
    y, some_y = rng.integers(0, 4, 300), rng.integers(0, 4, 120)
    codes, some = (
        rng.normal(size=(300, 2)) + y[:, None],
        rng.normal(size=(120, 2)) + some_y[:, None],
    )
    for k in (1, 5, 10):
        oracle = neighbors.KNeighborsClassifier(k).fit(codes, y)
        wanted = oracle.score(some, some_y)
        assert metrics.knn_accuracy(codes, y, some, some_y, k=k) == pytest.approx(wanted, abs=1e-12)


def test_the_fitted_gaussians_divergence_is_torchs(rng: np.random.Generator) -> None:
    import torch
    from torch.distributions import MultivariateNormal, kl_divergence

    codes = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 3)) + [1.0, -2.0, 0.5]
    fitted = MultivariateNormal(
        torch.from_numpy(codes.mean(0)), torch.from_numpy(np.cov(codes.T, bias=True))
    )
    prior = MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
    wanted = float(kl_divergence(fitted, prior))
    assert metrics.prior_divergence(codes) == pytest.approx(wanted, rel=1e-9)


def test_codes_of_the_prior_are_near_it_and_moved_or_flat_ones_are_not(
    rng: np.random.Generator,
) -> None:
    codes = rng.normal(size=(20_000, 2))
    assert metrics.prior_divergence(codes) < 1e-3
    assert metrics.prior_divergence(codes + np.array([3.0, 0.0])) == pytest.approx(4.5, abs=0.1)
    assert metrics.prior_divergence(codes * [1.0, 0.0]) == np.inf


def test_neighbours_of_one_class_agree() -> None:
    shares = metrics.class_shares([0, 0, 1], [[0, 1], [1, 2]], 2)
    assert metrics.agreement(shares).tolist() == [1.0, 0.5]
