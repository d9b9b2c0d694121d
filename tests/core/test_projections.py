"""Projections: PCA against the singular values, t-SNE against scikit-learn, stops, the cache."""

import time
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from vae_core import projections, projector
from vae_core.errors import InputError
from vae_core.projections import Settings, Stopped, pca, project, trustworthiness

WAIT_S = 60


@pytest.fixture
def clusters(rng: np.random.Generator) -> np.ndarray:
    """400 codes of 10 units about five centres."""
    centres = 4 * rng.normal(size=(5, 10))
    return (centres[np.arange(400) % 5] + rng.normal(size=(400, 10))).astype(np.float32)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LATENT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("n", [2, 3])
def test_principal_components_are_those_of_the_singular_values(
    n: int, clusters: np.ndarray
) -> None:
    found = pca(clusters, n)
    about = clusters - clusters.mean(0, dtype=np.float64)
    values = np.linalg.svd(about, compute_uv=False)
    assert_allclose(found.shares, (values**2 / (values**2).sum())[:n], rtol=1e-6)
    assert_allclose(np.linalg.norm(found.places, axis=0), values[:n], rtol=1e-5)
    assert_allclose(found.places.T @ found.places, np.diag(values[:n] ** 2), atol=0.05)


def test_what_dimensions_lack_is_empty() -> None:
    found = pca(np.arange(12.0)[:, None], 3)
    assert found.places.shape == (12, 3)
    assert not found.places[:, 1:].any()
    assert_allclose(found.shares, [1, 0, 0])


def test_trustworthiness_is_scikit_learns(clusters: np.ndarray) -> None:
    from sklearn.manifold import trustworthiness as oracle

    places = pca(clusters, 2).places
    wanted = oracle(clusters, places, n_neighbors=12)
    assert trustworthiness(clusters, places) == pytest.approx(wanted, abs=1e-6)


def test_tsne_keeps_as_many_neighbours_as_scikit_learns(clusters: np.ndarray) -> None:
    from sklearn.manifold import TSNE

    theirs = TSNE(perplexity=20, init="pca", random_state=0).fit_transform(clusters)
    ours = project(clusters, Settings(perplexity=20))
    assert trustworthiness(clusters, ours) >= trustworthiness(clusters, theirs) - 0.01


def test_three_axes_and_the_same_seed_the_same_map(clusters: np.ndarray) -> None:
    few = clusters[:60]
    first, again, other = (
        project(few, Settings(n=3, perplexity=5, seed=seed)) for seed in (1, 1, 2)
    )
    assert first.shape == (60, 3)
    assert_array_equal(first, again)
    assert (first != other).any()


def test_shares_rise_to_one(clusters: np.ndarray) -> None:
    shares: list[float] = []
    project(clusters[:60], Settings(perplexity=5), lambda share: not shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 20


@pytest.mark.parametrize("after", [1, 2, 10, 40])
def test_it_stops_when_told(after: int, clusters: np.ndarray) -> None:
    heard: list[float] = []
    with pytest.raises(Stopped):
        project(
            clusters[:60],
            Settings(perplexity=5),
            lambda share: bool(heard.append(share) or len(heard) < after),
        )
    assert len(heard) <= after + 1


@pytest.mark.parametrize(
    "settings",
    [{"method": "pca"}, {"n": 4}, {"perplexity": 1}, {"perplexity": 101}, {"seed": -1}],
    ids=str,
)
def test_settings_that_are_none_are_refused(settings: dict) -> None:
    with pytest.raises(InputError):
        Settings(**settings)


def test_too_few_codes_for_the_perplexity_are_refused(clusters: np.ndarray) -> None:
    with pytest.raises(InputError, match="perplexity"):
        project(clusters[:30], Settings(perplexity=30))


def test_what_decides_a_projection_decides_its_name(clusters: np.ndarray) -> None:
    other = clusters.copy()
    other[7, 3] += 1e-3
    names = {
        projections.digest(clusters, Settings()),
        projections.digest(other, Settings()),
        *(projections.digest(clusters, Settings(**s)) for s in ({"n": 3}, {"seed": 1})),
        projections.digest(clusters, Settings(perplexity=31)),
    }
    assert len(names) == 5
    assert projections.digest(clusters.copy(), Settings()) in names


def wait(codes: np.ndarray, settings: Settings, *wanted: str) -> projector.Watched:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        found = projector.watch(codes, settings)
        if found.status in wanted:
            return found
        time.sleep(0.05)
    pytest.fail(f"still {projector.watch(codes, settings)} after {WAIT_S} s")


def test_a_worker_leaves_its_projection_in_the_cache(clusters: np.ndarray, cache: Path) -> None:
    codes, settings = clusters[:60], Settings(perplexity=5)
    assert projector.watch(codes, settings).status == "none"
    projector.ask(codes, settings)
    done = wait(codes, settings, "done", "failed")
    assert_array_equal(done.places, project(codes, settings))
    assert projector.ask(codes, settings).status == "done"  # nothing is worked out twice
    folder = cache / projections.digest(codes, settings)
    assert not (folder / projector.CODES).exists()
    (folder / projector.PLACES).write_bytes(b"damaged")
    assert projector.watch(codes, settings).status == "none"


def test_one_waits_for_the_other_and_either_can_be_stopped(
    clusters: np.ndarray, cache: Path
) -> None:
    cache.mkdir()
    from filelock import FileLock

    codes, settings = clusters[:60], Settings(perplexity=6)
    with FileLock(cache / projector.MACHINE_LOCK):
        projector.ask(codes, settings)
        time.sleep(0.5)
        assert wait(codes, settings, "waiting").share == 0
        projector.stop(codes, settings)
        wait(codes, settings, "none")
    projector.ask(codes, settings)
    wait(codes, settings, "done")


def test_more_than_the_limit_are_refused_in_one_sentence(clusters: np.ndarray, cache: Path) -> None:
    cache.mkdir()
    from filelock import FileLock

    wanted = [Settings(perplexity=5, seed=seed) for seed in range(projector.MOST_WAITING + 1)]
    with FileLock(cache / projector.MACHINE_LOCK):
        for settings in wanted[:-1]:
            projector.ask(clusters[:60], settings)
        with pytest.raises(InputError, match="under way"):
            projector.ask(clusters[:60], wanted[-1])
        for settings in wanted:
            projector.stop(clusters[:60], settings)
        for settings in wanted:
            wait(clusters[:60], settings, "none")


def test_a_request_that_cannot_be_followed_says_why(clusters: np.ndarray, cache: Path) -> None:
    settings = Settings(perplexity=100)
    projector.ask(clusters[:60], settings)
    assert "perplexity" in wait(clusters[:60], settings, "failed").reason
