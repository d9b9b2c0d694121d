"""A training that stands back does so from its first moment on, as far as it was told to."""

import os
import subprocess
import sys

import pytest

SAY = (
    "import os, sys; from vae_core.background import stand_back; stand_back(); stand_back();"
    "print(os.nice(0), os.sched_getscheduler(0) == os.SCHED_IDLE, 'torch' in sys.modules)"
)


@pytest.mark.parametrize(
    ("wished", "told"),
    [
        ({}, "10000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "active"}, "None"),
    ],
)
def test_threads_that_wait_soon_sleep_unless_somebody_wants_it_otherwise(
    wished: dict[str, str], told: str
) -> None:
    unset = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    said = "import os, vae_core; print(os.environ.get('GOMP_SPINCOUNT'))"
    process = subprocess.run(
        [sys.executable, "-c", said],
        env=unset | wished,
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.strip() == told


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="only Linux has an idle policy")
@pytest.mark.parametrize(
    ("wished", "told"), [("", "19 True"), ("0", "0 False"), ("7", "7 False"), ("99", "19 True")]
)
def test_a_process_stands_back_as_far_as_it_is_told(wished: str, told: str) -> None:
    process = subprocess.run(
        [sys.executable, "-c", SAY],
        env={**os.environ, "LATENT_NICE": wished},
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,  # the tests' own session keeps its share
    )
    assert process.stdout.split("\n")[0] == f"{told} False"


def test_the_background_process_says_what_it_lacks_in_one_sentence(tmp_path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "vae_core.background", str(tmp_path / "nothing")],
        env={**os.environ, "LATENT_NICE": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert process.stderr.count("\n") == 1
    assert "nothing" in process.stderr
