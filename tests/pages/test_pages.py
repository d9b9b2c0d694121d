"""Every screen, found by looking, in both languages, on good and on bad shelves of runs."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file
from streamlit.testing.v1 import AppTest

from ui.i18n import LANGUAGES, catalogue, plain
from vae_core.data import load_gallery

ROOT = Path(__file__).parents[2]
MakeRun = Callable[..., Path]  # the fixtures of conftest.py
WITHOUT_RUNS = ("train", "runs")  # screens that work before there is any run
SCREENS = [path.stem for path in sorted((ROOT / "pages").glob("*.py"))]
LOCALES = {"en": "en-US", "ko": "ko-KR"}

each_screen = pytest.mark.parametrize("screen", SCREENS)
each_language = pytest.mark.parametrize("language", LANGUAGES)


def visit(screen: str, language: str = "en", **url: str) -> AppTest:
    """Opens a screen by its address as a browser of that language does."""
    app = AppTest.from_file(str(ROOT / "ui" / "router.py"), default_timeout=60)
    app.context = {"locale": LOCALES[language]}
    app.run()
    app.switch_page(str(ROOT / "pages" / f"{screen}.py"))
    for name, value in url.items():
        app.query_params[name] = value
    return check(app.run())


def check(app: AppTest) -> AppTest:
    assert not app.exception, [error.message for error in app.exception]
    return app


def texts(app: AppTest) -> str:
    """All sentences on the page, sidebar included."""
    kinds = (app.title, app.caption, app.markdown, app.info, app.warning, app.error)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


@each_screen
@each_language
def test_a_screen_opens_in_the_browsers_language(
    screen: str, language: str, shelf: MakeRun
) -> None:
    app = visit(screen, language)
    assert app.title[0].value == catalogue(language)[f"{screen}.title"]
    assert not app.error
    assert not app.warning


@each_screen
def test_a_link_decides_the_language_and_the_switch_changes_the_link(
    screen: str, shelf: MakeRun
) -> None:
    app = visit(screen, "en", lang="ko")
    assert app.title[0].value == catalogue("ko")[f"{screen}.title"]
    app.get_by_key("choose-lang").set_value("en")
    check(app.run())
    assert app.query_params["lang"] == "en"
    assert app.title[0].value == catalogue("en")[f"{screen}.title"]


@each_screen
def test_choices_survive_a_change_of_screens(screen: str, shelf: MakeRun) -> None:
    app = visit(screen, lang="ko", run="ae-tiny")
    for other in [*(name for name in SCREENS if name != screen), screen]:
        app.query_params.clear()  # what the browser does when another screen is opened
        app.switch_page(str(ROOT / "pages" / f"{other}.py"))
        check(app.run())
        assert app.title[0].value == catalogue("ko")[f"{other}.title"]
        assert app.query_params["lang"] == "ko"
        assert app.query_params["run"] == "ae-tiny"


def test_a_step_back_takes_choices_back(shelf: MakeRun) -> None:
    app = visit("latent_map", lang="ko", run="ae-tiny")
    app.query_params.clear()
    check(app.run())
    assert app.title[0].value == catalogue("en")["latent_map.title"]
    assert app.get_by_key("choose-run").value == "vae-tiny"
    assert not dict(app.query_params)


@each_language
def test_an_unknown_run_in_a_link_is_told_and_passed_over(language: str, shelf: MakeRun) -> None:
    asked = "nope*[x](http://example.org)"
    app = visit("latent_map", language, run=asked)
    sentence = catalogue(language)["run.unknown"].format(asked=plain(asked), shown="vae-tiny")
    assert [warning.value for warning in app.warning] == [sentence]
    assert r"\[x\]" in sentence  # shown as written, never as a link
    assert app.get_by_key("choose-run").value == "vae-tiny"


def test_comparing_unknown_runs_tells_both_and_shows_the_twins(shelf: MakeRun) -> None:
    app = visit("compare", left="nope", right="neither")
    assert len(app.warning) == 2
    assert app.get_by_key("choose-left").value == "ae-tiny"
    assert app.get_by_key("choose-right").value == "vae-tiny"


@pytest.mark.parametrize("screen", [name for name in SCREENS if name not in WITHOUT_RUNS])
@each_language
def test_without_any_run_a_screen_says_how_to_train_one(
    screen: str, language: str, make_run: MakeRun
) -> None:
    app = visit(screen, language)
    assert [info.value for info in app.info] == [catalogue(language)["run.none"]]


@pytest.mark.parametrize("screen", WITHOUT_RUNS)
@each_language
def test_without_any_run_one_can_be_trained_or_taken_in(
    screen: str, language: str, make_run: MakeRun
) -> None:
    app = visit(screen, language)
    assert app.title[0].value == catalogue(language)[f"{screen}.title"]
    assert not app.error


def truncated(folder: Path) -> None:
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def not_finite(folder: Path) -> None:
    tensors = load_file(folder / "weights.safetensors")
    next(iter(tensors.values())).flat[0] = np.nan
    save_file(tensors, folder / "weights.safetensors")


def wrong_shape(folder: Path) -> None:
    tensors = load_file(folder / "weights.safetensors")
    name = next(iter(tensors))
    tensors[name] = tensors[name][:-1].copy()
    save_file(tensors, folder / "weights.safetensors")


def pickled(folder: Path) -> None:
    (folder / "weights.safetensors").write_bytes(b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01K\x01u.")


def without_weights(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()


def bad_card(folder: Path) -> None:
    (folder / "card.json").write_text('{"format": 1, "name":')


def bad_setting(folder: Path) -> None:
    card = folder / "card.json"
    card.write_text(card.read_text().replace('"latent_dim": 2', '"latent_dim": 0'))


@each_language
@pytest.mark.parametrize(
    "damage",
    [truncated, not_finite, wrong_shape, pickled, without_weights, bad_card, bad_setting],
    ids=lambda damage: damage.__name__,
)
def test_a_broken_run_is_named_in_one_sentence_and_the_others_stay(
    damage: Callable[[Path], None], language: str, shelf: MakeRun
) -> None:
    damage(shelf("vae-broken"))
    app = visit("latent_map", language, run="vae-broken")
    assert app.get_by_key("choose-run").options == ["ae-tiny", "vae-tiny"]
    (sentence,) = (entry.value for entry in app.expander[0].markdown)
    assert sentence.startswith("**vae-broken** · ")
    assert "Traceback" not in sentence
    assert len(app.warning) == 1


@each_language
def test_runs_without_a_plane_are_left_out_and_counted(language: str, shelf: MakeRun) -> None:
    shelf("vae-deep", latent_dim=128)
    app = visit("interpolate", language)
    assert app.get_by_key("choose-run").options == ["ae-tiny", "vae-tiny"]
    sentence = catalogue(language)["run.not-planar"].format(count=1, names="vae-deep (128)")
    assert sentence in texts(app)


def test_the_first_visit_shows_the_best_vae(shelf: MakeRun) -> None:
    shelf("vae-better", total=133.0)
    shelf("vae-unmeasured", total=None)
    app = visit("latent_map")
    assert app.get_by_key("choose-run").value == "vae-better"
    assert "133.0 nats per image (n = 10,000 test images)" in texts(app)


def test_picking_a_run_writes_it_into_the_link(shelf: MakeRun) -> None:
    app = visit("latent_map")
    app.get_by_key("choose-run").set_value("ae-tiny")
    check(app.run())
    assert app.query_params["run"] == "ae-tiny"


@pytest.mark.parametrize(
    "pin", [{"z": "0.5,-1.25"}, {"z": "-3,1e1"}, {"digit": "0"}, {"digit": "4999"}]
)
def test_a_pin_in_a_link_is_kept(pin: dict[str, str], shelf: MakeRun) -> None:
    app = visit("latent_map", **pin)
    assert not app.warning
    assert {name: app.query_params[name] for name in pin} == pin


@pytest.mark.parametrize(
    "pin",
    [{"z": z} for z in ("", "1", "1,2,3", "nan,0", "0,inf", "a,b", "1;2")]
    + [{"digit": digit} for digit in ("-1", "5000", "1.5", "x", "٣", "1" * 5000)],
    ids=str,
)
def test_a_pin_that_is_no_place_is_told_in_one_sentence(
    pin: dict[str, str], shelf: MakeRun
) -> None:
    app = visit("latent_map", **pin)
    assert len(app.warning) == 1
    assert len(app.warning[0].value) < 400


def test_a_digit_is_chosen_by_class_then_by_example(shelf: MakeRun) -> None:
    app = visit("interpolate", a="1700", b="3")
    app.get_by_key("choose-a-class").set_value(2500)
    check(app.run())
    assert app.query_params["a"] == "2500"
    app.get_by_key("choose-a-example").set_value(2503)
    check(app.run())
    assert app.query_params["a"] == "2503"
    app.get_by_key("more-a").click()
    check(app.run())
    assert app.query_params["a"] == "2507"
    assert app.query_params["b"] == "3"


def test_other_examples_end_where_they_began(shelf: MakeRun) -> None:
    app = visit("interpolate", a="499")
    app.get_by_key("more-a").click()
    check(app.run())
    assert int(app.query_params["a"]) < 7


@each_language
def test_choices_that_are_none_are_told_and_passed_over(language: str, shelf: MakeRun) -> None:
    app = visit("interpolate", language, a="5000", b="x", method="선형")
    assert len(app.warning) == 3
    app = visit("compare", language, axes="mine", link="")
    assert len(app.warning) == 2


def test_the_way_is_in_the_link_by_its_code_in_every_language(shelf: MakeRun) -> None:
    app = visit("interpolate", "ko")
    app.get_by_key("choose-method").set_value("spherical")
    check(app.run())
    assert app.query_params["method"] == "spherical"


def picture_file(kind: str = "PNG") -> tuple[str, bytes, str]:
    """A digit of the gallery as a person's picture of it: dark on light, large."""
    file = io.BytesIO()
    digit = 255 - load_gallery().x[3500, 0]
    Image.fromarray(digit).resize((280, 280)).save(file, kind)
    return f"seven.{kind.lower()}", file.getvalue(), f"image/{kind.lower()}"


