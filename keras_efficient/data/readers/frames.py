"""Frames in which boxes are stated: rotated by EXIF data, or of another size.

Annotation files state the size of an image. If it is not the size of the
upright image, the boxes may be in the pixels of the camera's sensor, which EXIF
data rotates, or of the image before it was resized. The stated size, the sizes
in the image file and the boxes themselves show which.
"""

import collections
import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from keras_efficient.data.images import ImageFrame
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.ops.boxes import RELATIVE
from keras_efficient.ops.boxes import convert_boxes

BOX_FRAMES = ("auto", "upright", "stored")
STATED_SIZES = ("auto", "scale", "ignore")
# Pixels that a box may reach beyond its frame and still belong to it.
TOLERANCE = 1.0

# Reasons in reports, each after a number.
ROTATED = "images with boxes in the frame before EXIF rotation (boxes rotated)"
SCALED = "images resized after annotation (boxes scaled)"
ACTUAL_SIZE = "images whose size differs from the stated one (actual size used)"
UNKNOWN_ROTATION = (
    "images with an EXIF rotation that the stated size does not reveal (boxes "
    "used as upright; if they are not, pass box_frame='stored')"
)
OTHER_SHAPE = (
    "images whose stated size has another aspect ratio (if the boxes are in "
    "pixels of the images as they are, pass stated_size='ignore')"
)

# From the size of the stored image to functions of the coordinates of points.
_TURNS: Mapping[int, Callable[..., tuple[np.ndarray, np.ndarray]]] = {
    1: lambda x, y, height, width: (x, y),
    2: lambda x, y, height, width: (width - x, y),
    3: lambda x, y, height, width: (width - x, height - y),
    4: lambda x, y, height, width: (x, height - y),
    5: lambda x, y, height, width: (y, x),
    6: lambda x, y, height, width: (height - y, x),
    7: lambda x, y, height, width: (height - y, width - x),
    8: lambda x, y, height, width: (y, width - x),
}


@dataclasses.dataclass(frozen=True)
class Frame:
    """The pixels in which the boxes of an image are stated.

    Attributes:
        size: `(height, width)`.
        orientation: Integer from 1 to 8, the EXIF orientation that turns this
            frame upright.
    """

    size: tuple[int, int]
    orientation: int = 1

    def to_upright(
        self, corners: np.ndarray, size: tuple[int, int]
    ) -> np.ndarray:
        """Move boxes to the upright image.

        Args:
            corners: Float array of shape `(number, 4)`, `xyxy` in pixels of
                this frame.
            size: `(height, width)` of the upright image.

        Returns:
            A float array of the same shape, `xyxy` in pixels of the upright
            image. Inverted boxes stay inverted.
        """
        height, width = size[::-1] if self.orientation > 4 else size
        scale = np.array([width / self.size[1], height / self.size[0]] * 2)
        scaled = corners * scale
        is_inverted = scaled[:, :2] > scaled[:, 2:]
        turn = _TURNS[self.orientation]
        first = turn(scaled[:, 0], scaled[:, 1], height, width)
        second = turn(scaled[:, 2], scaled[:, 3], height, width)
        if self.orientation == 1:
            return np.stack([*first, *second], axis=-1)
        if self.orientation > 4:
            is_inverted = is_inverted[:, ::-1]
        low = np.minimum(np.stack(first, -1), np.stack(second, -1))
        high = np.maximum(np.stack(first, -1), np.stack(second, -1))
        return np.concatenate(
            [
                np.where(is_inverted, high, low),
                np.where(is_inverted, low, high),
            ],
            axis=-1,
        )


@dataclasses.dataclass(frozen=True)
class FrameOptions:
    """How the frames of boxes are determined; see `load_detection`.

    Attributes:
        box_frame: `"auto"`, `"upright"` or `"stored"`.
        stated_size: `"auto"`, `"scale"` or `"ignore"`.
    """

    box_frame: str = "auto"
    stated_size: str = "auto"

    def __post_init__(self) -> None:
        for name, value, accepted in (
            ("box_frame", self.box_frame, BOX_FRAMES),
            ("stated_size", self.stated_size, STATED_SIZES),
        ):
            if value not in accepted:
                raise ValueError(
                    f"`{name}` must be one of {accepted}. "
                    f"Received: {name}={value!r}"
                )


@dataclasses.dataclass(frozen=True)
class FrameChoice:
    """The frame of one image, or why the image has to be left out.

    Attributes:
        frame: The frame, or `None` if it cannot be determined.
        repaired: Reason for the report, if the boxes are moved or the stated
            size is wrong.
        noted: Reason for the report, if the frame is an assumption.
        dropped: Reason for the report, if `frame` is `None`.
    """

    frame: Frame | None
    repaired: str = ""
    noted: str = ""
    dropped: str = ""


@dataclasses.dataclass(frozen=True)
class _Hypotheses:
    """Two readings of the stated size, the more probable first."""

    first: FrameChoice
    second: FrameChoice
    # The frame by which boxes are tested against the first reading.
    tested: Frame


