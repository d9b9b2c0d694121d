"""Plotly figures of codes and of training, from arrays and plain records.

Backgrounds are transparent and text takes the page's own colour, so that one figure serves light
and dark; the class palettes are the only colours fixed here. Nothing here knows a model or a run.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from vae_core.errors import InputError
from vae_core.latent import Plane, class_centres, spread

# Petroff 2021 (arXiv:2107.02270): ten colours that people with any colour vision can tell apart
PETROFF10 = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
TAB10 = (
    "#1f77b4",
    "#ff7f0e",
    "#2ca02c",
    "#d62728",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#7f7f7f",
    "#bcbd22",
    "#17becf",
)
PALETTES: Mapping[str, tuple[str, ...]] = {"petroff10": PETROFF10, "tab10": TAB10}

# what a page hands to Plotly beside the figure
CONFIG: Mapping[str, Any] = {"displayModeBar": False, "scrollZoom": True, "doubleClick": "reset"}

TRANSPARENT = "rgba(0,0,0,0)"
HAIRLINE = "rgba(128,128,128,0.22)"  # visible on paper and on black
# a plot between its axes on a phone, a dot, and a letter of a label; pixels, width before height
PHONE_PLOT, DOT, GLYPH = (260.0, 290.0), 13.0, (6.6, 15.0)
# two glyphs at class centres keep this share of the plane's side between them
GLYPH_GAP = 0.05


def latent_scatter(
    codes: ArrayLike,
    y: ArrayLike,
    *,
    class_names: Sequence[str],
    plane: Plane,
    palette: Sequence[str] = PETROFF10,
    webgl: bool = True,
    glyphs: bool = True,
) -> go.Figure:
    """Returns the scatter of codes (N, 2) coloured by label y (N,), on equal axes.

    Each class is one trace, so that the legend can switch it off: `uid` "class-<label>", `meta`
    {"label", "name"}, `customdata` the points' rows in `codes`. A class without points keeps its
    trace, and so its colour and its place in the legend.

    Args:
        codes: Places of the points, in units of z.
        y: Their labels, each an index into `class_names`.
        class_names: Name of each label.
        plane: The square that is shown at first.
        palette: Colours by label, repeated where classes are more.
        webgl: Draw on the graphics card; off gives SVG, which prints and exports sharply.
        glyphs: Write each class's name at its centre, so that colour is never alone.

    Raises:
        InputError: Codes and labels do not fit each other or the class names.
    """
    points, labels = np.asarray(codes, np.float32), np.asarray(y)
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError("input-shape", what="A map's codes", wanted="(N, 2)", value=points.shape)
    if labels.shape != points.shape[:1]:
        raise InputError(
            "input-shape", what="A map's labels", wanted=points.shape[:1], value=labels.shape
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(class_names):
        worst = labels.max() if labels.min() >= 0 else labels.min()
        raise InputError(
            "input-range", what="A label", low=0, high=len(class_names) - 1, value=worst
        )
    scatter = go.Scattergl if webgl else go.Scatter
    figure = go.Figure()
    for label, name in enumerate(class_names):
        rows = np.flatnonzero(labels == label)
        figure.add_trace(
            scatter(
                x=points[rows, 0],
                y=points[rows, 1],
                customdata=rows.astype(np.int32),
                mode="markers",
                name=name,
                uid=f"class-{label}",
                meta={"label": label, "name": name},
                marker={"color": _colour(palette, label), "size": 5, "opacity": 0.75},
                hovertemplate="<b>%{meta.name}</b>  (%{x:.2f}, %{y:.2f})<extra></extra>",
            )
        )
    figure.update_layout(_bare_layout())
    figure.update_layout(
        dragmode="pan",
        hovermode="closest",
        legend={
            "orientation": "h",
            "itemsizing": "constant",
            "x": 0,
            "xanchor": "left",
            "y": 1.01,
            "yanchor": "bottom",
        },
        annotations=_glyphs(points, labels, class_names, plane, palette) if glyphs else [],
    )
    left, right, bottom, top = plane.bounds
    axis = {"gridcolor": HAIRLINE, "zeroline": False, "constrain": "domain"}
    figure.update_xaxes(axis, range=[left, right], title_text="z₁", title_standoff=6)
    figure.update_yaxes(axis, range=[bottom, top], title_text="z₂", scaleanchor="x", scaleratio=1)
    return figure


def loss_curves(history: Iterable[Mapping[str, Any]]) -> go.Figure:
    """Returns total, recon and kl by epoch, in nats per image; held-out solid, training dotted.

    Args:
        history: The lines of a run's history: "epoch", and the terms under "train" and
            "held_out". What a line lacks is left out of its curve.
    """
    lines = list(history)
    figure = go.Figure()
    for number, term in enumerate(("total", "recon", "kl")):
        for part, dash in (("held_out", "solid"), ("train", "dot")):
            known = [line for line in lines if line.get(part, {}).get(term) is not None]
            if not known:
                continue
            figure.add_trace(
                go.Scatter(
                    x=[line["epoch"] for line in known],
                    y=[line[part][term] for line in known],
                    mode="lines" if len(known) > 1 else "markers",
                    name=f"{term}, {part.replace('_', '-')}",
                    uid=f"{part}-{term}",
                    meta={"part": part, "term": term},
                    line={"color": PETROFF10[number], "dash": dash, "width": 2},
                    hovertemplate="%{y:.2f}",
                )
            )
    figure.update_layout(_bare_layout())
    figure.update_layout(hovermode="x unified", legend={"itemsizing": "constant"})
    figure.update_xaxes(title_text="epoch", gridcolor=HAIRLINE, zeroline=False, tickformat="d")
    figure.update_yaxes(title_text="nats per image", gridcolor=HAIRLINE, zeroline=False)
    return figure


def term_curves(history: Iterable[Mapping[str, Any]], term: str, title: str = "") -> go.Figure:
    """Returns one term by epoch, in nats per image; held-out solid, training dotted.

    Reconstruction and KL differ by a factor of twenty: each has axes of its own.

    Args:
        history: The lines of a run's history, as in `loss_curves`.
        term: "total", "recon" or "kl".
        title: What stands above.
    """
    figure = loss_curves(line for line in history if line.get("epoch"))
    figure.data = [trace for trace in figure.data if trace.meta["term"] == term]
    for trace in figure.data:
        trace.name = trace.meta["part"].replace("_", "-")
        trace.mode = "lines+markers"
    figure.update_layout(
        title={"text": title, "font": {"size": 14}, "x": 0, "xanchor": "left"},
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
        height=260,
    )
    return figure


def usage_bars(shares: ArrayLike) -> go.Figure:
    """Returns how often each code of a codebook is used, shares (K,), in falling order."""
    falling = np.argsort(-np.asarray(shares, np.float64), kind="stable")
    figure = go.Figure(
        go.Bar(
            y=100 * np.asarray(shares, np.float64)[falling],
            customdata=falling,
            marker={"color": PETROFF10[0], "line": {"width": 0}},
            hovertemplate="%{customdata}: %{y:.2f} %<extra></extra>",
        )
    )
    figure.update_layout(_bare_layout(), bargap=0.1)
    figure.update_xaxes(showticklabels=False, showgrid=False, zeroline=False)
    figure.update_yaxes(ticksuffix=" %", gridcolor=HAIRLINE, zeroline=False)
    return figure


def unit_bars(kl: ArrayLike, active: ArrayLike, order: ArrayLike) -> go.Figure:
    """Returns each latent unit's KL (D,) in nats, in the given order; idle units in grey."""
    order = np.asarray(order)
    heights, works = np.asarray(kl, np.float64)[order], np.asarray(active)[order]
    figure = go.Figure(
        go.Bar(
            x=[str(unit + 1) for unit in order.tolist()],
            y=heights,
            marker={"color": [PETROFF10[0] if on else PETROFF10[3] for on in works.tolist()]},
            hovertemplate="%{x}: %{y:.3f} nats<extra></extra>",
        )
    )
    figure.update_layout(_bare_layout(), bargap=0.1)
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(title_text="nats", gridcolor=HAIRLINE, zeroline=False)
    return figure


