"""Every run with its card and its figures; download one, take one in, delete one's own."""

import streamlit as st

from ui import state
from ui.i18n import t
from ui.run_shelf import bring_in, details, every, table

found = every()

st.title(t("runs.title"))
st.caption(t("runs.caption"))
if found:
    table(found.values())
    asked = state.choice("run", found, next(iter(found)))
    st.selectbox(t("run.label"), list(found), **state.tied("run", asked))
    details(found[asked])
else:
    st.info(t("runs.none"))

with st.expander(t("runs.import"), icon=":material/upload:"):
    bring_in()
