"""The training benchmark trains the peers' own networks."""

import pytest

from bench.training.peers import peers
from vae_core.models import build, parameter_count

# encoder and decoder, as the peers' own summaries count them
PARAMETERS = {
    "example": (330_040, 322_784),
    "pythae": (412_180, 407_824),
    "keras": (69_076, 65_089),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_our_side_has_as_many_weights_as_the_peer(name: str) -> None:
    model = build(peers()[name].model)
    counts = parameter_count(model.encoder), parameter_count(model.decoder)
    assert counts == PARAMETERS[name]
