"""Unpickle tensors of PyTorch, without PyTorch and without running code.

A pickle names functions to call. Only the few that PyTorch writes for a dict
of tensors are implemented here; every other name becomes an `InertObject`,
which does nothing, whatever the file would make it do.
"""

import collections
import dataclasses
import math
import pickle
import pickletools
from collections.abc import Callable
from collections.abc import Iterable
from typing import IO
from typing import Any
from typing import Literal
from typing import TypeAlias

import numpy as np

ByteOrder: TypeAlias = Literal["<", ">"]
# Names of `torch` as dtypes of NumPy. `bfloat16`, which NumPy lacks, is the
# upper half of a float32.
BFLOAT16 = "bfloat16"
_STORAGES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": BFLOAT16,
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
    "UntypedStorage": "u1",
}
_DTYPES = {
    "float64": "f8",
    "float32": "f4",
    "float16": "f2",
    "bfloat16": BFLOAT16,
    "int64": "i8",
    "int32": "i4",
    "int16": "i2",
    "int8": "i1",
    "uint8": "u1",
    "uint16": "u2",
    "uint32": "u4",
    "uint64": "u8",
    "bool": "?",
}


# Objects in an object of a pickle, for each byte before its end. More than 1
# since strings and tuples are referred to several times.
MAX_EXPANSION = 100
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")
_GETS = ("GET", "BINGET", "LONG_BINGET")


def check_pickle(file: IO[bytes]) -> None:
    """Raise an error for a pickle that needs much more memory than its size.

    A tuple of two equal tuples of two equal tuples, and so on, is hashed and
    printed in a time that doubles with each; and the unpickler allocates memory
    for the highest number under which the pickle stores an object.

    Args:
        file: The file, at the begin of the pickle, where it is left.

    Raises:
        pickle.UnpicklingError: If an object contains more than 100 objects for
            each byte, counted with repetition, or the pickle is damaged.
    """
    start = file.tell()
    stack: list[int | None] = []  # sizes of the objects; `None` for a mark
    memo: dict[int, int] = {}
    try:
        for opcode, argument, position in pickletools.genops(file):
            length = (position or 0) - start + 1
            if opcode.name in _PUTS:
                number = len(memo) if argument is None else int(argument)
                if number > length:
                    raise pickle.UnpicklingError(
                        f"it stores object {number} within {length} bytes"
                    )
                memo[number] = stack[-1] or 1
                continue
            _run(opcode, argument, stack, memo)
            if stack and (stack[-1] or 0) > MAX_EXPANSION * length:
                raise pickle.UnpicklingError(
                    f"an object contains more than {MAX_EXPANSION} objects "
                    "for each byte of the file"
                )
    except (IndexError, ValueError, OverflowError, MemoryError) as error:
        raise pickle.UnpicklingError(f"damaged pickle: {error}") from error
    file.seek(start)


def _run(
    opcode: pickletools.OpcodeInfo,
    argument: Any,
    stack: list[int | None],
    memo: dict[int, int],
) -> None:
    """Change the sizes on the stack as an opcode changes the objects."""
    if opcode.name in _GETS:
        stack.append(memo.get(int(argument), 1))
        return
    if opcode.name == "DUP":
        stack.append(stack[-1])
        return
    size, popped = 1, list(opcode.stack_before)
    if pickletools.markobject in popped:
        while (item := stack.pop()) is not None:
            size += item
        popped = popped[: popped.index(pickletools.markobject)]
    size += sum(stack.pop() or 0 for _ in popped)
    for pushed in opcode.stack_after:
        stack.append(None if pushed is pickletools.markobject else size)


class Unchangeable:
    """Base class of what a pickle may name, and may not change."""

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it changes a part of a tensor")


class Function(Unchangeable):
    """A function that a pickle may call.

    Args:
        call: The function.
    """

    __slots__ = ("_call",)

    def __init__(self, call: Callable):
        self._call = call

    def __call__(self, *args: Any) -> Any:
        return self._call(*args)


@dataclasses.dataclass(frozen=True)
class Dtype(Unchangeable):
    """A dtype, or a class of storages.

    Attributes:
        code: Its name in NumPy, or `BFLOAT16`.
    """

    code: str

    @property
    def itemsize(self) -> int:
        """Number of bytes of one element."""
        return 2 if self.code == BFLOAT16 else np.dtype(self.code).itemsize


@dataclasses.dataclass(frozen=True)
class Storage(Unchangeable):
    """A block of memory in the file, which tensors are views of.

    Attributes:
        key: Its name in the file.
        dtype: The `Dtype` of its elements.
        size: Number of its elements.
    """

    key: str
    dtype: Dtype
    size: int


