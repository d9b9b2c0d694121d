"""A sweep as it is watched: how far its runs are, what they cost, their planes side by side.

All of it is read from the runs' folders, so that any browser can watch; whoever started it can
pause, resume and stop all of it at once. Dots and planes open their run.
"""

import html
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

from ui import films, live_films, owner, queue, state, turns
from ui.i18n import explain, language, plain, t
from ui.multiples import STYLE, name_of
from ui.train_form import duration
from vae_core import figures, jobs, sweeps
from vae_core.errors import PlaygroundError
from vae_core.jobs import Job

REFRESH_S = 3.0
HERE = Path(__file__).resolve().parent.parent


def watched_family() -> tuple[Job, ...]:
    """The runs of the sweep that the link names."""
    asked = state.chosen("family") or ""
    found = queue.family(asked)
    if asked and not found:
        st.warning(t("family.unknown", asked=plain(asked[:32])))
    return found


def family_view(family: Sequence[Job]) -> None:
    """A sweep; while a run of it goes on, looked at again every few seconds."""
    ticket = family[0].ticket
    going_on = any(not job.over for job in family)
    st.fragment(_view, run_every=REFRESH_S if going_on else None)(
        ticket.family if ticket else "", going_on
    )


@turns.SCRIPTS.turn()
def _view(name: str, was_going_on: bool) -> None:
    family = queue.family(name)
    if state.chosen("family") != name or state.chosen("run"):
        st.rerun()  # a dot or a button asked for something else
    if not family or any(not job.over for job in family) != was_going_on:
        st.rerun()  # with another clock, or without one
    axes = sweeps.axes_of([job.card for job in family]) or ("seed",)
    _tell_status(family, axes)
    _buttons(family, name)
    _trade(family, axes)
    st.subheader(t("family.planes"))
    st.caption(t("family.about-planes"))
    st.html(_cells(family, axes))
    _open_series(family, axes)


# --- how far ----------------------------------------------------------------------------------


def _label(job: Job, axes: Sequence[str]) -> str:
    return ", ".join(name_of(axis, sweeps.value_of(job.card, axis)) for axis in axes)


def _tell_status(family: Sequence[Job], axes: Sequence[str]) -> None:
    recipes = dict.fromkeys(job.card.recipe for job in family)
    st.subheader(t("family.title", recipes=plain(", ".join(recipes)), n=len(family)))
    st.caption(t("family.varies", axes=", ".join(t(f"family.axis-{axis}") for axis in axes)))
    counts = {
        "finished": sum(job.status == "finished" for job in family),
        "training": sum(job.status in jobs.BUSY for job in family),
        "waiting": sum(job.status in jobs.WAITING for job in family),
    }
    counts["halted"] = len(family) - sum(counts.values())
    text = ", ".join(t(f"family.{key}", n=n) for key, n in counts.items() if n) + "."
    first = min((job.position for job in family if job.position), default=0)
    if first and not counts["training"]:
        text += " " + t("family.position", n=first)
    left = _left(family)
    if left is not None:
        text += " " + t("job.left", time=duration(left))
    st.progress(sum(job.share for job in family) / len(family), text)
    for job in family:
        error = job.explained()
        if error:
            st.error(f"{_label(job, axes)}: {explain(error)}")


def _left(family: Sequence[Job]) -> float | None:
    """Seconds until all are done, if the machine trains nothing else; None if unknown.

    Of a run of which nothing is known yet, as long as the others take in the mean.
    """
    going_on = [job for job in family if not job.over]
    known = [job.card.seconds or 0.0 for job in family if job.card.finished]
    known += [job.left / (1 - job.share) for job in going_on if job.left and job.share < 1]
    if not going_on or not known:
        return None
    typical = sum(known) / len(known)
    lefts = [typical if job.left is None else job.left for job in going_on]
    ahead = [job.starts_in for job in going_on if job.position and job.starts_in is not None]
    before = min(ahead) if len(ahead) == len(going_on) else 0.0
    return before + max(sum(lefts) / max(jobs.places()["cpu"], 1), max(lefts))


def _buttons(family: Sequence[Job], name: str) -> None:
    mine = [job for job in family if job.is_of(owner.secret())]
    error = st.session_state.pop("family-error", None)
    if error:
        st.error(explain(error))
    with st.container(horizontal=True):
        if any(not job.over for job in mine):
            _button("pause", [job for job in mine if not job.over], jobs.pause, ":material/pause:")
            _button("stop", [job for job in mine if not job.over], jobs.stop, ":material/stop:")
        if halted := [job for job in mine if job.status in jobs.RESUMABLE]:
            _button("resume", halted, jobs.resume, ":material/play_arrow:")
        st.button(
            t("job.another"),
            key="family-another",
            icon=":material/add:",
            on_click=state.choose,
            kwargs={"family": None, "run": None, "like": None},
        )
    if not mine:
        st.caption(t("job.watching"))


