"""A page for each public package, which mkdocstrings fills."""

import inspect

import keras_efficient

# In the order in which a user meets them.
PACKAGES = (
    "models",
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
    """The pages of the API.

    Returns:
        A dict of names, without `.md`, to texts in Markdown.
    """
    return {name: _page(name) for name in PACKAGES}


def public_names(module):
    """What a package offers, in its own order.

    Args:
        module: A public package or module of `keras_efficient`.

    Returns:
        A list of names.
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
