"""Where to begin: rules for the first (X, Y), drawn after the step size is known."""

from lopside.starts.column_span import ColumnSpan, Unbalanced
from lopside.starts.gaussian import Gaussian, SmallGaussian, UnbalancedGaussian, YeDu
from lopside.starts.protocol import Start
from lopside.starts.spectral import PowerSketch, Sketch, Spectral
from lopside.starts.weighted import WoodruffYasuda

__all__ = [
    "ColumnSpan",
    "Gaussian",
    "PowerSketch",
    "Sketch",
    "SmallGaussian",
    "Spectral",
    "Start",
    "Unbalanced",
    "UnbalancedGaussian",
    "WoodruffYasuda",
    "YeDu",
]
