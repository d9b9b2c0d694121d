"""The domain of Latent Playground: models, training, runs, inference, figures and exports.

Nothing here knows a front end: screens, the command line and the benchmarks all call these
modules. Importing the package imports nothing heavy; each module brings in what it needs.
"""
