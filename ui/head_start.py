"""What a page names from the start, so that nothing waits for its turn.

Left to itself Streamlit asks for an element's code when the first message speaks of it, and the map
for its figure when it is mounted. Here the page names all of that beside Streamlit's own scripts.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import quote

import streamlit as st

from ui import assets, latent_map
from ui.views import n_classes
from vae_core.runs import Run

STREAMLIT = Path(st.__file__).parent / "static"
# those of the first screen whose code Streamlit has in files of their own; 0.3 s of a first visit
ELEMENTS = ("BidiComponent", "ButtonGroup", "Selectbox")

# address -> file: Streamlit's own scripts and styles, whose names carry a hash of their content
FILES: Mapping[str, Path] = {
    f"/{file.relative_to(STREAMLIT)}": file
    for folder in ("js", "css")
    for file in sorted((STREAMLIT / "static" / folder).glob("*.*s"))
}


@cache
def chunks() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the files that Streamlit's page names itself, and those that its elements add."""
    manifest = json.loads((STREAMLIT / "manifest.json").read_text("utf-8"))

    def needed(names: list[str]) -> Iterator[str]:
        seen: set[str] = set()
        while names:
            name = names.pop()
            if name not in seen:
                seen.add(name)
                entry = manifest[name]
                names += entry.get("imports", ())
                yield from (entry["file"], *entry.get("css", ()))

    own = set(needed(["index.html"]))
    elements = [key for key, entry in manifest.items() if entry.get("name") in ELEMENTS]
    return tuple(sorted(own)), tuple(sorted(set(needed(elements)) - own))


def tags(run: Run | None) -> str:
    """Returns what a page's head begins with; with a run, its map is on its way too.

    The map's files and the elements' code are named, and so is the server's address: a page opened
    by its own address, /compare, need not find out by failed requests that it is not under there.
    """
    base = st.get_option("server.baseUrlPath").strip("/")
    # what will be asked for once its time has come is then in the browser's cache, or on its way
    early = _map(run) if run else ()
    script = (
        f"window.__streamlit = {{ BACKEND_BASE_URL: location.origin + '/{base}' }}; "
        f"for (const url of {json.dumps(early)}) fetch(url).then((r) => r.blob()).catch(() => {{}})"
    )
    plotly = assets.address("plotly.min.js")
    scripts = [name for name in assets.ASSETS if re.match(r"latent_map/.*\.js$", name)]
    modules = {assets.address(name) for name in scripts} - {latent_map.MODULE}
    elements = [f"./{chunk}" for chunk in chunks()[1] if chunk.endswith(".js")]
    return "".join(
        (
            f'<script>{script}</script><script type="module" src="{latent_map.MODULE}"></script>',
            f'<link rel="preload" as="script" fetchpriority="low" href="{plotly}">',
            *(f'<link rel="modulepreload" href="{address}">' for address in sorted(modules)),
            # with `crossorigin`, as Streamlit will ask for them: else they would be fetched twice
            *(f'<link rel="modulepreload" crossorigin href="{address}">' for address in elements),
        )
    )


def _map(run: Run) -> tuple[str, ...]:
    """The addresses of what a run's map is first drawn from, if they name the run only."""
    if run.card.config.model.latent_dim != 2 or n_classes(run):
        return ()
    name = f"{quote(run.id, safe='')}/{run.digest}"
    return f"/api/runs/{name}/map.json", f"/tiles/{name}/0/0/0.png"
