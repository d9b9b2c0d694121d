"""The views of the High dimensions screen: one projection, three beside each other, the units.

Projections are worked out by `vae_core.projector` in a process of its own; the page only watches,
and shows the principal components until more is there.
"""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from ui import prints, resources, state
from ui.controls import choose_number, choose_one, choose_seed
from ui.generate.decoding import decode, is_conditional, labels_of, units
from ui.i18n import explain, plain, t
from ui.projection_view import projection_view
from ui.views import has_plane
from ui.views import view as view_of
from vae_core import figures, latent, projections, projector
from vae_core.errors import PlaygroundError
from vae_core.figures import PALETTES
from vae_core.inference import to_uint8
from vae_core.projections import Settings
from vae_core.runs import Run
from vae_core.tables import codes_csv

PERPLEXITIES = (5, 30, 100)  # that are held side by side
NEIGHBOURS = 6
IDLE_KL = 0.01  # nats, below which a unit's posterior is its prior


def one(run: Run) -> None:
    """One projection, of a method that is chosen."""
    methods = {"pca": t("high_dimensions.pca"), "tsne": t("high_dimensions.tsne")}
    if projections.is_installed("umap"):
        methods["umap"] = t("high_dimensions.umap")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        method = choose_one("method", t("high_dimensions.method"), methods)
        axes = {"2": t("high_dimensions.flat"), "3": t("high_dimensions.solid")}
        n = int(choose_one("axes", t("high_dimensions.axes"), axes))
        if method != "pca":
            perplexity = _perplexity()
            seed = choose_seed()
    if method == "pca":
        found = projections.pca(resources.gallery_codes(run).mu, n)
        title = t("high_dimensions.pca-title", share=100 * found.shares.sum())
        st.caption(t("high_dimensions.about-pca", n=n))
        shown(run, [(title, found.places)], beside_map=n == 3)
        return
    settings = Settings(method=method, n=n, perplexity=perplexity, seed=seed)
    st.caption(t("high_dimensions.about-view"))
    several(run, [settings])


def three(run: Run) -> None:
    """The same codes in three maps: what differs between them is not in the codes."""
    kinds = {kind: t(f"high_dimensions.vary-{kind}") for kind in ("seed", "perplexity")}
    vary = choose_one("vary", t("high_dimensions.vary"), kinds)
    if vary == "seed":
        perplexity = _perplexity()
        wanted = [Settings(perplexity=perplexity, seed=seed) for seed in range(3)]
    else:
        wanted = [Settings(perplexity=perplexity) for perplexity in PERPLEXITIES]
    st.warning(t("high_dimensions.caution"), icon=":material/compare_arrows:")
    several(run, wanted)


def unit_view(run: Run) -> None:
    """KL of each unit, how many are active, and whether the posterior has collapsed."""
    found, mu = units(run), resources.gallery_codes(run).mu
    n, d = mu.shape
    active = int(found.active.sum())
    st.markdown(t("high_dimensions.active", active=active, d=d, n=n))
    if run.card.config.model.family != "vae":
        st.caption(t("high_dimensions.no-kl"))
        return
    figure = figures.unit_bars(found.kl, found.active, found.order)
    st.plotly_chart(figure, key="units", config={"displayModeBar": False}, height=360)
    idle = int((found.kl < IDLE_KL).sum())
    st.caption(t("high_dimensions.about-units", total=found.kl.sum(), n=n))
    if idle:
        st.info(t("high_dimensions.collapsed", idle=idle, d=d), icon=":material/compress:")
    else:
        st.info(t("high_dimensions.not-collapsed", d=d), icon=":material/check:")


def several(run: Run, wanted: Sequence[Settings]) -> None:
    """The projections that are there; for those that are not, a button, or how far they are."""
    codes = resources.gallery_codes(run).mu
    watched = [projector.watch(codes, settings) for settings in wanted]
    if all(each.status == "done" for each in watched):
        places = [each.places for each in watched]
        shown(
            run, list(zip(map(title_of, wanted), places, strict=True)), beside_map=len(wanted) == 1
        )
        return
    missing = [s for s, each in zip(wanted, watched, strict=True) if each.status != "done"]
    for each in watched:
        if each.status == "failed":
            st.error(t("high_dimensions.failed", reason=plain(each.reason)))
    if any(each.status in ("running", "waiting") for each in watched):
        progress(run, missing)
    elif st.button(
        t("high_dimensions.work-out", n=len(missing)),
        key="work-out",
        icon=":material/play_arrow:",
    ):
        try:
            for settings in missing:
                projector.ask(codes, settings)
        except PlaygroundError as error:
            st.error(explain(error))
        else:
            st.rerun()
    st.caption(t("high_dimensions.meanwhile"))
    found = projections.pca(codes, wanted[0].n)
    shown(run, [(t("high_dimensions.pca-title", share=100 * found.shares.sum()), found.places)])


