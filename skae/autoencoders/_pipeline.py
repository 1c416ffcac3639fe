"""The steps of a Pipeline, and the autoencoder at its end."""

from skae.autoencoders._prediction import AutoencoderPrediction


def last_step(estimator):
    """Return what a Pipeline ends in, Pipelines inside Pipelines too; others as they are."""
    while hasattr(estimator, "steps"):
        estimator = estimator.steps[-1][1]
    return estimator


def steps_before(estimator):
    """Return the steps before the last one, those of Pipelines inside Pipelines one by one, without "passthrough"."""
    return [step for step in _in_a_row(estimator)[:-1] if step is not None and not isinstance(step, str)]


def _in_a_row(estimator):
    """The steps of a Pipeline, those of Pipelines inside it one by one; of others, these alone."""
    if hasattr(estimator, "steps"):
        return [part for _, step in estimator.steps for part in _in_a_row(step)]
    return [estimator]


def autoencoder_and_input(estimator, X):
    """Return the autoencoder at the end of a Pipeline and what it is given there; others as they are."""
    for step in steps_before(estimator):
        X = step.transform(X)
    return autoencoder_of(estimator), X


def model_and_input(estimator, X):
    """Return the model of the autoencoder at the end of a Pipeline, and what it is given there, checked."""
    autoencoder, X = autoencoder_and_input(estimator, X)
    X, model = autoencoder._validate_prediction(X)
    return model, X


def activation_of(estimator):
    """Return the hidden units of the autoencoder at the end of a Pipeline, fitted or not."""
    return autoencoder_of(estimator)._activation()


def autoencoder_of(estimator):
    """Return what a Pipeline ends in, and refuse what is no autoencoder."""
    model = last_step(estimator)
    if not isinstance(model, AutoencoderPrediction):
        hint = "; pass its best_estimator_" if hasattr(model, "best_estimator_") else ""
        raise TypeError(f"an autoencoder, or a Pipeline that ends in one, is needed, got {type(model).__name__}{hint}")
    return model
