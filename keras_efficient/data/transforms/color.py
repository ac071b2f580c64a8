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
    brightness, contrast, saturation = (
        np.float32(rng.uniform(1 - x, 1 + x))
        for x in (brightness, contrast, saturation)
    )
    # The three steps are linear, hence one: each channel by a factor, plus
    # what all share. Channel by channel, since NumPy is slow on rows of three,
    # and without a matrix product, which rounds by the number of threads.
    channels = [image[..., i].astype("float32") for i in range(3)]
    shared = sum(
        channel * share
        for channel, share in zip(channels, LUMA_RGB, strict=True)
    )
    mean = brightness * shared.mean()
    shared *= brightness * contrast * (1 - saturation)
    shared += mean * (1 - contrast) + np.float32(0.5)  # to the nearest
    jittered = np.empty_like(image)
    for i, channel in enumerate(channels):
        channel *= brightness * contrast * saturation
        channel += shared
        jittered[..., i] = channel.clip(0, 255, out=channel)
    return jittered
