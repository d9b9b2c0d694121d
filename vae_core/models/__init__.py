"""Models: an encoder, a decoder and the posterior between them.

`build(config)` is the one way to make one. Networks live in `dense` and `conv`, one idea a file;
this file joins them to the two families.
"""

from vae_core.models.autoencoder import (
    FAMILIES,
    Autoencoder,
    Output,
    VariationalAutoencoder,
    build,
    decoder_module,
    parameter_count,
)

__all__ = [
    "FAMILIES",
    "Autoencoder",
    "Output",
    "VariationalAutoencoder",
    "build",
    "decoder_module",
    "parameter_count",
]
