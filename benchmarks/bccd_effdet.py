r"""Train effdet's D0 with the settings of `examples/finetune_detection.py`.

    KERAS_BACKEND=torch python benchmarks/bccd_effdet.py data/bccd \
        --backbone data/efficientnet_b0_partial.npz

Initial weights, images, their order and augmentation, optimizer, schedule,
gradient clipping, weight averages and metric are the same. Network, targets,
loss and post-processing are effdet's own. Requires the extra `peers` and the
data that `benchmarks/fetch_data.py` downloads.
"""

import argparse
import copy
import math
import time

import keras
import numpy as np
import torch
import torchvision_cpu  # noqa: F401  (before effdet)
from effdet import DetBenchPredict
from effdet import DetBenchTrain
from effdet import EfficientDet
from effdet import get_efficientdet_config
from timm.models.layers import BatchNormAct2d

import keras_efficient
from keras_efficient.converters.naming.detection_schemes import EFFDET
from keras_efficient.converters.naming.variable_names import blocks_in
from keras_efficient.converters.naming.variable_names import named_variables

MEAN, STD = (
    torch.tensor(values).view(1, 3, 1, 1)
    for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
)


def main():
    """Train, and print the mean average precision on the test split."""
    args = parse_arguments()
    keras.utils.set_random_seed(args.seed)
    load = keras_efficient.data.load_detection
    train = load(args.data, "train")
    test = load(args.data, "test", class_names=train.class_names)
    size = (args.image_size[0], args.image_size[-1])
    network = build_network(
        size, train.num_classes, args.backbone, args.anchor_scale
    )
    batches = train.batches(
        size,
        args.batch_size,
        training=True,
        augmentation=keras_efficient.data.DetectionAugmentation(
            size, vertical_flip_rate=0.5
        ),
        drop_remainder=True,
        seed=args.seed,
    )
    start = time.perf_counter()
    average = fit(network, batches, args.epochs, args.learning_rate)
    print(f"trained in {time.perf_counter() - start:.0f} s")
    detections = predict(average, test, size)
    print(keras_efficient.evaluation.evaluate_coco(test, detections))


def build_network(size, num_classes, backbone, anchor_scale):
    """Return effdet's D0 with the initial weights of our model."""
    model = keras_efficient.EfficientDetD0(
        weights=None,
        backbone_weights=None,
        num_classes=num_classes,
        input_shape=(*size, 3),
    )
    keras_efficient.converters.load_checkpoint(
        model.backbone, backbone, strict=False
    )
    config = get_efficientdet_config("tf_efficientdet_d0")
    config.image_size = size
    config.num_classes = num_classes
    config.anchor_scale = anchor_scale
    config.backbone_args = {"drop_path_rate": 0.0}  # as ours, after automl
    network = EfficientDet(config, pretrained_backbone=False)
    copy_weights(model, network)
    compare(model, network, size)
    return network.to(memory_format=torch.channels_last)


def copy_weights(model, network):
    """Copy all tensors of our network to effdet's."""
    named = named_variables(model)
    table = EFFDET.table(blocks_in(named))
    for key, tensor in network.state_dict().items():
        name = EFFDET.rewrite(key)
        if name is None:  # num_batches_tracked
            continue
        values = keras.ops.convert_to_numpy(named[table.get(name, name)])
        if values.ndim == 4:
            order = (3, 2, 0, 1) if values.shape[3] > 1 else (2, 3, 0, 1)
            transposed = values.transpose(order)
            if transposed.shape != tuple(tensor.shape):
                transposed = values.transpose(2, 3, 0, 1)
            values = transposed
        tensor.copy_(torch.from_numpy(np.array(values)).view(tensor.shape))


def compare(model, network, size):
    """Print the difference of the two networks before training.

    Both run in training mode, because untrained moving statistics would make
    all outputs equal.
    """
    pixels = np.random.default_rng(0).uniform(0, 255, (2, *size, 3))
    pixels = pixels.astype("float32")
    inputs = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    with torch.no_grad():
        outputs = model(pixels, training=True)
        levels = copy.deepcopy(network).train()((inputs / 255 - MEAN) / STD)
    for key, theirs in zip(("class_logits", "box_deltas"), levels, strict=True):
        ours = keras.ops.convert_to_numpy(outputs[key])
        theirs = np.concatenate(
            [
                x.permute(0, 2, 3, 1).reshape(2, -1, ours.shape[-1]).numpy()
                for x in theirs
            ],
            axis=1,
        )
        difference = np.abs(ours - theirs).max() / np.abs(ours).max()
        print(
            f"{key} before training: standard deviation {ours.std():.2f}, "
            f"largest difference {difference:.1e}"
        )


