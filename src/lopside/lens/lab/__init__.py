"""A paper's algorithm, run on a planted matrix while the reader looks on."""
