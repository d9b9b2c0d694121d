"""A training in the background: of the processor it takes what nobody else wants.

`python -m vae_core.background RUN` is what the queue starts. It stands back before it imports
anything heavy, which alone keeps a core busy for seconds.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

NICENESS = 19  # LATENT_NICE says otherwise


def stand_back() -> None:
    """Lets this process wait for all others, as far as `LATENT_NICE` says: 0 not at all, 19 always.

    Training can wait, a click cannot. A niceness alone is not enough: beside a training at 10, a
    click's decode took five times as long as without one, beside one at 19 that is idle no longer.
    """
    wished = os.environ.get("LATENT_NICE", "")
    niceness = min(int(wished), 19) if wished.isdecimal() else NICENESS
    if hasattr(os, "nice"):
        os.nice(max(0, niceness - os.nice(0)))
    with suppress(OSError):
        # Linux shares out time between sessions first, and a worker has a session of its own
        Path("/proc/self/autogroup").write_text(str(niceness))
    if niceness == 19 and hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main() -> None:
    """Trains the run folder that is named on the command line."""
    stand_back()
    from vae_core import worker
    from vae_core.errors import exit_code

    sys.exit(exit_code(worker.main))


if __name__ == "__main__":
    main()
