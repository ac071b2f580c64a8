"""Helpers, sample data and fixtures that several test modules share."""
