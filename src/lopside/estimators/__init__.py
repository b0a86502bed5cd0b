"""lopside inside scikit-learn: transformers for its pipelines. Needs scikit-learn, the extra `sklearn`."""

try:
    import sklearn as _sklearn  # noqa: F401
except ModuleNotFoundError as error:
    raise ImportError(
        "got a Python without scikit-learn; lopside.estimators needs it. Try pip install 'lopside[sklearn]'"
    ) from error

from lopside.estimators.fitted import ConvergenceWarning
from lopside.estimators.imputer import LowRankImputer
from lopside.estimators.low_rank import LowRank
from lopside.estimators.masked import EntryRegressor, masked_scorer, observed_entries
from lopside.estimators.recommender import Recommender

__all__ = [
    "ConvergenceWarning",
    "EntryRegressor",
    "LowRank",
    "LowRankImputer",
    "Recommender",
    "masked_scorer",
    "observed_entries",
]
