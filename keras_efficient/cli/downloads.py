"""Announcement of downloads before they start."""

import keras_efficient


def announce(model: str, weights: str | None, include_top: bool = True) -> None:
    """Print which file of published weights will be downloaded, if any.

    Args:
        model: Name of a builder, such as `"EfficientDetD0"`.
        weights: Its argument `weights`. Only names of published sets are
            downloaded.
        include_top: Whether the model includes its classifier.

    Example:
    >>> from keras_efficient.cli.downloads import announce
    >>> announce("EfficientNetB0", None)
    """
    published = keras_efficient.weights
    files = published.find(model, str(weights), include_top)
    folder = published.cache_dir()
    if not files or any((folder / file.file_name).exists() for file in files):
        return
    file = files[0]
    # Four bytes for each parameter; the manifest has no file sizes.
    size = 4 * file.num_params / 1e6
    others = len(files) - 1 + len(file.urls) - 1
    more = f" (or {others} alternative URLs)" if others else ""
    print(
        f"Weights {weights!r} of {model} are not in the cache. Downloading "
        f"about {size:.0f} MB:\n  {file.urls[0]}{more}\n  to "
        f"{folder / file.file_name}, license {file.license.spdx}.",
        flush=True,
    )
