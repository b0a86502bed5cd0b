"""Claims about the experiments, each compared with what the tables say; nothing here is typed in by hand."""

from lopside.reproduce.claims.claim import Claim
from lopside.reproduce.claims.report import all_claims, write_claims

__all__ = ["Claim", "all_claims", "write_claims"]
