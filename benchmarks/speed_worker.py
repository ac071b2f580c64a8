"""Run the candidates of `speed.py` in one process, one at a time.

Reads JSON lines, `{"make": [...]}` or `{"run": name}`, and writes one line in
reply to each. `speed.py` starts one such process for each backend.
"""

import argparse
import contextlib
import importlib
import json
import os
import resource
import sys
import time
import warnings

import numpy as np

RUNS = 3


def main():
    """Process requests until the input ends."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--task", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--size", type=int)
    parser.add_argument("--photo")
    parser.add_argument("--folder", required=True)
    args = parser.parse_args()
    args.size = args.size or size_of(args.model)
    warnings.simplefilter("ignore")
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of libraries is not a reply
    runs = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = _reply(request, args, runs)
        except Exception as error:  # a contender that is not installed
            reply = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(reply), file=replies, flush=True)


def _reply(request, args, runs):
    if "make" in request:
        name = request["make"]
        before = time.perf_counter()
        runs[name] = CONTENDERS[args.task][name.split(" ")[0]](args, name)
        runs[name]()
        runs[name]()
        return {"seconds": time.perf_counter() - before}
    if "run" in request:
        run = runs[request["run"]]
        run()  # what ran before has taken the caches and the pages
        seconds = []
        for _ in range(RUNS):
            before = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - before)
        return {"seconds": seconds}
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {"peak": usage.ru_maxrss / 1e6}


def size_of(model):
    """Return the image size of a variant."""
    from keras_efficient import variants

    if model.startswith("D"):
        return variants.EFFICIENTDET_VARIANTS[f"EfficientDet{model}"].resolution
    return variants.EFFICIENTNET_VARIANTS[f"EfficientNet{model}"].resolution


def images_of(args):
    """Return random images; the time does not depend on their contents."""
    shape = (args.batch, args.size, args.size, 3)
    return np.random.default_rng(0).uniform(0, 255, shape).astype("float32")


def dtype_of(name):
    """Return the dtype at the end of a candidate's name, or `None`."""
    return "bfloat16" if name.endswith("bfloat16") else None


def is_detector(args):
    """Return whether the model is an EfficientDet."""
    return args.model.startswith("D")


def our_model(args):
    """Build our model with random weights."""
    import keras_efficient

    size = (args.size, args.size, 3)
    if is_detector(args):
        return getattr(keras_efficient, f"EfficientDet{args.model}")(
            weights=None, backbone_weights=None, input_shape=size
        )
    return getattr(keras_efficient, f"EfficientNet{args.model}")(
        weights=None, input_shape=size
    )


def waited(outputs):
    """Convert outputs to arrays, which waits for the computation."""
    import keras

    return [
        keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))
        for x in keras.tree.flatten(outputs)
    ]


def ours(args, name):
    """Return our network, fused and compiled."""
    from keras_efficient.inference import Predictor

    predictor = Predictor(our_model(args), dtype_of(name))
    images = images_of(args)
    return lambda: waited(predictor(images))


def keras_applications(args, name):
    """Return the network of `keras.applications`, compiled by `predict`."""
    import keras

    model = getattr(keras.applications, f"EfficientNet{args.model}")(
        weights=None
    )
    images = images_of(args)
    if keras.backend.backend() == "torch":
        import torch

        def run():
            with torch.no_grad():
                return waited(model(images, training=False))

        return run
    # The compiled step of `predict` without the Python code of its loop.
    return lambda: model.predict_on_batch(images)


def zeromodels(args, name):
    """Return the network of zeromodels."""
    models = importlib.import_module("zeromodels.models.efficientnet")
    width, depth = {"B0": (1.0, 1.0), "B4": (1.4, 1.8)}[args.model]
    model = models.EfficientNetImageClassify(
        width, depth, default_size=args.size, image_size=args.size
    )
    images = images_of(args)
    return lambda: model.predict_on_batch(images)


def torch_peer(args, trains=False):
    """Build the network of timm or effdet."""
    import torch
    import torchvision_cpu  # noqa: F401  (before timm and effdet)

    if is_detector(args):
        from effdet import EfficientDet
        from effdet import get_efficientdet_config

        config = get_efficientdet_config(
            f"tf_efficientdet_{args.model.lower()}"
        )
        config.image_size = (args.size, args.size)
        network = EfficientDet(config, pretrained_backbone=False)
    else:
        import timm

        network = timm.create_model(f"tf_efficientnet_{args.model.lower()}")
    network = network.to(memory_format=torch.channels_last)
    return network.train() if trains else network.eval()


def torch_images(args):
    """Return the images in the format of timm and effdet."""
    import torch

    images = torch.from_numpy(images_of(args) / 255).permute(0, 3, 1, 2)
    return images.contiguous(memory_format=torch.channels_last)


def peer(args, name):
    """Return the network of timm or effdet in channels-last format."""
    import torch

    network, images = torch_peer(args), torch_images(args)
    if dtype_of(name):
        network, images = network.bfloat16(), images.bfloat16()

    def run():
        with torch.inference_mode():
            return network(images)

    return run


