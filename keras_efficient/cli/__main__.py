"""`python -m keras_efficient.cli`, the same as `keras-efficient`."""

from keras_efficient.cli.main import main

if __name__ == "__main__":
    main()
