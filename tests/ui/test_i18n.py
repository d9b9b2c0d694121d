"""Laws of the catalogues: complete in every language, filled alike, nothing missing or idle."""

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from ui import train_form
from ui.i18n import LANGUAGES, catalogue, explain, plain
from vae_core import errors
from vae_core.data.catalogue import DATASETS, FOLDER
from vae_core.errors import MESSAGES, PlaygroundError, RunError
from vae_core.recipes import RECIPES

ROOT = Path(__file__).parents[2]
SCRIPTS = [path for folder in ("ui", "pages") for path in sorted((ROOT / folder).rglob("*.py"))]
TRANSLATIONS = [language for language in LANGUAGES if language != "en"]
COMPONENTS = {
    "map": "latent_map",
    "pad": "draw_pad",
    "projections": "projection_view",
    "film": "time_machine",
}  # section of the catalogues -> folder
HANGUL = re.compile("[가-힣]")


def fields(sentence: str) -> set[str]:
    """The names that fill a sentence, without what is taken from them."""
    found = (field for _, field, _, _ in string.Formatter().parse(sentence) if field is not None)
    return {re.split(r"[.\[]", field)[0] for field in found}


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_every_language_says_the_same_things(language: str) -> None:
    assert catalogue(language).keys() == catalogue("en").keys()


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_every_language_fills_the_same_fields(language: str) -> None:
    for key, sentence in catalogue("en").items():
        assert fields(catalogue(language)[key]) == fields(sentence), key


def test_korean_is_korean() -> None:
    # notation and names, the same everywhere
    alike = {"map.at", *(f"film.{axis}" for axis in ("beta", "latent_dim", "recipe"))}
    alike |= {f"beta_series.value-{axis}" for axis in ("beta", "latent_dim", "recipe")}
    assert {key for key, text in catalogue("ko").items() if not HANGUL.search(text)} <= alike
    assert not [key for key, text in catalogue("en").items() if HANGUL.search(text)]


def keys_in_code() -> Iterator[re.Pattern[str]]:
    """What each `t(...)` of the screens asks for; a part that is worked out matches any name."""
    for script in SCRIPTS:
        for node in ast.walk(ast.parse(script.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "t":
                key = node.args[0]
                parts = key.values if isinstance(key, ast.JoinedStr) else [key]
                yield re.compile(
                    "".join(
                        re.escape(part.value) if isinstance(part, ast.Constant) else r"[\w-]+"
                        for part in parts
                    )
                )


def test_every_key_in_code_stands_in_the_catalogue() -> None:
    patterns = list(keys_in_code())
    assert len(patterns) > 20
    for pattern in patterns:
        assert any(map(pattern.fullmatch, catalogue("en"))), pattern.pattern


def test_every_key_of_the_catalogue_is_used() -> None:
    patterns = list(keys_in_code())
    idle = {
        key
        for key in catalogue("en")
        if not key.startswith((*(f"{name}." for name in COMPONENTS), "error."))
        and not any(pattern.fullmatch(key) for pattern in patterns)
    }
    assert not idle


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_components_sentences_are_those_that_its_scripts_use(name: str) -> None:
    folder = ROOT / "ui" / COMPONENTS[name]
    scripts = "".join(path.read_text("utf-8") for path in sorted(folder.glob("*.js")))
    if re.search(r'import \{[^}]*\bget\b[^}]*\} from "../latent_map/api.js"', scripts):
        scripts += (ROOT / "ui" / "latent_map" / "api.js").read_text("utf-8")
    used = {f"{name}.{key}" for key in re.findall(r"\btexts\??\.(\w+)", scripts)}
    assert used == {key for key in catalogue("en") if key.startswith(f"{name}.")}


def test_every_data_set_has_a_name_on_the_form() -> None:
    named = {name for name in DATASETS if name != FOLDER}  # a folder is a terminal's to name
    assert {f"train.data-{name}" for name in named} <= catalogue("en").keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_recipe_every_knob_and_every_finding_is_said(language: str) -> None:
    said = catalogue(language)
    assert {f"recipe.{name}" for name in RECIPES} <= said.keys()
    for knob in (*train_form.FIRST_KNOBS, *train_form.KNOBS):
        assert said[f"knob.{knob.name}"]
        assert len(said[f"knob-about.{knob.name}"]) > 10
        assert {f"knob-option.{option}" for option in knob.options} <= said.keys()


def raised_keys() -> set[str]:
    """The message names with which the core and the screens raise their errors."""
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    found = set()
    for path in [*(ROOT / "vae_core").rglob("*.py"), *SCRIPTS]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in kinds and node.args:
                key = node.args[0]
                if isinstance(key, ast.Constant):
                    found.add(key.value)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_has_its_sentence(language: str) -> None:
    raised = raised_keys()
    assert len(raised) > 15
    assert {f"error.{key}" for key in raised | MESSAGES.keys()} <= catalogue(language).keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_is_explained_in_the_language_of_the_session(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.i18n.language", lambda: language)
    sentence = explain(RunError("weights-missing", path="vae-tiny"))
    assert "vae-tiny" in sentence
    assert bool(HANGUL.search(sentence)) == (language == "ko")


def test_an_error_unknown_to_the_catalogue_is_said_in_english(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ui.i18n.language", lambda: "ko")
    error = PlaygroundError("weights-missing", path="vae-tiny")
    error.key = "brand-new"
    assert explain(error) == plain(str(error))


def test_text_from_outside_cannot_become_markup() -> None:
    assert plain("[a](b) *c* $d$ `e` <f> :g:") == r"\[a\](b) \*c\* \$d\$ \`e\` \<f\> \:g\:"
