"""Keep renamed public names working for one release, with a warning."""

import importlib
import warnings
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

# The release that removes the names deprecated by this one.
REMOVED_IN = "0.3.0"


def warn(old: str, new: str, stacklevel: int = 3) -> None:
    """Warn that a public name was renamed.

    Args:
        old: Name that was used, such as `"data.from_arrays"`.
        new: Name to use instead.
        stacklevel: Integer, as for `warnings.warn`. Defaults to 3, the caller
            of the function that calls `warn`.
    """
    warnings.warn(
        f"`keras_efficient.{old}` is deprecated and will be removed in "
        f"{REMOVED_IN}; use `keras_efficient.{new}` instead.",
        DeprecationWarning,
        stacklevel=stacklevel,
    )


def renamed(package: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a module `__getattr__` that resolves old names.

    Args:
        package: `__name__` of the module that calls this function.
        names: Mapping from each old name to the new name, both attributes of
            the module. A new name with dots, such as
            `"training.BestWeights"`, is looked up from the root package.

    Returns:
        A function to assign to `__getattr__` of the module (PEP 562).

    Example:
    In `keras_efficient/data/__init__.py`:

    ```python
    from keras_efficient import deprecation

    __getattr__ = deprecation.renamed(
        __name__, {"from_arrays": "classification_from_arrays"}
    )
    ```
    """
    root, _, part = package.partition(".")

    def __getattr__(name: str) -> Any:
        if name not in names:
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}"
            )
        new = names[name]
        prefix = f"{part}." if part else ""
        target = new if "." in new or not part else f"{part}.{new}"
        warn(f"{prefix}{name}", target)
        module, _, attribute = f"{root}.{target}".rpartition(".")
        return getattr(importlib.import_module(module), attribute)

    return __getattr__
