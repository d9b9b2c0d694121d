"""Our side: the package's own training loop, in a process like a worker's.

The loop measures held-out images after each epoch, which no peer here does: they are a hundred, so
that all sides do the same work. Against Keras, the weights begin as its layers' do (Glorot & Bengio
2010): from those of torch's, this small network finds no use for its two units in the first epochs.
"""

from dataclasses import replace
from typing import Any

import torch
from answering import Talk, answer, in_nats
from torch import nn

from vae_core.config import RunConfig
from vae_core.data import load
from vae_core.devices import prepare_training
from vae_core.training import EpochEnd, Trainer


def main() -> None:
    talk = Talk()
    settings = talk.settings
    prepare_training(settings["threads"])
    config = RunConfig.from_json(settings["config"])
    held_out = load("mnist", "held-out")
    few = replace(held_out, x=held_out.x[:100], y=held_out.y[:100])
    trainer = Trainer(config, load("mnist", "train"), few, device=torch.device("cpu"))
    if settings["glorot"]:
        torch.manual_seed(config.train.seed)
        for module in trainer.model.modules():
            if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        trainer.restore(trainer.state())
    events = trainer.epochs()

    def epoch() -> None:
        while not isinstance(next(events), EpochEnd):
            pass

    def test() -> dict[str, Any]:
        images = load("mnist", "test")
        x = torch.from_numpy(images.x).float() / 255
        terms = trainer.evaluate(x, torch.from_numpy(images.y), seed=config.train.seed)
        return {"precision": trainer.precision, **in_nats(terms.recon, terms.kl)}

    answer(talk, test, epoch)


if __name__ == "__main__":
    main()
