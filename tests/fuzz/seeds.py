"""Small valid data sets, made anew for each execution from a random state."""

import functools
import io
import json
import random

import numpy as np
from PIL import Image

from tests.fuzz.mutations import Files
from tests.fuzz.tfrecord_mutations import encode_example
from tests.fuzz.tfrecord_mutations import framed

SIDE = 8


@functools.cache
def picture(kind: str = "png", mode: str = "RGB") -> bytes:
    """Return the bytes of an image of 8 x 8 pixels."""
    pixels = np.arange(SIDE * SIDE * 3, dtype="uint8").reshape(SIDE, SIDE, 3)
    image = Image.fromarray(pixels)
    if mode == "I;16":
        image = Image.fromarray(pixels[..., 0].astype("uint16") * 256)
    elif mode == "F":
        image = Image.fromarray(pixels[..., 0].astype("float32") / 255)
    elif mode != "RGB":
        image = image.convert(mode)
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    more = {"exif": exif} if kind in ("jpeg", "webp", "tiff") else {}
    image.save(out, kind, **more)
    return out.getvalue()


def _images(folder: str = "") -> Files:
    return {
        f"{folder}a.png": picture("png"),
        f"{folder}b.jpg": picture("jpeg"),
    }


def coco(rng: random.Random) -> Files:
    """A file beside images, or with splits."""
    rows: list[dict] = [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 4, 5],
         "area": 20.0, "iscrowd": 0},
        {"id": 2, "image_id": 2, "category_id": 3, "bbox": [0, 2, 3, 3],
         "segmentation": [[0, 2, 3, 2, 3, 5]], "attributes": {"rotation": 30}},
        {"id": 3, "image_id": 2, "category_id": 1, "iscrowd": 1,
         "segmentation": {"size": [8, 8], "counts": [10, 3, 20, 4, 27]}},
        {"id": 4, "image_id": 1, "category_id": 3,
         "segmentation": {"size": [8, 8], "counts": "=2Ma1"},
         "keypoints": [1, 2, 2], "num_keypoints": 1},
    ]  # fmt: skip
    names = ("a.png", "b.jpg")
    split = rng.random() < 0.3
    images: list[dict] = [
        {"id": i + 1, "file_name": name, "height": SIDE, "width": SIDE}
        for i, name in enumerate(names)
    ]
    if rng.random() < 0.2:
        images[1]["coco_url"] = "http://images.org/train/b.jpg"
        images[1]["neg_category_ids"] = [3]
    content = {
        "info": {"year": 2020},
        "images": images,
        "annotations": rows[: rng.randrange(2, 5)],
        "categories": [
            {"id": 1, "name": "cup", "supercategory": "x"},
            {"id": 3, "name": "key"},
        ],
    }
    data = json.dumps(content).encode()
    if split:
        return {"annotations/instances_train.json": data, **_images("train/")}
    return {"boxes.json": data, **_images()}


def voc(rng: random.Random) -> Files:
    """One xml file for each image."""
    shapes = (
        "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>6</ymax>"
        "</bndbox>",
        "<robndbox><cx>4</cx><cy>4</cy><w>3</w><h>2</h><angle>0.5</angle>"
        "</robndbox>",
        "<polygon><x1>1</x1><y1>1</y1><x2>5</x2><y2>6</y2></polygon>",
        "<points><point>1.0,2.0</point><point>5.0,6.5</point></points>",
    )

    def file(name: str) -> bytes:
        objects = "".join(
            f"<object><name>{label}</name><difficult>0</difficult>"
            f"{rng.choice(shapes)}</object>"
            for label in ("cup", "key")
        )
        return (
            f"<annotation><folder>JPEGImages</folder><filename>{name}"
            f"</filename><path>C:\\x\\{name}</path><size><width>8</width>"
            f"<height>8</height><depth>3</depth></size>{objects}</annotation>"
        ).encode()

    files = {"a.xml": file("a.png"), "b.xml": file("b.jpg")}
    if rng.random() < 0.5:
        return {**files, **_images()}
    found: Files = {f"Annotations/{x}": y for x, y in files.items()}
    lists = {"ImageSets/Main/train.txt": b"a\nb\n"}
    return {**found, **lists, **_images("JPEGImages/")}


