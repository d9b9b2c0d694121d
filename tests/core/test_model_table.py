"""The page of the runs says what cards say, and nothing that was not measured."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from vae_core import data, model_table, runs
from vae_core.evaluation import survey
from vae_core.inference import open_session


@pytest.fixture
def known() -> dict[str, runs.Run]:
    return {r.id: r for r in runs.list_runs(runs.SHIPPED) if isinstance(r, runs.Run)}


def measured(run: runs.Run, path: Path, **found: float) -> runs.Run:
    """The run under another name, with these figures alone."""
    card = run.card.model_copy(
        update={"metrics": {"test": {"kl": 1.5, "total": 2.5}, "survey": found}}
    )
    return dataclasses.replace(run, path=path, card=card)


def test_a_run_without_figures_has_a_row_and_no_claims(known: dict[str, runs.Run]) -> None:
    run = known["vae-shallow"]
    bare = dataclasses.replace(run, card=run.card.model_copy(update={"metrics": {}}))
    text = model_table.page([bare])
    assert (
        "| `vae-shallow` | VAE, dense | mnist | 2 | 807,700 | 40 | 3 min |  |  |  |  |  |" in text
    )
    assert "claim" not in text


def test_a_claim_needs_both_of_its_runs(known: dict[str, runs.Run], tmp_path: Path) -> None:
    run = known["vae-shallow"]
    right = measured(run, tmp_path / "vae-shallow", posterior_std=0.06)
    wrong = measured(run, tmp_path / "vae-shallow-missing-half", posterior_std=0.7)
    assert "draws sigma² to 1/2" not in model_table.page([right])
    text = model_table.page([wrong, right])
    assert "`vae-shallow`: KL 1.50, posterior std 0.060, total 2.50" in text
    assert "`vae-shallow-missing-half`: KL 1.50, posterior std 0.700" in text


def test_every_row_of_a_table_has_its_columns(known: dict[str, runs.Run]) -> None:
    for block in model_table.page(known.values()).split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1


@pytest.mark.parametrize("family", ["ae", "vae"])
def test_a_survey_says_what_applies_and_is_repeatable(
    family: str, small_run: Callable[..., Path]
) -> None:
    session = open_session(runs.open_run(small_run(family, family=family, epochs=1, limit=300)))
    gallery = data.load_gallery()
    known, others = (gallery.take(slice(k, None, 20), "some") for k in (0, 1))
    found = survey(session, known, others)
    assert found == survey(session, known, others)
    assert ("posterior_std" in found) == ("active" in found) == (family == "vae")
    assert 0 <= found["class_least"] <= 0.1 <= found["class_most"] <= 1
    assert 0.1 < found["knn"] <= 1
    assert found["n"] == 250
