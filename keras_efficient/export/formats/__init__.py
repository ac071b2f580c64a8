"""Export formats: writing, reading and precisions."""
