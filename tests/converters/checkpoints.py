"""Complete checkpoints with random weights, in the formats of each library."""

import importlib
import tarfile

import h5py
import numpy as np
import pytest

from keras_efficient.converters.naming.classification_schemes import TENSORFLOW
from keras_efficient.converters.naming.published_variants import SHAPES
from keras_efficient.converters.naming.variable_names import blocks_in

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def import_peer(name):
    """Import a library of PyTorch that imports torchvision, or skip."""
    pytest.importorskip("torch", reason="the original runs in PyTorch")
    importlib.import_module("benchmarks.torchvision_cpu")
    return pytest.importorskip(name, reason=f"{name} is not installed")


def random_value(rng, name, shape):
    """Return random values for a Keras variable, scaled as initializers do."""
    values = rng.uniform(-1, 1, shape)
    kind = name.rpartition("/")[2]
    if kind == "kernel":
        is_depthwise = name.endswith("_dwconv/kernel")
        fan_in = shape[0] * shape[1] if is_depthwise else np.prod(shape[:-1])
        values *= np.sqrt(4.8 / fan_in)
    elif kind == "gamma":
        values = 1 + 0.2 * values
    elif kind == "moving_variance":
        values = 1 + 0.4 * values
    else:
        values *= 0.1
    return values.astype("float32")


def shapes_of(variant="EfficientNetB0", classes=1000):
    """Return the shapes of a network by canonical name, in its order."""
    kernels, shapes = SHAPES[variant], {}

    def add(layer, norm=None):
        shape = shapes[f"{layer}/kernel"] = kernels[f"{layer}/kernel"]
        filters = shape[2] if layer.endswith("_dwconv") else shape[3]
        if norm is None:
            shapes[f"{layer}/bias"] = (filters,)
            return
        for kind in ("gamma", "beta", "moving_mean", "moving_variance"):
            shapes[f"{norm}/{kind}"] = (filters,)

    add("stem_conv", norm="stem_bn")
    for block in blocks_in(kernels):
        if block.has_expand:
            add(f"{block.name}_expand_conv", norm=f"{block.name}_expand_bn")
        add(f"{block.name}_dwconv", norm=f"{block.name}_bn")
        for layer in (f"{block.name}_se_reduce", f"{block.name}_se_expand"):
            if f"{layer}/kernel" in kernels:  # not in Lite
                add(layer)
        add(f"{block.name}_project_conv", norm=f"{block.name}_project_bn")
    add("top_conv", norm="top_bn")
    top = kernels["top_conv/kernel"][-1]
    shapes["predictions/kernel"] = (top, classes)
    shapes["predictions/bias"] = (classes,)
    return shapes


def random_weights(variant="EfficientNetB0", classes=1000, seed=7):
    """Return random weights of a network by canonical name, in its order."""
    rng = np.random.default_rng(seed)
    shapes = shapes_of(variant, classes)
    return {k: random_value(rng, k, shape) for k, shape in shapes.items()}


def shape_in_file(scheme, canonical, shapes):
    """Return the shape of a variable in the files of a library."""
    shape = shapes[canonical]
    if not scheme.is_torch or not canonical.endswith("/kernel"):
        return shape
    order = (1, 0) if len(shape) == 2 else (3, 2, 0, 1)
    if canonical.endswith("_dwconv/kernel"):
        order = (2, 3, 0, 1)
    return tuple(shape[i] for i in order)


def write_keras2_h5(path, weights, variance, nested=False):
    """Write weights with the layout and names of `keras.applications`."""
    layers = {"input_1": {}, "rescaling": {}}
    layers["normalization"] = {
        "mean:0": np.array(IMAGENET[0], "float32"),
        "variance:0": np.array(variance, "float32"),
        "count:0": np.array(0, "int64"),
    }
    for name, value in weights.items():
        layer, variable = name.split("/")
        if layer.endswith("_dwconv"):
            variable = "depthwise_kernel"
        layers.setdefault(layer, {})[f"{variable}:0"] = value
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if nested else file
        # Keras splits lists of names that exceed 64 KB.
        names = [name.encode() for name in layers]
        root.attrs["layer_names0"] = names[:100]
        root.attrs["layer_names1"] = names[100:]
        for layer, variables in layers.items():
            group = root.create_group(layer)
            group.attrs["weight_names"] = [
                f"{layer}/{variable}".encode() for variable in variables
            ]
            for variable, value in variables.items():
                group[f"{layer}/{variable}"] = value
    return path


def randomize_torch(network, seed=11):
    """Assign random weights to a PyTorch network."""
    import torch

    rng = np.random.default_rng(seed)
    network.eval()
    for name, tensor in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        values = rng.uniform(-1, 1, tuple(tensor.shape))
        if tensor.ndim == 4:
            values *= np.sqrt(4.8 / np.prod(tensor.shape[1:]))
        elif tensor.ndim == 2:
            values *= np.sqrt(3 / tensor.shape[1])
        elif name.endswith("running_var"):
            values = 1 + 0.4 * values
        elif name.endswith("weight"):
            values = 1 + 0.2 * values
        else:
            values *= 0.1
        tensor.copy_(torch.from_numpy(values.astype("float32")))
    return network


def random_pixels(height, width, seed=3):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (1, height, width, 3)).astype("float32")


def torch_outputs(network, pixels, normalization=IMAGENET):
    """Return the logits of a PyTorch network, whose input is normalized."""
    import torch

    mean, std = (np.array(x, "float32") for x in normalization)
    images = ((pixels / 255 - mean) / std).transpose(0, 3, 1, 2)
    with torch.no_grad():
        outputs = network(torch.from_numpy(np.ascontiguousarray(images)))
    return outputs.numpy()


def write_tensorflow(prefix, tensors):
    """Write a TensorFlow 1 checkpoint, as `Saver` does in a graph."""
    tf = pytest.importorskip("tensorflow")
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=list(map(tf.constant, tensors.values())),
    )
    return prefix


def write_google_checkpoint(prefix, weights, network="efficientnet-b0"):
    """Write a TensorFlow checkpoint with Google's names.

    The moving averages have the right values; the raw weights are off by one.
    """
    names = {v: k for k, v in TENSORFLOW.table(blocks_in(weights)).items()}
    tensors = {"global_step": np.array(3, "int64")}
    for name, value in weights.items():
        source = f"{network}/{names[name]}"
        if name.endswith("_dwconv/kernel"):
            source = source.replace("/kernel", "/depthwise_kernel")
        tensors[source] = value + 1
        tensors[f"{source}/ExponentialMovingAverage"] = value
        if name.startswith("stem_"):  # a few variables suffice
            tensors[f"{source}/RMSProp"] = value + 2
            tensors[f"{source}/RMSProp_1"] = value + 3
    write_tensorflow(prefix, tensors)
    state = f'model_checkpoint_path: "/where/it/was/made/{prefix.name}"\n'
    (prefix.parent / "checkpoint").write_text(state)
    return prefix


def pack_as_google(prefix, path):
    """Write an archive as Google does, with files that must be ignored."""
    evil = prefix.parent / "evil"
    evil.write_bytes(b"evil")
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for file in sorted(prefix.parent.glob(f"{prefix.name}.*")):
            archive.add(file, f"efficientnet-b0/{file.name}")
            archive.add(evil, f"efficientnet-b0/._{file.name}")
        archive.add(prefix.parent / "checkpoint", "efficientnet-b0/checkpoint")
        archive.add(evil, "../../evil.index")
    return path
