"""Trainings, watched: choose a recipe, or a sweep of many, and see latent spaces form."""

import streamlit as st

from ui import state
from ui.controls import choose_one
from ui.family_view import family_view, watched_family
from ui.i18n import t
from ui.job_view import job_view, watched
from ui.sweep_form import sweep_form
from ui.train_form import train_form

job = watched()
family = () if job else watched_family()

st.title(t("train.title"))
if job:
    job_view(job)
elif family:
    family_view(family)
else:
    st.caption(t("train.caption"))
    ways = {way: t(f"train.how-{way}") for way in ("one", "sweep")}
    if not state.chosen("like") and choose_one("how", t("train.how"), ways) == "sweep":
        sweep_form()
    else:
        train_form()
