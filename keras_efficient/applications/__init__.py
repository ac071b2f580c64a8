"""The networks for code that was written for `keras.applications`.

Replace `keras.applications` by `keras_efficient.applications` in such code. The
models are the same `EfficientNet`s as those of `keras_efficient`, with
`unroll_blocks=True`: their layers have the names and the order of the layers of
`keras.applications`, so that code can find them by name or index, list the
batch normalizations, or freeze all but the last 20.
"""

from keras_efficient.applications.efficientnet import EfficientNetB0
from keras_efficient.applications.efficientnet import EfficientNetB1
from keras_efficient.applications.efficientnet import EfficientNetB2
from keras_efficient.applications.efficientnet import EfficientNetB3
from keras_efficient.applications.efficientnet import EfficientNetB4
from keras_efficient.applications.efficientnet import EfficientNetB5
from keras_efficient.applications.efficientnet import EfficientNetB6
from keras_efficient.applications.efficientnet import EfficientNetB7

__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
]
