"""Our side: the package's own training loop, in a process like a worker's.

The loop measures held-out images after each epoch, which no peer here does: they are a hundred, so
that all sides do the same work.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from answering import Talk, answer, in_nats

from vae_core.config import RunConfig
from vae_core.data import load
from vae_core.devices import prepare_training
from vae_core.training import EpochEnd, Trainer


def main() -> None:
    import torch  # after the package, which says how long torch's threads spin

    talk = Talk()
    settings = talk.settings
    prepare_training(settings["threads"])
    config = RunConfig.from_json(settings["config"])
    held_out = load("mnist", "held-out")
    few = replace(held_out, x=held_out.x[:100], y=held_out.y[:100])
    trainer = Trainer(config, load("mnist", "train"), few, device=torch.device("cpu"))
    if settings["luck"]:  # its order and noise are what this training draws anyway
        with np.load(settings["luck"]) as luck:
            names = [name for name, _ in trainer.model.named_parameters()]
            weights = {f"model.{name}": torch.from_numpy(luck[name]) for name in names}
        trainer.restore({**trainer.state(), **weights})
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
