"""What all tests share: the workers have the cores, so each process computes with one thread."""

import os
from pathlib import Path

import pytest

# OpenMP reads this once, when torch is loaded: pytest loads this file before any test module
os.environ.setdefault("OMP_NUM_THREADS", "1")

# developers keep the whole data sets beside the project
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "datasets"
if "LATENT_DATA" not in os.environ and BESIDE.is_dir():
    os.environ["LATENT_DATA"] = str(BESIDE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: at the end, one worker would wait minutes for the other's installation."""
    items.sort(key=lambda item: item.path.name != "test_readme.py")
