"""Random colours."""

import numpy as np

# Share of each channel in what an eye sees as brightness (ITU-R BT.601).
LUMA_RGB = tuple(np.float32(share) for share in (0.299, 0.587, 0.114))


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
    mean = _luma(pixels).mean()
    pixels -= mean
    pixels *= factors[1]
    pixels += mean
    grey = _luma(pixels)[..., None]
    pixels -= grey
    pixels *= factors[2]
    pixels += grey
    np.rint(pixels, out=pixels)
    return pixels.clip(0, 255, out=pixels).astype("uint8")


def _luma(pixels):
    # No matrix product: how BLAS rounds may depend on its number of threads.
    red, green, blue = (pixels[..., i] * LUMA_RGB[i] for i in range(3))
    return red + green + blue
