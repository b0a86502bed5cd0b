"""Passes and fits by PyTorch on whatever device there is, against the two products and `torch.svd_lowrank`."""

from __future__ import annotations

from script import main

from lopside.bench import device

if __name__ == "__main__":
    main(__doc__, device.tables)
