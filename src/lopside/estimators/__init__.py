"""lopside inside scikit-learn: transformers for its pipelines. Needs scikit-learn, the extra `sklearn`."""

try:
    import sklearn as _sklearn  # noqa: F401
except ModuleNotFoundError as error:
    raise ImportError(
        "got a Python without scikit-learn; lopside.estimators needs it. Try pip install 'lopside[sklearn]'"
    ) from error

from lopside.estimators.fitted import ConvergenceWarning
from lopside.estimators.low_rank import LowRank

__all__ = ["ConvergenceWarning", "LowRank"]
