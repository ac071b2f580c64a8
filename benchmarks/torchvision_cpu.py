"""Make `import torchvision` work beside a CPU build of PyTorch.

Import this module before timm or effdet. The torchvision wheel on PyPI is
compiled for CUDA: beside a CPU build of PyTorch it cannot load its compiled
operators, and registering fake kernels for them fails on import. Declaring the
operators first is enough, since timm and effdet use none of them in what we
compare. Where torchvision loads normally, this module does nothing.
"""

import importlib.util

import torch

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def _declare_operators() -> torch.library.Library:
    library = torch.library.Library("torchvision", "DEF")
    for signature in _OPERATORS:
        library.define(signature)
    return library


if importlib.util.find_spec("torchvision") and not torch.cuda.is_available():
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        # The declarations end with the library object.
        _library = _declare_operators()
        import torchvision  # noqa: F401