def projection_scatter(
    places: ArrayLike,
    y: ArrayLike,
    *,
    class_names: Sequence[str],
    palette: Sequence[str] = PETROFF10,
    legend: bool = True,
) -> go.Figure:
    """Returns a projection's places (N, 2) or (N, 3), coloured by label y (N,).

    One trace a class, `customdata` the points' rows. Axes have no numbers, since a projection has
    no units; across and up have one scale.

    Raises:
        InputError: Places and labels do not fit each other.
    """
    points, labels = np.asarray(places, np.float32), np.asarray(y)
    if points.ndim != 2 or points.shape[1] not in (2, 3) or labels.shape != points.shape[:1]:
        raise InputError(
            "input-shape", what="A projection", wanted="(N, 2) or (N, 3)", value=points.shape
        )
    solid = points.shape[1] == 3
    figure = go.Figure()
    for label, name in enumerate(class_names):
        rows = np.flatnonzero(labels == label)
        where = dict(zip("xyz", points[rows].T, strict=False))
        figure.add_trace(
            (go.Scatter3d if solid else go.Scattergl)(
                **where,
                customdata=rows.astype(np.int32),
                mode="markers",
                name=name,
                uid=f"class-{label}",
                marker={"color": _colour(palette, label), "size": 2.5 if solid else 4},
                opacity=0.8,
                hovertemplate=f"<b>{name}</b><extra></extra>",
            )
        )
    bare = {"showticklabels": False, "zeroline": False, "title": "", "gridcolor": HAIRLINE}
    figure.update_layout(_bare_layout())
    figure.update_layout(
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
        hovermode="closest",
        dragmode="turntable" if solid else "pan",
        showlegend=legend,
        legend={"orientation": "h", "itemsizing": "constant", "y": 1.02, "yanchor": "bottom"},
    )
    if solid:
        axis = {**bare, "showbackground": False, "showspikes": False}
        figure.update_layout(scene={f"{name}axis": axis for name in "xyz"} | {"aspectmode": "data"})
    else:
        figure.update_xaxes(bare, constrain="domain")
        figure.update_yaxes(bare, scaleanchor="x", scaleratio=1)
    return figure


