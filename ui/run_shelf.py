"""The shelf of runs: a table of all, one of them in full, and the way out and in as a ZIP file."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import streamlit as st

from ui import owner, resources, state
from ui.i18n import explain, plain, t
from ui.train_form import duration
from ui.views import has_plane
from vae_core import archives, figures, jobs, runs
from vae_core.errors import PlaygroundError, RunError
from vae_core.figures import CONFIG
from vae_core.jobs import Job
from vae_core.runs import BrokenRun, Run

HERE = Path(__file__).resolve().parent.parent
MAX_RUNS_OF_ONE = 50  # that may be brought in
TERMS = ("total", "recon", "kl")


def every() -> dict[str, Run | BrokenRun]:
    """All runs by id, those that train or wait among them."""
    return {run.id: run for run in resources.runs()}


def table(found: Iterable[Run | BrokenRun]) -> None:
    """A line a run."""
    known = {job.path: job for job in jobs.jobs()}
    rows = [_row(run, known.get(run.path)) for run in found]
    nats = st.column_config.NumberColumn(format="%.2f")
    st.dataframe(
        rows,
        hide_index=True,
        key="runs-table",
        alt=t("runs.table"),
        column_config={t("runs.held-out"): nats, t("runs.test"): nats},
    )


def _row(run: Run | BrokenRun, job: Job | None) -> dict[str, Any]:
    card = run.card if isinstance(run, Run) else job and job.card
    metrics = card.metrics if card else {}
    model = card and card.config.model
    return {
        t("runs.run"): run.id,
        t("runs.recipe"): card.recipe if card else None,
        t("runs.family"): model.family.upper() if model else None,
        "D": model.latent_dim if model else None,
        t("runs.epochs"): f"{card.epochs_done} / {card.config.train.epochs}" if card else None,
        t("runs.held-out"): metrics.get("held-out", {}).get("total"),
        t("runs.test"): metrics.get("test", {}).get("total"),
        t("runs.status"): _status(run, job),
    }


def _status(run: Run | BrokenRun, job: Job | None) -> str:
    if run.path.parent == runs.SHIPPED:
        return t("runs.shipped")
    if job is None:
        return t("runs.broken") if isinstance(run, BrokenRun) else t("runs.finished")
    return t(f"runs.{job.status}")


def details(run: Run | BrokenRun) -> None:
    """One run in full, with what can be done with it."""
    job = jobs.find(run.id) if run.path.parent != runs.SHIPPED else None
    st.subheader(plain(run.card.name if isinstance(run, Run) else run.id))
    if isinstance(run, BrokenRun) and (job is None or job.over):
        st.warning(explain(run.error))
    _actions(run, job)
    if isinstance(run, Run):
        _card(run)


def _card(run: Run) -> None:
    card = run.card
    if card.differs:
        st.markdown(f"**{t('runs.differs', recipe=plain(card.recipe))}** {plain(card.differs)}")
    left, right = st.columns(2, gap="large")
    with left:
        figures_ = [
            {
                t("runs.part"): t(f"runs.part-{part}"),
                **{term: f"{terms[term]:.2f}" for term in TERMS if term in terms},
                "n": f"{int(terms.get('n', card.data.get('n_held_out', 0))):,}",
            }
            for part, terms in card.metrics.items()
            if part in ("held-out", "test")
        ]
        if figures_:
            st.markdown(t("runs.metrics"))
            st.table(figures_)
        facts = {
            "data": card.config.data.name,
            "parameters": f"{card.parameters:,}",
            "device": f"{card.device}, {card.precision}, {card.threads}",
            "time": duration(card.seconds) if card.seconds else "–",
            "created": card.created,
            "digest": f"{card.weights_sha256[:12]}, {card.weights}",
        }
        lines = (f"- {t(f'runs.fact-{name}')}: {plain(text)}" for name, text in facts.items())
        st.markdown("\n".join(lines))
        if card.command:
            st.code(card.command, language=None, wrap_lines=True)
        with st.expander(t("runs.card")):
            st.json(card.to_json(), expanded=1)
    with right:
        for term in ("recon", "kl"):
            if run.history:
                figure = figures.term_curves(run.history, term, t(f"job.curve-{term}"))
                st.plotly_chart(figure, config=dict(CONFIG), key=f"runs-curve-{term}")


def _actions(run: Run | BrokenRun, job: Job | None) -> None:
    with st.container(horizontal=True):
        if isinstance(run, Run):
            mapped = has_plane(run.card)
            if mapped and st.button(t("job.open"), key="runs-open", icon=":material/map:"):
                st.switch_page(HERE / "pages" / "latent_map.py", query_params={"run": run.id})
            st.download_button(
                t("runs.download"),
                data=lambda: archives.pack(run.path),
                file_name=f"{run.id}.zip",
                mime="application/zip",
                key="runs-download",
                icon=":material/download:",
                on_click="ignore",
            )
        if job and st.button(t("runs.watch"), key="runs-watch", icon=":material/visibility:"):
            st.switch_page(HERE / "pages" / "train.py", query_params={"run": run.id})
        mine = owner.secret()
        ticket = jobs.read_ticket(run.path)
        if ticket and ticket.is_of(mine):
            with st.popover(t("runs.delete"), icon=":material/delete:", key="runs-delete"):
                st.markdown(t("runs.delete-sure", run=plain(run.id)))
                st.button(
                    t("runs.delete-yes"), key="runs-delete-yes", on_click=_delete, args=(run,)
                )
    error = st.session_state.pop("runs-error", None)
    if error:
        st.error(explain(error))


def _delete(run: Run | BrokenRun) -> None:
    try:
        jobs.delete(run.path, owner=owner.secret())
    except PlaygroundError as error:
        st.session_state["runs-error"] = error
        return
    state.choose(run=None)


def bring_in() -> None:
    """Takes in a run that was downloaded from here or elsewhere."""
    file = st.file_uploader(
        t("runs.file"), ["zip"], max_upload_size=archives.MAX_ARCHIVE // 2**20, key="runs-file"
    )
    if st.button(t("runs.bring-in"), key="runs-bring-in", disabled=file is None):
        try:
            if jobs.n_owned(owner.secret()) >= MAX_RUNS_OF_ONE:
                raise RunError("runs-full", limit=MAX_RUNS_OF_ONE)
            run = archives.unpack(file.getvalue(), jobs.root(), name=file.name)
            jobs.claim(run.path, owner.secret())
        except PlaygroundError as error:
            st.error(explain(error))
            return
        state.choose(run=run.id)
        st.rerun()
