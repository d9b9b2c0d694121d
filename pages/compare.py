"""An autoencoder and a VAE side by side: the same digits in two latent spaces, one cursor."""

import streamlit as st

from ui import resources
from ui.controls import choose_one, linked_map, pick_run, tell_unknown_run, twins
from ui.i18n import t
from vae_core import latent

ae, vae = twins()

st.title(t("compare.title"))
st.caption(t("compare.caption"))

columns = st.columns(2)
with columns[0]:
    left = pick_run("left", t("compare.left"), ae)
    tell_unknown_run("left", left)
with columns[1]:
    right = pick_run("right", t("compare.right"), vae)
    tell_unknown_run("right", right)

with st.container(horizontal=True):
    axes = choose_one(
        "axes",
        t("compare.axes"),
        {"own": t("compare.own"), "equal": t("compare.equal")},
    )
    link = choose_one(
        "link",
        t("compare.link"),
        {"picture": t("compare.picture"), "place": t("compare.place")},
    )

plane = None
if axes == "equal":
    plane = latent.common_plane(resources.plane(left), resources.plane(right))


@st.fragment
def maps() -> None:
    """The maps tell each other in the browser what is pinned; the page keeps it in the link."""
    linked = {"group": "compare", "link": link, "plane": plane, "compact": True}
    for column, side, run in zip(st.columns(2), ("left", "right"), (left, right), strict=True):
        with column:
            linked_map(run, key=f"map-{side}", side=side, **linked)
            family = run.card.config.model.family
            codes = latent.code_summary(resources.gallery_codes(run).mu)
            st.caption(t(f"compare.{family}", codes=codes))


maps()
