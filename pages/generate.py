"""What a decoder can be asked for: grids, samples, sums of codes, traversals, its own network."""

import streamlit as st

from ui import generate
from ui.controls import choose_one, current_run, every_run, tell_unknown_run
from ui.i18n import plain, t

runs = every_run()
run = current_run(runs)

st.title(t("generate.title"))
st.caption(t("generate.caption"))
tell_unknown_run("run", run)

views = {
    view: t(f"generate.{view}")
    for view in generate.VIEWS
    if any(generate.offered(view, each) for each in runs)
}
view = choose_one("view", t("generate.view"), views, label_visibility="collapsed", wrap=True)


@st.fragment
def shown() -> None:
    """Only the view runs again when something in it is chosen."""
    generate.show(view, run)


if generate.offered(view, run):
    shown()
else:
    having = [plain(each.id) for each in runs if generate.offered(view, each)]
    st.info(t("generate.other-run", run=plain(run.id), runs=", ".join(having)))
