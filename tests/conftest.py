"""Makes the independent references importable from every test folder; what several of them need."""

import sys
from pathlib import Path

import pytest

from lopside import sizes
from lopside.theory import eckart_young

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def searching(monkeypatch):
    """Small matrices, and the search for large ones."""
    monkeypatch.setattr(sizes, "_LAPACK_WORK", 0.0)
    monkeypatch.setattr(sizes, "_LAPACK_MOST", 0.0)
    monkeypatch.setattr(sizes, "_WHOLE_SIDE", 0)
    monkeypatch.setattr(eckart_young, "_LAPACK_WORK", 0.0)
