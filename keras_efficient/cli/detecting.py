"""`keras-efficient detect`."""

import collections
import json
import pathlib
import sys
from typing import Annotated

import numpy as np
import typer

from keras_efficient.cli.folders import new_results
from keras_efficient.cli.loading import class_names_of
from keras_efficient.cli.loading import load_model
from keras_efficient.cli.options import FAILURE
from keras_efficient.cli.options import INTERRUPTED
from keras_efficient.cli.options import BackendOption
from keras_efficient.cli.options import ClassNamesOption
from keras_efficient.cli.options import Computing
from keras_efficient.cli.options import DtypeOption
from keras_efficient.cli.options import Nms
from keras_efficient.cli.options import WeightsOption
from keras_efficient.cli.progress import track
from keras_efficient.cli.results import DetectionFiles
from keras_efficient.cli.sources import expand
from keras_efficient.cli.videos import Video
from keras_efficient.cli.videos import VideoWriter
from keras_efficient.cli.videos import show as show_picture
from keras_efficient.inference import detect_each
from keras_efficient.models.detector import Detector

# With more images than these a line for each is no help.
MAX_LINES = 20


def detect(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Images, videos, folders, patterns, or the number of a camera."
        ),
    ],
    model: Annotated[
        str,
        typer.Option(help="A .keras file, a folder of `train`, or a name."),
    ] = "EfficientDetD0",
    weights: WeightsOption = None,
    output: Annotated[
        pathlib.Path | None,
        typer.Option(help="Folder for pictures and results: detections."),
    ] = None,
    draw: Annotated[
        bool, typer.Option(help="Save the images with the boxes in them.")
    ] = True,
    csv: Annotated[bool, typer.Option("--csv", help="Write CSV, too.")] = False,
    coco: Annotated[
        bool, typer.Option("--coco", help="Write a results file of COCO, too.")
    ] = False,
    annotations: Annotated[
        pathlib.Path | None,
        typer.Option(help="With --coco: json with the images' numbers."),
    ] = None,
    score_threshold: Annotated[
        float, typer.Option(help="How sure the model must be.")
    ] = 0.3,
    iou_threshold: Annotated[
        float, typer.Option(help="Overlap that hard suppression removes.")
    ] = 0.5,
    max_detections: Annotated[
        int, typer.Option(help="The most in one image.")
    ] = 100,
    nms: Annotated[
        Nms, typer.Option(help="How boxes of one object become one.")
    ] = Nms.SOFT,
    class_agnostic: Annotated[
        bool,
        typer.Option(
            "--class-agnostic", help="Other classes suppress each other, too."
        ),
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(help="A class to keep; may be given again."),
    ] = None,
    class_names: ClassNamesOption = None,
    batch_size: Annotated[
        int, typer.Option(help="Images at once; 1 of a camera.")
    ] = 4,
    every: Annotated[
        int, typer.Option(help="Of a video, take each, each second, ...")
    ] = 1,
    show: Annotated[
        bool, typer.Option("--show", help="Show videos while they run.")
    ] = False,
    dtype: DtypeOption = Computing.FLOAT32,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Use a folder with files in it.")
    ] = False,
    backend: BackendOption = None,
):
    """Finds objects in images, videos and what a camera sees.

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
    if not isinstance(network, Detector):
        raise ValueError(
            f"{model} is no detector; `keras-efficient classify` is for it."
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
        "dtype": dtype.dtype,
    }
    work = _Detecting(network, options, kept, files, draw, batch_size)
    status = 0
    try:
        work.images([x for x in found_sources if x.kind == "image"])
        for source in found_sources:
            if source.kind != "image":
                work.video(source, every, show)
    except KeyboardInterrupt:
        status = INTERRUPTED
        print("Broken off; what was found so far is written.", file=sys.stderr)
    work.report(files.write())
    if status or work.errors:
        raise typer.Exit(status or FAILURE)


class _Detecting:
    """What is done with each source, and what came of it."""

    def __init__(self, network, options, kept, files, draw, batch_size):
        self.network = network
        self.options = options
        self.kept = kept
        self.files = files
        self.draw = draw
        self.batch_size = batch_size
        self.counts = collections.Counter()
        self.errors = {}
        self.num_images = 0

    def images(self, sources):
        """Finds and draws what is in files of images."""
        names = {str(source.path): source.name for source in sources}
        found = detect_each(
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
        for path, error in self.errors.items():
            print(f"Left out: {path}: {error}", file=sys.stderr)

    def video(self, source, every, show):
        """Finds and draws what is in a video, or what a camera sees."""
        video = Video(source.path, every)
        is_live = source.kind == "camera"
        if is_live:
            print("Ctrl-C ends it.", file=sys.stderr)
        path = self.files.folder / f"{source.name}.mp4"
        writer = VideoWriter(path, video.rate / every)
        found = detect_each(
            self.network,
            video,
            batch_size=1 if is_live else self.batch_size,
            **self.options,
        )
        counts = collections.Counter()
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
            # The usual end of a camera's pictures.
            if not is_live:
                raise
        finally:
            writer.close()
        print(f"{source.path}: {_summary(counts)}")

    def _add(self, image, file, frame):
        if self.kept is not None:
            image = image[np.isin(image.labels, self.kept)]
        self.files.add(image, file, frame)
        self.counts.update(image.names)
        self.num_images += 1
        return image

    def report(self, paths):
        """Says what was found, and where it is written."""
        print(
            f"{sum(self.counts.values())} objects in {self.num_images} images: "
            f"{_summary(self.counts)}"
        )
        where = ", ".join(path.name for path in paths)
        pictures = "pictures, " if self.draw and self.num_images else ""
        print(f"In {self.files.folder}: {pictures}{where}")


def _summary(names):
    """How often which class was found, such as `2 dog, 1 person`."""
    counts = collections.Counter(names)
    listed = (f"{count} {name}" for name, count in counts.most_common())
    return ", ".join(listed) or "nothing"


def _labels(class_names, only):
    """Labels of the classes that are asked for, or `None` for all."""
    if not only:
        return None
    if class_names is None:
        raise ValueError(
            "`only` needs a model that knows its classes: --class-names."
        )
    unknown = [name for name in only if name not in class_names]
    if unknown:
        raise ValueError(
            f"`only`: the model knows no {unknown[0]!r}. It knows "
            f"{', '.join(name for name in class_names if name)}."
        )
    return [class_names.index(name) for name in only]


def _image_ids(path, sources):
    """Numbers of the images in a json file of COCO, by their file names."""
    try:
        images = json.loads(path.read_text())["images"]
        ids = {pathlib.Path(x["file_name"]).name: x["id"] for x in images}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no json file of COCO: {error}") from error
    for source in sources:
        if source.kind == "image" and source.path.name not in ids:
            raise ValueError(
                f"`annotations`: {path} has no image {source.path.name}; it "
                f"has {len(ids)} others."
            )
    return ids
