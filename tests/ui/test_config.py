"""The settings in .streamlit/config.toml take effect, the hidden one among them."""

from pathlib import Path

import pytest
from streamlit import config

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def project_settings(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    config.get_config_options(force_reparse=True)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("runner.postScriptGC", False),
        ("browser.gatherUsageStats", False),
        ("server.fileWatcherType", "none"),
        ("client.showErrorDetails", "none"),
    ],
)
def test_an_option_is_the_projects_and_not_streamlits(option: str, value: object) -> None:
    assert config.get_option(option) == value
    assert config.get_where_defined(option).endswith("config.toml")


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ink", ["textColor", "primaryColor", "linkColor"])
@pytest.mark.parametrize("paper", ["backgroundColor", "sidebar.backgroundColor"])
def test_ink_is_readable_on_paper(theme: str, ink: str, paper: str) -> None:
    levels = [luminance(config.get_option(f"theme.{theme}.{name}")) for name in (ink, paper)]
    assert (max(levels) + 0.05) / (min(levels) + 0.05) >= 4.5
