"""Where tensors live: the device by name, and what its arithmetic gains from.

`auto` takes the fastest that works: CUDA, then Apple's MPS, then the CPU.
"""

import ctypes
import os

import torch

from vae_core.errors import ConfigError

DEVICES = ("auto", "cpu", "cuda", "mps")


def available_devices() -> tuple[str, ...]:
    """Returns the devices that this machine has, the fastest first."""
    found = []
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return (*found, "cpu")


def resolve_device(name: str) -> torch.device:
    """Returns the device that `name` stands for.

    Raises:
        ConfigError: The name is unknown, or this machine has no such device.
    """
    if name not in DEVICES:
        raise ConfigError("device-unknown", name=name, known=", ".join(DEVICES))
    found = available_devices()
    if name == "auto":
        return torch.device(found[0])
    if name not in found:
        raise ConfigError("device-missing", name=name, known=", ".join(("auto", *found)))
    return torch.device(name)


def resolve_precision(name: str, device: torch.device) -> str:
    """Returns "fp32" or "bf16" for a config's `precision` on this device.

    `auto` asks the processor: bf16 pays only where it has instructions for it.
    """
    if name != "auto":
        return name
    if device.type == "cuda":
        if not torch.cuda.is_available():
            return "bf16"  # a GPU of another machine, where torch emulates it if need be
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    if device.type == "cpu" and _cpu_has_bf16():
        return "bf16"
    return "fp32"


def worker_threads() -> int:
    """Returns how many threads a training process uses: the cores that it may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows do not say
        return os.cpu_count() or 1


def prepare_training(threads: int) -> None:
    """Readies this process for training on a CPU with so many threads.

    Numbers below 1e-38 become 0: a moment of the optimizer decays into them where a weight's
    gradient has become 0, and processors compute slowly with them: some thousand steps on, AdamW
    took 1.7 times as long. Threads take this over from the one that starts them, so call this
    before torch works.
    """
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
    keep_freed_memory()


def keep_freed_memory() -> bool:
    """Lets this process keep the memory that it frees; returns whether it could.

    A training step, or a large grid's decoding, frees and takes tensors of some hundred kilobytes
    over and over. glibc gives each back to the system at once, which then faults every page in
    again: a tenth of a training step, a quarter of a convolutional grid.
    """
    trim_threshold, mmap_threshold, size = -1, -3, 2**30  # glibc's malloc.h; bytes
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library: nothing to set, nothing lost
        return False
    return bool(mallopt(mmap_threshold, size) and mallopt(trim_threshold, size))


def _cpu_has_bf16() -> bool:
    # torch keeps these probes private; a version without one of them simply has no such path
    for probe in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        supported = getattr(torch.cpu, probe, None)
        if supported is not None and supported():
            return True
    return False
