"""Pictures of fitted autoencoders, as scikit-learn's Display classes; they need matplotlib (the extra ``plot``).

========================= =======================================================================
class                     shows
========================= =======================================================================
`FiltersDisplay`          what the units have learned, as image tiles
`PathDisplay`             the same filters along the regularization strength (SAT figure 5)
`ReconstructionDisplay`   inputs (corrupted ones too, on request) above their reconstructions
`EnergyDisplay`           energy and vector field over the plane (ENERGY figure 2)
`ScoreHistogramDisplay`   scores by label: classes, in- and outliers (ENERGY figure 3)
`LossCurveDisplay`        training and validation loss over the epochs
`SparsityDisplay`         how often each unit is active; dead units
`ActivationDisplay`       an activation, its derivative, potential and complement
========================= =======================================================================

Each class has a class method ``from_estimator``. It takes a fitted estimator, or a Pipeline that ends in one; it
computes the arrays and draws them. The constructor takes the arrays, and ``plot(ax=None)`` draws them (again).
``ax=None`` makes a new figure with `matplotlib.pyplot`. Every display draws into one axes: after drawing, ``ax_`` is
the axes and ``figure_`` the figure. `activation_sheet` draws all activations side by side. The first drawing imports
matplotlib.
"""

from skae.plotting._activation import ActivationDisplay, activation_sheet
from skae.plotting._curves import LossCurveDisplay
from skae.plotting._energy import EnergyDisplay
from skae.plotting._filters import FiltersDisplay
from skae.plotting._path import PathDisplay
from skae.plotting._reconstruction import ReconstructionDisplay
from skae.plotting._scores import ScoreHistogramDisplay
from skae.plotting._sparsity import SparsityDisplay

__all__ = [
    "ActivationDisplay",
    "EnergyDisplay",
    "FiltersDisplay",
    "LossCurveDisplay",
    "PathDisplay",
    "ReconstructionDisplay",
    "ScoreHistogramDisplay",
    "SparsityDisplay",
    "activation_sheet",
]
