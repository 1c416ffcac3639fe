"""Parts of an autoencoder's fit, for other packages that train several autoencoders."""

from sklearn.base import clone

from skae.training import Stage, check_values, dense_route


def fit_quietly(autoencoder, X, sample_weight=None):
    """Fit the autoencoder without warnings; return its problems, each as the arguments of `warn`."""
    return autoencoder._fit(X, sample_weight)


def start(autoencoder, X, sample_weight=None):
    """Set the fitted attributes to the starting parameters of `fit`; return what `fit_quietly` returns."""
    return autoencoder._start_only(X, sample_weight)


def objective_on(autoencoder, X, sample_weight=None, ensure_min_samples=1):
    """Return the objective that the last stage of `fit` would minimise on X. The autoencoder does not change.

    The objective holds the units, the penalties, the constraint and the layout of the parameters.

    Raises
    ------
    ValueError
        If X, the weights or the parameters are invalid.
    """
    trial = clone(autoencoder)
    X, _, rows = trial._validate_training(X, sample_weight, reset=True, ensure_min_samples=ensure_min_samples)
    check_values(trial.visible, X, rows)
    return trial._objective(X.shape[1], trial._penalties()[-1])


def batches_for(autoencoder, X, sample_weight, rows, n_columns, rng, **options):
    """Return dense training batches, as the autoencoder's parameters say; see `SolverParameters._corrupted_batches`.

    `n_columns` is the width of the widest array that training makes of the rows.
    """
    corruption, route = autoencoder._corruption(), dense_route(autoencoder.batch_size, n_columns)
    return autoencoder._corrupted_batches(X, sample_weight, rows, route, rng, corruption, rows, **options)


def stage_for(autoencoder, objective, batches):
    """Return a stage of training, as the autoencoder's parameters say, without early stopping."""
    return Stage(objective, autoencoder._solver(len(batches)), on_epoch=autoencoder._on_epoch(None, ""))
