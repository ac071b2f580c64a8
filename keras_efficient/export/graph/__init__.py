"""The TensorFlow graph around the network: from images to results."""
