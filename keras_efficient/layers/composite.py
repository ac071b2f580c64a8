"""Base class of layers that contain other layers."""

from typing import Any

import keras

from keras_efficient.internals import keras_internals


class Composite(keras.layers.Layer):
    """Base class of layers that create the layers inside them in `build`.

    Its config also states which of these are frozen. Keras restores
    `trainable` of the outer layer only, before those inside exist, so that
    copies and loaded models would train them.
    """

    # Positions of the frozen layers; `None` if the config does not state them.
    _frozen_parts: frozenset[int] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer; the first call builds it."""
        is_first = not self.built
        outputs = super().__call__(*args, **kwargs)
        if is_first:
            self._freeze_parts()
        return outputs

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build the layer, and freeze what was frozen when it was saved."""
        super().build_from_config(config)
        self._freeze_parts()

    def get_config(self) -> dict[str, Any]:
        """Return the base config, and which of the layers inside are frozen."""
        config = super().get_config()
        parts = keras_internals.all_layers(self)
        frozen = [i for i, part in enumerate(parts) if not part.trainable]
        # Without an entry, the layers inside are as the layer itself.
        if parts and len(frozen) != (0 if self.trainable else len(parts)):
            config["frozen_parts"] = frozen
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Composite":
        """Create a layer that will freeze the layers inside it."""
        config = dict(config)
        frozen = config.pop("frozen_parts", None)
        layer = super().from_config(config)
        layer._frozen_parts = None if frozen is None else frozenset(frozen)
        return layer

    def _freeze_parts(self) -> None:
        if self._frozen_parts is None and self.trainable:
            return
        for i, part in enumerate(keras_internals.all_layers(self)):
            is_frozen = not self.trainable
            if self._frozen_parts is not None:
                is_frozen = i in self._frozen_parts
            if part.trainable == is_frozen:
                # Those inside this part follow in the list.
                part.trainable = not is_frozen
