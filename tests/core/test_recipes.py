"""Every recipe trains by its command, and what it leaves loads, encodes and decodes."""

from pathlib import Path

import numpy as np
import pytest

from vae_core import data
from vae_core.__main__ import main
from vae_core.inference import open_session
from vae_core.recipes import RECIPES, for_data
from vae_core.runs import open_run


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_trains_on_the_built_in_data(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", "mnist-5k", "--epochs", "1", "--limit", "260", "--threads", "1"]
    assert main(["train", name, *arguments, "--out", str(tmp_path / "run"), "--json"]) == 0
    run = open_run(tmp_path / "run")
    session, again = open_session(run), open_session(open_run(tmp_path / "run"))
    x = data.load(run.card.config.data, "held-out").x[:3]
    labels = np.array([0, 0, 0]) if session.n_classes else None
    z = session.encode(x, labels).mu
    images = session.decode(z, labels)
    assert z.shape == (3, session.latent_dim)
    assert images.shape == (3, *session.image_shape)
    assert np.array_equal(images, again.decode(again.encode(x, labels).mu, labels))
    capsys.readouterr()


def test_other_data_are_not_in_a_folder_of_pictures_of_ones_own(tmp_path: Path) -> None:
    own = {"data__name": data.FOLDER, "data__folder": str(tmp_path)}
    config = RECIPES["ae-shallow"].config.replace(**own)
    assert (
        for_data(config, "mnist-5k").data == for_data(RECIPES["ae-shallow"].config, "mnist-5k").data
    )
    assert for_data(config, data.FOLDER).data.folder == str(tmp_path)
