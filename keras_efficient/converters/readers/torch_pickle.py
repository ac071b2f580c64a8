"""The pickles of PyTorch, understood without PyTorch and without running them.

A pickle names functions to call. Here the few that PyTorch writes for a dict
of tensors are known; every other name becomes an `InertObject`, which does
nothing, whatever the file would have it do.
"""

import collections
import dataclasses
import pickle

import numpy as np

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


@dataclasses.dataclass(frozen=True)
class Dtype:
    """A dtype, or a kind of storage, as the file names it.

    Attributes:
        code: Its name in NumPy, or `BFLOAT16`.
    """

    code: str

    @property
    def itemsize(self):
        """Bytes of one number."""
        return 2 if self.code == BFLOAT16 else np.dtype(self.code).itemsize


@dataclasses.dataclass(frozen=True)
class Storage:
    """A block of numbers of the file, which tensors look at.

    Attributes:
        key: Its name in the file.
        dtype: The `Dtype` of its numbers.
        size: How many they are.
    """

    key: str
    dtype: Dtype
    size: int


@dataclasses.dataclass(frozen=True)
class LazyTensor:
    """A tensor whose numbers are still in the file.

    Attributes:
        storage: The `Storage` it looks at.
        dtype: Its `Dtype`.
        offset: Where in the storage it begins, in numbers.
        shape: Its shape.
        strides: Its strides, in numbers.
    """

    storage: Storage
    dtype: Dtype
    offset: int
    shape: tuple
    strides: tuple

    def to_numpy(self, data, byteorder="<"):
        """Makes an array from the bytes of its storage.

        Args:
            data: Bytes of the whole storage.
            byteorder: `"<"` or `">"`.

        Returns:
            A NumPy array that owns its numbers; float32 for `bfloat16`.

        Raises:
            ValueError: If the tensor reaches beyond its storage.
        """
        code = "u2" if self.dtype.code == BFLOAT16 else self.dtype.code
        numbers = np.frombuffer(data, np.dtype(code).newbyteorder(byteorder))
        self._check_reach(numbers.size)
        array = np.lib.stride_tricks.as_strided(
            numbers[self.offset :],
            self.shape,
            [stride * numbers.itemsize for stride in self.strides],
            writeable=False,
        )
        if self.dtype.code == BFLOAT16:
            return (array.astype("u4") << 16).view("f4")
        return array.astype(array.dtype.newbyteorder("="), order="C")

    def _check_reach(self, size):
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
                f"offset {self.offset} reaches beyond its {size} numbers"
            )


class InertObject:
    """Stands for whatever a pickle names that is no part of a tensor."""

    path = "unknown"

    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        return self

    def __setstate__(self, state):
        pass

    def __setitem__(self, key, value):
        pass

    def append(self, item):
        pass

    def extend(self, items):
        pass

    add = append


class TensorUnpickler(pickle.Unpickler):
    """Reads a pickle of tensors; calls nothing that the file brings."""

    def persistent_load(self, pid):
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise pickle.UnpicklingError(f"unknown reference {pid!r:.80}")
        _, dtype, key, _, size = pid[:5]
        if not isinstance(dtype, Dtype) or not isinstance(size, int):
            raise pickle.UnpicklingError(f"unknown storage {pid!r:.80}")
        if len(pid) > 5 and pid[5] is not None:
            raise pickle.UnpicklingError("storages that are views of others")
        return Storage(str(key), dtype, size)

    def find_class(self, module, name):
        known = _KNOWN.get((module, name))
        if known is not None:
            return known
        if module in ("torch", "torch.storage") and name in _STORAGES:
            return Dtype(_STORAGES[name])
        if module == "torch" and name in _DTYPES:
            return Dtype(_DTYPES[name])
        return type("InertObject", (InertObject,), {"path": f"{module}.{name}"})


def _rebuild_tensor(storage, offset, size, stride, *rest):
    # `rest` is gradients, hooks, and in the end sometimes metadata.
    metadata = rest[2] if len(rest) > 2 else None
    if isinstance(metadata, dict) and any(metadata.values()):
        raise pickle.UnpicklingError("tensors that are negated or conjugated")
    return LazyTensor(
        storage, storage.dtype, offset, tuple(size), tuple(stride)
    )


def _rebuild_tensor_v3(storage, offset, size, stride, *rest):
    tensor = _rebuild_tensor(storage, offset, size, stride)
    return dataclasses.replace(tensor, dtype=rest[2])


def _rebuild_parameter(data, *rest):
    return data


def _rebuild_from_type(function, cls, arguments, state):
    # `function` came through `find_class` too, and so is known or inert.
    return function(*arguments)


def _size(*dimensions):
    return tuple(*dimensions)


_KNOWN = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch", "Size"): _size,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _rebuild_tensor_v3,
    ("torch._tensor", "_rebuild_from_type_v2"): _rebuild_from_type,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _rebuild_parameter,
}