def fit(network, batches, epochs, learning_rate):
    """Train with the schedule of `detection_recipe`; return the average."""
    bench = DetBenchTrain(network, create_labeler=True)
    steps = epochs * len(batches)
    warmup = min(steps // 10, 500)
    peak = learning_rate * batches.batch_size / 8
    decayed = [p for p in network.parameters() if p.ndim == 4]
    others = [p for p in network.parameters() if p.ndim != 4]
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": 1e-3},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=peak,
        eps=1e-7,
    )
    # As in `training.adapt_batch_norm_momentum`.
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d | BatchNormAct2d):
            module.momentum = min(0.1, max(0.01, 30 / steps))
    average = copy.deepcopy(network)
    step = 0
    for epoch in range(epochs):
        network.train()
        for module in network.backbone.modules():
            if isinstance(module, torch.nn.BatchNorm2d | BatchNormAct2d):
                module.eval()
                module.weight.requires_grad_(False)
                module.bias.requires_grad_(False)
        batches.epoch = epoch
        total, start = 0.0, time.perf_counter()
        batches.on_epoch_begin()
        for index in range(len(batches)):
            if step < warmup:
                rate = peak * step / warmup
            else:
                share = (step - warmup) / (steps - warmup)
                rate = peak * (1 + math.cos(math.pi * share)) / 2
            for group in optimizer.param_groups:
                group["lr"] = rate
            images, target = convert(*batches[index])
            loss = bench(images, target)["loss"]
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
            optimizer.step()
            update_average(average, network, step)
            total += float(loss.detach())
            step += 1
        seconds = time.perf_counter() - start
        rate = batches.num_images / seconds
        print(
            f"epoch {epoch + 1}/{epochs}: loss {total / len(batches):.4f}, "
            f"{rate:.1f} images a second",
            flush=True,
        )
    return average


def update_average(average, network, step):
    """Update the average of the weights; copy the statistics."""
    momentum = min(0.998, (1 + step) / (10 + step)) if step else 0.0
    with torch.no_grad():
        for kept, new in zip(
            average.parameters(), network.parameters(), strict=True
        ):
            kept.lerp_(new, 1 - momentum)
        for kept, new in zip(average.buffers(), network.buffers(), strict=True):
            kept.copy_(new)


def convert(images, truth):
    """Convert a batch to the format of effdet."""
    images = torch.from_numpy(images).permute(0, 3, 1, 2)
    images = (images / 255 - MEAN) / STD
    boxes = torch.from_numpy(truth["boxes"])[..., [1, 0, 3, 2]]
    labels = torch.from_numpy(truth["labels"])
    return images.contiguous(memory_format=torch.channels_last), {
        "bbox": boxes,
        # Labels of effdet start at 1; negative ones are ignored.
        "cls": torch.where(labels < 0, -1, labels + 1).float(),
    }


def predict(network, dataset, size):
    """Return effdet's detections of each image, in pixels of the image."""
    bench = DetBenchPredict(network).eval()
    resize = keras_efficient.data.DetectionPreprocessing(size)
    found = []
    for record in dataset.records:
        image = keras_efficient.data.load_image(record.image)
        pixels, scale = resize(image)
        inputs = torch.from_numpy(pixels[None]).permute(0, 3, 1, 2)
        info = {
            "img_scale": torch.tensor([1 / scale]),
            "img_size": torch.tensor([[image.shape[1], image.shape[0]]]),
        }
        with torch.no_grad():
            rows = bench((inputs / 255 - MEAN) / STD, info)[0].numpy()
        rows = rows[rows[:, 4] > 0.001]
        found.append(
            keras_efficient.inference.Detections(
                boxes=rows[:, :4],
                scores=rows[:, 4],
                labels=rows[:, 5].astype("int32") - 1,
                class_names=dataset.class_names,
                image_size=image.shape[:2],
            )
        )
    return found


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--image-size", type=int, nargs="+", default=[320])
    parser.add_argument("--anchor-scale", type=float, default=4.0)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
