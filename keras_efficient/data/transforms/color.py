"""Random color changes."""

import numpy as np

# Weight of each channel in the perceived brightness (ITU-R BT.601).
LUMA_RGB = tuple(np.float32(share) for share in (0.299, 0.587, 0.114))


def color_jitter(
    image: np.ndarray,
    rng: np.random.Generator,
    brightness: float = 0.2,
    contrast: float = 0.2,
    saturation: float = 0.2,
) -> np.ndarray:
    """Change brightness, contrast and saturation by random factors.

    Each factor is drawn uniformly from `[1 - x, 1 + x]`: brightness multiplies
    all pixels, contrast their difference from the image's mean, saturation
    their difference from their own gray value. The fourth channel of four
    stays the same, and each channel of other numbers counts as gray.

    Args:
        image: Uint8 array of shape `(height, width, channels)`.
        rng: A `numpy.random.Generator`.
        brightness: Float in `[0, 1]`. Defaults to 0.2.
        contrast: Float in `[0, 1]`. Defaults to 0.2.
        saturation: Float in `[0, 1]`. Defaults to 0.2.

    Returns:
        Uint8 array of the shape of `image`.
    """
    factors = [
        np.float32(rng.uniform(1 - x, 1 + x))
        for x in (brightness, contrast, saturation)
    ]
    if image.shape[-1] == 3:
        return _scaled(image, *factors)
    jittered = image.copy()
    if image.shape[-1] == 4:
        jittered[..., :3] = _scaled(image[..., :3], *factors)
        return jittered
    for i in range(image.shape[-1]):
        gray = np.repeat(image[..., i : i + 1], 3, axis=-1)
        jittered[..., i] = _scaled(gray, *factors)[..., 0]
    return jittered


def _scaled(
    image: np.ndarray,
    brightness: np.float32,
    contrast: np.float32,
    saturation: np.float32,
) -> np.ndarray:
    # The three steps are linear and therefore one: each channel times a factor,
    # plus a term that the channels share. Channel by channel, because NumPy is
    # slow on rows of three; without a matrix product, whose rounding depends
    # on the number of threads.
    channels = [image[..., i].astype("float32") for i in range(3)]
    red, green, blue = (
        channel * share
        for channel, share in zip(channels, LUMA_RGB, strict=True)
    )
    shared = red + green + blue
    mean = brightness * shared.mean()
    shared *= brightness * contrast * (1 - saturation)
    shared += mean * (1 - contrast) + np.float32(0.5)  # to the nearest
    jittered = np.empty_like(image)
    for i, channel in enumerate(channels):
        channel *= brightness * contrast * saturation
        channel += shared
        jittered[..., i] = channel.clip(0, 255, out=channel)
    return jittered