def onnx_file(args, source):
    """Return the path of the ONNX file, which is written once."""
    path = os.path.join(
        args.folder, f"{source}_{args.model}_{args.size}_{args.batch}.onnx"
    )
    if os.path.exists(path):
        return path
    if source == "peer":
        import torch

        torch.onnx.export(
            torch_peer(args), torch_images(args), path, dynamo=False
        )
        return path
    import tensorflow as tf

    from keras_efficient.export.formats.onnx.format import convert

    fused = our_model(args).fused()
    function = tf.function(lambda images: fused(images, training=False))
    spec = tf.TensorSpec(images_of(args).shape, tf.float32, "images")
    function = function.get_concrete_function(spec)
    with open(path, "wb") as file:
        file.write(convert(function).SerializeToString())
    with contextlib.suppress(ImportError):
        import openvino

        # Converted directly, as `export.openvino` does.
        openvino.save_model(
            openvino.convert_model(function),
            openvino_file(path),
            compress_to_fp16=False,
        )
    return path


def openvino_file(path):
    """Return the path of the OpenVINO file beside the ONNX file."""
    return path.removesuffix(".onnx") + ".xml"


def write_onnx(source):
    """Write the file in the process of its backend, unmeasured."""

    def make(args, name):
        onnx_file(args, source)
        return lambda: None

    return make


def onnxruntime(source):
    """Run the file in ONNX Runtime."""

    def make(args, name):
        import onnxruntime

        session = onnxruntime.InferenceSession(onnx_file(args, source))
        (entry,) = session.get_inputs()
        images = images_of(args)
        if source == "peer":
            images = np.ascontiguousarray(images.transpose(0, 3, 1, 2) / 255)
        return lambda: session.run(None, {entry.name: images})

    return make


def openvino(source):
    """Run the file in OpenVINO."""

    def make(args, name):
        import openvino as ov

        core = ov.Core()
        precision = "bf16" if dtype_of(name) else "f32"
        compiled = core.compile_model(
            openvino_file(onnx_file(args, source)),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": precision,
                "PERFORMANCE_HINT": "LATENCY",
            },
        )
        images = images_of(args)
        return lambda: compiled([images])

    return make


def labels_of(args):
    """Return the ground truth of the images."""
    if not is_detector(args):
        return np.eye(1000, dtype="float32")[np.arange(args.batch)]
    boxes = np.tile([[[20.0, 30, 150, 180]]], (args.batch, 1, 1))
    return {
        "boxes": boxes.astype("float32"),
        "labels": np.zeros((args.batch, 1), "int32"),
    }


def fitted(model, args, **compiled):
    """Return a call of one step of `fit`, including data and optimizer."""
    import keras

    model.compile(keras.optimizers.SGD(1e-3, momentum=0.9), **compiled)
    images, labels = images_of(args), labels_of(args)
    return lambda: model.train_on_batch(images, labels)


def our_training(args, name):
    """Return a training step of our network."""
    model = our_model(args)
    model.set_remat("remat" in name)
    if is_detector(args):
        return fitted(model, args)
    return fitted(model, args, loss="categorical_crossentropy")


def keras_training(args, name):
    """Return a training step of the network of `keras.applications`."""
    import keras

    model = getattr(keras.applications, f"EfficientNet{args.model}")(
        weights=None
    )
    return fitted(model, args, loss="categorical_crossentropy")


def peer_training(args, name):
    """Return a training step of the network of timm or effdet."""
    import torch

    network, images = torch_peer(args, trains=True), torch_images(args)
    parameters = network.parameters()
    if is_detector(args):
        from effdet import DetBenchTrain

        network = DetBenchTrain(network, create_labeler=True)
        parameters = network.parameters()
        labels = labels_of(args)
        target = {
            "bbox": [torch.tensor(b)[:, [1, 0, 3, 2]] for b in labels["boxes"]],
            "cls": [torch.ones(1) for _ in range(args.batch)],
        }
    optimizer = torch.optim.SGD(parameters, 1e-3, momentum=0.9)

    def step():
        optimizer.zero_grad()
        if is_detector(args):
            loss = network(images, target)["loss"]
        else:
            classes = torch.arange(args.batch)
            loss = torch.nn.functional.cross_entropy(network(images), classes)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def our_detect(args, name):
    """Run `detect` on a file, for at most 20 detections."""
    model = our_model(args)
    model.detect(args.photo, score_threshold=0.0, max_detections=20)
    options = {"score_threshold": 0.0, "max_detections": 20}
    return lambda: model.detect([args.photo] * args.batch, **options)


CONTENDERS = {
    "inference": {
        "ours": ours,
        "keras.applications": keras_applications,
        "zeromodels": zeromodels,
        "timm": peer,
        "effdet": peer,
        "write-ours": write_onnx("ours"),
        "write-peer": write_onnx("peer"),
        "ORT-ours": onnxruntime("ours"),
        "ORT-peer": onnxruntime("peer"),
        "OpenVINO-ours": openvino("ours"),
    },
    "training": {
        "ours": our_training,
        "keras.applications": keras_training,
        "timm": peer_training,
        "effdet": peer_training,
    },
    "detect": {"detect": our_detect, "network": ours},
}

if __name__ == "__main__":
    main()
