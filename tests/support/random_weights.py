"""Random weights for models, so that no weight has its initial value."""

import numpy as np
from keras import ops


def randomize(model):
    """Change every weight of a model, and return the model."""
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if "seed" in variable.path or variable.name in ("mean", "std"):
            continue
        shift = rng.normal(0, 0.1, variable.shape)
        values = ops.convert_to_numpy(variable) * rng.uniform(0.7, 1.4) + shift
        if variable.name == "moving_variance":
            values = np.abs(values)
        variable.assign(values.astype("float32"))
    return model
