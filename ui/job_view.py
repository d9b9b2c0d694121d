"""A training as it is watched: how far it is, what it looks like, what goes wrong, and its buttons.

All of it is read from the run's folder, so that any browser can watch. The buttons are there for
the browser that started it.
"""

from pathlib import Path

import streamlit as st

from ui import live_films, owner, queue, resources, state, turns
from ui.i18n import explain, plain, t
from ui.time_machine import Source, time_machine
from ui.train_form import duration
from ui.views import has_plane
from vae_core import diagnosis, figures, jobs, live, runs
from vae_core.diagnosis import Finding
from vae_core.errors import PlaygroundError
from vae_core.figures import CONFIG
from vae_core.jobs import Job

REFRESH_S = 2.0
HERE = Path(__file__).resolve().parent.parent

_found: resources.Memory[tuple[Finding, ...]] = resources.Memory(128)


def watched() -> Job | None:
    """The job that the link names; a run that the queue does not know is none."""
    found = queue.find(state.chosen("run") or "")
    return found if found and (found.ticket or not found.over) else None


def job_view(job: Job) -> None:
    """A job; while it goes on, looked at again every two seconds."""
    every = None if job.over else REFRESH_S
    st.fragment(_view, run_every=every)(job.id, job.status if job.over else "")


@turns.SCRIPTS.turn()
def _view(run_id: str, over: str) -> None:
    job = queue.find(run_id)
    if state.chosen("run") != run_id:
        st.rerun()  # a button here asked for the form: a fragment alone cannot show it
    if job is None or (job.status if job.over else "") != over:
        st.rerun()  # it has ended or begun again: with another clock, or without one
    _tell_status(job)
    _buttons(job)
    newest = live_films.newest(job)
    if newest is None:
        if not job.over:
            st.caption(t("job.nothing-yet"))
        return
    history = list(runs.read_history(job.path))
    _tell_findings(job, history, newest)
    source = Source(live_films.address_of(job), job.card.name)
    time_machine([source], key=f"live-{job.id}", follow=True, grows=newest)
    model = job.card.config.model
    kind = "classes" if model.n_classes else "plane" if model.latent_dim == 2 else "draws"
    st.caption(" ".join([t("job.hover"), t(f"job.grid-{kind}"), *_projected(job)]))
    _curves(history)


def _projected(job: Job) -> list[str]:
    units = job.card.config.model.latent_dim
    return [t("job.projected")] if units > 2 else []


# --- how far ----------------------------------------------------------------------------------


def _tell_status(job: Job) -> None:
    st.subheader(plain(job.card.name))
    st.caption(f"`{job.id}`")
    fields = {"done": job.card.epochs_done, "epochs": job.epochs}
    if job.status in jobs.WAITING:
        text = t("job.position", n=job.position)
        if job.starts_in is not None:
            text += " " + t("job.starts-in", time=duration(job.starts_in))
    else:
        text = t(f"job.{job.status}", **fields)
        if job.status == "running" and job.left is not None:
            text += " " + t("job.left", time=duration(job.left))
    st.progress(job.share, text)
    if job.status == "silent":
        st.warning(t("job.silent-long"))
    error = job.explained()
    if error:
        st.error(explain(error))
    if job.ticket and job.ticket.deaths and not job.over:
        st.info(t("job.came-back", times=job.ticket.deaths))


def _buttons(job: Job) -> None:
    mine = job.is_of(owner.secret())
    error = st.session_state.pop("job-error", None)
    if error:
        st.error(explain(error))
    with st.container(horizontal=True):
        if mine and not job.over:
            _button("pause", job, jobs.pause, ":material/pause:")
            _button("stop", job, jobs.stop, ":material/stop:")
        if mine and job.status in jobs.RESUMABLE:
            _button("resume", job, jobs.resume, ":material/play_arrow:")
        on_map = job.card.epochs_done and has_plane(job.card)
        if on_map and st.button(t("job.open"), key="job-open", icon=":material/map:"):
            st.switch_page(HERE / "pages" / "latent_map.py", query_params={"run": job.id})
        if job.ticket and job.ticket.family:
            st.button(
                t("job.family"),
                key="job-family",
                icon=":material/grid_view:",
                on_click=state.choose,
                kwargs={"run": None, "family": job.ticket.family},
            )
        st.button(
            t("job.duplicate"),
            key="job-duplicate",
            icon=":material/content_copy:",
            on_click=state.choose,
            kwargs={"run": None, "like": job.id, "family": None, "how": None},
        )
        st.button(
            t("job.another"),
            key="job-another",
            icon=":material/add:",
            on_click=state.choose,
            kwargs={"run": None, "like": None, "family": None},
        )
    if not mine:
        st.caption(t("job.watching"))


def _button(name: str, job: Job, act, icon: str) -> None:
    def press() -> None:
        try:
            act(job.path, owner=owner.secret())
        except PlaygroundError as error:
            st.session_state["job-error"] = error
        queue.forget()

    st.button(t(f"job.{name}"), key=f"job-{name}", icon=icon, on_click=press)


# --- how it goes ------------------------------------------------------------------------------


def _tell_findings(job: Job, history: list, newest: str) -> None:
    model = job.card.config.model

    def find() -> tuple[Finding, ...]:
        codes, projected = live.codes(job.path, newest)
        return diagnosis.findings(
            history,
            family=model.family,
            latent_dim=model.latent_dim,
            mu=None if projected else codes,
        )

    key = job.id, job.card.created, newest, len(history)
    for finding in _found.get(key, find):
        st.warning(t(f"diagnosis.{finding.key}", **finding.values))


def _curves(history: list) -> None:
    if not any(line.get("epoch") for line in history):
        return
    columns = st.columns(2, gap="large")
    for column, term in zip(columns, ("recon", "kl"), strict=True):
        figure = figures.term_curves(history, term, t(f"job.curve-{term}"))
        column.plotly_chart(figure, config=dict(CONFIG), key=f"curve-{term}")
