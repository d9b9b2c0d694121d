"""A digit of one's own: drawn or uploaded, made as MNIST's were, and put into every latent space.

What is drawn or uploaded stays in the session's memory; nothing of it reaches disk or the URL.
"""

import streamlit as st

from ui import placements
from ui.controls import choose_one, current_run, kindred, tell_unknown_run
from ui.draw_pad import draw_pad
from ui.i18n import explain, t
from ui.latent_map import Pin, latent_map
from vae_core import drawing, pictures
from vae_core.errors import InputError

run = current_run()


def drawn():
    """The drawing as a grey picture (H, W), or None while the pad is empty."""
    strokes = draw_pad(key="pad")
    return drawing.rasterize(strokes) if strokes else None


def uploaded():
    """The uploaded picture in grey, (H, W), or None without one."""
    file = st.file_uploader(
        t("encode_yours.file"),
        ["png", "jpg", "jpeg", "gif", "bmp", "webp"],
        max_upload_size=pictures.MAX_BYTES // 2**20,
        key="picture",
    )
    return file and pictures.grey(pictures.read_picture(file.getvalue(), name=file.name[:64]))


st.title(t("encode_yours.title"))
st.caption(t("encode_yours.caption"))
tell_unknown_run("run", run)


@st.fragment
def encode_yours() -> None:
    """Only what follows from the digit runs again when the pen has rested."""
    by_hand, on_map = st.columns([2, 3], gap="large")
    placed = None
    with by_hand:
        sources = {"draw": t("encode_yours.draw"), "upload": t("encode_yours.upload")}
        source = choose_one("source", t("encode_yours.source"), sources)
        try:
            grey = drawn() if source == "draw" else uploaded()
            placed = None if grey is None else placements.placement(run, grey)
        except InputError as error:
            st.error(explain(error))
        if placed:
            st.html(placements.fed(placed))
            st.markdown(t("encode_yours.nearest"))
            st.html(placements.nearest(placed))
        st.caption(t("encode_yours.privacy"))

    with on_map:
        pin = placed and Pin(tuple(placed.mu.tolist()))
        latent_map(run, key="map-yours", pin=pin, compact=True)

    if placed:
        st.subheader(t("encode_yours.everywhere"))
        st.caption(t("encode_yours.costs"))
        others = [placements.placement(other, grey) for other in kindred(run)]
        st.html(placements.cards([placed, *others]))


encode_yours()
