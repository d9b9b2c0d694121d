"""Every sentence that a person reads on a screen, in the language of the session.

One catalogue a language in `locales/`, addressed as "section.name". The core's own sentences, of
errors and of recipes, are the English ones: they stand only there, other catalogues translate them.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import streamlit as st

from ui import state
from vae_core.errors import MESSAGES, PlaygroundError
from vae_core.recipes import RECIPES

LANGUAGES: Mapping[str, str] = {"en": "English", "ko": "한국어"}
LOCALES = Path(__file__).parent / "locales"


def language() -> str:
    """The language asked for in the URL, else the browser's where we speak it, else English."""
    locale = (st.context.locale or "").partition("-")[0]
    return state.choice("lang", LANGUAGES, locale if locale in LANGUAGES else "en")


def t(key: str, **fields: object) -> str:
    """The sentence of that key, filled, in the session's language."""
    return catalogue(language())[key].format(**fields)


def explain(error: PlaygroundError) -> str:
    """An error as one sentence of Markdown in the session's language."""
    values = {name: plain(value) for name, value in error.values.items()}
    sentence = catalogue(language()).get(f"error.{error.key}")
    return sentence.format(**values) if sentence else plain(error)


def plain(value: object) -> str:
    """Text from outside, for a place that reads Markdown: it shows as written."""
    return re.sub(r"([\\`*_\[\]$<>~#:|])", r"\\\1", str(value))


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All sentences of one language by key."""
    sections = tomllib.loads((LOCALES / f"{language}.toml").read_text("utf-8"))
    entries = {
        f"{section}.{name}": sentence
        for section, sentences in sections.items()
        for name, sentence in sentences.items()
    }
    if language == "en":
        entries |= {f"error.{key}": sentence for key, sentence in MESSAGES.items()}
        entries |= {f"recipe.{name}": recipe.summary for name, recipe in RECIPES.items()}
    return entries


@cache
def section(name: str, language: str) -> Mapping[str, str]:
    """One section's sentences, for a component; what stands in braces is filled in the browser."""
    sentences = catalogue(language).items()
    return {key.removeprefix(f"{name}."): s for key, s in sentences if key.startswith(f"{name}.")}
