"""Comparison of an exported model with the model it was written from.

`samples` are the images, `expected_outputs` the results of the model for them
on its own backend, and `comparison` checks that the export returns the same in
its own runtime. `report` measures speed and accuracy.
"""
