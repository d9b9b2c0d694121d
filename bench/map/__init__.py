"""The latent map in a real browser against its limits: hover, preview, click, visit, soak.

Every part starts a server and a Chromium of its own, so that none inherits what another has
cached. Each figure stands beside its limit and says whether it was met.
"""

import argparse
import importlib
import os
from typing import Any

from bench.stage import playwright, say

# in the order in which a visitor would notice
PARTS = ("visit", "hover", "preview", "click", "soak")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--part", action="append", choices=PARTS, help="measure this part only (may be repeated)"
    )
    parser.add_argument("--seed", type=int, default=0, help="decides every random place")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    parts = {}
    with playwright() as driver:
        for name in arguments.part or PARTS:
            say(f"-- {name}")
            part = importlib.import_module(f"bench.map.{name}")
            parts[name] = part.measure(driver, arguments.seed)
    return {
        "benchmark": "map",
        "cores": os.cpu_count(),
        "parts": parts,
        "met": all(figure["met"] for figure in _figures(parts)),
    }


def _figures(tree: Any) -> list[dict[str, Any]]:
    """Every figure that has a limit, however deep it stands."""
    if not isinstance(tree, dict):
        return []
    own = [tree] if "limit" in tree and "met" in tree else []
    return own + [figure for branch in tree.values() for figure in _figures(branch)]
