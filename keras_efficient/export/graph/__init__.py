"""The TensorFlow graph around the network, from images to results.

Every format is converted from the functions in `signatures`, which call
`decoding`, `resampling` and `letterbox` before the network and
`postprocessing` after it.
"""
