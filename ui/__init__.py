"""All that needs Streamlit but is no screen: server, caches, controls, texts, the latent map.

Imports `vae_core`, never `pages`.
"""
