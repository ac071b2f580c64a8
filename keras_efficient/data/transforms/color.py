"""Random colours."""

import numpy as np

# Share of each channel in what an eye sees as brightness (ITU-R BT.601).
LUMA_RGB = np.array([0.299, 0.587, 0.114], "float32")


def color_jitter(image, rng, brightness=0.2, contrast=0.2, saturation=0.2):
    """Changes brightness, contrast and saturation by random factors.

    Each factor is drawn evenly from `[1 - x, 1 + x]`: brightness multiplies
    all pixels, contrast their distance to the image's mean, saturation their
    distance to their own grey.

    Args:
        image: Array `(height, width, 3)`, uint8.
        rng: A `numpy.random.Generator`.
        brightness: Float in `[0, 1]`. Defaults to 0.2.
        contrast: Float in `[0, 1]`. Defaults to 0.2.
        saturation: Float in `[0, 1]`. Defaults to 0.2.

    Returns:
        Array of the shape of `image`, uint8.
    """
    factors = [
        np.float32(rng.uniform(1 - x, 1 + x))
        for x in (brightness, contrast, saturation)
    ]
    pixels = image.astype("float32") * factors[0]
    mean = (pixels @ LUMA_RGB).mean()
    pixels = mean + (pixels - mean) * factors[1]
    grey = (pixels @ LUMA_RGB)[..., None]
    pixels = grey + (pixels - grey) * factors[2]
    return np.clip(np.rint(pixels), 0, 255).astype("uint8")
