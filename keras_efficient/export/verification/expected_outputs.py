"""What a model says of images, step by step and on its own backend."""

import keras
import numpy as np

from keras_efficient.data.images import load_image
from keras_efficient.export.classification_spec import ClassificationSpec
from keras_efficient.export.classification_spec import fill_inputs
from keras_efficient.inference.logits import softmax
from keras_efficient.postprocessing import postprocess


def make_answers(model, spec, samples):
    """What an export must repeat.

    Args:
        model: A `keras.Model`.
        spec: Its `ClassificationSpec` or `DetectionSpec`.
        samples: `Samples`.

    Returns:
        A dict from the names of the signatures to dicts of arrays. Where a
        detector finds nothing in `samples.images`, `"network"` has its
        network's outputs for them: nothing is easily repeated.
    """
    images = [load_image(file) for file in samples.files]
    is_classifier = isinstance(spec, ClassificationSpec)
    answer = _classify if is_classifier else _detect
    answers = {
        "serving_default": answer(model, spec, images),
        "images": answer(model, spec, list(samples.images)),
        "raw": _run(model, spec, samples.raw),
    }
    if not is_classifier and not answers["images"]["num_detections"].any():
        pixels = [spec.preprocessing(image)[0] for image in samples.images]
        answers["network"] = _run(model, spec, np.stack(pixels))
    return answers


def _run(model, spec, pixels):
    """Outputs of the network as float32 arrays by name."""
    inputs = np.asarray(pixels, "float32")
    if spec.is_channels_first:
        inputs = np.transpose(inputs, (0, 3, 1, 2))
    outputs = model.predict(fill_inputs(model, inputs), verbose=0)
    if not isinstance(spec, ClassificationSpec):
        return {k: np.asarray(x, "float32") for k, x in outputs.items()}
    (outputs,) = keras.tree.flatten(outputs)
    outputs = np.asarray(outputs).astype("float32")
    if spec.from_logits:
        outputs = softmax(outputs)
    return {"probabilities": outputs}


def _classify(model, spec, images):
    return _run(model, spec, np.stack([spec.preprocessing(x) for x in images]))


def _detect(model, spec, images):
    pairs = [spec.preprocessing(image) for image in images]
    outputs = _run(model, spec, np.stack([pixels for pixels, _ in pairs]))
    scales = np.array([scale for _, scale in pairs], "float32")[:, None]
    sizes = np.array([image.shape[:2] for image in images], "float32")
    rows = postprocess(
        outputs["class_logits"],
        outputs["box_deltas"],
        spec.anchors,
        image_sizes=sizes * scales,
        **spec.options,
    )
    rows = {k: keras.ops.convert_to_numpy(x) for k, x in rows.items()}
    return {**rows, "boxes": rows["boxes"] / scales[:, :, None]}
