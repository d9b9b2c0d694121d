"""A VQ-VAE's codebook: what each code draws, how often it is used, and one swapped for another."""

import numpy as np
import streamlit as st

from ui import prints, resources, state
from ui.controls import choose_number, choose_seed, pick_digit
from ui.generate.decoding import png_button
from ui.i18n import t
from ui.picture_sheet import picture_sheet
from vae_core import figures, sampling
from vae_core.runs import Run

COLUMNS = 16  # of a large codebook's sheet
DRAWS = 50


def codebook(run: Run) -> None:
    """An image as a map of codes that can be swapped, the codebook, its use, draws of the prior."""
    spelled(run)
    used(run, len(resources.session(run).codebook))
    drawn(run)


@st.fragment
def spelled(run: Run) -> None:
    """The image and its map beside the codebook; only these run again when a code is swapped."""
    session = resources.session(run)
    size, side = len(session.codebook), session.code_side
    index = pick_digit("digit", t("generate.image"), run, 5)
    original = resources.gallery(run).x[index]
    own = session.encode_indices(original[None])[0]
    # at first the middle one, where there is something to see
    cell = int(state.number("cell", 0, side * side - 1, side * side // 2))
    swaps = swapped(run, side, size)
    now = own.copy()
    for place, code in swaps.items():
        now.flat[place] = code
    before, after = session.decode_indices(np.stack([own, now]))

    st.caption(t("generate.about-swap", side=side, size=size))
    st.html(
        prints.row(
            [
                prints.figure(original, t("map.original")),
                prints.figure(before, t("map.reconstruction"), "own"),
                prints.figure(after, t("generate.swapped", n=len(swaps)), "swapped"),
            ]
        )
    )
    patches = session.decode_indices(uniform_maps(size, side))
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.markdown(t("generate.code-map", row=cell // side + 1, column=cell % side + 1))
        picked = picture_sheet(
            patches[now.ravel()],
            key=f"map-{run.id}",
            columns=side,
            names=[t("generate.code", code=code) for code in now.ravel().tolist()],
            label=t("generate.code-map-label", side=side),
            gap=2,
            picked=cell,
            width="20rem",
        )
        if picked is not None:
            _again(cell=picked)
        if swaps:
            st.button(
                t("generate.undo-swaps"),
                key="undo-swaps",
                on_click=state.choose,
                kwargs={"swaps": None},
            )
    with right:
        st.markdown(t("generate.codes"))
        chosen = picture_sheet(
            patches,
            key=f"codes-{run.id}",
            columns=COLUMNS if size > 64 else COLUMNS // 2,
            names=[t("generate.code", code=code) for code in range(size)],
            label=t("generate.codes-label", size=size),
            gap=2,
            picked=int(now.flat[cell]),
            width="34rem",
        )
        if chosen is not None:
            kept = {**swaps, cell: chosen}
            told = [f"{p}-{code}" for p, code in sorted(kept.items()) if code != own.flat[p]]
            _again(swaps="_".join(told) or None)
    st.caption(t("generate.about-codes-drawn"))


def used(run: Run, size: int) -> None:
    """How often each code stands in the gallery's maps."""
    found = sampling.usage(resources.gallery_indices(run), size)
    st.markdown(t("generate.usage"))
    st.plotly_chart(
        figures.usage_bars(found.shares), key="usage", config={"displayModeBar": False}, height=240
    )
    st.caption(
        t(
            "generate.about-usage",
            perplexity=found.perplexity,
            size=size,
            unused=int((found.shares == 0).sum()),
            n=len(resources.gallery(run)),
        )
    )


@st.fragment
def drawn(run: Run) -> None:
    """Maps of codes from the learned prior, decoded."""
    st.markdown(t("generate.code-prior"))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        temperature = choose_number(
            "temperature", t("generate.temperature"), 0.1, 2.0, 1.0, step=0.05, width=240
        )
        seed = choose_seed()
    session = resources.session(run)
    indices = session.sample_indices(DRAWS, seed=seed, temperature=temperature)
    images = session.decode_indices(indices)
    st.html(prints.sheet(images, columns=10, alt=t("generate.code-prior-label", n=DRAWS)))
    png_button(images, columns=10, file=f"{run.id}_prior_seed-{seed}", key="png")


def uniform_maps(size: int, side: int) -> np.ndarray:
    """Maps (K, side, side) that are made of one code each."""
    return np.broadcast_to(np.arange(size)[:, None, None], (size, side, side)).copy()


def swapped(run: Run, side: int, size: int) -> dict[int, int]:
    """The swaps in the link, place to code: "17-203_18-4"; what is none of this map is left out."""
    swaps = {}
    for part in (state.chosen("swaps") or "").split("_")[: side * side]:
        place, _, code = part.partition("-")
        if place.isdecimal() and code.isdecimal() and len(part) < 12:
            swaps[int(place)] = int(code)
    return {p: code for p, code in swaps.items() if p < side * side and code < size}


def _again(**choices: object) -> None:
    state.choose(**choices)
    st.rerun(scope="fragment")
