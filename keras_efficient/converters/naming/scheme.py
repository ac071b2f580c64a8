"""How a library names variables: the interface, and the tables' type."""

import dataclasses
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import NamedTuple
from typing import Protocol
from typing import TypeAlias

import numpy as np

from keras_efficient.converters.naming.variable_names import BLOCK_LAYERS
from keras_efficient.converters.naming.variable_names import END_LAYERS
from keras_efficient.converters.naming.variable_names import Block
from keras_efficient.converters.naming.variable_names import Network

# Arrays of a checkpoint by the names in the file.
Arrays: TypeAlias = dict[str, np.ndarray]


class LocatedArray(NamedTuple):
    """An array of a checkpoint and the variable that it belongs to.

    Attributes:
        name: Name in the file.
        canonical: Canonical name of the variable, or the name in the file if
            the scheme does not know it.
        array: The array, with the axes in the order of Keras.
    """

    name: str
    canonical: str
    array: np.ndarray


class NamingScheme(Protocol):
    """What `load_checkpoint` needs to know about the names of a library.

    Attributes:
        name: Name of the scheme in reports and in `identification.SOURCES`.
        sets_normalization: Whether a checkpoint that does not contain the
            normalization of the pixels changes the one of the model, to that
            of its publication or of ImageNet.
    """

    @property
    def name(self) -> str: ...

    @property
    def sets_normalization(self) -> bool: ...

    def locate(
        self, arrays: Arrays, network: Network
    ) -> Iterator[LocatedArray]:
        """Yield the arrays of a checkpoint with their canonical names."""


@dataclasses.dataclass(frozen=True)
class Scheme:
    """Names of the layers and variables of an EfficientNet in one library.

    Attributes:
        name: Name of the scheme in reports.
        ends: Layers before and after the blocks, by canonical name.
        block: Prefix of the names of a block; may use `{name}`, `{index}`,
            `{stage}` (from 0), `{stage_number}` (from 1) and `{repeat}`.
        parts: Layers of a block by canonical name.
        parts_without_expand: The same for a block without expansion.
        separator: Separator of layer and variable.
        is_torch: Whether variables have the names and axes of PyTorch.
        pattern: Regular expression that names of the scheme begin with, to
            recognize it.
        rewrites: Pairs of pattern and replacement, applied to a name before
            it is looked up in the table. A name that they turn into a
            canonical name needs no row of the table.
        prepare: Function of all arrays of a file that returns them under
            names that can be translated one by one. Defaults to no change.
    """

    name: str
    ends: Mapping[str, str]
    block: str
    parts: Mapping[str, str]
    parts_without_expand: Mapping[str, str]
    separator: str
    is_torch: bool
    pattern: str
    rewrites: tuple[tuple[str, str | Callable[[re.Match], str]], ...] = ()
    prepare: Callable[[Arrays], Arrays] = lambda arrays: arrays
    sets_normalization: bool = True

    def locate(
        self, arrays: Arrays, network: Network
    ) -> Iterator[LocatedArray]:
        """Yield the arrays of a checkpoint with their canonical names.

        Counters of training steps are left out.

        Args:
            arrays: Dict of name in the file to array.
            network: The `Network` to load into.
        """
        # Layers that the network lacks have a row as well.
        table = self.table(network.blocks)
        for name, array in self.prepare(arrays).items():
            rewritten = self.rewrite(name)
            if rewritten is not None:
                canonical = table.get(rewritten, rewritten)
                yield LocatedArray(
                    name, canonical, self.to_keras(canonical, array)
                )

    def table(self, blocks: Iterable[Block]) -> dict[str, str]:
        """Map names of this scheme to canonical names.

        Args:
            blocks: The blocks of the network, an iterable of `Block`.

        Returns:
            A dict of name to canonical name.
        """
        layers = [
            (source, canonical, END_LAYERS[canonical])
            for canonical, source in self.ends.items()
        ]
        for block in blocks:
            parts = self.parts
            if not block.has_expand:
                parts = self.parts_without_expand
            prefix = self.block.format(
                name=block.name,
                index=block.index,
                stage=block.stage - 1,
                stage_number=block.stage,
                repeat=block.repeat,
            )
            for part, source in parts.items():
                layers.append(
                    (
                        f"{prefix}{source}",
                        f"{block.name}_{part}",
                        BLOCK_LAYERS[part][0],
                    )
                )
        return {
            f"{source}{self.separator}{self._variable(v)}": f"{canonical}/{v}"
            for source, canonical, variables in layers
            for v in variables
        }

    def rewrite(self, name: str) -> str | None:
        """Return a name as the table has it, or `None` for a counter."""
        if self.is_torch and name.endswith(COUNTERS):
            return None
        for pattern, replacement in self.rewrites:
            name = re.sub(pattern, replacement, name)
        return name

    def to_keras(self, canonical: str, array: np.ndarray) -> np.ndarray:
        """Return an array with its axes in the order of Keras."""
        if not self.is_torch or not canonical.endswith("/kernel"):
            return array
        if array.ndim == 2:
            return array.T
        if array.ndim != 4:
            return array
        is_depthwise = canonical.endswith(_DEPTHWISE_KERNELS)
        # OIHW to HWIO; for a depthwise kernel (C, 1, H, W) to (H, W, C, 1).
        return array.transpose((2, 3, 0, 1) if is_depthwise else (2, 3, 1, 0))

    def _variable(self, variable: str) -> str:
        return _TORCH_VARIABLES[variable] if self.is_torch else variable


COUNTERS = ("num_batches_tracked", "n_averaged")
_DEPTHWISE_KERNELS = ("_dwconv/kernel", "/depthwise_conv/kernel")
_TORCH_VARIABLES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def without_expand(parts: Mapping[str, str], **changed: str) -> dict[str, str]:
    """Return the layers of a block without expansion.

    Args:
        parts: Layers of a block with expansion, by canonical name.
        **changed: Layers that have another name without expansion.

    Returns:
        A dict of canonical name to name.
    """
    kept = {k: v for k, v in parts.items() if not k.startswith("expand_")}
    return {**kept, **changed}
