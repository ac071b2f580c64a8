"""EfficientNet, EfficientDet, MobileNet and ResNet."""

from keras_efficient.models.checkpoint_models import from_checkpoint
from keras_efficient.models.classification_model import ClassificationModel
from keras_efficient.models.detection_model import DetectionModel
from keras_efficient.models.efficientdet import EfficientDet
from keras_efficient.models.efficientdet_lite_variants import EfficientDetLite0
from keras_efficient.models.efficientdet_lite_variants import EfficientDetLite1
from keras_efficient.models.efficientdet_lite_variants import EfficientDetLite2
from keras_efficient.models.efficientdet_lite_variants import EfficientDetLite3
from keras_efficient.models.efficientdet_lite_variants import EfficientDetLite3x
from keras_efficient.models.efficientdet_lite_variants import EfficientDetLite4
from keras_efficient.models.efficientdet_variants import EfficientDetD0
from keras_efficient.models.efficientdet_variants import EfficientDetD1
from keras_efficient.models.efficientdet_variants import EfficientDetD2
from keras_efficient.models.efficientdet_variants import EfficientDetD3
from keras_efficient.models.efficientdet_variants import EfficientDetD4
from keras_efficient.models.efficientdet_variants import EfficientDetD5
from keras_efficient.models.efficientdet_variants import EfficientDetD6
from keras_efficient.models.efficientdet_variants import EfficientDetD7
from keras_efficient.models.efficientdet_variants import EfficientDetD7x
from keras_efficient.models.efficientnet import EfficientNet
from keras_efficient.models.efficientnet_lite_variants import EfficientNetLite0
from keras_efficient.models.efficientnet_lite_variants import EfficientNetLite1
from keras_efficient.models.efficientnet_lite_variants import EfficientNetLite2
from keras_efficient.models.efficientnet_lite_variants import EfficientNetLite3
from keras_efficient.models.efficientnet_lite_variants import EfficientNetLite4
from keras_efficient.models.efficientnet_variants import EfficientNetB0
from keras_efficient.models.efficientnet_variants import EfficientNetB1
from keras_efficient.models.efficientnet_variants import EfficientNetB2
from keras_efficient.models.efficientnet_variants import EfficientNetB3
from keras_efficient.models.efficientnet_variants import EfficientNetB4
from keras_efficient.models.efficientnet_variants import EfficientNetB5
from keras_efficient.models.efficientnet_variants import EfficientNetB6
from keras_efficient.models.efficientnet_variants import EfficientNetB7
from keras_efficient.models.imagenet import decode_predictions
from keras_efficient.models.imagenet import preprocess_input
from keras_efficient.models.mobilenet import MobileNetV1
from keras_efficient.models.mobilenet import MobileNetV2
from keras_efficient.models.resnet import ResNet50
from keras_efficient.models.taps import BlockPart
from keras_efficient.models.taps import layer_output

__all__ = [
    "BlockPart",
    "ClassificationModel",
    "DetectionModel",
    "EfficientDet",
    "EfficientDetD0",
    "EfficientDetD1",
    "EfficientDetD2",
    "EfficientDetD3",
    "EfficientDetD4",
    "EfficientDetD5",
    "EfficientDetD6",
    "EfficientDetD7",
    "EfficientDetD7x",
    "EfficientDetLite0",
    "EfficientDetLite1",
    "EfficientDetLite2",
    "EfficientDetLite3",
    "EfficientDetLite3x",
    "EfficientDetLite4",
    "EfficientNet",
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "EfficientNetLite0",
    "EfficientNetLite1",
    "EfficientNetLite2",
    "EfficientNetLite3",
    "EfficientNetLite4",
    "MobileNetV1",
    "MobileNetV2",
    "ResNet50",
    "decode_predictions",
    "from_checkpoint",
    "layer_output",
    "preprocess_input",
]
