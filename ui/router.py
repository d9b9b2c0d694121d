"""The frame of every screen: navigation, run picker, language; then the screen itself.

Run by `st.App` in app.py. It stands beside no `pages` folder, so that Streamlit finds no screens of
its own and a link to any of them comes through here.
"""

from pathlib import Path

import streamlit as st

from ui import controls, state, turns
from ui.i18n import t
from vae_core.errors import PlaygroundError

UI = Path(__file__).resolve().parent
# section -> screen -> icon; a screen's name is that of its file, its address and its texts
SCREENS = {
    "explore": {
        "latent_map": ":material/map:",
        "interpolate": ":material/timeline:",
        "generate": ":material/grid_view:",
        "encode_yours": ":material/draw:",
    },
    "compare": {
        "compare": ":material/compare:",
        "time_machine": ":material/history:",
        "beta_series": ":material/stacked_line_chart:",
        "high_dimensions": ":material/bubble_chart:",
    },
    "train": {"train": ":material/model_training:", "runs": ":material/folder_open:"},
}
# the others have run pickers of their own
ONE_RUN = ("latent_map", "interpolate", "encode_yours", "generate", "high_dimensions")
# what a screen can show, where it is more than codes in their plane
SHOWN = {
    "latent_map": controls.mapped_runs,
    "generate": controls.every_run,
    "high_dimensions": controls.every_run,
    "time_machine": controls.every_run,
    "beta_series": controls.every_run,
    "train": controls.every_run,
    "runs": controls.every_run,
}
WITHOUT_RUNS = ("train", "runs")  # these work before there is any run


def show() -> None:
    """Runs the screen that the address names."""
    state.begin()

    # before the navigation: the icon of a screen would else be asked of an outside host
    st.set_page_config(page_icon=str(UI / "icon.svg"), layout="wide")

    pages = {
        name: st.Page(
            UI.parent / "pages" / f"{name}.py",
            title=t(f"{name}.title"),
            icon=icon,
            default=name == "latent_map",
        )
        for screens in SCREENS.values()
        for name, icon in screens.items()
    }
    page = st.navigation(
        {
            t(f"section.{section}"): [pages[name] for name in names]
            for section, names in SCREENS.items()
        }
    )
    screen = next(name for name in pages if pages[name] is page)
    state.enter(screen)

    runs = SHOWN.get(screen, controls.planar_runs)()
    with st.sidebar:
        if runs and screen in ONE_RUN:
            current = controls.current_run(runs, wide=screen == "high_dimensions")
            controls.pick_run("run", t("run.label"), current, runs)
        controls.palette_switch()
        controls.language_switch()
        controls.tell_left_out(runs)

    try:
        if runs or screen in WITHOUT_RUNS:
            page.run()
        else:
            st.title(page.title)
            st.info(t("run.none"))
    except PlaygroundError as error:
        controls.show_script_error(error)


with turns.SCRIPTS.turn():
    show()
