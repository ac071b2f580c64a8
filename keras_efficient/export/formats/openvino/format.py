"""OpenVINO's files: how they are written and asked."""

import json

from keras_efficient.export.formats.onnx.format import run_in_batches
from keras_efficient.export.formats.openvino.quantization import quantize
from keras_efficient.export.formats.precision import load_images
from keras_efficient.export.graph.signatures import numeric_function

MODEL_FILE = "model.xml"
METADATA_FILE = "metadata.json"


def write(model, spec, folder, settings):
    """Writes `model.xml` and `model.bin`.

    Args:
        model: A `keras.Model`, on the TensorFlow backend.
        spec: Its `ClassificationSpec` or `DetectionSpec`.
        folder: `pathlib.Path` of the folder to write into.
        settings: Dict with `"batch_size"`, `None` for any; `"image_size"`, of
            the images that come in, `None` for any; `"precision"`;
            `"calibration"`, the file of images for int8; and `"metadata"`.

    Returns:
        Nothing.
    """
    import openvino
    import tensorflow as tf

    function, names = numeric_function(model, spec, settings)
    size = settings.get("image_size") or (None, None)
    shape = (settings.get("batch_size"), *size, 3)
    graph = tf.function(
        function,
        input_signature=[tf.TensorSpec(shape, tf.uint8, "images")],
    )
    converted = openvino.convert_model(graph.get_concrete_function())
    converted.inputs[0].get_tensor().set_names({"images"})
    _hasten_top_k(converted)
    # A dict's outputs come in the order of its sorted names.
    for output, name in zip(converted.outputs, sorted(names), strict=True):
        output.get_tensor().set_names({name})
    if settings["precision"] == "int8":
        images = load_images(settings["calibration"])
        converted = quantize(converted, images)
    openvino.save_model(
        converted,
        folder / MODEL_FILE,
        compress_to_fp16=settings["precision"] == "float16",
    )
    text = json.dumps(settings["metadata"], indent=2, ensure_ascii=False)
    (folder / METADATA_FILE).write_text(text + "\n", encoding="utf-8")


def read_metadata(folder):
    """What `write` was given as `"metadata"`.

    Args:
        folder: `pathlib.Path`.

    Returns:
        A dict.
    """
    return json.loads((folder / METADATA_FILE).read_text(encoding="utf-8"))


def read(folder):
    """The signature of the files as a function of arrays.

    Args:
        folder: `pathlib.Path`.

    Returns:
        A dict from its name to a function.
    """
    import openvino

    compiled = openvino.Core().compile_model(
        folder / MODEL_FILE, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    shape = compiled.inputs[0].partial_shape
    batch = shape[0].get_length() if shape[0].is_static else None

    def ask(images):
        answer = compiled([images])
        return {
            output.any_name: answer[output].copy()
            for output in compiled.outputs
        }

    return {"images": lambda images: run_in_batches(ask, images, batch)}


def _hasten_top_k(model):
    """Lets the largest numbers come out in any order where they are equal.

    OpenVINO keeps their order by a bubble sort, seconds for 5000 of 450,000.
    """
    from openvino import opset14

    for node in model.get_ordered_ops():
        if node.get_type_name() != "TopK":
            continue
        attributes = node.get_attributes()
        faster = opset14.topk(
            node.input_value(0),
            node.input_value(1),
            attributes["axis"],
            attributes["mode"],
            attributes["sort"],
            attributes["index_element_type"],
            stable=False,
        )
        for old, new in zip(node.outputs(), faster.outputs(), strict=True):
            old.replace(new)
