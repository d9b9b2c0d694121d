"""Training from a page: one job a press, watched by all, touched by whoever started it."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import MakeRun
from tests.pages.test_pages import check, each_language, texts, visit
from ui import owner, queue
from ui.i18n import LANGUAGES, catalogue, explain
from vae_core import archives, jobs, presence, pulse, runs, worker
from vae_core.errors import InputError, RunError
from vae_core.recipes import RECIPES

ANN = "a" * 43
BEN = "b" * 43


@pytest.fixture(autouse=True)
def ann(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "secret", lambda: ANN)
    monkeypatch.setattr(queue, "FRESH_S", 0.0)


def queued() -> list[jobs.Job]:
    return [job for job in jobs.jobs() if job.status == "queued"]


def press(app: AppTest, key: str) -> AppTest:
    app.get_by_key(key).click()
    return check(app.run())


def asked(app: AppTest, **settings: object) -> AppTest:
    """Asks for a small training of the recipe that the form shows."""
    recipe = app.get_by_key("choose-recipe").value
    app.get_by_key(f"data-{recipe}").set_value("mnist-5k")
    for name, value in settings.items():
        app.get_by_key(f"knob-{recipe}-{name}").set_value(value)
    return check(app.run())


def test_a_press_is_one_job_and_the_page_becomes_its_own(shelf: MakeRun) -> None:
    app = asked(visit("train", recipe="vae-shallow"), epochs=3, beta=2.0)
    app = press(app, "start")
    (job,) = queued()
    assert app.query_params["run"] == job.id
    assert job.status == "queued"
    assert job.is_of(ANN)
    assert job.card.config.train.epochs == 3
    assert job.card.config.objective.beta == 2
    assert job.card.config.data.name == "mnist-5k"
    assert "objective.beta 1.0 → 2.0" in job.card.differs
    assert catalogue("en")["job.position"].format(n=1) in app.get("progress")[0].proto.text


def test_a_second_wish_is_a_second_job(shelf: MakeRun) -> None:
    app = press(asked(visit("train", recipe="vae-shallow")), "start")
    app = press(app, "job-another")
    assert "run" not in app.query_params
    press(asked(app), "start")
    assert len(queued()) == 2


@each_language
def test_a_setting_that_cannot_be_used_is_told_and_the_button_waits(
    language: str, shelf: MakeRun
) -> None:
    app = asked(visit("train", language, recipe="vae-shallow"), batch_size=1)
    (error,) = app.error
    assert "train.batch\\_size" in error.value
    assert app.get_by_key("start").disabled
    app = asked(app, batch_size=64)
    assert not app.error
    assert not app.get_by_key("start").disabled


def test_a_full_queue_is_one_sentence(shelf: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MAX_WAITING", 0)
    app = press(asked(visit("train", recipe="vae-shallow")), "start")
    assert [error.value for error in app.error] == [str(RunError("queue-full", limit=0))]
    assert queued() == []


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_has_a_form(recipe: str, shelf: MakeRun) -> None:
    app = visit("train", recipe=recipe)
    assert app.get_by_key("choose-recipe").value == recipe
    assert not app.error


def test_whoever_started_it_pauses_resumes_and_stops_it_and_nobody_else(
    shelf: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = press(asked(visit("train", recipe="vae-shallow")), "start")
    (job,) = queued()
    monkeypatch.setattr(owner, "secret", lambda: BEN)
    other = visit("train", run=job.id)
    assert catalogue("en")["job.watching"] in texts(other)
    assert not {button.key for button in other.button} & {"job-pause", "job-stop", "job-resume"}
    monkeypatch.setattr(owner, "secret", lambda: ANN)
    app = press(app, "job-pause")
    assert jobs.job(job.path).status == "paused"
    app = press(app, "job-resume")
    assert jobs.job(job.path).status == "queued"
    press(app, "job-stop")
    assert not job.path.exists()


def trained(shelf: MakeRun) -> runs.Run:
    """A job of Ann's that has been trained."""
    config = RECIPES["vae-shallow"].config.replace(
        data__name="mnist-5k", data__limit=200, train__epochs=1
    )
    run_id = jobs.submit(config, owner=ANN, request="1", recipe="vae-shallow", device="cpu")
    for _ in worker.train_run(jobs.root() / run_id):
        pass
    return runs.open_run(jobs.root() / run_id)


