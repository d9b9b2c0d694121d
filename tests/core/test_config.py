"""Settings survive JSON exactly, and whatever is wrong with them is one sentence."""

import copy
import json
import math
from typing import Any

import pytest
from pydantic import ValidationError

from vae_core.config import ConvConfig, RunConfig, build
from vae_core.errors import ConfigError, PlaygroundError
from vae_core.recipes import RECIPES, recipe

DENSE = RECIPES["vae-keras-dense"].config


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_survives_json(name: str) -> None:
    config = RECIPES[name].config
    text = json.dumps(config.to_json(), allow_nan=False)
    again = RunConfig.from_json(json.loads(text))
    assert again == config
    assert json.dumps(again.to_json()) == text


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_known_by_its_own_name_and_says_what_it_is(name: str) -> None:
    found = recipe(name)
    assert found.name == name
    assert found.summary
    assert found.differs or found.source.startswith("Ours")
    # `model_copy(update=...)` does not validate; a recipe must be what validation would allow
    assert RunConfig.model_validate_json(found.config.model_dump_json()) == found.config


def test_an_unknown_recipe_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="vae-keras-dense"):
        recipe("no-such-recipe")


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError):
        DENSE.train.epochs = 3  # type: ignore[misc]


def test_replace_changes_one_setting_and_nothing_else() -> None:
    changed = DENSE.replace(train__epochs=3, data__name="mnist-5k", data__limit=100)
    assert (changed.train.epochs, changed.data.name, changed.data.limit) == (3, "mnist-5k", 100)
    assert changed.model == DENSE.model
    assert changed.replace(train__epochs=40, data__name="mnist", data__limit=None) == DENSE


def assert_one_sentence(error: PlaygroundError, *words: str) -> None:
    text = str(error)
    assert "\n" not in text
    assert text[0].isupper() or text[0] in "`'\""
    assert text.endswith(".")
    assert len(text) < 400
    for word in words:
        assert word in text


WRONG = [
    ("model__latent_dim", 0),
    ("model__latent_dim", -1),
    ("model__latent_dim", 2.5),
    ("model__latent_dim", "2"),
    ("model__latent_dim", True),
    ("model__latent_dim", None),
    ("model__family", "gan"),
    ("model__channels", 2),
    ("model__image_size", 0),
    ("train__learning_rate", math.nan),
    ("train__learning_rate", math.inf),
    ("train__learning_rate", 0.0),
    ("train__learning_rate", -1e-3),
    ("train__epochs", 0),
    ("train__batch_size", 0),
    ("train__seed", -1),
    ("train__schedule", "cosine"),
    ("train__precision", "fp8"),
    ("objective__beta", -1.0),
    ("objective__beta", math.nan),
    ("objective__likelihood", "poisson"),
    ("data__name", "../etc"),
    ("data__limit", 0),
    ("train__no_such_setting", 1),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=[f"{p}={v!r}" for p, v in WRONG])
def test_a_wrong_setting_is_one_sentence_that_names_it(path: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        DENSE.replace(**{path: value})
    assert_one_sentence(caught.value, path.split("__")[1])


@pytest.mark.parametrize("path", ["no__such", "train__epochs__deeper"])
def test_a_setting_where_there_is_none_is_one_sentence(path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        DENSE.replace(**{path: 1})
    assert_one_sentence(caught.value, path.replace("__", "."))


@pytest.mark.parametrize(("path", "value"), WRONG, ids=[f"{p}={v!r}" for p, v in WRONG])
def test_a_wrong_setting_in_a_file_is_one_sentence_that_names_it(path: str, value: object) -> None:
    fields = copy.deepcopy(DENSE.to_json())
    part, name = path.split("__")
    fields[part][name] = value
    with pytest.raises(ConfigError) as caught:
        RunConfig.from_json(json.loads(json.dumps(fields)))
    assert_one_sentence(caught.value, name)


@pytest.mark.parametrize(
    "change",
    [
        {"network": None},
        {"network": {"kind": "transformer"}},
        {"network": {"kind": "dense", "encoder_widths": [], "decoder_widths": [4]}},
        {"network": {"kind": "dense", "encoder_widths": [0], "decoder_widths": [4]}},
        {"network": {"kind": "dense", "encoder_widths": [10**9], "decoder_widths": [4]}},
        {"network": {"kind": "dense", "encoder_widths": [4], "decoder_widths": [4], "eval": "1"}},
    ],
)
def test_a_wrong_network_is_one_sentence(change: dict[str, Any]) -> None:
    fields = DENSE.to_json()
    fields["model"] = {**fields["model"], **change}
    with pytest.raises(ConfigError) as caught:
        RunConfig.from_json(fields)
    assert_one_sentence(caught.value)


@pytest.mark.parametrize(
    "change",
    [{"encoder_strides": (2,)}, {"decoder_strides": (1, 1)}, {"encoder_strides": (2, 3)}],
)
def test_a_convolution_whose_sides_do_not_meet_is_refused(change: dict[str, Any]) -> None:
    fields = {
        "encoder_channels": (8, 8),
        "encoder_strides": (2, 2),
        "decoder_channels": (8, 8),
        "decoder_strides": (2, 2),
    }
    build(ConvConfig, **fields)
    with pytest.raises(ConfigError) as caught:
        build(ConvConfig, **{**fields, **change})
    assert_one_sentence(caught.value, "strides")


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "text",
        {},
        {"format": 1},
        {"format": 2},
        {"format": "1"},
        {"model": {}},
        {**DENSE.to_json(), "format": 99},
        {**DENSE.to_json(), "extra": 1},
        {**DENSE.to_json(), "train": []},
        {**DENSE.to_json(), "train": None},
    ],
)
def test_what_are_no_settings_is_one_sentence(value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig.from_json(value)
    assert_one_sentence(caught.value)


def test_what_a_person_typed_does_not_break_the_sentence() -> None:
    with pytest.raises(ConfigError) as caught:
        DENSE.replace(objective__likelihood="{0}{field}\n" + "x" * 500)
    assert_one_sentence(caught.value, "likelihood")
