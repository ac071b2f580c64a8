"""LiteRT files (`.tflite`)."""
