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
    """Fully connected encoder and decoder, widths in the order the data meets them."""

    kind: Literal["dense"] = "dense"
    encoder_widths: Annotated[tuple[Width, ...], Field(min_length=1, max_length=12)]
    decoder_widths: Annotated[tuple[Width, ...], Field(min_length=1, max_length=12)]
    activation: Activation = "relu"
    batch_norm: bool = False
    dropout: Probability = 0.0


class ConvConfig(_Config):
    """Convolutional encoder, mirrored transposed-convolution decoder.

    `bottleneck_widths` are dense layers between the last feature map and the code (mirrored in the
    decoder); empty joins map and code directly.
    """

    kind: Literal["conv"] = "conv"
    encoder_channels: Annotated[tuple[Width, ...], Field(min_length=1, max_length=8)]
    encoder_strides: Annotated[tuple[Literal[1, 2], ...], Field(min_length=1, max_length=8)]
    decoder_channels: Annotated[tuple[Width, ...], Field(min_length=1, max_length=8)]
    decoder_strides: Annotated[tuple[Literal[1, 2], ...], Field(min_length=1, max_length=8)]
    bottleneck_widths: Annotated[tuple[Width, ...], Field(max_length=4)] = ()
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
    """What is learned: the family, the size of its code, the network."""

    family: Literal["ae", "vae"]
    network: NetworkConfig
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 2
    image_size: Annotated[int, Field(ge=4, le=256)] = 28
    channels: Literal[1, 3] = 1


class ObjectiveConfig(_Config):
    """The likelihood p(x|z) and the weight of the KL term.

    `bernoulli` is binary cross-entropy; `gaussian` is the summed squared error, the negative
    log-likelihood of a Gaussian with variance 1/2, up to a constant.
    """

    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    beta: Annotated[float, Field(ge=0, le=1e4)] = 1.0


class TrainConfig(_Config):
    """How it is learned. One epoch is one pass in a fresh seeded order."""

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 30
    batch_size: Annotated[int, Field(ge=2, le=65_536)] = 128
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-3
    schedule: Literal["constant", "step", "one_cycle"] = "one_cycle"
    step_gamma: Annotated[float, Field(gt=0, le=1)] = 0.333
    step_epochs: Annotated[int, Field(ge=1, le=10_000)] = 8
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    precision: Literal["auto", "fp32", "bf16"] = "auto"


class DataConfig(_Config):
    """Which images; `limit` keeps only the first so many of the training part."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")] = "mnist"
    limit: Annotated[int, Field(ge=2)] | None = None


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
            place = fields
            for parent in parents:
                place = place[parent]
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