def pieces(app: AppTest) -> str:
    """All HTML of the page."""
    return "\n".join(element.proto.body for element in app.get("html"))


@each_language
def test_a_picture_is_placed_in_every_run(language: str, shelf: MakeRun) -> None:
    app = visit("encode_yours", language, source="upload")
    app.file_uploader[0].set_value(picture_file())
    check(app.run())
    assert not app.error
    html = pieces(app)
    for run in ("ae-tiny", "vae-tiny"):
        assert html.count(f'data-run="{run}"') == 1
    assert html.count('data-testid="neighbour"') == 5
    assert catalogue(language)["encode_yours.inverted"] in html


@each_language
@pytest.mark.parametrize("content", [b"", b"no picture", picture_file()[1][:200]])
def test_a_file_that_is_no_picture_is_one_sentence(
    content: bytes, language: str, shelf: MakeRun
) -> None:
    app = visit("encode_yours", language, source="upload")
    app.file_uploader[0].set_value(("a*b*.png", content, "image/png"))
    check(app.run())
    (error,) = app.error
    assert r"a\*b\*.png" in error.value
    assert 'data-testid="placed"' not in pieces(app)


def test_a_drawing_that_was_kept_is_placed_again(shelf: MakeRun) -> None:
    app = visit("encode_yours")
    assert 'data-testid="placed"' not in pieces(app)
    app.session_state["pad.kept"] = [{"width": 0.08, "points": [[0.5, 0.2], [0.5, 0.8]]}]
    check(app.run())
    assert pieces(app).count('data-testid="placed"') == 2
