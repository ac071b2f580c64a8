"""Small annotated datasets on disk, in the three layouts."""

import json

import numpy as np
from PIL import Image

# Height and width of the images, unequal so that a swap shows.
HEIGHT, WIDTH = 30, 50
LARGE = (300, 500)


def write_image(path, height=HEIGHT, width=WIDTH, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (90, 120, 60)).save(path, **options)


def write_turned_image(path, height=HEIGHT, width=WIDTH):
    """Write an image with an EXIF rotation; upright it has the given size."""
    exif = Image.Exif()
    exif[0x0112] = 6
    write_image(path, width, height, exif=exif)


def write_cut_image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3), "uint8")
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:3000])


def coco_image(number, name, height=HEIGHT, width=WIDTH):
    return dict(id=number, file_name=name, height=height, width=width)


def coco_row(image_id, category_id, bbox, **more):
    return dict(image_id=image_id, category_id=category_id, bbox=bbox, **more)


def write_coco(path, images, rows, categories):
    """Writes a file; `categories` are pairs of number and name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"id": i, **row} for i, row in enumerate(rows)]
    categories = [dict(id=i, name=name) for i, name in categories]
    content = dict(images=images, annotations=rows, categories=categories)
    path.write_text(json.dumps(content))
    return path


def write_voc(path, objects, filename=None, size=(HEIGHT, WIDTH)):
    """Writes an xml file; `objects` are pairs of name and four edges."""
    path.parent.mkdir(parents=True, exist_ok=True)
    edges = ("xmin", "ymin", "xmax", "ymax")
    texts = [
        f"<object><name>{name}</name><difficult>1</difficult><bndbox>"
        + "".join(
            f"<{edge}>{value}</{edge}>"
            for edge, value in zip(edges, box, strict=True)
        )
        + "</bndbox></object>"
        for name, box in objects
    ]
    path.write_text(
        f"<annotation><filename>{filename or path.stem + '.jpg'}</filename>"
        f"<size><width>{size[1]}</width><height>{size[0]}</height></size>"
        f"{''.join(texts)}</annotation>"
    )


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def boxes_of(dataset):
    """Boxes of all images as lists, by the name of the image's file."""
    return {
        record.image.name: record.boxes.tolist() for record in dataset.records
    }


def labels_of(dataset):
    return {
        record.image.name: record.labels.tolist() for record in dataset.records
    }


def count_of(notes, words):
    """The count of the only reason that contains some words."""
    (count,) = [n for reason, (n, _) in notes.items() if words in reason]
    return count


def random_boxes(count=200, seed=0):
    """Boxes `xyxy` inside a large image."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 0.8, (count, 2))
    high = rng.uniform(low + 0.05, 1)
    return np.concatenate([low, high], -1) * [500, 300, 500, 300]


def in_format(boxes, box_format):
    """Boxes `xyxy` of a large image in another format."""
    if box_format.startswith("rel_"):
        boxes = boxes / [500, 300, 500, 300]
    x0, y0, x1, y1 = boxes.T
    columns = {
        "xyxy": (x0, y0, x1, y1),
        "yxyx": (y0, x0, y1, x1),
        "xywh": (x0, y0, x1 - x0, y1 - y0),
        "center_xywh": ((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0),
        "center_yxhw": ((y0 + y1) / 2, (x0 + x1) / 2, y1 - y0, x1 - x0),
    }
    return np.stack(columns[box_format.removeprefix("rel_")], axis=-1)
