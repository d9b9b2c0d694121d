"""The server: the screens of `ui/router.py`, plus what the browser asks for directly.

`streamlit run app.py` reads this file without running it, looking for the literal `st.App` call.
"""

import os

# OpenMP gives each script thread a team of its own. Decodes take a tenth of a millisecond, and
# teams that fight over the cores make them slower. OpenMP reads this once, when torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import streamlit as st

from ui.controls import show_script_error
from ui.server import lifespan, middleware, routes

app = st.App(
    "ui/router.py",
    routes=routes,
    middleware=middleware,
    lifespan=lifespan,
    on_script_error=show_script_error,
)
