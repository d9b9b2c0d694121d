"""What all routes share: answers that are kept for ever, and mistakes answered by one sentence."""

from collections.abc import Callable
from functools import wraps

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ui import resources
from vae_core.errors import PlaygroundError
from vae_core.runs import BrokenRun, Run

FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
NEVER = {"Cache-Control": "no-store"}

Answer = Callable[[Request], Response]


class NotFoundError(Exception):
    """An address that leads nowhere, in one sentence."""


def sentences(answer: Answer) -> Answer:
    """Turns what a person can mend into its sentence; such answers are never kept."""

    @wraps(answer)
    def endpoint(request: Request) -> Response:
        try:
            return answer(request)
        except NotFoundError as error:
            return JSONResponse({"error": str(error)}, 404, NEVER)
        except PlaygroundError as error:
            return JSONResponse({"error": str(error), "key": error.key}, 400, NEVER)

    return endpoint


def found_run(run_id: str, digest: str) -> Run:
    """Returns the run that an address names, if its weights are still the ones named too."""
    found = resources.find_run(run_id)
    if found is None:
        raise NotFoundError(f"There is no run named {run_id!r}: choose one from the list.")
    if isinstance(found, BrokenRun):
        raise found.error
    if found.digest != digest:
        raise NotFoundError(f"The run {run_id!r} has changed: reload the page.")
    return found
