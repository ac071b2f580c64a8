"""Stateless functions for detection: anchors, boxes, matching, suppression."""

from keras_efficient.ops.anchors import COCO_ASPECT_RATIOS
from keras_efficient.ops.anchors import anchor_grids
from keras_efficient.ops.anchors import count_anchors
from keras_efficient.ops.anchors import feature_sizes
from keras_efficient.ops.anchors import generate_anchors
from keras_efficient.ops.box_coding import decode_boxes
from keras_efficient.ops.box_coding import encode_boxes
from keras_efficient.ops.boxes import box_area
from keras_efficient.ops.boxes import clip_boxes
from keras_efficient.ops.boxes import convert_boxes
from keras_efficient.ops.iou import box_coverage
from keras_efficient.ops.iou import box_iou
from keras_efficient.ops.iou import paired_iou
from keras_efficient.ops.matching import match_anchors
from keras_efficient.ops.nms import non_max_suppression

__all__ = [
    "COCO_ASPECT_RATIOS",
    "anchor_grids",
    "box_area",
    "box_coverage",
    "box_iou",
    "clip_boxes",
    "convert_boxes",
    "count_anchors",
    "decode_boxes",
    "encode_boxes",
    "feature_sizes",
    "generate_anchors",
    "match_anchors",
    "non_max_suppression",
    "paired_iou",
]
