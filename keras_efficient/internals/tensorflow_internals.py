"""The private API of TensorFlow and tf2onnx that the package relies on.

TensorFlow is imported inside the functions: this module is importable where it
is not installed. Each function states the assumption it makes.
"""
