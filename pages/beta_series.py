"""What the weight of the KL term does: one network at many betas, as figures, planes and grids."""

import streamlit as st

from ui import films, multiples, state
from ui.i18n import language, plain, t
from ui.time_machine import Source, time_machine
from vae_core import figures

all_series = {films.series_digest(series): series for series in films.all_series()}

st.title(t("beta_series.title"))
st.caption(t("beta_series.caption"))


def name(digest: str) -> str:
    card = all_series[digest].runs[0].card
    units, seed = card.config.model.latent_dim, card.config.train.seed
    return t("beta_series.name", recipe=plain(card.recipe), units=units, seed=seed)


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
                series.betas,
                ids,
                titles=(t("beta_series.rate"), t("beta_series.distortion")),
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
            "beta-series.gif",
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


if not all_series:
    st.info(t("beta_series.none"))
else:
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