def yolo(rng: random.Random) -> Files:
    """Folders with data.yaml, or Darknet's lists."""
    first = rng.choice((
        b"0 0.5 0.5 0.4 0.4\n1 0.3 0.3 0.2 0.2\n",
        b"0 0.1 0.1 0.5 0.1 0.5 0.6\n",
        b"0 0.5 0.5 0.4 0.4 0.9\ncup 0.5 0.5 0.2 0.2 0.1\n",
        b"1 0.5 0.5 0.4 0.4 0.5 0.5 2 0.4 0.4 1\n",
    ))  # fmt: skip
    texts = (first, b"1 0.25 0.5 0.4 0.4\n")
    if rng.random() < 0.3:
        return {
            "obj.data": b"classes = 2\ntrain = data/train.txt\n"
            b"names = data/obj.names\nbackup = backup/\n",
            "obj.names": b"cup\nkey\n",
            "train.txt": b"data/obj_train_data/a.png\n"
            b"data/obj_train_data/b.jpg\n",
            "obj_train_data/a.txt": texts[0],
            "obj_train_data/b.txt": texts[1],
            **_images("obj_train_data/"),
        }
    names = rng.choice((
        "names: [cup, key]", "names: {0: cup, 1: key}", "names:\n- cup\n- key",
        "names: cup, key", "nc: 2",
    ))  # fmt: skip
    config = (
        f"path: ../set\ntrain: images/train\nkpt_shape: [2, 3]\n"
        f"task: {rng.choice(('detect', 'pose', 'segment'))}\n{names}\n"
    )
    return {
        "data.yaml": config.encode(),
        "labels/train/a.txt": texts[0],
        "labels/train/b.txt": texts[1],
        **_images("images/train/"),
    }


def yolo_rows(rng: random.Random) -> Files:
    """One line for each image."""
    return {
        "_annotations.txt": b"a.png 1,1,5,6,0 2,2,4,4,1\nb.jpg 0,0,3,3,1\n",
        **({"_classes.txt": b"cup\nkey\n"} if rng.random() < 0.5 else {}),
        **_images(),
    }


def labelme(rng: random.Random) -> Files:
    """One json file for each image."""
    kinds = ("rectangle", "polygon", "circle", "rotation", "mask", "line", None)

    def file(name: str) -> bytes:
        shapes = [
            {"label": label, "points": [[1, 1], [5, 6]], "group_id": None,
             "shape_type": rng.choice(kinds), "flags": {}}
            for label in ("cup", "key", "cup")
        ]  # fmt: skip
        shapes[0]["shape_type"] = "rectangle"
        content = {
            "version": "5.0",
            "shapes": shapes,
            "imagePath": name,
            "imageData": None,
            "imageHeight": 8,
            "imageWidth": 8,
        }
        if rng.random() < 0.2:
            content["imageData"] = "iVBORw0KGgo="
        return json.dumps(content).encode()

    return {"a.json": file("a.png"), "b.json": file("b.jpg"), **_images()}


