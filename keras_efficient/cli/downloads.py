"""What a command is going to download, said before it does."""

from keras_efficient import weights as published


def announce(model: str, weights: str | None, include_top: bool = True) -> None:
    """Says what file of published weights will be fetched, if any will be.

    Args:
        model: Name of a builder, such as `"EfficientDetD0"`.
        weights: What it is given as `weights`; only names of published sets
            are downloaded.
        include_top: Whether the model has its classifier.

    Example:
    >>> from keras_efficient.cli.downloads import announce
    >>> announce("EfficientNetB0", None)
    """
    files = published.find(model, str(weights), include_top)
    folder = published.cache_dir()
    if not files or any((folder / file.file_name).exists() for file in files):
        return
    file = files[0]
    # Four bytes a number; files do not say how long they are.
    size = 4 * file.num_params / 1e6
    others = len(files) - 1 + len(file.urls) - 1
    more = f" (or, failing that, from {others} other places)" if others else ""
    print(
        f"Weights {weights!r} of {model} are not in the cache. Downloading "
        f"about {size:.0f} MB:\n  {file.urls[0]}{more}\n  to "
        f"{folder / file.file_name}, licence {file.license.spdx}.",
        flush=True,
    )
