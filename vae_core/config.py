"""Frozen, validated settings of a run, with an exact JSON round trip.

One validator serves the command line, the screens and the loader: building a `RunConfig` is the
check. Defaults are deliberate; whatever a recipe changes it states. No network is built here.
"""

import json
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vae_core.errors import ConfigError

CONFIG_FORMAT = 1

C = TypeVar("C", bound=BaseModel)
Activation = Literal["relu", "leaky_relu", "silu", "gelu", "tanh"]
Width = Annotated[int, Field(ge=1, le=8192)]
Probability = Annotated[float, Field(ge=0, lt=1)]


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class DenseConfig(_Config):
    """Fully connected encoder and decoder, widths in the order the data meets them.

    With `residual`, a layer as wide as the one before it is added to what came in (He et al. 2016,
    arXiv:1512.03385): deep stacks then learn faster, and further.
    """

    kind: Literal["dense"] = "dense"
    encoder_widths: Annotated[tuple[Width, ...], Field(min_length=1, max_length=12)]
    decoder_widths: Annotated[tuple[Width, ...], Field(min_length=1, max_length=12)]
    activation: Activation = "relu"
    batch_norm: bool = False
    residual: bool = False
    dropout: Probability = 0.0


class ConvConfig(_Config):
    """Convolutional encoder, mirrored transposed-convolution decoder.

    `bottleneck_widths` are dense layers between the last feature map and the code; empty joins map
    and code directly. The decoder mirrors them, or has `decoder_bottleneck_widths` between code and
    map. A `final_kernel` of 5 is not padded: the decoder climbs to a side 4 pixels larger, such as
    32 for images of 28, and the last layer cuts it.
    """

    kind: Literal["conv"] = "conv"
    encoder_channels: Annotated[tuple[Width, ...], Field(min_length=1, max_length=8)]
    encoder_strides: Annotated[tuple[Literal[1, 2], ...], Field(min_length=1, max_length=8)]
    decoder_channels: Annotated[tuple[Width, ...], Field(min_length=1, max_length=8)]
    decoder_strides: Annotated[tuple[Literal[1, 2], ...], Field(min_length=1, max_length=8)]
    bottleneck_widths: Annotated[tuple[Width, ...], Field(max_length=4)] = ()
    decoder_bottleneck_widths: Annotated[tuple[Width, ...], Field(max_length=4)] | None = None
    final_kernel: Literal[3, 5] = 3
    activation: Activation = "leaky_relu"
    batch_norm: bool = True
    dropout: Probability = 0.0

    @model_validator(mode="after")
    def _layers_match(self) -> Self:
        for side in ("encoder", "decoder"):
            channels, strides = getattr(self, f"{side}_channels"), getattr(self, f"{side}_strides")
            if len(channels) != len(strides):
                raise ValueError(f"{side}_strides needs one stride a layer, {len(channels)} in all")
        if sum(s == 2 for s in self.encoder_strides) != sum(s == 2 for s in self.decoder_strides):
            raise ValueError("encoder and decoder need equally many strides of 2")
        return self


NetworkConfig = Annotated[DenseConfig | ConvConfig, Field(discriminator="kind")]


class ModelConfig(_Config):
    """What is learned: the family, the size of its code, the network.

    Attributes:
        family: "ae", "vae", or "vq" (VQ-VAE), whose code is a map of vectors of a codebook.
        latent_dim: Length D of the code; of a VQ-VAE's codebook vectors.
        n_classes: Labels that encoder and decoder are told as a one-hot condition; 0 for none.
        codebook_size: Vectors K in a VQ-VAE's codebook; 0 for the other families.
        output: What squashes the decoder's answer into pixels. "tanh" spans [-1, 1], so that
            pixels are scaled to it on the way in and back on the way out.
    """

    family: Literal["ae", "vae", "vq"]
    network: NetworkConfig
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 2
    image_size: Annotated[int, Field(ge=4, le=256)] = 28
    channels: Literal[1, 3] = 1
    n_classes: Annotated[int, Field(ge=0, le=1000)] = 0
    codebook_size: Annotated[int, Field(ge=0, le=8192)] = 0
    output: Literal["sigmoid", "tanh"] = "sigmoid"

    @model_validator(mode="after")
    def _family_has_its_parts(self) -> Self:
        if self.family != "vq":
            if self.codebook_size:
                raise ValueError("only the family vq has a codebook; codebook_size should be 0")
            return self
        if self.codebook_size < 2:
            raise ValueError("a VQ-VAE needs a codebook_size of at least 2")
        if not isinstance(self.network, ConvConfig) or self.network.bottleneck_widths:
            raise ValueError("a VQ-VAE needs a convolutional network without bottleneck_widths")
        if self.n_classes:
            raise ValueError("a VQ-VAE takes no condition; n_classes should be 0")
        return self


