"""TensorFlow SavedModels."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import keras

from keras_efficient.data.image_channels import FILE_CHANNELS
from keras_efficient.export.formats.export_format import ExportFormat
from keras_efficient.export.formats.export_format import ExportSettings
from keras_efficient.export.formats.export_format import Outputs
from keras_efficient.export.formats.export_format import SignatureFunction
from keras_efficient.export.formats.saved_model.warmup import warmup_record
from keras_efficient.export.graph.signatures import make_signatures
from keras_efficient.export.specs import Spec
from keras_efficient.export.verification.samples import make_samples

# The folder of a SavedModel that TensorFlow reserves for other programs.
EXTRA_FOLDER = "assets.extra"
METADATA_FILE = "metadata.json"
WARMUP_FILE = "tf_serving_warmup_requests"

DEFAULT, FILES_INPUT = "serving_default", "image_bytes"


class SavedModel(ExportFormat):
    """TensorFlow SavedModels, with a signature for encoded images."""

    name = "saved_model"
    precisions = ("float32", "float16", "bfloat16")
    packages = ("tensorflow",)
    is_folder = True

    def recognizes(self, path: pathlib.Path) -> bool:
        """See `ExportFormat.recognizes`."""
        return (path / "saved_model.pb").exists()

    def write(
        self,
        model: keras.Model,
        spec: Spec,
        path: pathlib.Path,
        settings: ExportSettings,
    ) -> None:
        """See `ExportFormat.write`."""
        import tensorflow as tf

        if settings.precision != "float32":
            model = with_precision(model, settings.precision)
        # Not `archive.track(model)`: Keras 3.15 then writes all weights twice.
        archive = keras.export.ExportArchive()
        for name, signature in make_signatures(model, spec).items():
            archive.add_endpoint(
                name,
                signature.function,
                input_signature=[signature.input_spec],
            )
        archive.write_out(str(path), verbose=False)
        extra = path / EXTRA_FOLDER
        extra.mkdir(exist_ok=True)
        text = json.dumps(settings.metadata, indent=2, ensure_ascii=False)
        (extra / METADATA_FILE).write_text(text + "\n", encoding="utf-8")
        if spec.channels not in FILE_CHANNELS:
            return  # It has no signature for image files.
        image = make_samples(spec.preprocessing.size).files[-1]
        with tf.io.TFRecordWriter(str(extra / WARMUP_FILE)) as file:
            file.write(warmup_record(image, settings.served_name))

    def read_metadata(self, path: pathlib.Path) -> dict[str, Any]:
        """See `ExportFormat.read_metadata`."""
        file = path / EXTRA_FOLDER / METADATA_FILE
        return json.loads(file.read_text(encoding="utf-8"))

    def read(self, path: pathlib.Path) -> dict[str, SignatureFunction]:
        """See `ExportFormat.read`."""
        import tensorflow as tf

        loaded = tf.saved_model.load(str(path))
        return {
            name: _Signature(loaded, name)
            for name, signature in loaded.signatures.items()
            # Without image files Keras lets it be the first signature.
            if name != DEFAULT or FILES_INPUT in _inputs_of(signature)
        }


def _inputs_of(signature: Any) -> Mapping[str, Any]:
    return signature.structured_input_signature[1]


class _Signature:
    """A signature of a SavedModel as a function of arrays."""

    def __init__(self, loaded: Any, name: str) -> None:
        # The signature's weights exist as long as the loaded object.
        self._loaded = loaded
        self._function = loaded.signatures[name]
        (self._input_name,) = self._function.structured_input_signature[1]

    def __call__(self, values: Any) -> Outputs:
        import tensorflow as tf

        outputs = self._function(**{self._input_name: tf.constant(values)})
        return {name: x.numpy() for name, x in outputs.items()}


def with_precision(model: keras.Model, precision: str) -> keras.Model:
    """Return a copy of a network that computes in half precision.

    Weights and outputs stay float32.

    Args:
        model: A functional `keras.Model`.
        precision: `"float16"` or `"bfloat16"`.

    Returns:
        A `keras.Model`.
    """
    policy = f"mixed_{precision}"

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if isinstance(layer, keras.layers.InputLayer):
            return type(layer).from_config(config)
        if layer.name not in model.output_names:
            config["dtype"] = policy
        return type(layer).from_config(config)

    cloned = keras.models.clone_model(
        model, clone_function=clone, recursive=True
    )
    cloned.set_weights(model.get_weights())
    return cloned
