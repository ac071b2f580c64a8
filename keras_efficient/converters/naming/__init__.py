"""The names of variables: canonical, and in the files of each library."""
