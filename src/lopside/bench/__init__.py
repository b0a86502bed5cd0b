"""Benchmarks: this library against others, and against what the machine can do.

`lopside bench` and the scripts of a checkout run them; peers that are not installed are left out, and said to be.
"""
