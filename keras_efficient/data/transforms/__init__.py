"""Random changes of one training image, each `(image, rng) -> image`."""
