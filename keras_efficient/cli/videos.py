"""Frames of videos and cameras, read and written with OpenCV."""

import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    import numpy as np

# Frames per second of cameras that do not report their rate.
DEFAULT_RATE = 25.0


class Video:
    """Frames of a video file, a camera or a stream.

    Args:
        source: Path of a file, number of a camera, or URL of a stream.
        every: Integer N to iterate over every Nth frame. Defaults to 1.

    Raises:
        ImportError: If OpenCV is not installed.
        ValueError: If OpenCV cannot open the source.
    """

    def __init__(
        self, source: pathlib.Path | int | str, every: int = 1
    ) -> None:
        cv2 = _opencv()
        self.source = source
        self.every = every
        name = source if isinstance(source, int) else str(source)
        self._capture = cv2.VideoCapture(name)
        if not self._capture.isOpened():
            what = "camera " if isinstance(source, int) else ""
            raise ValueError(
                f"OpenCV cannot open {what}{source}. It does not exist, or its "
                "format is not supported."
            )
        self.rate = self._capture.get(cv2.CAP_PROP_FPS) or DEFAULT_RATE
        frames = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.length = -(-frames // every) if frames > 0 else None

    def __iter__(self) -> "Iterator[np.ndarray]":
        """Yield RGB arrays of shape `(height, width, 3)`, uint8."""
        import numpy as np

        number = 0
        try:
            while self._capture.grab():
                if number % self.every == 0:
                    is_there, frame = self._capture.retrieve()
                    if not is_there:
                        return
                    yield np.ascontiguousarray(frame[..., ::-1])
                number += 1
        finally:
            self._capture.release()


class VideoWriter:
    """Writes an `.mp4` file in the size of the first frame.

    Args:
        path: Path of the file.
        rate: Frames per second.
    """

    def __init__(self, path: pathlib.Path, rate: float) -> None:
        self.path = path
        self.rate = rate
        self._writer: Any = None

    def add(self, image: "np.ndarray") -> None:
        """Append a frame, an RGB array `(height, width, 3)`, uint8."""
        import numpy as np

        cv2 = _opencv()
        if self._writer is None:
            size = image.shape[1], image.shape[0]
            code = cv2.VideoWriter_fourcc(*"mp4v")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = cv2.VideoWriter(
                str(self.path), code, self.rate, size
            )
            if not self._writer.isOpened():
                raise ValueError(f"OpenCV cannot write {self.path}.")
        self._writer.write(np.ascontiguousarray(image[..., ::-1]))

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()


def show(image: "np.ndarray") -> bool:
    """Show a frame in a window; return `False` when the user presses `q`."""
    import numpy as np

    cv2 = _opencv()
    try:
        cv2.imshow("keras-efficient", np.ascontiguousarray(image[..., ::-1]))
        return cv2.waitKey(1) & 0xFF != ord("q")
    except cv2.error as error:
        raise ValueError(
            "`show` requires a display and an OpenCV build with windows: "
            "install opencv-python instead of opencv-python-headless."
        ) from error


def _opencv():
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            "Videos and cameras require OpenCV. Install it with "
            '`pip install "keras-efficient[opencv]"`.'
        ) from error
    return cv2
