"""Pipelines that end in an autoencoder: their steps, and the autoencoder."""

from skae.autoencoders._prediction import AutoencoderPrediction


def last_step(estimator):
    """Return the last step of a Pipeline, also inside nested Pipelines. Return any other estimator itself."""
    while hasattr(estimator, "steps"):
        estimator = estimator.steps[-1][1]
    return estimator


def steps_before(estimator):
    """Return the steps before the last one, without "passthrough". Nested Pipelines are flattened."""
    return [step for step in _in_a_row(estimator)[:-1] if step is not None and not isinstance(step, str)]


def _in_a_row(estimator):
    """Return the steps of a Pipeline, with nested Pipelines flattened. Any other estimator is the only step."""
    if hasattr(estimator, "steps"):
        return [part for _, step in estimator.steps for part in _in_a_row(step)]
    return [estimator]


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
