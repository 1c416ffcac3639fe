"""
Watch a fit, and end it, by callbacks
=====================================

From version 1.9 on, scikit-learn has callbacks: a progress bar, scores after every epoch, or one of your own, which may
also end the fit. All estimators of skae take them, alone and in a `Pipeline` or a `GridSearchCV`; without any, a fit is
silent.
"""

# %%
# `ScoringMonitor` scores the model after every epoch, on the data that it is trained on. (`ProgressBar`, which needs
# the package rich, is set in the same way.)
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import ContractiveAutoencoder
from skae.metrics import denoising_r2, reconstruction_r2
from skae.plotting import LossCurveDisplay

try:
    from sklearn.callback import ScoringMonitor
except ImportError:  # scikit-learn below 1.9, with which these are fits like any others
    ScoringMonitor = None

X_train, X_test = train_test_split(load_digits().data / 16, test_size=0.3, random_state=0)
watched = ContractiveAutoencoder(64, random_state=0)
if ScoringMonitor:
    scoring = {"denoising R^2": denoising_r2, "reconstruction R^2": reconstruction_r2}
    monitor = ScoringMonitor(scoring=scoring)
    watched.set_callbacks(monitor)
watched.fit(X_train)


# %%
# A callback of one's own has four methods; what it returns at the end of a task says whether to stop. This one ends a
# fit when the score of rows that it was given does not rise any more. What is left is a fitted model. (For a plateau of
# a loss, or a limit of time, `skae.callbacks` has `EarlyStopping` and `TimeLimit`.)
class StopOnPlateau:
    """End a fit when the score of X has risen by less than `tol` in `patience` epochs."""

    def __init__(self, X, patience=10, tol=1e-3):
        self.X, self.patience, self.tol = X, patience, tol

    def setup(self, estimator, context):
        """Get ready for a fit."""
        self.scores = []

    def teardown(self, estimator, context):
        """Tidy up after a fit: nothing to do."""

    def on_fit_task_begin(self, estimator, context):
        """Before a fit, and before each of its epochs: nothing to do."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        """After each epoch, and after the fit: return whether to stop."""
        if context.task_name != "epoch":
            return False
        self.scores.append(fitted_estimator.score(self.X))
        earlier = self.scores[: -self.patience]
        return bool(earlier) and max(self.scores) < max(earlier) + self.tol


stopped = ContractiveAutoencoder(64, random_state=0)
if ScoringMonitor:
    stopped.set_callbacks(StopOnPlateau(X_test))
stopped.fit(X_train)
for name, autoencoder in (("watched", watched), ("stopped", stopped)):
    print(f"{name}: {autoencoder.n_iter_} epochs, denoising R^2 of other digits {autoencoder.score(X_test):.3f}")

# %%
# Left, what the monitor has seen; right, the losses of both fits, which are the same as far as they go.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
if ScoringMonitor:
    epochs = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    for name, style in zip(scoring, ("-", "--"), strict=True):
        left.plot([row["task_id"] + 1 for row in epochs], [row[name] for row in epochs], style, label=name)
    left.set(xlabel="epoch", ylabel="score of the training data")
    left.legend()
LossCurveDisplay.from_estimator(watched, name="watched", ax=right)
LossCurveDisplay.from_estimator(stopped, name="stopped", ax=right)
plt.show()
