"""Pictures of videos and cameras, read and written by OpenCV."""

import pathlib
from collections.abc import Iterator

import numpy as np

# For cameras that do not say how many pictures a second they take.
DEFAULT_RATE = 25.0


class Video:
    """The pictures of a video file, a camera or a stream.

    Args:
        source: Path of a file, number of a camera, or address of a stream.
        every: Which pictures to take: each, each second, ...

    Raises:
        ImportError: If OpenCV is not installed.
        ValueError: If it cannot be opened.
    """

    def __init__(self, source: pathlib.Path | int | str, every: int = 1):
        cv2 = _opencv()
        self.source = source
        self.every = every
        name = source if isinstance(source, int) else str(source)
        self._capture = cv2.VideoCapture(name)
        if not self._capture.isOpened():
            what = "camera " if isinstance(source, int) else ""
            raise ValueError(
                f"OpenCV cannot open {what}{source}: it is not there, or in "
                "no format that it knows."
            )
        self.rate = self._capture.get(cv2.CAP_PROP_FPS) or DEFAULT_RATE
        frames = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.length = -(-frames // every) if frames > 0 else None

    def __iter__(self) -> Iterator[np.ndarray]:
        """Arrays `(height, width, 3)`, uint8, red first."""
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
    """Writes an `.mp4` file, whose size is that of the first picture.

    Args:
        path: Where to write it.
        rate: Pictures a second.
    """

    def __init__(self, path: pathlib.Path, rate: float):
        self.path = path
        self.rate = rate
        self._writer = None

    def add(self, image: np.ndarray) -> None:
        """Adds a picture, an array `(height, width, 3)`, uint8, red first."""
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
        """Ends the file."""
        if self._writer is not None:
            self._writer.release()


def show(image: np.ndarray) -> bool:
    """Shows a picture in a window; `False` once a user presses `q`."""
    cv2 = _opencv()
    try:
        cv2.imshow("keras-efficient", np.ascontiguousarray(image[..., ::-1]))
        return cv2.waitKey(1) & 0xFF != ord("q")
    except cv2.error as error:
        raise ValueError(
            "`show` needs a screen and an OpenCV with windows: `pip install "
            "opencv-python` in place of opencv-python-headless."
        ) from error


def _opencv():
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            "Videos and cameras need OpenCV. Install it by "
            '`pip install "keras-efficient[opencv]"`.'
        ) from error
    return cv2