def cvat(rng: random.Random) -> Files:
    """Images or tracks in one xml file."""
    labels = (
        "<meta><task><original_size><width>8</width><height>8</height>"
        "</original_size><start_frame>0</start_frame><stop_frame>1"
        "</stop_frame><labels><label><name>cup</name><type>any</type></label>"
        "<label><name>key</name></label></labels></task></meta>"
    )
    if rng.random() < 0.4:
        tracks = "".join(
            f'<track id="{i}" label="{name}"><box frame="0" outside="0" '
            'xtl="1" ytl="1" xbr="5" ybr="6"/><box frame="1" outside="0" '
            'xtl="2" ytl="1" xbr="6" ybr="6"/></track>'
            for i, name in enumerate(("cup", "key"))
        )
        return {
            "annotations.xml": f"<annotations>{labels}{tracks}"
            "</annotations>".encode(),
            "images/frame_000000.png": picture("png"),
            "images/frame_000001.png": picture("jpeg"),
        }
    shapes = (
        '<box label="cup" xtl="1" ytl="1" xbr="5" ybr="6" rotation="10"/>',
        '<polygon label="key" points="1,1;5,1;5,6"/>',
        '<ellipse label="cup" cx="4" cy="4" rx="2" ry="1" rotation="5"/>',
        '<mask label="key" left="1" top="1" width="3" height="2" rle="1,2"/>',
        '<cuboid label="cup" xtl1="1" ytl1="1" xbr1="3" ybr1="3" xtl2="2" '
        'ytl2="2" xbr2="4" ybr2="5"/>',
        '<points label="cup" points="1,1"/>', '<tag label="key"/>',
    )  # fmt: skip
    images = "".join(
        f'<image id="{i}" name="{name}" subset="Train" width="8" height="8">'
        f"{shapes[0]}{rng.choice(shapes)}</image>"
        for i, name in enumerate(("a.png", "b.jpg"))
    )
    return {
        "annotations.xml": f"<annotations><version>1.1</version>{labels}"
        f"{images}</annotations>".encode(),
        **_images("images/"),
    }


def label_studio(rng: random.Random) -> Files:
    """An export in the form JSON or JSON_MIN."""
    value = {"x": 10, "y": 10, "width": 50, "height": 40, "rotation": 0}
    names = ("1a2b3c4d-a.png", "b.jpg")
    if rng.random() < 0.4:
        rows = [
            {"image": f"/data/upload/1/{name}", "id": i, "annotator": 1,
             "annotation_id": i, "label": [
                 {**value, "rectanglelabels": ["cup"], "original_width": 8,
                  "original_height": 8}]}
            for i, name in enumerate(names)
        ]  # fmt: skip
        return {"project.json": json.dumps(rows).encode(), **_images()}
    more = {"original_width": 8, "original_height": 8, "to_name": "image",
            "from_name": "label", "image_rotation": 0}  # fmt: skip
    results = (
        {"type": "rectanglelabels", "id": "r", **more,
         "value": {**value, "rectanglelabels": ["cup"]}},
        {"type": "polygonlabels", "id": "p", **more,
         "value": {"points": [[1, 1], [50, 1], [50, 60]],
                   "polygonlabels": ["key"]}},
        {"type": "ellipse", "id": "e", **more,
         "value": {"x": 50, "y": 50, "radiusX": 20, "radiusY": 10}},
        {"type": "labels", "id": "e", **more, "value": {"labels": ["key"]}},
    )  # fmt: skip
    tasks = [
        {"id": i, "data": {"image": f"/data/local-files/?d=x/{name}"},
         "annotations": [{"id": i, "was_cancelled": False,
                          "ground_truth": False,
                          "result": list(results[: rng.randrange(1, 5)])}]}
        for i, name in enumerate(names)
    ]  # fmt: skip
    return {"project.json": json.dumps(tasks).encode(), **_images()}


def open_images(rng: random.Random) -> Files:
    """Csv files with ids of images and classes."""
    return {
        "train-annotations-bbox.csv": b"ImageID,Source,LabelName,Confidence,"
        b"XMin,XMax,YMin,YMax,IsGroupOf\na.png,x,/m/01,1,0.1,0.5,0.1,0.6,0\n"
        b"b,x,/m/02,1,0.2,0.6,0.1,0.6,1\nb,x,/m/01,1,0.2,0.6,0.1,0.6,0\n",
        "class-descriptions-boxable.csv": b"/m/01,cup\n/m/02,key\n",
        **_images("train/"),
    }


def csv_boxes(rng: random.Random) -> Files:
    """Tables of TensorFlow's tools, keras-retinanet and AutoML."""
    data = rng.choice((
        b"filename,width,height,class,xmin,ymin,xmax,ymax\n"
        b"a.png,8,8,cup,1,1,5,6\nb.jpg,8,8,key,0,0,3,3\nb.jpg,8,8,,,,,\n",
        b"a.png,1,1,5,6,cup\nb.jpg,0,0,3,3,key\nb.jpg,,,,,\n",
        b"TRAIN,gs://x/a.png,cup,0.1,0.1,,,0.5,0.6,,\n"
        b"TRAIN,b.jpg,key,0.1,0.1,,,0.5,0.6,,\n",
    ))  # fmt: skip
    return {"boxes.csv": data, **_images()}


