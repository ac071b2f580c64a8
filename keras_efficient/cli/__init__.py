"""The command line, `keras-efficient`."""
