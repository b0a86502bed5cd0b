"""Pictures; `lopside.plots.canvas` is the only file that imports matplotlib."""
