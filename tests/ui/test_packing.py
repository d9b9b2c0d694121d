"""Laws of compression: the best encoding that is allowed, and nothing lost."""

import gzip

import brotli
import pytest

from ui import packing


@pytest.mark.parametrize(
    ("accepted", "best"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("GZIP;q=1.0, br; q=0.5", "br"),
        ("gzip, br;q=0", "gzip"),
        ("br;q=0.0,gzip;q=0.000", None),
        ("identity", None),
        ("", None),
        ("brotli", None),
    ],
)
def test_the_best_allowed_encoding_is_taken(accepted, best):
    assert packing.encoding_for(accepted) == best


@pytest.mark.parametrize(
    ("encoding", "unpack"), [("br", brotli.decompress), ("gzip", gzip.decompress)]
)
def test_packing_loses_nothing_and_is_reproducible(encoding, unpack):
    body = bytes(range(256)) * 64
    packed = packing.pack(body, encoding)
    assert len(packed) < len(body)
    assert unpack(packed) == body
    assert packing.pack(body, encoding) == packed
