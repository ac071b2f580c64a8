"""The private and deprecated API of PyTorch that the package relies on.

PyTorch is imported inside the functions: this module is importable where it is
not installed. Each function states the assumption it makes.
"""
