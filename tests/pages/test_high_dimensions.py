"""The High dimensions screen: projections asked for and watched, units told, in both languages."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pages.test_pages import check, texts, visit
from ui import resources
from ui.i18n import LANGUAGES, catalogue
from vae_core import projections, projector
from vae_core.projections import Settings
from vae_core.projector import Watched

MakeRun = Callable[..., Path]  # the fixtures of conftest.py
each_language = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture
def shelf(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeRun:
    """A wide VAE beside a flat one; projections are kept in a folder of the test's own."""
    monkeypatch.setenv("LATENT_CACHE", str(tmp_path / "cache"))
    make_run("vae-flat")
    make_run("vae-wide", latent_dim=12)
    return make_run


@each_language
@pytest.mark.parametrize("view", ["one", "three", "units"])
def test_a_view_opens_on_a_wide_run(view: str, language: str, shelf: MakeRun) -> None:
    app = visit("high_dimensions", language, view=view)
    assert not app.error
    assert app.get_by_key("choose-run").value == "vae-wide"
    caution = catalogue(language)["high_dimensions.caution"]
    assert [warning.value for warning in app.warning] == ([caution] if view == "three" else [])


def test_a_flat_run_is_told_to_have_a_map(shelf: MakeRun) -> None:
    app = visit("high_dimensions", run="vae-flat")
    assert app.info[0].value == catalogue("en")["high_dimensions.flat-already"]


def test_an_untrained_vae_has_no_active_unit_and_says_collapse(shelf: MakeRun) -> None:
    told = texts(visit("high_dimensions", view="units"))
    assert "of 12 units are active" in told


def test_a_projection_is_asked_for_by_its_button(
    shelf: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Settings] = []
    monkeypatch.setattr(projector, "ask", lambda codes, settings: asked.append(settings))
    app = visit("high_dimensions", method="tsne", axes="3", perplexity="12", seed="4")
    assert not asked
    app.get_by_key("work-out").click()
    check(app.run())
    assert asked == [Settings(n=3, perplexity=12, seed=4)]


def test_one_under_way_shows_how_far_it_is_and_stops(
    shelf: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[Settings] = []
    monkeypatch.setattr(projector, "watch", lambda *_: Watched("running", 0.25, 3.0))
    monkeypatch.setattr(projector, "stop", lambda codes, settings: stopped.append(settings))
    app = visit("high_dimensions", method="tsne")
    assert "about 9 s left" in str(app.get("progress")[0].proto)
    app.get_by_key("stop").click()
    check(app.run())
    assert stopped == [Settings()]


def test_what_is_done_is_shown_and_a_pick_tells_its_story(
    shelf: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    mu = resources.gallery_codes(resources.run("vae-wide")).mu
    places = projections.pca(mu, 2).places
    monkeypatch.setattr(projector, "watch", lambda *_: Watched("done", 1.0, 3.0, places))
    app = visit("high_dimensions", method="tsne", digit="1234")
    assert not app.error
    html = "\n".join(element.proto.body for element in app.get("html"))
    assert html.count('data-testid="neighbour"') == 5
    assert html.count('data-testid="reconstruction"') == 1
    assert "image 1234" in texts(app)