@dataclasses.dataclass(frozen=True)
class LazyTensor(Unchangeable):
    """A tensor whose elements have not been read yet.

    Attributes:
        storage: The `Storage` it is a view of.
        dtype: Its `Dtype`.
        offset: Index of its first element in the storage.
        shape: Its shape.
        strides: Its strides, in elements.
    """

    storage: Storage
    dtype: Dtype
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def check(self, data: bytes) -> int:
        """Check that the tensor fits the bytes of its storage.

        Args:
            data: Bytes of the whole storage.

        Returns:
            The bytes of the array that `to_numpy` returns.

        Raises:
            ValueError: If the tensor exceeds its storage.
        """
        size = len(data) // self.dtype.itemsize
        is_plain = len(self.shape) == len(self.strides) and all(
            isinstance(n, int) and n >= 0
            for n in (self.offset, *self.shape, *self.strides)
        )
        last = -1
        if is_plain and 0 not in self.shape:
            steps = zip(self.shape, self.strides, strict=True)
            last = self.offset + sum((n - 1) * stride for n, stride in steps)
        if not is_plain or last >= size or self.offset > size:
            raise ValueError(
                f"a tensor of shape {self.shape}, strides {self.strides} and "
                f"offset {self.offset} exceeds its storage of {size} elements"
            )
        itemsize = 4 if self.dtype.code == BFLOAT16 else self.dtype.itemsize
        return math.prod(self.shape) * itemsize

    def to_numpy(self, data: bytes, byteorder: ByteOrder = "<") -> np.ndarray:
        """Convert the tensor to an array, given the bytes of its storage.

        Args:
            data: Bytes of the whole storage.
            byteorder: `"<"` for little-endian or `">"` for big-endian.
                Defaults to `"<"`.

        Returns:
            A NumPy array that owns its memory; float32 for `bfloat16`.

        Raises:
            ValueError: If the tensor exceeds its storage.
        """
        code = "u2" if self.dtype.code == BFLOAT16 else self.dtype.code
        numbers = np.frombuffer(data, np.dtype(code).newbyteorder(byteorder))
        self.check(data)
        array = np.lib.stride_tricks.as_strided(
            numbers[self.offset :],
            self.shape,
            [stride * numbers.itemsize for stride in self.strides],
            writeable=False,
        )
        if self.dtype.code == BFLOAT16:
            return (array.astype("u4") << 16).view("f4")
        return array.astype(array.dtype.newbyteorder("="), order="C")


class InertObject:
    """Replaces everything in a pickle that is not part of a tensor."""

    path = "unknown"

    def __new__(cls, *args: Any, **kwargs: Any) -> "InertObject":
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any):
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> "InertObject":
        return self

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        pass

    def extend(self, items: Any) -> None:
        pass

    add = append


class TensorUnpickler(pickle.Unpickler):
    """Unpickler of tensors that calls nothing that the file names."""

    def persistent_load(self, pid: Any) -> Any:
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise pickle.UnpicklingError("unknown reference to a storage")
        _, dtype, key, _, size = pid[:5]
        if not isinstance(dtype, Dtype) or not isinstance(size, int):
            raise pickle.UnpicklingError("unknown kind of storage")
        if len(pid) > 5 and pid[5] is not None:
            raise pickle.UnpicklingError(
                "storages that are views of other storages are not supported"
            )
        return Storage(str(key), dtype, size)

    def find_class(self, module: str, name: str) -> Any:
        known = _KNOWN.get((module, name))
        if known is not None:
            return known
        if module in ("torch", "torch.storage") and name in _STORAGES:
            return Dtype(_STORAGES[name])
        if module == "torch" and name in _DTYPES:
            return Dtype(_DTYPES[name])
        return type("InertObject", (InertObject,), {"path": f"{module}.{name}"})


def _rebuild_tensor(
    storage: Storage,
    offset: int,
    size: Iterable[int],
    stride: Iterable[int],
    *rest: Any,
) -> LazyTensor:
    # `rest` is `requires_grad`, hooks and sometimes metadata.
    metadata = rest[2] if len(rest) > 2 else None
    if isinstance(metadata, dict) and any(
        isinstance(flag, bool) and flag for flag in metadata.values()
    ):
        raise pickle.UnpicklingError(
            "negated and conjugated tensors are not supported"
        )
    return LazyTensor(
        storage, storage.dtype, offset, tuple(size), tuple(stride)
    )


def _rebuild_tensor_v3(
    storage: Storage,
    offset: int,
    size: Iterable[int],
    stride: Iterable[int],
    *rest: Any,
) -> LazyTensor:
    tensor = _rebuild_tensor(storage, offset, size, stride)
    return dataclasses.replace(tensor, dtype=rest[2])


def _rebuild_parameter(data: LazyTensor, *rest: Any) -> LazyTensor:
    return data


def _rebuild_from_type(
    function: Callable, cls: Any, arguments: Iterable[Any], state: Any
) -> Any:
    # `function` is a result of `find_class` too, implemented here or inert.
    return function(*arguments)


def _size(dimensions: Iterable[int] = ()) -> tuple[int, ...]:
    return tuple(dimensions)


_KNOWN = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch", "Size"): Function(_size),
    ("torch._utils", "_rebuild_tensor"): Function(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Function(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v3"): Function(_rebuild_tensor_v3),
    ("torch._tensor", "_rebuild_from_type_v2"): Function(_rebuild_from_type),
    ("torch._utils", "_rebuild_parameter"): Function(_rebuild_parameter),
    ("torch._utils", "_rebuild_parameter_with_state"): Function(
        _rebuild_parameter
    ),
}
