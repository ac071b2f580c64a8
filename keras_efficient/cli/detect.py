"""`keras-efficient detect`."""

import collections
import json
import pathlib
import sys
from typing import Annotated
from typing import Any

import typer

import keras_efficient
from keras_efficient.cli.folders import new_results
from keras_efficient.cli.loading import class_names_of
from keras_efficient.cli.loading import is_detector
from keras_efficient.cli.loading import load_model
from keras_efficient.cli.options import FAILURE
from keras_efficient.cli.options import INTERRUPTED
from keras_efficient.cli.options import BackendOption
from keras_efficient.cli.options import ClassNamesOption
from keras_efficient.cli.options import Dtype
from keras_efficient.cli.options import DtypeOption
from keras_efficient.cli.options import ModelOption
from keras_efficient.cli.options import Nms
from keras_efficient.cli.options import OverwriteFolderOption
from keras_efficient.cli.options import WeightsOption
from keras_efficient.cli.progress import track
from keras_efficient.cli.results import DetectionFiles
from keras_efficient.cli.sources import Source
from keras_efficient.cli.sources import expand
from keras_efficient.cli.videos import Video
from keras_efficient.cli.videos import VideoWriter
from keras_efficient.cli.videos import show as show_picture

# With more images, one line for each image is not printed.
MAX_LINES = 20


def detect(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Images, videos, folders, patterns such as *.jpg, the number "
            "of a camera, or the URL of a stream."
        ),
    ],
    model: ModelOption = "EfficientDetD0",
    weights: WeightsOption = None,
    output: Annotated[
        pathlib.Path | None,
        typer.Option(help="Folder for the results (default: detections)."),
    ] = None,
    draw: Annotated[
        bool, typer.Option(help="Save the images with the detected boxes.")
    ] = True,
    csv: Annotated[
        bool, typer.Option("--csv", help="Also write a CSV file.")
    ] = False,
    coco: Annotated[
        bool, typer.Option("--coco", help="Also write a COCO results file.")
    ] = False,
    annotations: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="COCO annotation file that defines the image ids of --coco."
        ),
    ] = None,
    score_threshold: Annotated[
        float, typer.Option(help="Lowest score of a detection.")
    ] = 0.3,
    iou_threshold: Annotated[
        float,
        typer.Option(
            help="Overlap above which hard suppression removes a box."
        ),
    ] = 0.5,
    max_detections: Annotated[
        int, typer.Option(help="Largest number of detections in one image.")
    ] = 100,
    nms: Annotated[
        Nms, typer.Option(help="Method of non-maximum suppression.")
    ] = Nms.SOFT,
    class_agnostic: Annotated[
        bool,
        typer.Option(
            "--class-agnostic", help="Suppress boxes across different classes."
        ),
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Class to keep. Can be repeated."),
    ] = None,
    class_names: ClassNamesOption = None,
    batch_size: Annotated[
        int, typer.Option(help="Batch size. Cameras always use 1.")
    ] = 4,
    every: Annotated[
        int, typer.Option(help="Process every Nth frame of a video.")
    ] = 1,
    show: Annotated[
        bool, typer.Option("--show", help="Show videos in a window.")
    ] = False,
    dtype: DtypeOption = Dtype.FLOAT32,
    overwrite: OverwriteFolderOption = False,
    backend: BackendOption = None,
) -> None:
    """Detect objects in images, videos and camera streams.

    keras-efficient detect photos/ --model EfficientDetD2 --csv
    """
    if every < 1:
        raise ValueError(f"`every` must be at least 1. Received: {every}")
    found_sources = expand(sources)
    folder = new_results(output, "detections", overwrite)
    image_ids = None
    if annotations is not None:
        image_ids = _image_ids(annotations, found_sources)
    network = load_model(model, weights)
    if not is_detector(network):
        raise ValueError(
            f"{model} is not a detector. Use `keras-efficient classify`."
        )
    network.class_names = class_names_of(network, model, class_names)
    kept = _labels(network.class_names, only)
    formats = ["json"] + ["csv"] * csv + ["coco"] * coco
    files = DetectionFiles(
        folder, formats, image_ids, getattr(network, "category_ids", None)
    )
    options = {
        "score_threshold": score_threshold,
        "iou_threshold": iou_threshold,
        "max_detections": max_detections,
        "nms": nms.value,
        "class_agnostic": class_agnostic,
        "dtype": dtype.argument,
    }
    work = _Detection(network, options, kept, files, draw, batch_size)
    status = 0
    try:
        work.images([x for x in found_sources if x.kind == "image"])
        for source in found_sources:
            if source.kind != "image":
                work.video(source, every, show)
    except KeyboardInterrupt:
        status = INTERRUPTED
        print(
            "Interrupted. The results so far have been written.",
            file=sys.stderr,
        )
    work.report(files.write())
    if status or work.errors:
        raise typer.Exit(status or FAILURE)