class ObjectiveConfig(_Config):
    """What is minimized: -log p(x|z), the KL term and its weight, and what is done to the input.

    Attributes:
        likelihood: "bernoulli" is binary cross-entropy; "gaussian" is the summed squared error,
            the negative log-likelihood of a Gaussian with variance 1/2, up to a constant.
        beta: Weight of the KL term (Higgins et al. 2017).
        kl_form: "gaussian" is the KL; "missing-half" is a formula from a teaching article that
            lost two factors of one half, kept so that its effect can be seen.
        free_bits: Nats per unit that cost nothing (Kingma et al. 2016, arXiv:1606.04934).
        warmup_epochs: Epochs in which beta climbs from 0 (Bowman et al. 2016, arXiv:1511.06349).
        commitment_weight: Weight of a VQ-VAE's commitment term.
        noise: Standard deviation of the noise on the encoder's input while training; the clean
            image is still what is asked for (Vincent et al. 2008).
    """

    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    beta: Annotated[float, Field(ge=0, le=1e4)] = 1.0
    kl_form: Literal["gaussian", "missing-half"] = "gaussian"
    free_bits: Annotated[float, Field(ge=0, le=100)] = 0.0
    warmup_epochs: Annotated[int, Field(ge=0, le=10_000)] = 0
    commitment_weight: Annotated[float, Field(ge=0, le=100)] = 0.25
    noise: Annotated[float, Field(ge=0, le=2)] = 0.0


class TrainConfig(_Config):
    """How it is learned. One epoch is one pass in a fresh seeded order.

    With an `ema_decay`, the run keeps the exponential moving average of the weights over the steps
    (Polyak & Juditsky 1992) instead of the last ones; over few steps it forgets faster. Gradients
    that are together longer than `clip_norm` are shortened to it (Pascanu et al. 2013,
    arXiv:1211.5063); 0 lets them be.
    """

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 30
    batch_size: Annotated[int, Field(ge=2, le=65_536)] = 128
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-3
    schedule: Literal["constant", "step", "one_cycle"] = "one_cycle"
    step_gamma: Annotated[float, Field(gt=0, le=1)] = 0.333
    step_epochs: Annotated[int, Field(ge=1, le=10_000)] = 8
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    clip_norm: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    precision: Literal["auto", "fp32", "bf16"] = "auto"


class DataConfig(_Config):
    """Which images, and the side and channels that they are brought to (None: their own).

    `limit` keeps only the first so many of the training part. `folder` is where the pictures of
    the data set `folder` lie, a subfolder for each class.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")] = "mnist"
    limit: Annotated[int, Field(ge=2)] | None = None
    size: Annotated[int, Field(ge=4, le=256)] | None = None
    channels: Literal[1, 3] | None = None
    folder: Annotated[str, Field(min_length=1, max_length=4096)] | None = None


class RunConfig(_Config):
    """All that decides a run's weights on a given machine."""

    model: ModelConfig
    objective: ObjectiveConfig = ObjectiveConfig()
    train: TrainConfig = TrainConfig()
    data: DataConfig = DataConfig()

    def to_json(self) -> dict[str, Any]:
        """Returns plain JSON values, with the format's version beside them."""
        return {"format": CONFIG_FORMAT, **self.model_dump(mode="json")}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Rebuilds what `to_json` wrote.

        Raises:
            ConfigError: A field is missing, unknown, out of range or of the wrong kind.
        """
        if not isinstance(value, dict):
            raise ConfigError("config-unreadable", reason="an object is wanted")
        fields = dict(value)
        found = fields.pop("format", None)
        if found != CONFIG_FORMAT:
            raise ConfigError("config-format", value=found, wanted=CONFIG_FORMAT)
        try:
            # JSON knows no tuples: validate as JSON, where strict mode reads arrays as tuples
            return cls.model_validate_json(json.dumps(fields))
        except ValidationError as error:
            raise _sentence(error) from error

    def replace(self, **changes: object) -> Self:
        """Returns a validated copy; keys are dotted paths such as `train__epochs=3`.

        Raises:
            ConfigError: A path does not exist or its value is out of range.
        """
        fields: dict[str, Any] = self.model_dump(mode="python")
        for path, value in changes.items():
            *parents, leaf = path.split("__")
            place: Any = fields
            for parent in parents:
                place = place.get(parent) if isinstance(place, dict) else None
            if not isinstance(place, dict):
                name, reason = path.replace("__", "."), "there is no such setting"
                raise ConfigError("config-invalid", field=name, reason=reason, value=repr(value))
            place[leaf] = value
        return build(type(self), **fields)


def build(kind: type[C], **fields: object) -> C:
    """Constructs a config and turns pydantic's report into one sentence.

    Raises:
        ConfigError: As the sentence says.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise _sentence(error) from error


def _sentence(error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"] if part not in ("dense", "conv"))
    reason = first["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    shown = repr(first["input"])
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return ConfigError("config-invalid", field=field or "config", reason=reason, value=shown)
