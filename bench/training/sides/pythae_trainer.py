"""Pythae's trainer on its own default dense network, 784-512-D and D-512-784, ReLU.

Its `BaseTrainer` runs its own loop; a callback lets each epoch wait until it is asked for. The loss
is its "bce", the one of its two that all sides can share. Runs in an environment with Pythae.
"""

from typing import Any

import numpy as np
import torch
from answering import Clock, Talk, answer_test, in_nats
from pythae.data.datasets import BaseDataset, DatasetOutput
from pythae.models import VAE, VAEConfig
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback


class Turns(TrainingCallback):
    """Begins an epoch when asked, and says how long it took."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_epoch_begin(self, training_config: BaseTrainerConfig, **kwargs: Any) -> None:
        self.clock.begin()

    def on_epoch_end(self, training_config: BaseTrainerConfig, **kwargs: Any) -> None:
        self.clock.end()


def main() -> None:
    talk = Talk()
    settings = talk.settings
    torch.set_num_threads(settings["threads"])
    with np.load(settings["images"]) as images:
        x, y, test_x = (torch.from_numpy(images[name]) for name in ("x", "y", "test_x"))
    model = VAE(
        VAEConfig(
            input_dim=(1, 28, 28), latent_dim=settings["latent_dim"], reconstruction_loss="bce"
        )
    )
    trainer = BaseTrainer(
        model,
        BaseDataset(x.float().div(255)[:, None], y),
        training_config=BaseTrainerConfig(
            output_dir=settings["folder"],
            num_epochs=settings["epochs"],
            per_device_train_batch_size=settings["batch_size"],
            learning_rate=settings["learning_rate"],
            seed=settings["seed"],
            no_cuda=True,
        ),
        callbacks=[Turns(Clock(talk))],
    )
    trainer.train()

    @torch.inference_mode()
    def test() -> dict[str, Any]:
        model.eval()
        outputs = [
            (model(DatasetOutput(data=part)), len(part))
            for part in test_x.float().div(255)[:, None].split(1000)
        ]
        recon, kl = (
            sum(float(output[name]) * n for output, n in outputs) / len(test_x)
            for name in ("recon_loss", "reg_loss")
        )
        return in_nats(recon, kl)

    answer_test(talk, test)


if __name__ == "__main__":
    main()
