"""The network as a diagram: layers, the shapes between them, how many numbers each one learns."""

import math
from html import escape

import streamlit as st

from ui.i18n import t
from vae_core.architecture import Architecture, Layer, Part, architecture
from vae_core.runs import Run

SHAPING = ("Linear", "Conv2d", "ConvTranspose2d", "Flatten", "Unflatten")
STYLE = """<style>
.network { display: flex; flex-wrap: wrap; gap: 1.5rem 2.5rem; align-items: flex-start; }
.network section { flex: 1 1 20rem; max-width: 30rem; }
.network h3 { margin: 0; padding: 0; font-size: 1.05rem; }
.network ol { list-style: none; margin: 0.6rem 0 0; padding: 0; }
.network li { display: grid; justify-items: center; margin: 0; padding: 0; }
.network .shape { font-size: 0.85rem; padding: 0.15rem 0; font-variant-numeric: tabular-nums; }
.network .layer {
  box-sizing: border-box; min-width: 9rem; padding: 0.35rem 0.6rem; border-radius: 6px;
  border: 1px solid color-mix(in srgb, currentColor 45%, transparent); text-align: center;
  font-size: 0.9rem; line-height: 1.35;
}
.network .learns {
  border-width: 2px; background: color-mix(in srgb, currentColor 7%, transparent);
}
.network small { display: block; font-size: 0.82rem; font-variant-numeric: tabular-nums; }
</style>"""


def network(run: Run) -> None:
    """Every part of the model with its layers from top to bottom."""
    found = architecture(run.card.config.model)
    model = run.card.config.model
    st.caption(t("generate.about-network", run=run.id, parameters=found.parameters))
    st.html(diagram(found))
    if model.family == "vae":
        st.caption(t("generate.about-heads", d=model.latent_dim, two=2 * model.latent_dim))


def diagram(found: Architecture) -> str:
    """The parts side by side; a layer is the wider, the more it puts out."""
    widest = max(math.prod(layer.shape) for part in found.parts for layer in part.layers)
    parts = "".join(_part(part, widest) for part in found.parts)
    return f'{STYLE}<div class="network" data-testid="network">{parts}</div>'


def _part(part: Part, widest: int) -> str:
    layers = "".join(_block(block, widest) for block in blocks(part))
    heading = t(f"generate.part-{part.name}")
    size = t("generate.parameters", n=part.parameters)
    shape = f'<li><span class="shape">{_shape(part.shape)}</span></li>' if part.shape else ""
    return (
        f'<section data-testid="part"><h3>{escape(heading)}</h3><span>{escape(size)}</span>'
        f"<ol>{shape}{layers}</ol></section>"
    )


def blocks(part: Part) -> list[list[Layer]]:
    """A part's layers, each with what follows it and only acts on every number by itself."""
    found: list[list[Layer]] = []
    for layer in part.layers:
        if found and layer.kind not in SHAPING and layer.shape == found[-1][0].shape:
            found[-1].append(layer)
        else:
            found.append([layer])
    return found


def _block(block: list[Layer], widest: int) -> str:
    shape, parameters = block[0].shape, sum(layer.parameters for layer in block)
    share = math.log1p(math.prod(shape)) / math.log1p(widest)
    kinds = " + ".join(layer.kind for layer in block)
    lines = [layer.detail for layer in block if layer.detail]
    lines += [t("generate.parameters", n=parameters)] if parameters else []
    learns = " learns" if parameters else ""
    small = "".join(f"<small>{escape(line)}</small>" for line in lines)
    return (
        f'<li><div class="layer{learns}" style="width:{100 * share:.0f}%">{escape(kinds)}'
        f'{small}</div><span class="shape">{_shape(shape)}</span></li>'
    )


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
