"""The autoencoder and the VAE, which changes two things only.

A VAE's encoder gives a distribution per image, and its loss adds KL to N(0, I) (see `losses`).
Either may be conditional: encoder and decoder are then told the label (Sohn et al. 2015, "Learning
structured output representation using deep conditional generative models"). Networks return
logits; `decode` returns images in [0, 1].
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from vae_core.config import ConvConfig, ModelConfig
from vae_core.distributions import DiagonalGaussian, PointMass, Posterior
from vae_core.models.conv import ConvDecoder, ConvEncoder
from vae_core.models.dense import DenseDecoder, DenseEncoder

# exp(±20) is far outside any useful variance, and far inside what float32 can hold
LOGVAR_LIMIT = 20.0


@dataclass(frozen=True)
class Output:
    """A model's answer: decoder logits (B, C, H, W), q(z|x), and the z decoded, (B, D).

    `commitment`, (B,), is how far a VQ-VAE's encoder is from its codebook; None elsewhere.
    """

    logits: Tensor
    posterior: Posterior
    z: Tensor
    commitment: Tensor | None = None


class Autoencoder(nn.Module):
    """Encoder x -> z, decoder z -> x (Hinton & Salakhutdinov 2006).

    Where `config.n_classes` is not 0, every verb wants the condition, one-hot, (B, n_classes).
    """

    code_parts = 1  # vectors of length D that the encoder puts out per image

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder: nn.Module
        self.decoder: nn.Module
        self._build((config.channels, config.image_size, config.image_size))

    def _build(self, shape: tuple[int, int, int]) -> None:
        config, network = self.config, self.config.network
        out, n_classes = self.code_parts * config.latent_dim, config.n_classes
        if isinstance(network, ConvConfig):
            self.encoder = ConvEncoder(network, shape, out, n_classes=n_classes)
            self.decoder = ConvDecoder(network, shape, config.latent_dim + n_classes)
        else:
            self.encoder = DenseEncoder(network, shape, out, n_classes=n_classes)
            self.decoder = DenseDecoder(network, shape, config.latent_dim + n_classes)

    @property
    def code_size(self) -> int:
        """Numbers in a code: the D of `decode`'s (B, D)."""
        return self.config.latent_dim

    def encode(self, x: Tensor, condition: Tensor | None = None) -> Posterior:
        """Returns q(z|x) for images x in [0, 1], (B, C, H, W)."""
        return PointMass(self._encoded(x, condition))

    def decode_logits(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Returns logits, (B, C, H, W), for codes z, (B, D)."""
        assert (condition is None) == (self.config.n_classes == 0)
        answer = self.decoder(z if condition is None else torch.cat((z, condition), dim=1))
        return self._logits(answer)

    def decode(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Returns images in [0, 1], (B, C, H, W), for codes z, (B, D)."""
        return self.decode_logits(z, condition).sigmoid()

    def forward(self, x: Tensor, generator: Generator, condition: Tensor | None = None) -> Output:
        """Encodes, draws one z per image, decodes."""
        posterior = self.encode(x, condition)
        z = posterior.sample(generator)
        return Output(self.decode_logits(z, condition), posterior, z)

    def learn_codebook(self, output: Output, generator: Generator) -> None:
        """Learns, after a step, what no gradient teaches: nothing, but in a VQ-VAE."""

    def _encoded(self, x: Tensor, condition: Tensor | None) -> Tensor:
        assert (condition is None) == (self.config.n_classes == 0)
        if self.config.output == "tanh":
            x = 2 * x - 1  # what goes in has the range of what comes out
        if condition is not None:
            if self.config.network.kind == "conv":
                planes = condition[:, :, None, None].expand(-1, -1, *x.shape[2:])
                x = torch.cat((x, planes), dim=1)
            else:
                x = torch.cat((x.flatten(1), condition), dim=1)
        return self.encoder(x)  # type: ignore[no-any-return]

    def _logits(self, answer: Tensor) -> Tensor:
        # (tanh(a) + 1) / 2 = sigmoid(2 a): a tanh scaled back to [0, 1] is a steeper sigmoid
        return 2 * answer if self.config.output == "tanh" else answer


class VariationalAutoencoder(Autoencoder):
    """Auto-encoding variational Bayes (Kingma & Welling 2014, arXiv:1312.6114)."""

    code_parts = 2

    def encode(self, x: Tensor, condition: Tensor | None = None) -> DiagonalGaussian:
        """Returns the diagonal Gaussian q(z|x) for images x in [0, 1], (B, C, H, W)."""
        # posteriors are float32 even under autocast: exp(logvar) in bf16 loses the KL
        mu, logvar = self._encoded(x, condition).float().chunk(2, dim=1)
        return DiagonalGaussian(mu, logvar.clamp(-LOGVAR_LIMIT, LOGVAR_LIMIT))


class DecodedImages(nn.Module):
    """A model's `decode` as a module of its own, for exporters: z, and the condition if any."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Returns images in [0, 1], (B, C, H, W), for codes z, (B, D)."""
        return self.model.decode(z, condition)


class EncodedImages(nn.Module):
    """A model's `encode` as a module of its own: mu, and logvar where the code is Gaussian."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Returns mu (B, D), and logvar (B, D), for images x in [0, 1], (B, C, H, W)."""
        posterior = self.model.encode(x, condition)
        if isinstance(posterior, DiagonalGaussian):
            return posterior.mu, posterior.logvar
        return posterior.mode()


class Labelled(nn.Module):
    """A module that wants a one-hot condition as one that is told the label itself, int64 (B,)."""

    def __init__(self, module: nn.Module, n_classes: int) -> None:
        super().__init__()
        self.module = module
        self.register_buffer("conditions", torch.eye(n_classes))

    def forward(self, first: Tensor, y: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Returns what the module makes of `first` on the condition y."""
        condition = self.get_buffer("conditions")[y]
        return self.module(first, condition)  # type: ignore[no-any-return]


def parameter_count(module: nn.Module) -> int:
    """Returns the number of trainable numbers."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
