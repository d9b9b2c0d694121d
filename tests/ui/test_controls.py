"""What is shown in place of a traceback."""

from streamlit.testing.v1 import AppTest

from ui.i18n import catalogue


def failing(message: str = "", **values: str) -> None:
    from ui.controls import show_script_error
    from vae_core.errors import RunError

    error = RunError(message, **values) if message else KeyError("/srv/private/table.csv")
    assert show_script_error(error)


def shown(locale: str, **error: str) -> list[str]:
    app = AppTest.from_function(failing, default_timeout=30, kwargs=error)
    app.context = {"locale": locale}
    app.run()
    assert not app.exception
    return [box.value for box in app.error]


def test_a_defect_is_one_sentence_without_its_details() -> None:
    assert shown("en-GB") == [catalogue("en")["app.failed"]]
    assert shown("ko") == [catalogue("ko")["app.failed"]]


def test_what_a_person_can_mend_is_said_in_their_language() -> None:
    (sentence,) = shown("ko-KR", message="weights-missing", path="vae-tiny")
    assert sentence == catalogue("ko")["error.weights-missing"].format(path="vae-tiny")


def test_a_language_that_we_do_not_speak_gets_english() -> None:
    assert shown("fr-FR") == [catalogue("en")["app.failed"]]
