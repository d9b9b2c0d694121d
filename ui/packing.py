"""Compression of what is sent: brotli where the browser reads it, else gzip.

What is packed here is packed once and kept in memory, so the quality is high. Brotli's two highest
levels would save Plotly another tenth, and cost each start of the server ten seconds of a core.
"""

import gzip

import brotli

BROTLI_QUALITY = 9


def encoding_for(accepted: str) -> str | None:
    """Returns the best encoding that an Accept-Encoding header allows: "br", "gzip" or none."""
    allowed = set()
    for offer in accepted.split(","):
        name, _, weight = offer.replace(" ", "").lower().partition(";q=")
        if weight.strip("0.") or not weight:
            allowed.add(name)
    return next((name for name in ("br", "gzip") if name in allowed), None)


def pack(body: bytes, encoding: str) -> bytes:
    """Returns a body in an encoding of `encoding_for`."""
    if encoding == "br":
        return brotli.compress(body, quality=BROTLI_QUALITY)
    return gzip.compress(body, 9, mtime=0)
