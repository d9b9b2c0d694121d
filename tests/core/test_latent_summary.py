"""What the comparison of two latent spaces rests on: a summary of codes, a square for both."""

import numpy as np
import pytest

from vae_core.latent import Plane, code_summary, common_plane


def test_a_summary_is_worked_out_over_all_codes() -> None:
    summary = code_summary(np.array([[0, 0], [2, 0], [2, 4], [0, 4]], np.float32))
    assert summary.mean == (1.0, 2.0)
    assert summary.std == (1.0, 2.0)
    assert summary.radius_max == pytest.approx(20**0.5)
    assert summary.n == 4


def test_a_common_plane_is_the_smallest_square_that_holds_both() -> None:
    first, second = Plane((0, 0), 3), Plane((10, 2), 4)
    common = common_plane(first, second)
    corners = [(x, y) for p in (first, second) for x in p.bounds[:2] for y in p.bounds[2:]]
    assert common.contains(corners).all()
    assert common == Plane((5.5, 1.5), 8.5)
    assert common_plane(second, first) == common


def test_a_common_plane_with_itself_is_the_same() -> None:
    plane = Plane((0.5, -1.0), 2.0)
    assert common_plane(plane, plane) == plane