@each_language
def test_a_training_that_is_over_shows_what_it_came_to(language: str, shelf: MakeRun) -> None:
    run = trained(shelf)
    app = visit("train", language, run=run.id)
    words = catalogue(language)
    assert words["job.finished"].format(epochs=1, done=1) in app.get("progress")[0].proto.text
    (machine,) = app.get("bidi_component")
    shown = json.loads(machine.proto.json)
    assert shown["grows"] == "0001"
    assert [film["address"] for film in shown["films"]] == [f"/api/live/{run.id}"]
    assert len(app.get("plotly_chart")) == 2


def test_its_settings_are_taken_over_and_changed(shelf: MakeRun) -> None:
    run = trained(shelf)
    app = press(visit("train", run=run.id), "job-duplicate")
    assert app.query_params["like"] == run.id
    assert app.get_by_key(f"knob-{run.id}-limit").value == 200
    app.get_by_key(f"knob-{run.id}-seed").set_value(5)
    press(check(app.run()), "start")
    (twin,) = queued()
    assert twin.card.config == run.card.config.replace(train__seed=5)


@each_language
def test_a_failure_is_told_in_the_readers_language(language: str, shelf: MakeRun) -> None:
    run = trained(shelf)
    card = run.card.model_copy(update={"config": run.card.config.replace(train__epochs=9)})
    runs.write_card(run.path, card)
    error = RunError("diverged", value=float("nan"), epoch=2)
    worker.write_state(run.path, "failed", card, error=pulse.error_fields(error))
    app = visit("train", language, run=run.id)
    sentence = catalogue(language).get("error.diverged", "")
    assert [e.value for e in app.error] == [sentence.format(value="nan", epoch=2)]


def test_pictures_of_another_shape_are_brought_to_the_networks(
    shelf: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "present", lambda: ("mnist-5k", "cifar-10"))
    app = visit("train", recipe="vae-shallow")
    app.get_by_key("data-vae-shallow").set_value("cifar-10")
    app = check(app.run())
    colour = catalogue("en")["train.channels-1"]
    assert catalogue("en")["train.fitted"].format(side=28, colour=colour) in texts(app)
    press(app, "start")
    (job,) = queued()
    assert (job.card.config.data.size, job.card.config.data.channels) == (28, 1)


# --- a sweep ----------------------------------------------------------------------------------


def sweeping(language: str = "en", **lists: str) -> AppTest:
    """Asks for a small sweep of vae-beta."""
    app = visit("train", language, how="sweep")
    for name in ("beta", "latent_dim", "seed"):
        app.get_by_key(f"sweep-{name}").set_value(lists.get(name, ""))
    app.get_by_key("sweep-epochs").set_value(1)
    app.get_by_key("sweep-limit").set_value(200)
    return check(app.run())


def test_a_sweep_is_every_combination_once_however_often_the_button_fires(shelf: MakeRun) -> None:
    app = sweeping(beta="0.5, 1, 4", seed="0 1")
    assert catalogue("en")["sweep.runs"].partition(":")[0].format(n=6) in texts(app)
    app.get_by_key("sweep-start").click()
    app.get_by_key("sweep-start").click()
    app = check(app.run())
    found = queued()
    assert [(j.card.config.objective.beta, j.card.config.train.seed) for j in found] == [
        (beta, seed) for beta in (0.5, 1, 4) for seed in (0, 1)
    ]
    assert {job.card.config.data.name for job in found} == {"mnist-5k"}
    assert {job.card.config.train.epochs for job in found} == {1}
    assert len({job.ticket.family for job in found if job.ticket}) == 1
    assert all(job.is_of(ANN) for job in found)
    assert app.query_params["family"] == found[0].ticket.family
    assert catalogue("en")["family.waiting"].format(n=6) in app.get("progress")[0].proto.text


@each_language
@pytest.mark.parametrize("text", ["x", "1,,2", "-1", "inf", "1e9"])
def test_a_list_that_cannot_be_used_is_told_beside_it(
    text: str, language: str, shelf: MakeRun
) -> None:
    app = sweeping(language, beta=text)
    assert len(app.error) == 1
    assert app.get_by_key("sweep-start").disabled


def test_a_sweep_that_is_too_large_is_told_and_the_button_waits(shelf: MakeRun) -> None:
    seeds = ",".join(map(str, range(41)))
    app = sweeping(seed=seeds)
    assert [error.value for error in app.error] == [
        catalogue("en")["sweep.many"].format(n=41, limit=40)
    ]
    assert app.get_by_key("sweep-start").disabled


