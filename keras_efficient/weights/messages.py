"""One line to the user, where users of Keras expect it."""

import logging

import keras


def print_message(message: str) -> None:
    """Prints a line, or logs it where interactive logging is switched off.

    Args:
        message: What to say.

    Returns:
        Nothing.

    Example:
    >>> from keras_efficient.weights.messages import print_message
    >>> print_message("efficientnetb0.h5 is there already")
    efficientnetb0.h5 is there already
    """
    if keras.config.is_interactive_logging_enabled():
        print(message, flush=True)
    else:
        logging.getLogger("keras_efficient").info(message)
