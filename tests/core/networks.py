"""Small networks of every kind, to be trained in a second."""

from vae_core.config import ConvConfig, DenseConfig

NETWORKS = {
    "dense": DenseConfig(encoder_widths=(32, 16), decoder_widths=(16, 32)),
    "dense-dropout": DenseConfig(
        encoder_widths=(32,), decoder_widths=(32,), batch_norm=True, dropout=0.2
    ),
    "conv": ConvConfig(
        encoder_channels=(4, 6),
        encoder_strides=(2, 2),
        decoder_channels=(6, 4),
        decoder_strides=(2, 2),
        bottleneck_widths=(16,),
    ),
    "conv-map": ConvConfig(
        encoder_channels=(4, 6),
        encoder_strides=(2, 2),
        decoder_channels=(6, 4),
        decoder_strides=(2, 2),
    ),
}