def _button(name: str, of: Sequence[Job], act: Callable[..., None], icon: str) -> None:
    def press() -> None:
        for job in reversed(of):  # those that wait first, so that none of them starts meanwhile
            try:
                act(job.path, owner=owner.secret())
            except PlaygroundError as error:
                st.session_state["family-error"] = error
        queue.forget()
        ticket = of[0].ticket
        if ticket and not queue.family(ticket.family):
            state.choose(family=None)  # none of it had begun: nothing is left to be shown

    st.button(t(f"family.{name}"), key=f"family-{name}", icon=icon, on_click=press)


# --- what came of it --------------------------------------------------------------------------


def _trade(family: Sequence[Job], axes: Sequence[str]) -> None:
    """Rate against distortion, a dot for each run that has finished an epoch."""
    shown = [job for job in family if "recon" in job.card.metrics.get("held-out", {})]
    st.subheader(t("beta_series.trade"))
    if not shown:
        st.caption(t("family.no-dots"))
        return
    terms = [job.card.metrics["held-out"] for job in shown]

    def open_clicked() -> None:
        for point in st.session_state["family-trade"].selection.points:
            state.choose(run=shown[point["point_index"]].id)

    st.plotly_chart(
        figures.rate_distortion(
            [one["kl"] for one in terms],
            [one["recon"] for one in terms],
            [_label(job, axes) for job in shown],
            [job.id for job in shown],
            titles=(t("beta_series.rate"), t("beta_series.distortion")),
            joined=len(axes) == 1 and axes[0] in ("beta", "latent_dim"),
            final=[job.card.finished for job in shown],
        ),
        key="family-trade",
        config=dict(figures.CONFIG) | {"scrollZoom": False},
        on_select=open_clicked,
        selection_mode="points",
    )
    n = max(int(job.card.data.get("n_held_out", 0)) for job in shown)
    st.caption(t("family.about", n=n))
    if len({job.card.config.objective.likelihood for job in shown}) > 1:
        st.caption(t("family.likelihoods"))


def _cells(family: Sequence[Job], axes: Sequence[str]) -> str:
    """Returns HTML: each run's newest plane and grid, turned onto the first finished one's."""
    first = next((job for job in family if job.status == "finished"), None)
    onto = first and live_films.newest(first) and first.id
    cells = []
    for job in family:
        name = _label(job, axes)
        moment = live_films.newest(job)
        link = f"?{urlencode({'run': job.id, 'lang': language()})}"
        told = t(f"runs.{job.status}")
        if job.status in jobs.BUSY and job.card.epochs_done:
            told = f"{job.card.epochs_done} / {job.epochs}"
        elif job.position:
            told = f"{told} ({job.position})"
        pictures = '<div class="empty"></div>'
        if moment:
            query = urlencode({"at": moment, **({"onto": onto} if onto else {})})
            plane = f"{live_films.address_of(job)}/plane.png?{query}"
            grid = f"{live_films.address_of(job)}/frames/{moment}.png?{urlencode({'at': moment})}"
            pictures = (
                f'<div><img src="{html.escape(plane)}" alt="" loading="lazy"></div>'
                f'<div class="grid"><img src="{html.escape(grid)}" alt="" loading="lazy"></div>'
            )
        cells.append(
            f'<figure data-run="{job.id}" data-status="{job.status}"><a href="{html.escape(link)}" '
            f'target="_self">{pictures}<span>{html.escape(name)}</span></a>'
            f"<figcaption>{html.escape(told)}</figcaption></figure>"
        )
    return f'{STYLE}<div class="multiples" data-testid="family">{"".join(cells)}</div>'


def _open_series(family: Sequence[Job], axes: Sequence[str]) -> None:
    """The way to the screen where finished runs are dragged through, where there are enough."""
    finished = {job.id for job in family if job.card.finished}
    of = films.all_series(axes[0]) if len(axes) == 1 and len(finished) >= 3 else ()
    series = next((one for one in of if finished & {run.id for run in one.runs}), None)
    icon = ":material/linear_scale:"
    if series and st.button(t("family.series"), key="family-series", icon=icon):
        chosen = {"axis": series.axis, "series": films.series_digest(series)}
        st.switch_page(HERE / "pages" / "beta_series.py", query_params=chosen)
