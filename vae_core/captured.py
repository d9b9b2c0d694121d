"""A training step as a CUDA graph: one launch instead of some two hundred.

A network this small is bound by the time it takes to launch its kernels. The step is recorded once,
with its inputs at fixed places, and replayed for each batch. The first steps of a process are taken
kernel by kernel, so that every library has allocated what it does once; so is a last, smaller
batch, and everything where recording fails.
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

WARM_UP_STEPS = 3

# rows (B,) of the data, and what noise is drawn from -> figures (3,)
Step = Callable[[Tensor, Generator], Tensor]


class CapturedStep:
    """Takes a training's steps on a CUDA device, all on one stream.

    Attributes:
        noise: Where the steps draw from; seed it anew between steps at will.
        failure: Why no step could be recorded; empty where none was tried, or one was.
    """

    def __init__(self, step: Step, device: torch.device, *, batch_size: int) -> None:
        self.noise = Generator(device)
        self.failure = ""
        self._step = step
        self._rows = torch.zeros(batch_size, dtype=torch.long, device=device)
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._graph: torch.cuda.CUDAGraph | None = None
        self._figures = torch.zeros(3, device=device)
        self._taken = 0

    @property
    def recorded(self) -> bool:
        """Whether steps are replayed by now."""
        return self._graph is not None

    def __call__(self, rows: Tensor) -> Tensor:
        """Takes a step on these rows; its figures, (3,), hold until the next."""
        outside = torch.cuda.current_stream(rows.device)
        self._stream.wait_stream(outside)
        with torch.cuda.stream(self._stream):
            figures = self._taken_on_stream(rows)
        outside.wait_stream(self._stream)
        return figures

    def _taken_on_stream(self, rows: Tensor) -> Tensor:
        self._taken += 1
        if len(rows) != len(self._rows):
            return self._step(rows, self.noise)
        if self._graph is None and not self.failure and self._taken > WARM_UP_STEPS:
            self._record()
        if self._graph is None:
            return self._step(rows, self.noise)
        self._rows.copy_(rows)
        self._graph.replay()
        return self._figures

    def _record(self) -> None:
        state = self.noise.get_state()
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.noise)
        try:
            with torch.cuda.graph(graph, stream=self._stream):
                self._figures = self._step(self._rows, self.noise)
        except RuntimeError as error:
            self.failure = str(error).splitlines()[0]
            # the old generator may still believe that it is being recorded
            self.noise = Generator(self.noise.device)
            self.noise.set_state(state)
        else:
            self._graph = graph
