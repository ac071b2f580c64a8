"""Private parts of Keras, TensorFlow and PyTorch that the package relies on.

Each of the modules `keras_internals`, `tensorflow_internals` and
`torch_internals` wraps the private API of one library behind functions with a
documented meaning. No other module of the package uses a private name of these
libraries (`tests/internals/test_private_names.py`), and each function has a
test in `tests/internals` that names the assumption which broke when a new
release of the library fails it.
"""