class _Detection:
    """Processes the sources and collects the results."""

    def __init__(
        self,
        network: Any,
        options: dict[str, Any],
        kept: list[int] | None,
        files: DetectionFiles,
        draw: bool,
        batch_size: int,
    ) -> None:
        self.network = network
        self.options = options
        self.kept = kept
        self.files = files
        self.draw = draw
        self.batch_size = batch_size
        self.counts: collections.Counter[str] = collections.Counter()
        self.errors: dict[str, Exception] = {}
        self.num_images = 0

    def images(self, sources: list[Source]) -> None:
        """Detect and draw the objects in image files."""
        names = {str(source.path): source.name for source in sources}
        found = keras_efficient.inference.detect_each(
            self.network,
            list(names),
            batch_size=min(self.batch_size, max(1, len(names))),
            on_error=self.errors.__setitem__,
            **self.options,
        )
        for image in track(found, len(names), "Detecting"):
            image = self._add(image, image.image, None)
            if self.draw:
                path = self.files.folder / f"{names[image.image]}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                image.plot().save(path, quality=92)
            if len(names) <= MAX_LINES:
                print(f"{image.image}: {_summary(image.names)}")
        for file, error in self.errors.items():
            print(f"Skipped: {file}: {error}", file=sys.stderr)

    def video(self, source: Source, every: int, show: bool) -> None:
        """Detect and draw the objects in a video or a camera stream."""
        import numpy as np

        video = Video(source.path, every)
        is_live = source.kind == "camera"
        if is_live:
            print("Press Ctrl-C to stop.", file=sys.stderr)
        path = self.files.folder / f"{source.name}.mp4"
        writer = VideoWriter(path, video.rate / every)
        found = keras_efficient.inference.detect_each(
            self.network,
            video,
            batch_size=1 if is_live else self.batch_size,
            **self.options,
        )
        counts: collections.Counter[str] = collections.Counter()
        label = f"Detecting in {source.path}"
        try:
            for number, image in enumerate(track(found, video.length, label)):
                image = self._add(image, source.path, number * every)
                counts.update(image.names)
                if self.draw or show:
                    picture = np.asarray(image.plot())
                if self.draw:
                    writer.add(picture)
                if show and not show_picture(picture):
                    break
        except KeyboardInterrupt:
            # The usual way to stop a camera.
            if not is_live:
                raise
        finally:
            writer.close()
        print(f"{source.path}: {_summary(counts)}")

    def _add(self, image, file, frame):
        import numpy as np

        if self.kept is not None:
            image = image[np.isin(image.labels, self.kept)]
        self.files.add(image, file, frame)
        self.counts.update(image.names)
        self.num_images += 1
        return image

    def report(self, paths: list[pathlib.Path]) -> None:
        """Print a summary and the paths of the results."""
        print(
            f"{sum(self.counts.values())} objects in {self.num_images} images: "
            f"{_summary(self.counts)}"
        )
        where = ", ".join(path.name for path in paths)
        pictures = "images, " if self.draw and self.num_images else ""
        print(f"Written to {self.files.folder}: {pictures}{where}")


def _summary(names):
    """Return the count of each class, such as `2 dog, 1 person`."""
    counts: collections.Counter[str] = collections.Counter(names)
    listed = (f"{count} {name}" for name, count in counts.most_common())
    return ", ".join(listed) or "no objects"


def _labels(class_names, only):
    """Return the labels of the requested classes, or `None` for all."""
    if not only:
        return None
    if class_names is None:
        raise ValueError(
            "`only` requires class names. Pass them with --class-names."
        )
    unknown = [name for name in only if name not in class_names]
    if unknown:
        raise ValueError(
            f"`only`: the model has no class {unknown[0]!r}. Its classes are "
            f"{', '.join(name for name in class_names if name)}."
        )
    return [class_names.index(name) for name in only]


def _image_ids(path, sources):
    """Return the image ids of a COCO annotation file by file name."""
    try:
        images = json.loads(path.read_text())["images"]
        ids = {pathlib.Path(x["file_name"]).name: x["id"] for x in images}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is not a COCO annotation file: {error}"
        ) from error
    for source in sources:
        if source.kind == "image" and source.path.name not in ids:
            raise ValueError(
                f"`annotations`: {path} lists {len(ids)} images, but not "
                f"{source.path.name}."
            )
    return ids
