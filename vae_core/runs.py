"""A run is a folder, and the only truth.

`card.json` says what it is and how it came about, `weights.safetensors` is what was learned,
`history.jsonl` a line a moment, `latents/` the held-out codes and `frames/` pictures of each moment
(`NNNN`: after an epoch; `0000-SSSSSS`: after a step of the first); `state.json` and
`resume.safetensors` exist while it can be continued. Files are replaced whole. Weights are checked
against the card before a number of them is used. Nothing here trains.
"""

import hashlib
import json
import os
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from vae_core.config import RunConfig
from vae_core.errors import CheckpointError, ConfigError, PlaygroundError, RunError
from vae_core.files import parse_json, read_json, write_bytes, write_json
from vae_core.latent import principal_components
from vae_core.models import Autoencoder
from vae_core.models import build as build_model

CARD_FORMAT = 1
CARD, WEIGHTS, HISTORY, STATE, RESUME, LATENTS, FRAMES = (
    "card.json",
    "weights.safetensors",
    "history.jsonl",
    "state.json",
    "resume.safetensors",
    "latents",
    "frames",
)
RUN_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
MAX_WEIGHTS_BYTES = 512 * 2**20
MAX_HEADER_BYTES = 2**20
SHIPPED = Path(__file__).resolve().parent.parent / "checkpoints"
# networks with more weights are kept in half precision, so that they stay small enough to travel:
# on the test images, this changes no shipped run's cost by a hundredth of a nat
HALF_ABOVE = 500_000
# bounds of what a folder from elsewhere may say, so that all that is reckoned from it is a number
MAX_EPOCHS, MAX_THREADS, MAX_COUNT = 10_000, 1024, 10**9
Epochs = Annotated[int, Field(ge=0, le=MAX_EPOCHS)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
# safetensors' names of the number formats in which a tensor may be kept
_DTYPES = {torch.float32: ("F32", "F16"), torch.int64: ("I64",)}


class Card(BaseModel):
    """What a run is and how it came about; enough to train it again.

    Attributes:
        name: Display name. Data, never a path.
        differs: How the run's settings differ from the recipe's source, and why.
        data: Digests of the training and held-out parts, and their sizes, `n_train` and
            `n_held_out`.
        precision: What `auto` came to, "fp32" or "bf16".
        weights: How the numbers of the weights are kept, "fp32" or "fp16".
        seconds: Training time; None until it has ended.
        keeps: Of which moments codes and pictures are kept, "all" or the "last" alone.
        metrics: Figures by data split ("held-out", "test"), in nats per image.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: int = CARD_FORMAT
    name: str
    recipe: str
    differs: str = ""
    config: RunConfig
    data: dict[str, str | int] = {}
    versions: dict[str, str] = {}
    device: Annotated[str, Field(pattern="^(cpu|cuda|mps)$")] = "cpu"
    precision: Annotated[str, Field(pattern="^(fp32|bf16)$")] = "fp32"
    weights: Literal["fp32", "fp16"] = "fp32"
    threads: Annotated[int, Field(ge=1, le=MAX_THREADS)] = 1
    command: str = ""
    created: str = ""
    seconds: Seconds | None = None
    epochs_done: Epochs = 0
    parameters: Count = 0
    weights_sha256: str = ""
    keeps: Literal["all", "last"] = "all"
    metrics: dict[str, dict[str, float]] = {}

    @field_validator("config", mode="before")
    @classmethod
    def _read_config(cls, value: object) -> object:
        return value if isinstance(value, RunConfig) else RunConfig.from_json(value)

    @field_validator("data")
    @classmethod
    def _check_sizes(cls, value: dict[str, str | int]) -> dict[str, str | int]:
        for name, least in (("n_train", 1), ("n_held_out", 0)):
            n = value.get(name, least)
            if not isinstance(n, int) or not least <= n <= MAX_COUNT:
                raise ValueError(f"{name} should be a whole number from {least} to {MAX_COUNT}")
        return value

    @property
    def finished(self) -> bool:
        """Whether all epochs are done."""
        return self.epochs_done >= self.config.train.epochs

    def to_json(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {**self.model_dump(mode="json"), "config": self.config.to_json()}


class _Square(BaseModel):
    """The kept grid's plane, as `latent.Plane.to_dict` has it."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    center: Annotated[list[float], Field(min_length=2, max_length=2)]
    half: Annotated[float, Field(gt=0)]


class _Line(BaseModel):
    """What training writes as a line of a history; it may lack all but its epoch."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    epoch: Epochs
    step: Count = 0
    train: dict[str, float] = {}
    held_out: dict[str, float] = {}
    learning_rate: float = 0.0
    seconds: Seconds = 0.0
    plane: _Square = _Square(center=[0.0, 0.0], half=1.0)


@dataclass(frozen=True)
class Run:
    """A readable run: its folder, its card, its weights' SHA-256; they are read on demand."""

    path: Path
    card: Card
    weights_sha256: str

    @property
    def id(self) -> str:
        """The folder's name, which is what addresses and pickers use."""
        return self.path.name

    @property
    def digest(self) -> str:
        """First 12 hex digits of the weights' SHA-256: names what is decoded, for ever."""
        return self.weights_sha256[:12]

    @cached_property
    def moments(self) -> tuple[dict[str, Any], ...]:
        """The history's lines, oldest first: moments of the first epoch, then the epochs' ends."""
        return tuple(read_history(self.path))

    @property
    def history(self) -> tuple[dict[str, Any], ...]:
        """The epochs' lines, oldest first."""
        return tuple(line for line in self.moments if line.get("epoch") != 0)

    def model(self) -> Autoencoder:
        """Returns the model in evaluation mode on the CPU, its weights checked.

        Raises:
            CheckpointError: The weights are missing, damaged or not this card's.
        """
        model = build_model(self.card.config.model)
        tensors, digest = read_weights(self.path, self.card)
        if digest != self.weights_sha256:
            # addresses that browsers keep for ever name the digest: never decode others under it
            raise CheckpointError("weights-replaced", path=self.path.name)
        model.load_state_dict(tensors)
        return model.eval().requires_grad_(False)


@dataclass(frozen=True)
class BrokenRun:
    """A run folder that cannot be used, and why."""

    path: Path
    error: PlaygroundError

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def waits(self) -> bool:
        """Whether nothing is wrong with it but that its first epoch is not done."""
        return self.error.key == "run-unfinished"


def runs_roots() -> tuple[Path, ...]:
    """Returns the folders of runs: the shipped ones, then the user's (LATENT_RUNS, or `runs`)."""
    configured = os.environ.get("LATENT_RUNS")
    return SHIPPED, Path(configured).expanduser() if configured else SHIPPED.parent / "runs"


def list_runs(*roots: Path) -> tuple[Run | BrokenRun, ...]:
    """Returns all runs of these folders (default: `runs_roots()`), in order; an id is listed once.

    Folders that never were runs (no card) are passed over.
    """
    return tuple(open_or_tell(path) for path in run_folders(*roots))


def run_folders(*roots: Path) -> tuple[Path, ...]:
    """Returns the folders that `list_runs` reads."""
    found: dict[str, Path] = {}
    for root in roots or runs_roots():
        for path in sorted(root.iterdir()) if root.is_dir() else ():
            named = path.name not in found and RUN_ID.fullmatch(path.name)
            if named and (path / CARD).is_file():
                found[path.name] = path
    return tuple(found.values())


def open_or_tell(path: Path) -> Run | BrokenRun:
    """Returns the run in a folder, or what is wrong with it."""
    try:
        return open_run(path)
    except PlaygroundError as error:
        return BrokenRun(path, error)


def open_run(path: Path) -> Run:
    """Returns the run in a folder, its card and weights checked.

    Raises:
        RunError: There is no run, or its card is not readable.
        CheckpointError: Its weights are missing, damaged or not this card's.
    """
    path = path.absolute()
    card = read_card(path)
    if card.epochs_done == 0:
        raise RunError("run-unfinished", path=path.name)
    _, digest = read_weights(path, card)
    return Run(path, card, digest)


def check_run_id(value: str) -> str:
    """Returns a name that may become a folder.

    Raises:
        RunError: It may not.
    """
    if not RUN_ID.fullmatch(value):
        raise RunError("run-id", value=value[:80])
    return value


# --- the card ---------------------------------------------------------------------------------


def read_card(path: Path) -> Card:
    """Returns a run's card.

    Raises:
        RunError: There is none, or it is not readable.
        ConfigError: Its settings are out of range or of another format.
    """
    if not (path / CARD).is_file():
        raise RunError("run-missing", path=path)
    try:
        fields = read_json(path / CARD)
        if not isinstance(fields, dict) or fields.get("format") != CARD_FORMAT:
            raise RunError("card-damaged", path=path.name, reason=f"format {CARD_FORMAT} is wanted")
        return Card.model_validate(fields)
    except ConfigError:
        raise
    except ValidationError as error:
        first = error.errors()[0]
        # pydantic wraps the ValueErrors of validators; the sentence inside is the better one
        inner = first.get("ctx", {}).get("error")
        if isinstance(inner, ConfigError):
            raise inner from error
        place = ".".join(map(str, first["loc"]))
        reason = f"{place}: {inner or first['msg']}"
        raise RunError("card-damaged", path=path.name, reason=reason) from error
    except (OSError, ValueError) as error:
        if isinstance(error, PlaygroundError):
            raise
        raise RunError("card-damaged", path=path.name, reason=str(error)) from error


def write_card(path: Path, card: Card) -> None:
    """Replaces a run's card.

    Raises:
        RunError: It cannot be written.
    """
    write_json(path / CARD, card.to_json())


# --- weights ----------------------------------------------------------------------------------


def kept_as(model: Autoencoder) -> Literal["fp32", "fp16"]:
    """Returns how `write_weights` keeps this network's numbers."""
    # all of them: an average over the steps is not trainable
    numbers = sum(parameter.numel() for parameter in model.parameters())
    return "fp16" if numbers > HALF_ABOVE else "fp32"


def write_weights(path: Path, model: Autoencoder) -> str:
    """Replaces a run's weights and returns their SHA-256.

    Raises:
        RunError: They cannot be written.
    """
    half = kept_as(model) == "fp16"
    tensors = {
        name: tensor.half() if half and tensor.is_floating_point() else tensor
        for name, tensor in model.state_dict().items()
    }
    content = save_tensors(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    )
    write_bytes(path / WEIGHTS, content)
    return hashlib.sha256(content).hexdigest()


def read_weights(path: Path, card: Card) -> tuple[dict[str, Tensor], str]:
    """Returns a run's weights, and their SHA-256, once they are known to be sound.

    A finished run's weights must be the card's own. While it trains, weights and card are replaced
    one after the other, and the weights of either epoch are good.

    Raises:
        CheckpointError: As its sentence says.
    """
    content = _bounded_bytes(path)
    with torch.device("meta"):
        expected = build_model(card.config.model).state_dict()
    _check_header(path, content, expected)
    try:
        tensors = load_tensors(content)
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise CheckpointError("weights-damaged", path=path.name, reason=str(error)) from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(
                "weights-damaged",
                path=path.name,
                reason=f"{name} holds numbers that are not finite",
            )
    digest = hashlib.sha256(content).hexdigest()
    if card.finished and digest != card.weights_sha256:
        raise CheckpointError(
            "weights-mismatch", path=path.name, reason="their SHA-256 is not the card's"
        )
    wide = {n: t.float() if t.dtype == torch.float16 else t for n, t in tensors.items()}
    return wide, digest


def _bounded_bytes(path: Path) -> bytes:
    file = path / WEIGHTS
    try:
        if file.stat().st_size > MAX_WEIGHTS_BYTES:
            raise CheckpointError(
                "weights-damaged", path=path.name, reason=f"over {MAX_WEIGHTS_BYTES} bytes"
            )
        return file.read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError("weights-missing", path=path.name) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise CheckpointError("weights-damaged", path=path.name, reason=reason) from error


def _check_header(path: Path, content: bytes, expected: Mapping[str, Tensor]) -> None:
    """Compares the file's own list of tensors with the model's before anything is loaded."""
    if content[:2] == b"PK" or (content[:1] == b"\x80" and content[8:9] != b"{"):
        reason = "it is a pickle, which could run code, under another name"
        raise CheckpointError("weights-damaged", path=path.name, reason=reason)
    if len(content) < 8:
        raise CheckpointError("weights-damaged", path=path.name, reason="it is too short")
    (size,) = struct.unpack("<Q", content[:8])
    if size > min(MAX_HEADER_BYTES, len(content) - 8):
        raise CheckpointError("weights-damaged", path=path.name, reason="its header is cut off")
    try:
        header = parse_json(content[8 : 8 + size])
        found = {
            name: (tensor["dtype"], tuple(tensor["shape"]))
            for name, tensor in header.items()
            if name != "__metadata__"
        }
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise CheckpointError(
            "weights-damaged", path=path.name, reason="its header is not readable"
        ) from error
    for name, tensor in expected.items():
        dtypes, shape = _DTYPES[tensor.dtype], tuple(tensor.shape)
        if found.get(name) not in [(dtype, shape) for dtype in dtypes]:
            got = "nothing" if name not in found else _shape_text(*found[name])
            reason = f"{name} should be {_shape_text(dtypes[0], shape)} and is {got}"
            raise CheckpointError("weights-mismatch", path=path.name, reason=reason)
    extra = sorted(found.keys() - expected.keys())
    if extra:
        reason = f"{extra[0][:60]} belongs to no layer"
        raise CheckpointError("weights-mismatch", path=path.name, reason=reason)


def _shape_text(dtype: object, shape: tuple[object, ...]) -> str:
    return f"{dtype} {'x'.join(map(str, shape)) or 'scalar'}"


# --- history and codes ------------------------------------------------------------------------


def read_history(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the lines of a run's history, stopping at the first that is not whole."""
    try:
        lines = (path / HISTORY).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return
        if isinstance(value, dict):
            yield value


def unsound_line(path: Path) -> int | None:
    """Returns which line of a run's history, from 1, is none that training writes; None if all are.

    Readers take a history as it is, and leave out what they cannot use.
    """
    try:
        lines = (path / HISTORY).read_bytes().splitlines()
    except FileNotFoundError:
        return None
    for number, line in enumerate(lines, 1):
        try:
            _Line.model_validate_json(line)
        except ValidationError:
            return number
    return None


def write_history(path: Path, lines: list[dict[str, Any]]) -> None:
    """Replaces a run's history.

    Raises:
        RunError: It cannot be written.
    """
    text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)
    write_bytes(path / HISTORY, text.encode())


def write_latents(path: Path, name: str, mu: NDArray[np.float32]) -> None:
    """Keeps the held-out images' codes (N, D) at one moment, as float16, in the data set's order.

    As `mu` where there are up to three units. Longer codes would outweigh the run: of them, the
    projection on their two principal directions is kept, as `pca`, (N, 2).

    Raises:
        RunError: They cannot be written.
    """
    kept = {"mu": mu} if mu.shape[1] <= 3 else {"pca": principal_components(mu, 2)}
    content = save_tensors({name: torch.from_numpy(a).half() for name, a in kept.items()})
    write_bytes(_made(path / LATENTS) / f"{name}.safetensors", content)


def write_frame(path: Path, name: str, sheet: bytes) -> None:
    """Keeps a PNG sheet of what a run decodes at one moment.

    Raises:
        RunError: It cannot be written.
    """
    write_bytes(_made(path / FRAMES) / f"{name}.png", sheet)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError("not-writable", path=folder.parent, reason=reason) from error
    return folder
