"""Errors that a person can mend, each one sentence: what was wanted, what came, what to do.

`key` names the message and `values` fills it, so that a screen can say the same sentence in another
language. Anything else that is raised is a defect of the program, not of its input.
"""

import sys
from collections.abc import Callable, Mapping

MESSAGES: Mapping[str, str] = {
    # settings
    "config-invalid": (
        "The setting {field} is not usable ({reason}; got {value}): correct it and try again."
    ),
    "config-unreadable": (
        "The settings are not readable as JSON ({reason}): restore the file or train again."
    ),
    "config-format": (
        "The settings have format {value}, and this version reads format {wanted}: update "
        "Latent Playground or train again."
    ),
    "recipe-unknown": "There is no recipe named {name!r}; choose one of: {known}.",
    # data
    "data-unknown": "There is no data set named {name!r}; choose one of: {known}.",
    "data-missing": (
        "The data set {name} was not found in {folder}: set LATENT_DATA to the folder that "
        "holds it, or add --download, or use --data mnist-5k, which is built in."
    ),
    "data-folder-missing": (
        "The data folder {folder} does not exist: set LATENT_DATA to the folder that holds "
        "the data sets, or use --data mnist-5k, which is built in."
    ),
    "data-split": "The data set {name} has no split named {split!r}; choose one of: {known}.",
    "data-damaged": "The data set {name} in {folder} is damaged ({reason}): replace its files.",
    "data-download": (
        "The data set {name} could not be downloaded ({reason}): check the network, or put "
        "its files into {folder}, or use --data mnist-5k, which is built in."
    ),
    "data-shape": (
        "The run takes images of {wanted} and the data set {name} has images of {value}: "
        "choose a data set of that shape, or set --size and --channels."
    ),
    "data-folder-unreadable": (
        "The folder of pictures {folder} cannot be read ({reason}): name one with --folder that "
        "holds a subfolder for each class."
    ),
    "data-folder-few": (
        "The folder {folder} has {value} different pictures that can be read, and 3 are needed: "
        "put pictures into a subfolder for each class."
    ),
    "data-folder-large": (
        "The folder {folder} has {value} pictures, and {limit} (of at most 100 classes) are the "
        "limit: take some out, or make them smaller with --size."
    ),
    "data-classes": (
        "The run is told one of {wanted} classes with each image and the data set {name} has "
        "{value}: choose a data set with as many classes."
    ),
    # runs
    "run-missing": (
        "There is no run at {path}: give the folder of a run; `python -m vae_core list` shows them."
    ),
    "run-exists": (
        "The folder {path} is already in use: choose another one, or continue it with `python "
        "-m vae_core resume`."
    ),
    "run-unfinished": (
        "The run {path} has not finished its first epoch: resume it with `python -m vae_core "
        "resume`."
    ),
    "run-not-resumable": "The run {path} cannot be resumed ({reason}): train it again.",
    "run-finished": (
        "The run {path} has finished its {epochs} epochs: train another one to go further."
    ),
    "run-busy": (
        "The run {path} is being trained by another process ({pid}): wait for it, or stop it first."
    ),
    "run-paused": (
        "The run {path} is paused after {done} of {epochs} epochs: resume it to go on from there."
    ),
    "run-stopped": (
        "The run {path} was stopped after {done} of {epochs} epochs: what is finished is kept, and "
        "it can be resumed."
    ),
    "run-over": "The run {path} is not being trained and does not wait: there is nothing to stop.",
    "run-shipped": "The run {path} comes with the program: delete only runs of your own.",
    "job-not-yours": (
        "The run {path} was started from another browser: ask whoever started it, or use the "
        "terminal of this machine."
    ),
    "queue-full": (
        "{limit} trainings are waiting already: try again when some of them have finished."
    ),
    "queue-full-yours": (
        "{limit} trainings of yours are waiting already: try again when some of them have finished."
    ),
    "worker-died": (
        "The training process of {path} ended {times} times before an epoch was done, perhaps for "
        "want of memory: choose a smaller batch or network, or resume it to try again."
    ),
    "worker-failed": "The training of {path} ended with an error ({reason}): change its settings.",
    "cluster-no-ray": (
        "LATENT_CLUSTER is set and Ray is not installed: type `pip install -r "
        "requirements-cluster.txt`, or unset LATENT_CLUSTER to train on this machine."
    ),
    "cluster-unreachable": (
        "The Ray cluster at {address} cannot be used ({reason}): start it with `ray start --head`, "
        "or correct LATENT_CLUSTER, or unset it to train on this machine."
    ),
    "cluster-small": (
        "No node of the cluster has {threads} cores and {gpus} GPUs: choose fewer threads or "
        "another device, or add such a node and resume."
    ),
    "cluster-not-shared": (
        "The node {node} of the cluster does not see {path}: give all nodes the folder that "
        "LATENT_RUNS names, under the same path, and resume."
    ),
    "no-estimate": "There is no estimate ({reason}): the training itself may still start.",
    "archive-unusable": (
        "{name} is no run that can be taken in ({reason}): choose a ZIP file that was downloaded "
        "from the screen of runs."
    ),
    "runs-full": "You have {limit} runs already: delete some of them first.",
    "run-id": (
        "{value!r} cannot name a run: use up to 64 small letters, digits, dots, dashes and "
        "underscores, beginning with a letter or digit."
    ),
    "card-damaged": (
        "The card of the run {path} is not readable ({reason}): restore card.json or train again."
    ),
    "weights-missing": (
        "The run {path} has no weights.safetensors: restore the file or train again."
    ),
    "weights-damaged": (
        "The weights of the run {path} are not a sound safetensors file ({reason}): restore "
        "weights.safetensors or train again."
    ),
    "weights-mismatch": (
        "The weights of the run {path} do not fit its card ({reason}): restore the right "
        "weights.safetensors or train again."
    ),
    "weights-replaced": (
        "Training has replaced the weights of the run {path} since the run was opened: open it "
        "again."
    ),
    "moments-damaged": (
        "What the run {path} kept of its training is damaged ({name}): restore the file or train "
        "again."
    ),
    "moment-missing": (
        "The run {path} kept no pictures of a moment named {name!r}: choose one of its own."
    ),
    "sweep-other": (
        "The folder {path} holds a run with other settings: choose another folder for the sweep, "
        "or move that run away."
    ),
    "sweep-beta": (
        "The recipe {name} has no KL term, so beta changes nothing in it: take it out of the "
        "recipes, or leave the list of betas empty."
    ),
    "sweep-list-long": (
        "{what} is a list of {value} characters, and {limit} are the limit: make it shorter."
    ),
    "sweep-large": (
        "The lists make {value} runs, and {limit} are the limit: make the lists shorter."
    ),
    "not-writable": (
        "Nothing could be written to {path} ({reason}): choose another folder or make room."
    ),
    # devices and training
    "device-unknown": "There is no device named {name!r}; choose one of: {known}.",
    "device-missing": "The device {name} is not available on this machine: choose one of: {known}.",
    "diverged": (
        "The loss became {value} in epoch {epoch}: lower the learning rate and train again."
    ),
    # values from outside
    "input-shape": (
        "{what} should have the shape {wanted}, and {value} was given: correct it and try again."
    ),
    "input-not-finite": (
        "{what} should be finite numbers, and {value} was given: correct it and try again."
    ),
    "input-range": (
        "{what} should be between {low} and {high}, and {value} was given: correct it and try "
        "again."
    ),
    "input-choice": "{what} should be one of {known}, and {value!r} was given: choose one of them.",
    "input-labels-missing": (
        "The run {run} is conditional and wants a class from 0 to {high} with each code or image: "
        "say which."
    ),
    "input-labels-unwanted": (
        "The run {run} is not conditional, and a class was given: leave it out, or choose a "
        "conditional run."
    ),
    "input-unreadable": "{what} could not be read ({reason}): correct it and try again.",
    "slice-same": "A plane needs two directions, and both are number {value}: change one.",
    "selection-other-images": (
        "The outline was drawn on the map of {run}, which shows other images: draw it here."
    ),
    "projections-busy": (
        "{limit} projections are under way or waiting, and no more are taken at a time: wait for "
        "one to end, or stop one."
    ),
    "selection-empty": "No image lies inside this outline: draw it around at least one.",
    # drawings and picture files
    "input-blank": (
        "There is no digit to be seen: draw one, or choose a picture of one that stands out from "
        "its paper."
    ),
    "drawing-long": (
        "The drawing has more than {strokes} strokes or {points} points: clear it and draw one "
        "digit."
    ),
    "drawing-unreadable": "The drawing did not arrive whole: clear it and draw again.",
    "picture-bytes": "{name} is larger than {limit} MB: choose a smaller picture.",
    "picture-pixels": (
        "{name} has {value} pixels, and {limit} million are the limit: choose a smaller picture."
    ),
    "picture-unreadable": (
        "{name} is damaged or no picture that can be read here: choose one of the kinds {known}."
    ),
    "package-missing": (
        "This needs the package {package}, which is not installed: type `pip install "
        "{package}` and try again."
    ),
}


class PlaygroundError(ValueError):
    """The family's root.

    Attributes:
        key: Name of the message in `MESSAGES`.
        values: What fills the message's fields.
    """

    def __init__(self, key: str, **values: object) -> None:
        self.key = key
        self.values = values
        super().__init__(MESSAGES[key].format(**values))

    def __reduce__(self) -> tuple[object, ...]:
        """Errors cross process borders whole."""
        return (_rebuild, (type(self), self.key, self.values))


class ConfigError(PlaygroundError):
    """A setting, a recipe or a device that cannot be used."""


class DataError(PlaygroundError):
    """A data set that is missing, damaged or of the wrong shape."""


class RunError(PlaygroundError):
    """A run folder that is missing, busy or unreadable."""


class CheckpointError(RunError):
    """Weights that are damaged or do not fit their card."""


class InputError(PlaygroundError):
    """A value from outside: a latent code, an index, a picture, a choice."""


def exit_code(work: Callable[[], object]) -> int:
    """Does a process's work; returns 0, or 1 after telling on stderr what a person can mend."""
    try:
        work()
    except PlaygroundError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _rebuild(kind: type[PlaygroundError], key: str, values: dict[str, object]) -> PlaygroundError:
    return kind(key, **values)
