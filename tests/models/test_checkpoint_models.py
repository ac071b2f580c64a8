"""Models of checkpoints as other libraries and their users write them."""

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient.converters import inspect_checkpoint
from keras_efficient.models import from_checkpoint
from tests.cli.program import run
from tests.converters import checkpoints
from tests.marks import on_one_backend

pytestmark = on_one_backend
FILES = {
    # Name of the file, its network in the library and number of classes.
    "timm_tf": ("tf_efficientnet_b0_mine.pth", "EfficientNetB0", 3),
    "timm": ("efficientnet_b0_mine.pth", "EfficientNetB0", 2),
    "timm_lite": ("tf_efficientnet_lite0_mine.pth", "EfficientNetLite0", 1),
    "torchvision": ("best.pt", "EfficientNetB0", 1),
    "lukemelas": ("model_final.pth", "EfficientNetB1", 5),
    "effdet_tf": ("model_best.pth.tar", "EfficientDetLite0", 3),
    "effdet": ("efficientdet_d0.pth", "EfficientDetD0", 2),
}


SLOW = ("timm_tf", "timm_lite", "effdet")


def network_of(library, classes):
    if library == "torchvision":
        models = checkpoints.import_peer("torchvision.models")
        return models.efficientnet_b0(weights=None, num_classes=classes)
    if library == "lukemelas":
        peer = checkpoints.import_peer("efficientnet_pytorch").EfficientNet
        return peer.from_name("efficientnet-b1", num_classes=classes)
    timm = checkpoints.import_peer("timm")
    if library.startswith("effdet"):
        effdet = checkpoints.import_peer("effdet")
        name = {"effdet_tf": "tf_efficientdet_lite0"}.get(
            library, "efficientdet_d0"
        )
        config = effdet.get_efficientdet_config(name)
        config.num_classes = classes
        return effdet.EfficientDet(config, pretrained_backbone=False)
    name = FILES[library][0].removesuffix("_mine.pth")
    return timm.create_model(name, num_classes=classes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoints")


def write(folder, library):
    torch = pytest.importorskip("torch")
    name, _, classes = FILES[library]
    path = folder / name
    if not path.exists():
        network = checkpoints.randomize_torch(network_of(library, classes))
        torch.save({"epoch": 7, "state_dict": network.state_dict()}, path)
    return path


@pytest.mark.parametrize(
    "library",
    [
        pytest.param(x, marks=pytest.mark.slow if x in SLOW else ())
        for x in FILES
    ],
)
def test_the_model_is_that_of_the_file(folder, library):
    path = write(folder, library)
    _, variant, classes = FILES[library]
    info = inspect_checkpoint(path)
    assert (info.variant, info.num_classes) == (variant, classes)
    is_symmetric = library in ("timm", "torchvision", "effdet")
    assert info.padding == ("symmetric" if is_symmetric else "same")
    assert info.batch_norm_epsilon == (1e-5 if is_symmetric else 1e-3)
    model = from_checkpoint(path)
    assert model.num_classes == classes
    if "Det" in variant:
        assert model.backbone.get_layer("stem_conv").padding == info.padding
        return
    activation = model.get_layer("predictions").get_config()["activation"]
    assert activation == ("sigmoid" if classes == 1 else "softmax")
    pixels = np.zeros((1, *model.input_shape[1:]), "float32")
    assert 0 < model.predict(pixels, verbose=0)[0, 0] < 1


def test_a_file_without_classifier(tmp_path):
    weights = checkpoints.random_weights("EfficientNetLite0")
    arrays = {k: x for k, x in weights.items() if "predictions" not in k}
    np.savez(tmp_path / "features.npz", **arrays)
    model = from_checkpoint(tmp_path / "features.npz", input_shape=(64, 96, 3))
    assert model.num_classes is None
    assert model.output_shape == (None, 2, 3, 1280)


def test_other_networks_are_named_by_the_user(tmp_path):
    model = keras_efficient.EfficientNet(width_coefficient=0.5, classes=3)
    names = keras_efficient.converters.naming.variable_names
    arrays = names.named_variables(model)
    np.savez(
        tmp_path / "half.npz",
        **{k: keras.ops.convert_to_numpy(x) for k, x in arrays.items()},
    )
    with pytest.raises(ValueError, match="those of no published network"):
        from_checkpoint(tmp_path / "half.npz")
    with pytest.raises(ValueError, match="Received: variant='B0'"):
        from_checkpoint(tmp_path / "half.npz", "B0")


def test_commands_accept_the_same_files(folder, tmp_path, monkeypatch, capsys):
    path, output = write(folder, "lukemelas"), tmp_path / "mine.keras"
    assert run(monkeypatch, "convert", "auto", path, output) == 0
    model = keras.saving.load_model(output, compile=False)
    assert (model.name, model.num_classes) == ("efficientnetb1", 5)
    photo = tmp_path / "photo.png"
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3))
    keras.utils.save_img(photo, image)
    monkeypatch.chdir(tmp_path)
    answers = []
    for network in (("mine.keras",), ("EfficientNetB1", "--weights", path)):
        capsys.readouterr()
        assert run(monkeypatch, "classify", photo, "--model", *network) == 0
        answers.append(capsys.readouterr().out.splitlines()[-1])
    assert answers[0] == answers[1]
