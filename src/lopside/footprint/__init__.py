"""How much memory a fit takes: what is held at once at each of its moments, and the moment that takes the most.

What a pass takes is the storage's to say (`Storage.workspace`); what is around it is here, one file for each kind of
work.
"""

from lopside.footprint.parts import PROCESS, Parts
from lopside.footprint.run import of_run, require_memory
from lopside.footprint.search import Searching, decomposing
from lopside.footprint.steps import Stepping

__all__ = ["PROCESS", "Parts", "Searching", "Stepping", "decomposing", "of_run", "require_memory"]