def imagefolder(rng: random.Random) -> Files:
    """A file of json lines."""
    rows: list[dict] = [
        {"file_name": "a.png", "objects": {
            "bbox": [[1, 1, 4, 5], [0, 0, 3, 3]], "category": [0, 1],
            "area": [20, 9], "iscrowd": [0, 1]}},
        {"file_name": "b.jpg", "objects": [
            {"bbox": [1, 1, 4, 5], "category": 1}]},
    ]  # fmt: skip
    text = "\n".join(map(json.dumps, rows))
    return {"metadata.jsonl": text.encode(), **_images()}


def tfrecord(rng: random.Random) -> Files:
    """Two examples and a label map."""
    records = []
    for name in ("a.png", "b.jpg"):
        kind = "png" if name == "a.png" else "jpeg"
        features: dict[str, list[object]] = {
            "image/encoded": [picture(kind)],
            "image/format": [kind.encode()],
            "image/filename": [name.encode()],
            "image/height": [8],
            "image/width": [8],
            "image/object/bbox/xmin": [0.1, 0.2],
            "image/object/bbox/ymin": [0.1, 0.2],
            "image/object/bbox/xmax": [0.5, 0.6],
            "image/object/bbox/ymax": [0.5, 0.6],
            "image/object/class/text": [b"cup", b"key"],
            "image/object/class/label": [1, 2],
        }
        records.append(framed(encode_example(features)))
    label_map = b'item {\n id: 1\n name: "cup"\n}\nitem {id: 2 name: "key"}\n'
    return {"train.tfrecord": b"".join(records), "label_map.pbtxt": label_map}


def class_table(rng: random.Random) -> Files:
    """A csv file with the classes of whole images."""
    data = rng.choice((
        b"filename,class,split\na.png,cup,\nb.jpg,key,\n",
        b"id,labels\na,cup;key\nb,key\n",
        b"filename,cup,key\na.png,1,0\nb.jpg,0,1\n",
        b"image_id,target\na,1\nb,2\n",
    ))  # fmt: skip
    return {"train.csv": data, **_images("images/")}


def image_folder(rng: random.Random) -> Files:
    """One folder for each class."""
    return {
        "cup/a.png": picture("png"),
        "cup/x/b.jpg": picture("jpeg"),
        "key/a.gif": picture("gif"),
        "key/note.txt": b"text\n",
    }


def images(rng: random.Random) -> Files:
    """One image of any format."""
    kinds = (
        ("png", "RGB"), ("png", "I;16"), ("png", "P"), ("png", "LA"),
        ("png", "1"), ("jpeg", "RGB"), ("jpeg", "L"), ("jpeg", "CMYK"),
        ("gif", "P"), ("webp", "RGB"), ("webp", "RGBA"), ("tiff", "RGB"),
        ("tiff", "I;16"), ("tiff", "F"), ("tiff", "1"), ("tiff", "LAB"),
        ("ppm", "RGB"), ("ppm", "I;16"), ("ppm", "1"), ("bmp", "RGB"),
        ("bmp", "P"), ("tga", "RGB"), ("tga", "RGBA"),
    )  # fmt: skip
    kind, mode = rng.choice(kinds)
    return {f"image.{kind}": picture(kind, mode)}


@functools.cache
def _archive(compressed: bool, matrix: bool) -> bytes:
    arrays = {
        "x_train": np.zeros((3, SIDE, SIDE, 3), "uint8") + np.uint8(9),
        "y_train": np.eye(3, dtype="int64") if matrix else np.arange(3),
        "class_names": np.array(["cup", "key", "pen"]),
    }
    out = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(out, **arrays)
    return out.getvalue()


def npz(rng: random.Random) -> Files:
    """Images and labels in an archive."""
    kind = rng.random() < 0.3, rng.random() < 0.3
    return {"data.npz": _archive(*kind)}
