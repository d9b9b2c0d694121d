"""How a latent space comes about: all moments that a run kept of its training."""

import streamlit as st

from ui import films, state
from ui.controls import current_run, pick_run, tell_unknown_run
from ui.i18n import t
from ui.time_machine import Source, time_machine
from vae_core.takeaways import FILMS, training_film

runs = films.filmed_runs()

st.title(t("time_machine.title"))
st.caption(t("time_machine.caption"))


@st.fragment
def machine(shown) -> None:
    """Only this runs again when the slider comes to rest; it moves in the browser alone."""
    sources = [Source(films.address_of(run), run.card.name) for run in shown]
    time_machine(sources, key="machine")


def downloads(run) -> None:
    """The film as a file, made when it is asked for."""
    with st.container(horizontal=True):
        for kind in FILMS:
            st.download_button(
                t(f"time_machine.{kind}"),
                lambda kind=kind: training_film(run, kind=kind),
                f"{run.id}-training.{kind}",
                f"image/{kind}",
                key=f"film-{kind}",
                icon=":material/animation:",
                on_click="ignore",
            )


if not runs:
    st.info(t("time_machine.none"))
else:
    one, two = st.columns(2)
    with one:
        run = pick_run("run", t("time_machine.run"), current_run(runs), runs)
        tell_unknown_run("run", run)
    with two:
        others = {each.id: each for each in runs if each != run}
        names = {"": t("time_machine.nobody")} | {each: each for each in others}
        picked = state.choice("other", names, "")
        st.selectbox(
            t("time_machine.other"),
            list(names),
            format_func=names.__getitem__,
            **state.tied("other", picked),
        )
    machine([run, *([others[picked]] if picked else [])])
    if units := films.projected_units(run):
        st.caption(t("time_machine.turned", units=units))
    downloads(run)
