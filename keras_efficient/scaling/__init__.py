"""Compound scaling of networks, and the search for its coefficients."""

from keras_efficient import deprecation
from keras_efficient.scaling.compound import DIVISOR
from keras_efficient.scaling.compound import Coefficients
from keras_efficient.scaling.compound import CompoundScaling
from keras_efficient.scaling.compound import round_filters
from keras_efficient.scaling.compound import round_repeats
from keras_efficient.scaling.compound import scale_stages
from keras_efficient.scaling.efficientdet import EfficientDetScaling
from keras_efficient.scaling.efficientdet import interpolate_efficientdet
from keras_efficient.scaling.search import CoefficientSearch
from keras_efficient.scaling.search import GridPoint
from keras_efficient.scaling.search import coefficient_grid
from keras_efficient.scaling.search import search_coefficients

__all__ = [
    "DIVISOR",
    "CoefficientSearch",
    "Coefficients",
    "CompoundScaling",
    "EfficientDetScaling",
    "GridPoint",
    "coefficient_grid",
    "interpolate_efficientdet",
    "round_filters",
    "round_repeats",
    "scale_stages",
    "search_coefficients",
]

__getattr__ = deprecation.renamed(
    __name__,
    {
        "DetectorCoefficients": "variants.EfficientDetVariant",
        "DetectorScaling": "EfficientDetScaling",
    },
)
