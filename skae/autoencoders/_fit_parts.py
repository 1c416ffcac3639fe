"""Parts of an autoencoder's fit, for the families that compose several autoencoders."""

from sklearn.base import clone

from skae.training import Stage, corrupting, corruption_range


def fit_quietly(autoencoder, X, sample_weight=None):
    """Fit; return what is wrong with the fit, each as arguments of `warn`, in the place of warnings."""
    return autoencoder._fit(X, sample_weight)


def start(autoencoder, X, sample_weight=None):
    """Set the fitted attributes to where `fit` starts, without training; return what `fit_quietly` returns."""
    return autoencoder._start_only(X, sample_weight)


def objective_on(autoencoder, X, sample_weight=None, ensure_min_samples=1):
    """Return what `fit` would minimise on the rows of X, in its last stage; the autoencoder stays as it is.

    The objective holds what the parameters stand for: units, penalties, constraint, and whether the weights are tied.

    Raises
    ------
    ValueError
        If X, the weights or the parameters are not usable.
    """
    trial = clone(autoencoder)
    X, _, _ = trial._validate_training(X, sample_weight, reset=True, ensure_min_samples=ensure_min_samples)
    return trial._objective(X.shape[1], trial._penalties()[-1])


def batches_for(autoencoder, X, sample_weight, n_columns, rng, **options):
    """Return the batches that its parameters describe; see `SolverParameters._training_batches`."""
    corruption = autoencoder._corruption()
    return autoencoder._training_batches(
        X,
        sample_weight,
        None,
        n_columns,
        noise_seed=int(rng.integers(2**63)) if autoencoder.solver == "lbfgs" else None,
        corruption=corrupting(corruption, corruption_range(corruption, X)),
        **options,
    )


def stage_for(autoencoder, objective):
    """Return the stage of training that its parameters describe, without early stopping."""
    return Stage(objective, autoencoder._solver(), on_epoch=autoencoder._on_epoch(None, ""))
