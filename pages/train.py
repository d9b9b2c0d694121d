"""Training, watched: choose a recipe and see a latent space form; a link reopens it anywhere."""

import streamlit as st

from ui.i18n import t
from ui.job_view import job_view, watched
from ui.train_form import train_form

job = watched()

st.title(t("train.title"))
if job:
    job_view(job)
else:
    st.caption(t("train.caption"))
    train_form()
