"""A training as it is watched: how far it is, what it looks like, what goes wrong, and its buttons.

All of it is read from the run's folder, so that any browser can watch. The buttons are there for
the browser that started it.
"""

import base64
from pathlib import Path

import streamlit as st

from ui import owner, resources, state
from ui.i18n import explain, plain, t
from ui.train_form import duration
from ui.views import has_plane
from vae_core import data, diagnosis, exports, figures, jobs, latent, live, runs, thumbnails
from vae_core.data import Images
from vae_core.errors import PlaygroundError
from vae_core.figures import CONFIG, PETROFF10
from vae_core.jobs import Job

REFRESH_S = 2.0
HERE = Path(__file__).resolve().parent.parent

_held_out: resources.Memory[Images] = resources.Memory(4)
_planes: resources.Memory[str] = resources.Memory(128)
_originals: resources.Memory[str] = resources.Memory(16)


def watched() -> Job | None:
    """The job that the link names; a run that the queue does not know is none."""
    found = jobs.find(state.chosen("run") or "")
    return found if found and (found.ticket or not found.over) else None


def job_view(job: Job) -> None:
    """A job; while it goes on, looked at again every two seconds."""
    every = None if job.over else REFRESH_S
    st.fragment(_view, run_every=every)(job.id, job.status if job.over else "")


def _view(run_id: str, over: str) -> None:
    job = jobs.find(run_id)
    if state.chosen("run") != run_id:
        st.rerun()  # a button here asked for the form: a fragment alone cannot show it
    if job is None or (job.status if job.over else "") != over:
        st.rerun()  # it has ended or begun again: with another clock, or without one
    _tell_status(job)
    _buttons(job)
    name = live.newest(job.path)
    if name is None:
        return
    history = list(runs.read_history(job.path))
    look = live.look(job.path, name)
    _tell_findings(job, history, look)
    plane, pictures = st.columns(2, gap="large")
    with plane:
        _plane(job, look)
    with pictures:
        _pictures(job, look)
    _curves(history)


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
        st.button(
            t("job.duplicate"),
            key="job-duplicate",
            icon=":material/content_copy:",
            on_click=state.choose,
            kwargs={"run": None, "like": job.id},
        )
        st.button(
            t("job.another"),
            key="job-another",
            icon=":material/add:",
            on_click=state.choose,
            kwargs={"run": None, "like": None},
        )
    if not mine:
        st.caption(t("job.watching"))


def _button(name: str, job: Job, act, icon: str) -> None:
    def press() -> None:
        try:
            act(job.path, owner=owner.secret())
        except PlaygroundError as error:
            st.session_state["job-error"] = error

    st.button(t(f"job.{name}"), key=f"job-{name}", icon=icon, on_click=press)


# --- what it looks like -----------------------------------------------------------------------


def _tell_findings(job: Job, history: list, look: live.Look) -> None:
    model = job.card.config.model
    found = diagnosis.findings(
        history,
        family=model.family,
        latent_dim=model.latent_dim,
        mu=None if look.projected else look.codes,
    )
    for finding in found:
        st.warning(t(f"diagnosis.{finding.key}", **finding.values))


def _plane(job: Job, look: live.Look) -> None:
    st.markdown(f"**{t('job.plane')}**")
    if look.codes is None or look.codes.shape[1] != 2:
        st.caption(t("job.no-plane"))
        return
    try:
        held_out = _images(job)
        if len(held_out) != len(look.codes):
            st.caption(t("job.no-plane"))
            return
        image = _planes.get(
            (job.path, look.name, job.card.created),
            lambda: _plane_url(look, held_out),
        )
    except PlaygroundError as error:
        st.caption(explain(error))
        return
    when = _when(look)
    n = len(held_out)
    what = t("job.projected", n=n) if look.projected else t("job.codes", n=n)
    st.html(
        f'<img class="job-plane" data-testid="job-plane" data-moment="{look.name}" '
        f'src="{image}" alt="{t("job.plane")}">{STYLE}'
    )
    chips = " ".join(
        f'<span style="--c:{PETROFF10[i % len(PETROFF10)]}">{_escaped(name)}</span>'
        for i, name in enumerate(held_out.class_names)
    )
    st.html(f'<div class="job-classes">{chips}</div>')
    st.caption(f"{when} {what}")


def _plane_url(look: live.Look, held_out: Images) -> str:
    plane = latent.plane_of(look.codes)
    return _url(thumbnails.codes_png(look.codes, held_out.y, plane))


def _pictures(job: Job, look: live.Look) -> None:
    if look.reconstructions is None or look.grid is None:
        return
    originals = ""
    try:
        images = _images(job)
        originals = _originals.get((job.card.data.get("held_out"),), lambda: _first_of_each(images))
    except PlaygroundError:
        pass  # without the data there are still the reconstructions
    st.markdown(f"**{t('job.reconstructions')}**")
    strips = [url for url in (originals, _url(look.reconstructions)) if url]
    st.html(
        "".join(f'<img class="job-sheet" src="{url}" alt="">' for url in strips)
        + f'<img class="job-sheet job-grid" data-testid="job-grid" src="{_url(look.grid)}" '
        f'alt="{t("job.grid")}">{STYLE}'
    )
    model = job.card.config.model
    kind = "classes" if model.n_classes else "plane" if model.latent_dim == 2 else "draws"
    st.caption(f"{_when(look)} {t(f'job.grid-{kind}')}")


def _first_of_each(images: Images) -> str:
    return _url(
        exports.png_bytes(live.first_of_classes(images, live.COLUMNS), columns=live.COLUMNS)
    )


def _images(job: Job) -> Images:
    wanted = job.card.config.data
    return _held_out.get(wanted, lambda: data.load(wanted, "held-out"))


def _when(look: live.Look) -> str:
    if look.epoch:
        return t("job.after-epoch", epoch=look.epoch)
    return t("job.after-step", step=int(look.name.partition("-")[2] or 0))


def _curves(history: list) -> None:
    if not any(line.get("epoch") for line in history):
        return
    columns = st.columns(2, gap="large")
    for column, term in zip(columns, ("recon", "kl"), strict=True):
        figure = figures.term_curves(history, term, t(f"job.curve-{term}"))
        column.plotly_chart(figure, config=dict(CONFIG), key=f"curve-{term}")


def _url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


STYLE = """<style>
.job-plane { width: 100%; max-width: 30rem; image-rendering: pixelated;
  border: 1px solid rgba(128, 128, 128, 0.3); aspect-ratio: 1; }
.job-sheet { display: block; width: 100%; max-width: 30rem; image-rendering: pixelated; }
.job-grid { margin-top: 0.5rem; }
.job-classes { display: flex; flex-wrap: wrap; gap: 0.25rem 0.75rem; }
.job-classes span::before { content: ""; display: inline-block; width: 0.7em; height: 0.7em;
  margin-right: 0.3em; border-radius: 50%; background: var(--c); }
</style>"""
