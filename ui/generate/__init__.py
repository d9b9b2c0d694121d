"""The views of the Generate screen: each shows one thing that a decoder can be asked for.

A view is a function of a run that draws itself into the page; `offered` says which runs have it.
"""

from collections.abc import Callable, Mapping

from ui.generate.classes import classes
from ui.generate.codebook import codebook
from ui.generate.decoding import is_conditional
from ui.generate.denoising import denoising, is_denoiser
from ui.generate.grid import grid
from ui.generate.network import network
from ui.generate.reconstructions import reconstructions
from ui.generate.samples import samples
from ui.generate.sums import arithmetic
from ui.generate.traversals import traverse
from ui.views import has_plane
from vae_core.runs import Run


def _continuous(run: Run) -> bool:
    return run.card.config.model.family != "vq"


def _has_plane(run: Run) -> bool:
    return has_plane(run.card)


def _has_codebook(run: Run) -> bool:
    return run.card.config.model.family == "vq"


def _any(run: Run) -> bool:
    return True


# name -> what draws it, which runs have it
VIEWS: Mapping[str, tuple[Callable[[Run], None], Callable[[Run], bool]]] = {
    "grid": (grid, _has_plane),
    "samples": (samples, _continuous),
    "classes": (classes, is_conditional),
    "codebook": (codebook, _has_codebook),
    "denoise": (denoising, is_denoiser),
    "arithmetic": (arithmetic, _continuous),
    "traverse": (traverse, _continuous),
    "reconstruct": (reconstructions, _any),
    "network": (network, _any),
}


def offered(view: str, run: Run) -> bool:
    """Whether the run has this view."""
    return VIEWS[view][1](run)


def show(view: str, run: Run) -> None:
    """Draws the view."""
    VIEWS[view][0](run)
