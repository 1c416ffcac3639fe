"""Pipelines that end in an autoencoder, and frozen ones: their steps, and the autoencoder."""

from sklearn.frozen import FrozenEstimator

from skae.autoencoders._prediction import AutoencoderPrediction


def unfrozen(estimator):
    """Return the estimator in a `FrozenEstimator`. Return any other estimator itself."""
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    return estimator


def last_step(estimator):
    """Return the last step of a Pipeline, also inside nested Pipelines, unfrozen. Return any other estimator itself."""
    while hasattr(estimator := unfrozen(estimator), "steps"):
        estimator = estimator.steps[-1][1]
    return estimator


def steps_before(estimator):
    """Return the steps before the last one, without "passthrough". Nested Pipelines are flattened.

    The steps of a frozen Pipeline are frozen, each by itself.
    """
    return [step for step in in_a_row(estimator)[:-1] if not _passes(step)]


def is_frozen(estimator):
    """Return whether an estimator is frozen, or all steps of a Pipeline: whether `fit` would train nothing."""
    return all(isinstance(part, FrozenEstimator) or _passes(part) for part in in_a_row(estimator))


def has_frozen_model(estimator):
    """Return whether the last step of a Pipeline is frozen, or an estimator that is no Pipeline."""
    return isinstance(in_a_row(estimator)[-1], FrozenEstimator)


def _passes(step):
    """Return whether a step of a Pipeline does nothing."""
    return step is None or isinstance(step, str)


def in_a_row(estimator):
    """Return the steps of a Pipeline, with nested Pipelines flattened. Any other estimator is the only step."""
    inner = unfrozen(estimator)
    if not hasattr(inner, "steps"):
        return [estimator]
    parts = [part for _, step in inner.steps for part in in_a_row(step)]
    if inner is estimator:
        return parts
    return [part if _passes(part) or isinstance(part, FrozenEstimator) else FrozenEstimator(part) for part in parts]


def autoencoder_and_input(estimator, X):
    """Return the autoencoder at the end of a Pipeline, and X transformed by the steps before it.

    Return an autoencoder that is not in a Pipeline, and X, unchanged.
    """
    for step in steps_before(estimator):
        X = step.transform(X)
    return autoencoder_of(estimator), X


def model_and_input(estimator, X):
    """Return the model of the autoencoder at the end of a Pipeline, and its input, checked."""
    autoencoder, X = autoencoder_and_input(estimator, X)
    X, model = autoencoder._validate_prediction(X)
    return model, X


def sparse_model_and_input(estimator, X):
    """Return the model for codes, its input, and whether it takes the input as sparse chunks; see `model_and_input`."""
    autoencoder, X = autoencoder_and_input(estimator, X)
    X, model, stay_sparse = autoencoder._validate_sparse_prediction(X, takes_sparse=True)
    return model, X, stay_sparse


def activation_of(estimator):
    """Return the hidden units of the autoencoder at the end of a Pipeline, fitted or not."""
    return autoencoder_of(estimator)._activation()


def autoencoder_of(estimator):
    """Return the autoencoder at the end of a Pipeline, or the estimator itself; raise TypeError if it is none."""
    model = last_step(estimator)
    if not isinstance(model, AutoencoderPrediction):
        hint = "; pass its best_estimator_" if hasattr(model, "best_estimator_") else ""
        raise TypeError(f"an autoencoder, or a Pipeline that ends in one, is needed, got {type(model).__name__}{hint}")
    return model
