"""The files that components fetch by address: their scripts and styles, and plotly.js.

All addresses carry one version, the digest of all files, so an answer is good for ever, and a
script may import another component's by its relative address.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import plotly

from ui.packing import pack

_UI = Path(__file__).parent
_COMPONENTS = (
    "draw_pad",
    "latent_map",
    "picture_sheet",
    "projection_view",
    "time_machine",
)  # folders of scripts and styles

PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"

# name in an address -> file
ASSETS: Mapping[str, Path] = {
    "plotly.min.js": PLOTLY,
    **{
        f"{component}/{file.name}": file
        for component in _COMPONENTS
        for file in sorted((_UI / component).iterdir())
        if file.suffix in (".js", ".css")
    },
}


def _version() -> str:
    digest = hashlib.sha256()
    for name, file in ASSETS.items():
        digest.update(name.encode() + file.read_bytes())
    return digest.hexdigest()[:12]


VERSION = _version()

# A component's own lines. Streamlit sends them again with every message, so all that matters is
# fetched by the address that its data names.
LOADER = """
export default async function (component) {
  const address = new URL(component.data.module, window.location.origin).href;
  const { default: mount } = await import(address);
  return mount(component);
}
"""


def address(name: str) -> str:
    """Returns where the server answers with a file of `ASSETS`."""
    return f"/assets/{VERSION}/{name}"


def content(file: Path) -> bytes:
    """Returns what is sent of a file: plotly.js without the wrapper for other module systems.

    Inside that function the browser would read all of Plotly a second time before it runs it, on
    the page's own thread: a quarter of a second.
    """
    body = file.read_bytes()
    licence, wrapper, rest = body.partition(b"\n(\n function(root, factory)")
    _, opened, inner = rest.partition(b"this, () => {\n")
    inner, closed, after = inner.rpartition(b"\nreturn Plotly;\n}));")
    whole = file == PLOTLY and wrapper and opened and closed and not after.strip()
    return licence + b"\n" + inner if whole else body


@cache
def packed(file: Path, encoding: str) -> bytes:
    """Returns what is sent of a file, compressed."""
    return pack(content(file), encoding)
