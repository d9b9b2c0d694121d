"""Makes `import torchvision` work beside a torch without torchvision's compiled operators.

A torchvision wheel built for CUDA declares its operators from a library that a CPU-only torch
cannot load; its Python side then stops at the first fake-kernel registration, although data sets
and transforms need none of them. Declaring the two missing schemas first is enough. Import
torchvision through here only.
"""

from types import ModuleType

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[object] = []  # the declaration lives as long as this object


def torchvision() -> ModuleType:
    """Returns torchvision with its `datasets` imported; the first call takes about two seconds."""
    try:
        import torchvision.datasets as datasets
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        _declare()
        import torchvision.datasets as datasets  # noqa: F401
    import torchvision as module

    return module  # type: ignore[no-any-return]


def _declare() -> None:
    import sys

    import torch

    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # a half-imported package would be taken for a whole one
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        library.define(operator + _SCHEMA)  # type: ignore[no-untyped-call]
    _declared.append(library)