@st.fragment(run_every=1.0)
def progress(run: Run, wanted: Sequence[Settings]) -> None:
    """How far each projection is, and a button that stops them."""
    codes = resources.gallery_codes(run).mu
    watched = [projector.watch(codes, settings) for settings in wanted]
    if not any(each.status in ("running", "waiting") for each in watched):
        st.rerun()
    for settings, each in zip(wanted, watched, strict=True):
        said = t(f"high_dimensions.is-{each.status}")
        if each.left is not None:
            said = t("high_dimensions.left", seconds=each.left)
        st.progress(each.share, f"{title_of(settings)} · {said}")
    if st.button(t("high_dimensions.stop"), key="stop", icon=":material/stop:"):
        for settings in wanted:
            projector.stop(codes, settings)


def shown(run: Run, views: Sequence[tuple[str, np.ndarray]], *, beside_map: bool = False) -> None:
    """Projections with one pick and one selection in all of them, and what is marked.

    With `beside_map` the plane that the run's latent map shows at first stands beside them.
    """
    gallery = resources.gallery(run)
    if beside_map and has_plane(run.card):
        plane = view_of(run)
        x, y = plane.titles
        views = [*views, (t("high_dimensions.on-map", x=x, y=y), plane.points)]
    palette = PALETTES[state.choice("palette", PALETTES, "petroff10")]
    looks = {"class_names": gallery.class_names, "palette": palette}
    drawn = [
        (title, figures.projection_scatter(places, gallery.y, legend=number == 0, **looks))
        for number, (title, places) in enumerate(views)
    ]
    index = state.whole("digit", len(gallery), default=-1)
    # rows mean images of one gallery: what is selected holds among runs on the same images
    marked = projection_view(
        drawn, key=f"views-{gallery.digest[:8]}", picked=index if index >= 0 else None
    )
    picked = marked.picked
    if picked is not None and picked < len(gallery) and picked != index:
        state.choose(digit=picked)
        index = picked
    rows = np.array([row for row in marked.selected if row < len(gallery)], np.int64)
    if len(rows):
        selected(run, rows)
    if index >= 0:
        story(run, index)


def selected(run: Run, rows: np.ndarray) -> None:
    """How many images of which class are selected, their mean, the decode of their mean code."""
    gallery, codes = resources.gallery(run), resources.gallery_codes(run)
    counts = np.bincount(gallery.y[rows], minlength=len(gallery.class_names)).tolist()
    st.markdown(t("high_dimensions.selected", n=len(rows)))
    parts = zip(gallery.class_names, counts, strict=True)
    st.caption(" · ".join(f"{plain(name)}: {count}" for name, count in parts if count))
    mean = to_uint8(gallery.x[rows].mean(axis=0) / 255)
    pictures = [prints.figure(mean, t("high_dimensions.mean-image"), "mean-image")]
    if not is_conditional(run):
        decoded = to_uint8(decode(run, codes.mu[rows].mean(axis=0)[None]))[0]
        pictures.append(prints.figure(decoded, t("high_dimensions.mean-code"), "mean-code"))
    st.html(prints.row(pictures))
    st.download_button(
        t("high_dimensions.csv"),
        lambda: codes_csv(
            codes.mu, codes.std, gallery.y, gallery.class_names, rows=rows.tolist()
        ).encode(),
        f"{run.id}-selection.csv",
        "text/csv",
        key="selection-csv",
        icon=":material/download:",
        on_click="ignore",
    )


def story(run: Run, index: int) -> None:
    """An image, its reconstruction, and the images whose codes are nearest to its own."""
    gallery, mu = resources.gallery(run), resources.gallery_codes(run).mu
    ledger = resources.gallery_ledger(run)
    label = gallery.class_names[gallery.y[index]]
    rebuilt = to_uint8(decode(run, mu[index][None], labels_of(run, np.array([index]))))[0]
    st.markdown(t("high_dimensions.picked", label=plain(label), index=index))
    parts = [
        prints.figure(gallery.x[index], t("map.original"), "original"),
        prints.figure(
            rebuilt,
            t("high_dimensions.rebuilt", recon=ledger.recon[index], kl=ledger.kl[index].sum()),
            "reconstruction",
        ),
    ]
    st.html(prints.row(parts))
    found = latent.nearest(mu, mu[index], NEIGHBOURS)
    near = [
        (i, distance)
        for i, distance in zip(found.indices.tolist(), found.distances.tolist(), strict=True)
        if i != index
    ]
    st.markdown(t("high_dimensions.nearest", d=mu.shape[1]))
    st.html(
        prints.row(
            prints.figure(
                gallery.x[i],
                t(
                    "encode_yours.neighbour",
                    label=gallery.class_names[gallery.y[i]],
                    distance=distance,
                ),
                "neighbour",
            )
            for i, distance in near
        )
    )


def title_of(settings: Settings) -> str:
    """Method, axes, perplexity and seed of a projection."""
    method = t(f"high_dimensions.{settings.method}")
    return t(
        "high_dimensions.view-title",
        method=method,
        n=settings.n,
        perplexity=settings.perplexity,
        seed=settings.seed,
    )


def _perplexity() -> int:
    low, high = projections.PERPLEXITY
    return int(
        choose_number("perplexity", t("high_dimensions.perplexity"), low, high, 30, width=260)
    )


VIEWS = {"one": one, "three": three, "units": unit_view}
