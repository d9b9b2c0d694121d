"""Small networks of every kind, and settings of every kind, to be trained in a second."""

from vae_core.config import ConvConfig, DenseConfig

NETWORKS = {
    "dense": DenseConfig(encoder_widths=(32, 16), decoder_widths=(16, 32)),
    "dense-dropout": DenseConfig(
        encoder_widths=(32,), decoder_widths=(32,), batch_norm=True, dropout=0.2
    ),
    "dense-residual": DenseConfig(
        encoder_widths=(32, 32), decoder_widths=(16, 16, 16, 32), activation="silu", residual=True
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

# what a run can be beside its network, as changes of `RunConfig.replace`
VARIANTS: dict[str, dict[str, object]] = {
    "conditional": {"model__n_classes": 10},
    "quantized": {
        "model__family": "vq",
        "model__network": NETWORKS["conv-map"].model_dump(),
        "model__latent_dim": 4,
        "model__codebook_size": 16,
    },
    "tanh": {"model__output": "tanh", "objective__likelihood": "gaussian"},
    "denoising": {"model__family": "ae", "objective__noise": 0.5},
    "missing-half": {"objective__kl_form": "missing-half"},
    "free-bits": {"objective__free_bits": 0.5},
    "warm-up": {"objective__warmup_epochs": 2},
    "averaged": {"train__ema_decay": 0.9},
    "conditional-conv": {"model__network": NETWORKS["conv"].model_dump(), "model__n_classes": 10},
}
