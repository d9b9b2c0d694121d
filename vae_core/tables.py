"""Tables as text: codes as CSV, safe to open in a spreadsheet; Markdown for pages of figures."""

import csv
import io
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

# a cell that begins like this is a formula to a spreadsheet, which may run programs
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def codes_csv(
    mu: ArrayLike,
    std: ArrayLike | None,
    y: ArrayLike,
    class_names: Sequence[str],
    *,
    rows: Iterable[int] | None = None,
) -> str:
    """Returns a line an image: index, label, class, z1..zD, std1..stdD.

    Args:
        mu: Codes, (N, D).
        std: Standard deviations of their posteriors, (N, D); None leaves those cells empty.
        y: Labels, (N,).
        class_names: Name of each label.
        rows: Which images; all of them if None.
    """
    codes, labels = np.asarray(mu), np.asarray(y)
    spread = None if std is None else np.asarray(std)
    units = range(1, codes.shape[1] + 1)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = [*(f"z{d}" for d in units), *(f"std{d}" for d in units)]
    writer.writerow(["index", "label", "class", *head])
    names = [_harmless(name) for name in class_names]
    for i in range(len(codes)) if rows is None else rows:
        deviations = [""] * codes.shape[1] if spread is None else spread[i]
        writer.writerow([i, labels[i], names[labels[i]], *codes[i], *deviations])
    return text.getvalue()


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Returns the lines of a table, head first."""
    lines = [columns, ["---"] * len(columns), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
