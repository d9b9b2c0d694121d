"""The way of PyTorch's own VAE example, in our words: one image at a time through `ToTensor`.

From the facts of github.com/pytorch/examples/vae: 784-400-(20, 20) and 20-400-784, ReLU; Adam 1e-3,
batch 128; torchvision's MNIST with `ToTensor` on each image, in a `DataLoader` with its defaults
(on a CPU no worker process); summed binary cross-entropy + KL, whose value is read after every
batch.
"""

from typing import Any

import numpy as np
import torch
from answering import Talk, answer, in_nats
from torch import nn
from torch.nn import functional

from vae_core.data import data_folder
from vae_core.torchvision_compat import torchvision


class Example:
    def __init__(self, settings: dict[str, Any]) -> None:
        vision = torchvision()
        dataset = vision.datasets.MNIST(
            str(data_folder()), train=True, transform=vision.transforms.ToTensor()
        )
        with np.load(settings["images"]) as images:
            # the images that all sides see, without a wrapper that would slow this one down
            dataset.data = torch.from_numpy(images["x"])
            dataset.targets = torch.from_numpy(images["y"])
            self.test_x = torch.from_numpy(images["test_x"]).float().div(255)
        torch.manual_seed(settings["seed"])
        self.hidden = nn.Linear(784, 400)
        self.mu, self.logvar = nn.Linear(400, 20), nn.Linear(400, 20)
        self.back, self.pixels = nn.Linear(20, 400), nn.Linear(400, 784)
        layers = nn.ModuleList((self.hidden, self.mu, self.logvar, self.back, self.pixels))
        self.optimizer = torch.optim.Adam(layers.parameters(), lr=settings["learning_rate"])
        self.loader = torch.utils.data.DataLoader(
            dataset, batch_size=settings["batch_size"], shuffle=True
        )

    def terms(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns summed binary cross-entropy and summed KL, one z an image."""
        flat = x.view(-1, 784)
        hidden = functional.relu(self.hidden(flat))
        mu, logvar = self.mu(hidden), self.logvar(hidden)
        std = torch.exp(0.5 * logvar)
        z = mu + torch.randn_like(std) * std
        image = torch.sigmoid(self.pixels(functional.relu(self.back(z))))
        recon = functional.binary_cross_entropy(image, flat, reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return recon, kl

    def epoch(self) -> None:
        running = 0.0
        for x, _ in self.loader:
            self.optimizer.zero_grad()
            recon, kl = self.terms(x)
            loss = recon + kl
            loss.backward()
            running += loss.item()
            self.optimizer.step()

    @torch.inference_mode()
    def test(self) -> dict[str, Any]:
        sums = sum(torch.stack(self.terms(x)).double() for x in self.test_x.split(1000))
        return in_nats(*(sums / len(self.test_x)).tolist())


def main() -> None:
    talk = Talk()
    torch.set_num_threads(talk.settings["threads"])
    side = Example(talk.settings)
    answer(talk, side.test, side.epoch)


if __name__ == "__main__":
    main()
