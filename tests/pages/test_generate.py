"""The Generate screen: every view, of every kind of run, in both languages; choices in the link."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.pages.test_pages import check, pieces, texts, visit
from ui import generate
from ui.i18n import LANGUAGES, catalogue
from vae_core import sampling

MakeRun = Callable[..., Path]  # the fixtures of conftest.py
KINDS = {
    "ae-tiny": {"family": "ae"},
    "vae-tiny": {},
    "vae-one": {"latent_dim": 1},
    "vae-wide": {"latent_dim": 40},
    "cvae-tiny": {"n_classes": 10},
    "vq-tiny": {"family": "vq", "latent_dim": 4, "codebook_size": 8},
    "ae-noisy": {"family": "ae", "latent_dim": 5, "noise": 0.5},
}

each_view = pytest.mark.parametrize("view", generate.VIEWS)
each_language = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture
def kinds(make_run: MakeRun) -> None:
    for name, settings in KINDS.items():
        make_run(name, **settings)


def shown(app: AppTest) -> str:
    assert not app.error, [error.value for error in app.error]
    assert not app.warning, [warning.value for warning in app.warning]
    return pieces(app)


@each_view
@pytest.mark.parametrize("run", KINDS)
def test_a_run_has_a_view_or_the_page_names_those_that_have(
    view: str, run: str, kinds: None
) -> None:
    app = visit("generate", run=run, view=view)
    shown(app)
    assert app.get_by_key("choose-view").value == view
    offering = [info.value for info in app.info]
    assert bool(offering) != generate.offered(view, generate_run(run))
    for sentence in offering:
        assert run.split("-")[0] in sentence


def generate_run(run_id: str):
    from ui import resources

    return resources.run(run_id)


@each_language
@each_view
def test_every_view_speaks_every_language(view: str, language: str, kinds: None) -> None:
    run = next(run for run in KINDS if generate.offered(view, generate_run(run)))
    app = visit("generate", language, run=run, view=view)
    shown(app)
    assert app.title[0].value == catalogue(language)["generate.title"]


@pytest.mark.parametrize("source", ["prior", "box", "codes", "classes"])
def test_the_same_draws_of_two_runs_stand_side_by_side(source: str, kinds: None) -> None:
    address = {"run": "vae-tiny", "view": "samples", "from": source, "seed": "3", "side": "4"}
    first = shown(visit("generate", **address))
    assert first.count('data-testid="print-sheet"') == 2
    assert shown(visit("generate", **address)) == first
    if source != "prior":
        return
    app = visit("generate", **address)
    app.get_by_key("next-seed").click()
    assert shown(check(app.run())) != first
    assert app.query_params["seed"] == "4"


def test_the_twin_is_of_another_family(kinds: None) -> None:
    app = visit("generate", run="vae-tiny", view="samples")
    assert app.get_by_key("choose-other").value == "ae-tiny"


def test_sums_of_codes_show_all_terms(kinds: None) -> None:
    for terms in ("digits", "means"):
        app = visit("generate", run="vae-tiny", view="arithmetic", terms=terms)
        assert shown(app).count('data-testid="term"') == 4
    app.get_by_key("choose-mean-a").set_value("0")
    check(app.run())
    assert app.query_params["mean-a"] == "0"


def test_a_wide_code_is_swept_by_what_its_units_carry(kinds: None) -> None:
    html = shown(visit("generate", run="vae-wide", view="traverse", rows="7"))
    assert html.count('data-testid="strip"') == 7


def test_a_conditional_run_draws_the_class_that_is_chosen(kinds: None) -> None:
    app = visit("generate", run="cvae-tiny", view="classes", style="2000", **{"as": "3"})
    shown(app)
    app.get_by_key("choose-as").set_value("8")
    check(app.run())
    assert app.query_params["as"] == "8"


def test_the_network_says_how_many_numbers_it_learns(kinds: None) -> None:
    app = visit("generate", run="vae-tiny", view="network")
    encoder, decoder = 784 * 8 + 8 + 8 * 4 + 4, 2 * 8 + 8 + 8 * 784 + 784
    assert f"{encoder + decoder:,}" in texts(app)
    html = shown(app)
    assert f"{encoder:,}" in html
    assert f"{decoder:,}" in html


@pytest.mark.parametrize(
    "address",
    [{"n": "41"}, {"n": "1"}, {"n": "x"}, {"grid": "odd"}, {"view": "none"}],
    ids=str,
)
def test_choices_that_are_none_are_told_and_passed_over(
    address: dict[str, str], kinds: None
) -> None:
    app = visit("generate", run="vae-tiny", **address)
    assert len(app.warning) == 1


def test_the_png_of_a_grid_holds_its_decodes(kinds: None) -> None:
    from ui import resources
    from vae_core.inference import to_uint8

    run = generate_run("vae-tiny")
    app = visit("generate", run="vae-tiny", grid="quantile", n="3")
    shown(app)
    wanted = to_uint8(resources.session(run).decode(sampling.quantile_lattice(3)))
    from ui.generate.decoding import sheet_png

    sheet = np.array(Image.open(io.BytesIO(sheet_png(wanted, columns=3))))
    side = sheet.shape[0] // 3
    assert np.array_equal(sheet[:side:8, side : 2 * side : 8], wanted[1, 0])
