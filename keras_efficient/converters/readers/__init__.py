"""One module for each family of file formats: recognize and read them."""
