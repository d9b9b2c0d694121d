"""Compression of what is sent: brotli where the browser reads it, else gzip.

What is packed here is packed once and kept in memory. What is packed beforehand is packed well;
what a visitor waits for is packed quickly: a seventh of the time, and 3 % more bytes.
"""

import gzip

import brotli

# Brotli's two highest levels would save Plotly another tenth, and cost each start ten seconds
QUALITY = {"br": {True: 9, False: 5}, "gzip": {True: 9, False: 6}}


def encoding_for(accepted: str) -> str | None:
    """Returns the best encoding that an Accept-Encoding header allows: "br", "gzip" or none."""
    allowed = set()
    for offer in accepted.split(","):
        name, _, weight = offer.replace(" ", "").lower().partition(";q=")
        if weight.strip("0.") or not weight:
            allowed.add(name)
    return next((name for name in ("br", "gzip") if name in allowed), None)


def pack(body: bytes, encoding: str, *, beforehand: bool = True) -> bytes:
    """Returns a body in an encoding of `encoding_for`."""
    quality = QUALITY[encoding][beforehand]
    if encoding == "br":
        return brotli.compress(body, quality=quality)
    return gzip.compress(body, quality, mtime=0)
