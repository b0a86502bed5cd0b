"""Makes the independent references importable from every test folder; what several of them need."""

import sys
from pathlib import Path

import pytest

from lopside import plan
from lopside.theory import eckart_young

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def searching(monkeypatch):
    """Small matrices, and the search for large ones."""
    monkeypatch.setattr(plan, "_LAPACK_WORK", 0.0)
    monkeypatch.setattr(plan, "_LAPACK_MOST", 0.0)
    monkeypatch.setattr(plan, "_WHOLE_SIDE", 0)
    monkeypatch.setattr(eckart_young, "_LAPACK_WORK", 0.0)
