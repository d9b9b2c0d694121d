"""What one setting does: runs that differ in it alone, as figures, planes and grids."""

import streamlit as st

from ui import films, multiples, state
from ui.controls import choose_one
from ui.i18n import language, plain, t
from ui.time_machine import Source, time_machine
from vae_core import figures, sweeps

by_axis = {axis: films.all_series(axis) for axis in sweeps.AXES}
axes = {axis: t(f"beta_series.axis-{axis}") for axis, found in by_axis.items() if found}

st.title(t("beta_series.title"))
st.caption(t("beta_series.caption"))


def name(digest: str) -> str:
    """What the runs of a series have in common."""
    card = all_series[digest].runs[0].card
    config = card.config
    parts = {
        "recipe": plain(card.recipe),
        "latent_dim": f"D = {config.model.latent_dim}",
        "seed": t("beta_series.value-seed", value=config.train.seed),
    }
    if axis == "recipe":
        parts["beta"] = t("beta_series.value-beta", value=f"{config.objective.beta:g}")
    about = t("beta_series.about-name", data=config.data.name, epochs=config.train.epochs)
    return ", ".join([*(part for key, part in parts.items() if key != axis), about])


@st.fragment
def look(digest: str) -> None:
    """Plot and film choose together: which run is shown stands in the link."""
    series = all_series[digest]
    ids = [run.id for run in series.runs]

    def keep_clicked() -> None:
        for point in st.session_state["trade"].selection.points:
            state.choose(moment=ids[point["point_index"]])

    terms = series.terms
    source = Source(films.series_address(series), name(digest))
    time_machine([source], key=f"series-{digest}", follow=True)
    st.caption(t("beta_series.turned"))

    st.subheader(t("beta_series.trade"))
    plot, beside = st.columns([3, 2], gap="large")
    with plot:
        st.plotly_chart(
            figures.rate_distortion(
                [one["kl"] for one in terms],
                [one["recon"] for one in terms],
                [multiples.name_of(series.axis, value) for value in series.values],
                ids,
                titles=(t("beta_series.rate"), t("beta_series.distortion")),
                joined=series.axis in ("beta", "latent_dim"),
            ),
            key="trade",
            config=dict(figures.CONFIG) | {"scrollZoom": False},
            on_select=keep_clicked,
            selection_mode="points",
        )
    with beside:
        split = t(f"beta_series.{series.split}")
        st.caption(t("beta_series.about", n=series.n, split=split))
        shown = state.choice("moment", ids, ids[films.series_film(series).home])
        st.download_button(
            t("beta_series.gif"),
            lambda: films.series_gif(series),
            f"{series.axis}-series.gif",
            "image/gif",
            key="series-gif",
            icon=":material/animation:",
            on_click="ignore",
        )
        st.link_button(
            t("beta_series.open", run=shown),
            f"./?run={shown}&lang={language()}",
            icon=":material/map:",
        )


if not axes:
    st.info(t("beta_series.none"))
else:
    axis = next(iter(axes))
    if len(axes) > 1:
        axis = choose_one("axis", t("beta_series.axis"), axes)
    all_series = {films.series_digest(series): series for series in by_axis[axis]}
    digest = state.choice("series", all_series, next(iter(all_series)))
    if len(all_series) > 1:
        st.selectbox(
            t("beta_series.series"),
            list(all_series),
            format_func=name,
            **state.tied("series", digest, moment=None),
        )
    look(digest)
    st.subheader(t("beta_series.planes"))
    st.html(multiples.planes(all_series[digest]))
    st.subheader(t("beta_series.grids"))
    st.html(multiples.grids(all_series[digest]))
