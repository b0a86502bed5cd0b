"""How A is held.  One file per way; all answer the same few questions by row blocks."""

from lopside.storage.choose import as_storage
from lopside.storage.dense import Dense
from lopside.storage.device_arrays import to_host
from lopside.storage.mapped import Mapped
from lopside.storage.operator import Operator
from lopside.storage.protocol import Elsewhere, Held, Storage, Sweep
from lopside.storage.shifted import Shifted
from lopside.storage.sparse import Sparse

__all__ = [
    "Dense",
    "Elsewhere",
    "Held",
    "Mapped",
    "Operator",
    "Shifted",
    "Sparse",
    "Storage",
    "Sweep",
    "as_storage",
    "to_host",
]
