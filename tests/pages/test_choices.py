"""Laws of choices and links: none undoes another, planes are chosen where there are several."""

import pytest

from tests.pages.test_pages import check, each_language, texts, visit
from ui.i18n import catalogue


def choose(app, name: str, value: str):
    return app.get_by_key(f"choose-{name}").set_value(value)


def test_two_controls_within_one_round_trip_do_not_undo_each_other(shelf):
    app = visit("latent_map", lang="en")
    before = dict(app.query_params)
    choose(app, "palette", "tab10")
    check(app.run())
    # the browser has not heard of the first choice when the second is made
    app.query_params.clear()
    for name, value in before.items():
        app.query_params[name] = value
    choose(app, "run", "ae-tiny")
    check(app.run())
    assert app.query_params["palette"] == "tab10"
    assert app.query_params["run"] == "ae-tiny"
    assert app.get_by_key("choose-palette").value == "tab10"
    assert app.get_by_key("choose-run").value == "ae-tiny"


def test_a_step_back_undoes_a_choice_and_a_later_one_does_not_bring_it_back(shelf):
    app = visit("latent_map", lang="en")
    choose(app, "palette", "tab10")
    check(app.run())
    del app.query_params["palette"]
    check(app.run())
    assert app.get_by_key("choose-palette").value == "petroff10"
    choose(app, "run", "ae-tiny")
    check(app.run())
    assert "palette" not in app.query_params


def test_two_units_are_one_plane_and_have_nothing_to_choose(shelf):
    app = visit("latent_map", run="vae-tiny")
    with pytest.raises(KeyError):
        app.get_by_key("choose-plane")


@each_language
def test_a_plane_through_many_units_says_what_it_is(shelf, language):
    shelf("vae-many", latent_dim=5)
    app = visit("latent_map", language, run="vae-many")
    assert catalogue(language)["view.about-pca"].format(units=5, n=5000) in texts(app)


def test_a_plane_through_many_units_is_chosen_and_stands_in_the_link(shelf):
    shelf("vae-many", latent_dim=5)
    app = visit("latent_map", run="vae-many")
    choose(app, "plane", "axes")
    check(app.run())
    choose(app, "across", "4")
    check(app.run())
    assert "4" not in app.get_by_key("choose-up").options
    assert (app.query_params["plane"], app.query_params["across"]) == ("axes", "4")
    choose(app, "plane", "pca")
    check(app.run())
    assert "across" not in app.query_params  # it named a unit, not a direction


def test_an_autoencoder_has_no_prior_to_go_through_and_a_pinned_digit_can_be(shelf):
    shelf("ae-many", family="ae", latent_dim=5)
    app = visit("latent_map", run="ae-many", digit="4321")
    through = app.get_by_key("choose-through")
    assert (through.value, len(through.options)) == ("mean", 2)
    choose(app, "through", "4321")
    check(app.run())
    assert app.query_params["through"] == "4321"


@each_language
def test_a_run_without_a_plane_is_named_with_the_reason(shelf, language):
    shelf("vae-line", latent_dim=1)
    shelf("vae-many", latent_dim=5)
    app = visit("latent_map", language)
    assert catalogue(language)["run.no-plane"].format(count=1, names="vae-line (1)") in texts(app)
    assert "vae-many" in app.get_by_key("choose-run").options