def rate_distortion(
    rate: Sequence[float],
    distortion: Sequence[float],
    labels: Sequence[str],
    names: Sequence[str],
    *,
    titles: tuple[str, str],
    joined: bool = True,
    final: Sequence[bool] = (),
) -> go.Figure:
    """Returns distortion over rate, a dot a run (Alemi et al. 2018).

    `customdata` are the runs' names, so that a click can say which run it met.

    Args:
        rate: KL of each run, nats per image.
        distortion: Reconstruction of each run, nats per image.
        labels: What stands beside each dot.
        names: The runs' names.
        titles: Of the axes, rate first.
        joined: Whether a line joins the dots in their order.
        final: Whether each run has ended; dots of the others are rings. Empty: all have.
    """
    ended = list(final) or [True] * len(names)
    sides = _free_sides(rate, distortion, [str(label) for label in labels])
    figure = go.Figure(
        go.Scatter(
            x=list(rate),
            y=list(distortion),
            customdata=list(names),
            text=[label if side else "" for label, side in zip(labels, sides, strict=True)],
            hovertext=list(labels),
            mode="lines+markers+text" if joined else "markers+text",
            textposition=[side or "top right" for side in sides],
            cliponaxis=False,
            line={"color": HAIRLINE, "width": 2},
            marker={
                "color": PETROFF10[0],
                "size": DOT,
                "symbol": ["circle" if one else "circle-open" for one in ended],
            },
            selected={"marker": {"color": PETROFF10[6], "opacity": 1}},
            unselected={"marker": {"opacity": 1}},
            hovertemplate="<b>%{hovertext}</b><br>(%{x:.2f}, %{y:.2f})<extra>%{customdata}</extra>",
            showlegend=False,
        )
    )
    figure.update_layout(_bare_layout())
    figure.update_layout(clickmode="event+select", dragmode=False)
    figure.update_xaxes(title_text=titles[0], gridcolor=HAIRLINE, zeroline=False)
    figure.update_yaxes(title_text=titles[1], gridcolor=HAIRLINE, zeroline=False)
    return figure