def choose_frames(
    images: Sequence[tuple[RawImage, ImageFrame]],
    box_format: str,
    options: FrameOptions,
) -> list[FrameChoice]:
    """Determine the frame of the boxes of each image.

    Images whose stated size deviates in the same way form a group. A group is
    read in the more probable way, unless its boxes fit only the other one.

    Args:
        images: The images of a dataset with the sizes in their files.
        box_format: Format of their boxes, such as `"xywh"`.
        options: A `FrameOptions`.

    Returns:
        A list with a `FrameChoice` for each image.
    """
    is_relative = box_format.startswith(RELATIVE)
    choices: list[FrameChoice] = []
    groups: dict[str, list[int]] = collections.defaultdict(list)
    hypotheses: dict[int, _Hypotheses] = {}
    for i, (image, check) in enumerate(images):
        choices.append(_plain_choice(image, check, options))
        kind = _kind_of(image, check, is_relative, options)
        if kind:
            groups[kind].append(i)
            hypotheses[i] = _hypotheses_for(kind, image, check)
    for members in groups.values():
        is_open = options.stated_size == "auto" and not is_relative
        use_second = is_open and _fits_second_only(
            [(images[i][0], hypotheses[i]) for i in members], box_format
        )
        for i in members:
            pair = hypotheses[i]
            choices[i] = pair.second if use_second else pair.first
    return choices


def _plain_choice(
    image: RawImage, check: ImageFrame, options: FrameOptions
) -> FrameChoice:
    """The frame as far as no stated size is involved."""
    if check.orientation == 1:
        return FrameChoice(Frame(check.size))
    if options.box_frame == "stored":
        return FrameChoice(Frame(check.stored_size, check.orientation), ROTATED)
    # A stated size reveals the frame if the rotation exchanges the sides.
    is_exchanged = check.stored_size != check.size
    is_revealed = image.size == check.size and is_exchanged
    is_assumed = options.box_frame == "auto" and not is_revealed
    return FrameChoice(
        Frame(check.size),
        noted=UNKNOWN_ROTATION if is_assumed and len(image.labels) else "",
    )


def _kind_of(
    image: RawImage, check: ImageFrame, is_relative: bool, options: FrameOptions
) -> str:
    """How a stated size deviates from the upright image, or ""."""
    stated, upright, stored = image.size, check.size, check.stored_size
    if stated is None or options.stated_size == "ignore":
        return ""
    may_be_stored = stored != upright and options.box_frame != "upright"
    if may_be_stored and stated == stored:
        return "stored"
    if options.box_frame == "stored":
        is_like = _is_resized(stated, stored) and not is_relative
        return "stored, scaled" if is_like and stated != stored else ""
    if stated == upright:
        return "upright" if may_be_stored else ""
    if is_relative:
        return ""
    if not len(image.labels) or _is_rounded(stated, upright):
        return "actual"
    if _is_resized(stated, upright):
        return "scaled"
    if may_be_stored and _is_resized(stated, stored):
        return "stored, scaled"
    return "other"


def _is_rounded(first: tuple[int, int], second: tuple[int, int]) -> bool:
    return all(abs(a - b) <= 1 for a, b in zip(first, second, strict=True))


def _is_resized(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether two sizes have the same aspect ratio, except for rounding."""
    scale = max(second) / max(first)
    rounding = 1 + scale
    return all(
        abs(a * scale - b) <= rounding
        for a, b in zip(first, second, strict=True)
    )


def _hypotheses_for(
    kind: str, image: RawImage, check: ImageFrame
) -> _Hypotheses:
    """The readings of a stated size that deviates as `_kind_of` says."""
    upright = Frame(check.size)
    actual = FrameChoice(upright, ACTUAL_SIZE)
    stated = image.size or check.size
    if kind == "actual":
        return _Hypotheses(actual, actual, upright)
    if kind == "upright":
        rotated = Frame(check.stored_size, check.orientation)
        return _Hypotheses(
            FrameChoice(upright), FrameChoice(rotated, ROTATED), upright
        )
    if kind in ("stored", "stored, scaled"):
        rotated = Frame(stated, check.orientation)
        return _Hypotheses(FrameChoice(rotated, ROTATED), actual, rotated)
    frame = Frame(stated)
    first = FrameChoice(None, dropped=OTHER_SHAPE)
    if kind == "scaled":
        first = FrameChoice(frame, SCALED)
    return _Hypotheses(first, actual, frame)


def _fits_second_only(
    members: Sequence[tuple[RawImage, _Hypotheses]], box_format: str
) -> bool:
    """Whether some boxes fit only the second reading, and none only the first.

    Boxes that reach beyond a frame cannot be in it.
    """
    num_first = num_second = 0
    for image, pair in members:
        if pair.second.frame is None:
            continue
        fits = [
            _are_inside(image.boxes, box_format, frame.size)
            for frame in (pair.tested, pair.second.frame)
        ]
        num_first += int((fits[0] & ~fits[1]).sum())
        num_second += int((fits[1] & ~fits[0]).sum())
    return num_second > 0 and num_first == 0


def _are_inside(
    boxes: np.ndarray, box_format: str, size: tuple[int, int]
) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        corners = convert_boxes(boxes, box_format, "xyxy", np.asarray(size))
    limits = np.array(size[::-1] * 2) + TOLERANCE
    return ((corners >= -TOLERANCE) & (corners <= limits)).all(-1)
