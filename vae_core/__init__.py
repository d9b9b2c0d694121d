"""The domain of Latent Playground: models, training, runs, inference, figures and exports.

Nothing here knows a front end: screens, the command line and the benchmarks all call these
modules. Importing the package imports nothing heavy; each module brings in what it needs.
"""

import os

# GNU's OpenMP reads this once, when torch is loaded. A thread that waits for another one spins some
# 20 ms before it sleeps; where a core is busy, the other one waits for just that core, hundreds of
# times a step. Beside one busy process an epoch took 68 times as long as alone on two cores, with
# this number 5 times (`python -m bench training --part busy`); with fewer spins less, but small
# steps took longer alone.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
