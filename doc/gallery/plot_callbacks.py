"""
Watch a fit, and end it: callbacks
==================================

From version 1.9 on, scikit-learn has callbacks: a progress bar, a score after every epoch, or anything of your own,
also one that ends the fit. skae's estimators take them, alone and in a `Pipeline` or a `GridSearchCV`.
"""

# %%
# `ScoringMonitor` scores the model after every epoch: here, by the denoising R^2 and by the plain one, of the training
# data. (With an older scikit-learn there is nothing to watch with, and the example shows the loss alone.)
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from skae import ContractiveAutoencoder
from skae.metrics import denoising_r2, reconstruction_r2
from skae.plotting import LossCurveDisplay

try:
    from sklearn.callback import ProgressBar, ScoringMonitor
except ImportError:
    ProgressBar = ScoringMonitor = None

X = load_digits().data / 16
autoencoder = ContractiveAutoencoder(100, random_state=0)
if ScoringMonitor:
    monitor = ScoringMonitor(scoring={"denoising R^2": denoising_r2, "reconstruction R^2": reconstruction_r2})
    autoencoder.set_callbacks(ProgressBar(), monitor)
    autoencoder.fit(X)
    log = monitor.get_logs()
    print(log.data[:3], len(log.data), log.data[-1])
else:
    print("scikit-learn is older than 1.9: no callbacks")
    autoencoder.fit(X)


# %%
class Plateau:
    """Callback that ends a fit where the loss has not fallen by 1 % in so many epochs."""

    def __init__(self, patience=3):
        self.patience = patience

    def setup(self, estimator, context):
        self.losses = []

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name != "epoch":
            return False
        self.losses.append(fitted_estimator.loss_)
        return len(self.losses) > 3 and self.losses[-1] > 0.99 * self.losses[-4]


stopped = ContractiveAutoencoder(100, random_state=0)
if ScoringMonitor:
    stopped.set_callbacks(Plateau())
stopped.fit(X)
print(stopped.n_iter_, stopped.score(X), autoencoder.score(X), autoencoder.n_iter_)
ax = LossCurveDisplay.from_estimator(autoencoder).ax_
plt.show()
