"""VQ-VAE: the code is a map of indices into a learned codebook.

Van den Oord et al. 2017 (arXiv:1711.00937): nearest codebook vector, straight-through gradient,
commitment term, a codebook that follows moving averages of what it stands for (appendix A.1), and a
learned autoregressive prior over the indices (section 3.3). Codebook vectors that nothing uses are
put back among the encoder's answers (Dhariwal et al. 2020, arXiv:2005.00341, section 3.1).
"""

import torch
from torch import Generator, Tensor, nn

from vae_core.config import ConvConfig
from vae_core.distributions import Quantized
from vae_core.models.autoencoder import Autoencoder, Output
from vae_core.models.code_prior import CodePrior
from vae_core.models.conv import encoded_side, feature_layers, picture_layers

DECAY = 0.99  # of the moving averages, a step
LEAST_COUNT = 1.0  # images' places a batch: a codebook vector that stands for fewer is dead
EPSILON = 1e-5


class Codebook(nn.Module):
    """K vectors of length D, each the moving average of the encoder's answers nearest to it."""

    vectors: Tensor  # (K, D)
    counts: Tensor  # (K,), answers per batch
    sums: Tensor  # (K, D), of those answers

    def __init__(self, codebook_size: int, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.randn(codebook_size, latent_dim))
        # nobody uses a vector yet, so that the first batch revives them all
        self.register_buffer("counts", torch.zeros(codebook_size))
        self.register_buffer("sums", torch.zeros(codebook_size, latent_dim))

    def indices(self, z_e: Tensor) -> Tensor:
        """Returns the index of the vector nearest to each of z_e, (..., D) -> (...)."""
        flat = z_e.reshape(-1, z_e.shape[-1])
        squares = (
            self.vectors.square().sum(1) - 2 * flat @ self.vectors.T
        )  # + |z_e|², equal for all
        return squares.argmin(1).reshape(z_e.shape[:-1])

    @torch.no_grad()
    def learn(self, z_e: Tensor, indices: Tensor, generator: Generator) -> None:
        """Moves the averages by one batch: answers z_e (N, D) and their indices (N,)."""
        size = len(self.vectors)
        counts = torch.bincount(indices, minlength=size).to(z_e.dtype)
        sums = torch.zeros_like(self.sums).index_add_(0, indices, z_e)
        self.counts.lerp_(counts, 1 - DECAY)
        self.sums.lerp_(sums, 1 - DECAY)
        self.vectors.copy_(self.sums / (self.counts[:, None] + EPSILON))
        dead = self.counts < LEAST_COUNT * (1 - DECAY)
        rows = torch.randint(len(z_e), (size,), generator=generator, device=z_e.device)
        fresh = z_e[rows]
        self.vectors.copy_(torch.where(dead[:, None], fresh, self.vectors))
        # as if it had stood for one answer a batch for ever: it has time to prove itself
        self.sums.copy_(torch.where(dead[:, None], LEAST_COUNT * fresh, self.sums))
        self.counts.copy_(torch.where(dead, torch.full_like(self.counts, LEAST_COUNT), self.counts))


class VQVAE(Autoencoder):
    """Encoder -> (D, h, w), nearest codebook vectors, decoder; a prior over maps of indices.

    A code is the flattened map of codebook vectors, (B, D * h * w): what is decoded is always the
    nearest map that the codebook can spell.
    """

    def _build(self, shape: tuple[int, int, int]) -> None:
        config, network = self.config, self.config.network
        assert isinstance(network, ConvConfig)
        self.side = encoded_side(network, shape)
        channels, latent_dim = network.encoder_channels[-1], config.latent_dim
        self.encoder = nn.Sequential(
            *feature_layers(network, shape[0]), nn.Conv2d(channels, latent_dim, 1)
        )
        self.codebook = Codebook(config.codebook_size, latent_dim)
        self.prior = CodePrior(config.codebook_size, self.side * self.side)
        self.decoder = nn.Sequential(
            nn.Conv2d(latent_dim, channels, 1), *picture_layers(network, shape)
        )

    @property
    def code_size(self) -> int:
        """Numbers in a code: D * h * w."""
        return self.config.latent_dim * self.side * self.side

    def encode(self, x: Tensor, condition: Tensor | None = None) -> Quantized:
        """Returns the map of codebook vectors nearest to the encoder's answer."""
        z_e = self._encoded(x, condition).float().permute(0, 2, 3, 1)  # (B, h, w, D)
        indices = self.codebook.indices(z_e)
        z_q = self.codebook.vectors[indices]
        return Quantized(
            z_q=self._flat(z_e + (z_q - z_e).detach()),  # straight-through: z_e gets z_q's gradient
            z_e=z_e,
            indices=indices,
            log_prior=self.prior.log_prob(indices.flatten(1)),
        )

    def decode_logits(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Returns logits, (B, C, H, W), for codes z, (B, D * h * w), snapped to the codebook."""
        # unflatten, and not reshape by len(z), which an exporter would take for a constant
        shape = (self.config.latent_dim, self.side, self.side)
        z_map = z.unflatten(1, shape).permute(0, 2, 3, 1)  # type: ignore[no-untyped-call]
        z_q = self.codebook.vectors[self.codebook.indices(z_map)]
        return self._pictures(z_map + (z_q - z_map).detach())

    def decode_indices(self, indices: Tensor) -> Tensor:
        """Returns images in [0, 1], (B, C, H, W), for maps of indices, (B, h, w)."""
        return self._pictures(self.codebook.vectors[indices]).sigmoid()

    def forward(self, x: Tensor, generator: Generator, condition: Tensor | None = None) -> Output:
        """Encodes, quantizes, decodes; nothing is drawn."""
        posterior = self.encode(x, condition)
        z = posterior.sample(generator)
        z_map = z.reshape(len(z), self.config.latent_dim, self.side, self.side)
        commitment = posterior.z_e - self.codebook.vectors[posterior.indices]
        return Output(
            logits=self._pictures(z_map.permute(0, 2, 3, 1)),
            posterior=posterior,
            z=z,
            commitment=commitment.square().flatten(1).sum(1),
        )

    def learn_codebook(self, output: Output, generator: Generator) -> None:
        """Moves the codebook towards the encoder's answers to a batch."""
        posterior = output.posterior
        assert isinstance(posterior, Quantized)
        z_e = posterior.z_e.detach().reshape(-1, self.config.latent_dim)
        self.codebook.learn(z_e, posterior.indices.flatten(), generator)

    def _pictures(self, z_map: Tensor) -> Tensor:
        """Returns logits for maps of vectors, (B, h, w, D)."""
        return self._logits(self.decoder(z_map.permute(0, 3, 1, 2)))

    def _flat(self, z_map: Tensor) -> Tensor:
        return z_map.permute(0, 3, 1, 2).flatten(1)
