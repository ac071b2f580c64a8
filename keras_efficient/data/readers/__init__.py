"""Readers of the layouts in which people keep their pictures."""
