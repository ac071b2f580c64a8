"""Verification of an export against the model it was written from."""
