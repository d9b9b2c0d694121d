"""Benchmarks against peers and limits, run by name: `python -m bench NAME --json`.

A benchmark is a module here with `add_arguments(parser)` and `measure(arguments)`, which returns
plain JSON values. Ratios are measured interleaved in one run, since a machine's speed drifts.
"""

# name -> what it measures; the module of that name is imported only when it is run
BENCHMARKS = {
    "training": "training against peers and bare matrix products, and what a training's time buys",
    "launch": "from the start command to a health answer, a ready map and exact clicked pictures",
    "kills": "kill -9 of worker and server at random times: nothing lost, bit-identical in the end",
    "rush": "thirty sessions press Train in a second while others click on the map",
    "projections": "PCA and t-SNE of 5,000 codes of 128 units with a stop, grids of 40 x 40",
    "cluster": "a sweep over a two-node local Ray cluster, one worker killed",
    "load": "a class that clicks, one server or several behind nginx; a simulated course",
    "map": "the latent map in a browser: visits, hovering, previews, clicks, a long lesson",
}


class NotPossible(Exception):
    """What keeps a benchmark from being measured here, in one sentence."""
