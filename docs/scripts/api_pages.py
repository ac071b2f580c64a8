"""Generation of the API pages, one for each public subpackage."""

import inspect

import keras_efficient

# In the order in which a user needs them.
PACKAGES = (
    "models",
    "applications",
    "data",
    "training",
    "evaluation",
    "inference",
    "export",
    "converters",
    "weights",
    "visualization",
    "scaling",
    "budgets",
    "counting",
    "layers",
    "feature_graphs",
    "ops",
    "losses",
    "postprocessing",
    "fusing",
    "variants",
)


def pages():
    """Return the pages, which mkdocstrings fills from docstrings.

    Returns:
        A dictionary from file names without `.md` to Markdown texts.
    """
    return {name: _page(name) for name in PACKAGES}


def public_names(module):
    """Return the public names of a module.

    Args:
        module: A public package or module of `keras_efficient`.

    Returns:
        A list of names, in the order of `__all__` or of their definition.
    """
    listed = getattr(module, "__all__", None)
    return listed or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and callable(value)
        and value.__module__.startswith(module.__name__)
    ]


def _page(name):
    module = getattr(keras_efficient, name)
    path = module.__name__
    first, _, rest = inspect.getdoc(module).partition("\n\n")
    parts = [f"# {path}\n", first, rest]
    parts += [f"::: {path}.{name}" for name in public_names(module)]
    return "\n".join(f"{part}\n" for part in parts if part)