def _free_sides(x: Sequence[float], y: Sequence[float], labels: Sequence[str]) -> list[str]:
    """Returns on which side of its dot each label meets no other label and no other dot.

    Reckoned for a phone: where there is room on it, there is on any screen. "" where no side is
    free; such a label is read by pointing at its dot.
    """
    if not len(x):
        return []
    dots = np.column_stack([_stretched(x), 1.0 - _stretched(y)]) * PHONE_PLOT
    half = DOT / 2
    taken = [(*(dot - half), *(dot + half)) for dot in dots]
    sides = []
    for (left, top), label in zip(dots, labels, strict=True):
        width = GLYPH[0] * len(label)
        # towards the middle first: a label at the rim would leave the picture
        across = ("left", "right") if left > PHONE_PLOT[0] / 2 else ("right", "left")
        begins = {"left": left - half - width, "right": left + half, "center": left - width / 2}
        tops = {"top": top - half - GLYPH[1], "middle": top - GLYPH[1] / 2, "bottom": top + half}
        places = [(v, a) for a in across for v in tops] + [("top", "center"), ("bottom", "center")]
        for vertical, horizontal in places:
            corner = (begins[horizontal], tops[vertical])
            box = (*corner, corner[0] + width, corner[1] + GLYPH[1])
            inside = box[0] >= -half and box[2] <= PHONE_PLOT[0] + half
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                sides.append(f"{vertical} {horizontal}")
                break
        else:
            sides.append("")
    return sides


def _stretched(values: Sequence[float]) -> np.ndarray[Any, Any]:
    """Returns numbers between 0 and 1; 0.5 for all where they are one and the same."""
    array = np.asarray(values, dtype=float)
    low, high = array.min(), array.max()
    return (array - low) / (high - low) if high > low else np.full_like(array, 0.5)


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two boxes, (left, top, right, bottom), share more than an edge."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _bare_layout() -> dict[str, Any]:
    return {
        "template": "none",
        "paper_bgcolor": TRANSPARENT,
        "plot_bgcolor": TRANSPARENT,
        "margin": {"l": 48, "r": 12, "t": 36, "b": 44},
        "uirevision": "keep",  # a redraw keeps the reader's zoom and hidden classes
    }


def _glyphs(
    codes: np.ndarray[Any, Any],
    y: np.ndarray[Any, Any],
    class_names: Sequence[str],
    plane: Plane,
    palette: Sequence[str],
) -> list[dict[str, Any]]:
    """Returns each class's name on a chip of its colour, at the class's median, none on another."""
    places = spread(class_centres(codes, y), GLYPH_GAP * 2 * plane.half)
    return [
        {
            "x": float(place[0]),
            "y": float(place[1]),
            "text": f"<b>{class_names[label]}</b>",
            "name": f"class-{label}",
            "showarrow": False,
            "bgcolor": _colour(palette, label),
            "borderpad": 3,
            "font": {"size": 13, "color": _readable_on(_colour(palette, label))},
        }
        for label, place in enumerate(places)
        if np.isfinite(place).all()
    ]


def _colour(palette: Sequence[str], label: int) -> str:
    return palette[label % len(palette)]


def _readable_on(colour: str) -> str:
    """Returns black or white, whichever stands out more on a colour "#rrggbb" (WCAG 2.1)."""
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"
