"""Make `import torchvision` work beside a CPU build of PyTorch.

Import this module before timm or effdet. The torchvision wheel on PyPI is
compiled for CUDA: beside a CPU build of PyTorch it cannot load its compiled
operators, and registering fake kernels for them fails on import. This module
declares the operators first, and implements `nms`, which effdet uses for hard
suppression. Where torchvision loads normally, it does nothing.
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
    library.impl("nms", _nms, "CPU")
    return library


def _nms(
    boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float
) -> torch.Tensor:
    """Indices of the boxes that hard suppression keeps, best first."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    order = scores.argsort(descending=True)
    kept = []
    while order.numel():
        best, order = order[0], order[1:]
        kept.append(best)
        low = torch.maximum(boxes[best, :2], boxes[order, :2])
        high = torch.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = (high - low).clamp(min=0).prod(dim=1)
        iou = shared / (areas[best] + areas[order] - shared)
        order = order[iou <= iou_threshold]
    return torch.stack(kept) if kept else torch.zeros(0, dtype=torch.long)


def _has_ops() -> bool:
    return True


if importlib.util.find_spec("torchvision") and not torch.cuda.is_available():
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        # The declarations end with the library object.
        _library = _declare_operators()
        import torchvision  # noqa: F401
        import torchvision.extension

        torchvision.extension._has_ops = _has_ops
