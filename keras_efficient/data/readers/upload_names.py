"""Names of files that were uploaded to Label Studio."""

import re

# What Label Studio puts before the names of uploaded files.
UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-")


def without_upload_prefix(name: str) -> str:
    """Return a name without the prefix that Label Studio adds to uploads.

    >>> from keras_efficient.data.readers.upload_names import (
    ...     without_upload_prefix,
    ... )
    >>> without_upload_prefix("1a2b3c4d-photo.jpg")
    'photo.jpg'
    """
    return UPLOAD_PREFIX.sub("", name)


def upload_name(name: str) -> str:
    """Return a name as Django, and thus Label Studio, stores it.

    >>> from keras_efficient.data.readers.upload_names import upload_name
    >>> upload_name("photo (1).jpg")
    'photo_1.jpg'
    """
    return re.sub(r"[^-\w.]", "", name.replace(" ", "_"))
