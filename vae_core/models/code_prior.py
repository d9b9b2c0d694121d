"""A prior over maps of codebook indices: a small causal transformer.

p(indices) = prod_i p(index i | those before it, row by row), learned beside the VQ-VAE whose
indices it models; no gradient passes from here to them. Attention is that of Vaswani et al. 2017
(arXiv:1706.03762), with normalization first.
"""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

WIDTH, HEADS, LAYERS = 64, 4, 2


class CodePrior(nn.Module):
    """An autoregressive distribution over sequences of `length` indices below `codebook_size`."""

    def __init__(self, codebook_size: int, length: int) -> None:
        super().__init__()
        self.length = length
        self.start = nn.Parameter(torch.zeros(WIDTH))
        self.tokens = nn.Embedding(codebook_size, WIDTH)
        self.places = nn.Parameter(torch.zeros(length, WIDTH))
        self.blocks = nn.ModuleList(_Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, codebook_size)

    def logits(self, indices: Tensor) -> Tensor:
        """Returns logits (B, L, K) of each index given those before it, for indices (B, L).

        L may be anything up to `length`; the last of the indices decides nothing.
        """
        before = self.tokens(indices[:, :-1])  # (B, L - 1, WIDTH)
        start = self.start.expand(indices.shape[0], 1, -1)
        h = torch.cat((start, before), dim=1) + self.places[: indices.shape[1]]
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h))  # type: ignore[no-any-return]

    def log_prob(self, indices: Tensor) -> Tensor:
        """Returns log p of each index given those before it, (B, L), in nats."""
        log_p = self.logits(indices).float().log_softmax(2)  # (B, L, K)
        return log_p.gather(2, indices[..., None])[..., 0]

    def sample(self, n: int, generator: Generator, *, temperature: float = 1.0) -> Tensor:
        """Returns n sequences, (n, length), drawn with logits divided by the temperature."""
        device = self.start.device
        indices = torch.zeros(n, 1, dtype=torch.long, device=device)
        for place in range(self.length):
            logits = self.logits(indices)[:, -1].float() / temperature
            drawn = torch.multinomial(logits.softmax(1), 1, generator=generator)
            indices[:, place:] = drawn
            if place + 1 < self.length:
                indices = torch.cat((indices, torch.zeros_like(drawn)), dim=1)
        return indices


class _Block(nn.Module):
    """Causal self-attention and a dense layer, each added to what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm, self.dense_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.dense = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
        )

    def forward(self, h: Tensor) -> Tensor:
        batch, length, _ = h.shape
        q, k, v = (
            part.reshape(batch, length, HEADS, -1).transpose(1, 2)
            for part in self.qkv(self.attention_norm(h)).chunk(3, dim=2)
        )
        found = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        h = h + self.out(found.transpose(1, 2).reshape(batch, length, WIDTH))
        return h + self.dense(self.dense_norm(h))  # type: ignore[no-any-return]