def test_a_ready_list_fills_the_fields(shelf: MakeRun) -> None:
    app = press(visit("train", how="sweep"), "preset-seed")
    assert app.get_by_key("sweep-seed").value == "0, 1, 2, 3"
    assert app.get_by_key("sweep-beta").value == ""


def test_betas_mean_nothing_to_an_autoencoder_and_it_is_said(shelf: MakeRun) -> None:
    app = sweeping(beta="1,2")
    app.get_by_key("sweep-recipes").set_value(["vae-beta", "ae-shallow"])
    app = check(app.run())
    assert [e.value for e in app.error] == [explain(InputError("sweep-beta", name="ae-shallow"))]


@each_language
def test_a_sweep_is_watched_stopped_and_has_dots_planes_and_a_series(
    language: str, shelf: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = press(sweeping(language, beta="0.5, 1, 4"), "sweep-start")
    found = queued()
    for job in found:
        for _ in worker.train_run(job.path):
            pass
    family = found[0].ticket.family
    monkeypatch.setattr(owner, "secret", lambda: BEN)
    app = visit("train", language, family=family)
    words = catalogue(language)
    assert words["family.finished"].format(n=3) in app.get("progress")[0].proto.text
    assert words["job.watching"] in texts(app)
    (trade,) = app.get("plotly_chart")
    spec = json.loads(trade.proto.spec)
    assert spec["data"][0]["customdata"] == [job.id for job in found]
    html = "".join(element.proto.body for element in app.get("html"))
    assert html.count('data-status="finished"') == 3
    assert f"onto={found[0].id}" in html
    app.get_by_key("family-series").click()
    app.run()
    assert not app.exception


def test_whoever_started_a_sweep_halts_all_of_it_and_nobody_else(
    shelf: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = press(sweeping(beta="0.5, 1, 4"), "sweep-start")
    family = queued()[0].ticket.family
    monkeypatch.setattr(owner, "secret", lambda: BEN)
    other = visit("train", family=family)
    assert not {b.key for b in other.button} & {"family-pause", "family-stop", "family-resume"}
    monkeypatch.setattr(owner, "secret", lambda: ANN)
    app = press(app, "family-pause")
    assert {job.status for job in jobs.jobs() if job.ticket} == {"paused"}
    app = press(app, "family-resume")
    assert len(queued()) == 3
    app = press(app, "family-stop")
    assert not [job for job in jobs.jobs() if job.ticket]
    assert "family" not in app.query_params
    assert not app.warning


def test_a_sweep_that_is_not_there_is_one_sentence_and_the_form(shelf: MakeRun) -> None:
    app = visit("train", family="../../etc")
    assert len(app.warning) == 1
    assert app.get_by_key("start")


# --- the shelf --------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_run_is_on_the_shelf_with_its_card(language: str, shelf: MakeRun) -> None:
    run = trained(shelf)
    app = visit("runs", language, run=run.id)
    assert len(app.dataframe[0].value) == 3
    assert run.digest in texts(app)
    assert "runs-delete-yes" in {button.key for button in app.button}


def test_only_ones_own_runs_can_be_deleted(shelf: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained(shelf)
    monkeypatch.setattr(owner, "secret", lambda: BEN)
    for name in (run.id, "ae-tiny"):
        app = visit("runs", run=name)
        assert "runs-delete-yes" not in {button.key for button in app.button}
    monkeypatch.setattr(owner, "secret", lambda: ANN)
    app = press(visit("runs", run=run.id), "runs-delete-yes")
    assert not run.path.exists()
    assert not app.error


def test_a_run_that_was_downloaded_is_taken_in_again(shelf: MakeRun) -> None:
    run = trained(shelf)
    content = archives.pack(run.path)
    app = visit("runs")
    app.file_uploader[0].set_value((f"{run.id}.zip", content, "application/zip"))
    app = press(check(app.run()), "runs-bring-in")
    assert app.query_params["run"] == f"{run.id}-2"
    again = runs.open_run(jobs.root() / f"{run.id}-2")
    assert again.weights_sha256 == run.weights_sha256
    assert jobs.job(again.path).is_of(ANN)


def test_what_is_no_run_is_refused_in_one_sentence(shelf: MakeRun) -> None:
    app = visit("runs")
    app.file_uploader[0].set_value(("x.zip", Path(__file__).read_bytes(), "application/zip"))
    app = press(check(app.run()), "runs-bring-in")
    assert len(app.error) == 1
    assert "x.zip" in app.error[0].value.replace("\\", "")
