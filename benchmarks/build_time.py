"""Measure the time to build a model, compared with `keras.applications`.

    KERAS_BACKEND=jax python benchmarks/build_time.py EfficientNetB0

Both libraries build in one process and take turns. The first build of each
includes compilation. No compilation cache is used unless
`JAX_COMPILATION_CACHE_DIR` is set.
"""

import argparse
import time

import keras

import keras_efficient

NAMES = ("EfficientNetB0", "EfficientNetB7")


def main():
    """Print a row for each model and library."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--repeats", type=int, default=2)
    args = parser.parse_args()
    backend = keras.backend.backend()
    for name in args.names:
        seconds = {"keras_efficient": [], "keras.applications": []}
        for _ in range(args.repeats):
            for library, builder in (
                ("keras_efficient", getattr(keras_efficient, name)),
                ("keras.applications", getattr(keras.applications, name)),
            ):
                start = time.perf_counter()
                builder(weights=None)
                seconds[library].append(time.perf_counter() - start)
        for library, values in seconds.items():
            times = ", ".join(f"{value:.2f}" for value in values)
            print(f"{backend:10} {name} {library:18} {times} s")


if __name__ == "__main__":
    main()
