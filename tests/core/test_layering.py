"""Dependencies run one way: the core knows no front end, and `ui` knows no page."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ARRAYS_ONLY = {"vae_core.models", "vae_core.training", "vae_core.runs", "vae_core.worker"}
FORBIDDEN = [
    ("vae_core", {"streamlit", "ui", "pages", "bench", "tests", "starlette"}),
    ("ui", {"pages", "bench", "tests"}),
    ("pages", {"torch", "numpy", "plotly", "PIL", "bench", "tests"}),
    ("bench", {"ui", "pages", "tests"}),
    *(
        (f"vae_core/{name}.py", ARRAYS_ONLY)
        for name in ("latent", "figures", "metrics", "projections", "sampling")
    ),
    ("vae_core/distributions.py", {"vae_core.models", "vae_core.losses"}),
    ("vae_core/models", {"vae_core.losses", "vae_core.training", "vae_core.runs"}),
    ("vae_core/losses.py", {"vae_core.training", "vae_core.runs"}),
]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize(("place", "forbidden"), FORBIDDEN, ids=[place for place, _ in FORBIDDEN])
def test_nothing_imports_upwards(place: str, forbidden: set[str]) -> None:
    path = ROOT / place
    files = [path] if path.suffix else sorted(path.rglob("*.py"))
    assert files
    for file in files:
        for name in imports(file):
            parents = {name[:i] for i in range(len(name) + 1) if name[i : i + 1] in ("", ".")}
            assert not parents & forbidden, f"{file.relative_to(ROOT)} imports {name}"
