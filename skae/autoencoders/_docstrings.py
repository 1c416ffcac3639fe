"""Where the estimators are documented, and paragraphs that the docstrings of all autoencoders share."""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import TypeVar

from skae.activations import ACTIVATIONS

T = TypeVar("T")


PARAMETERS = {
    "n_components": """
n_components : int, default=256
    Number of hidden units.
""",
    "activation": f"""
activation : {{{", ".join(f'"{name}"' for name in sorted(ACTIVATIONS))}}} or Activation, default="sigmoid"
    Hidden units h; `skae.activations` has their formulas. Another one is an instance of
    `skae.activations.Activation`.
""",
    "threshold": """
threshold : float, default=1.0
    Threshold of the activation, where it has one (theta of "trec" and "tlin", lambda of "shrink").
""",
    "hidden_bias": """
hidden_bias : bool, default=True
    Whether the hidden units have a bias. Those of "max" follow from the weights: `False` is refused.
""",
    "l2": """
l2 : float, default=0.0
    Strength of l2/2 times the sum of the squared weights.
""",
    "tied_weights": """
tied_weights : bool, default=True
    Whether the decoder is the encoder's transpose. Only then there is a potential energy.
""",
    "weight_constraint": """
weight_constraint : {"auto", "unit", "max"} or None, default="auto"
    Length of the decoder rows (the encoder's when tied): exactly 1, at most `max_norm`, or free. "auto" is
    "unit" for untied weights under a penalty that could be evaded by scaling the encoder down, else None.
""",
    "max_norm": """
max_norm : float, default=1.0
    Largest length of a row where ``weight_constraint="max"``.
""",
    "visible": """
visible : {"gaussian", "bernoulli"}, default="gaussian"
    Visible units: linear output with squared error, or sigmoid output with cross-entropy, for data in [0, 1].
""",
    "encoding": """
encoding : {"natural", "rectified", "rectified_bias", "linear"}, default="natural"
    What `transform` returns: h(Wx + b), max(0, Wx) (the zero-bias code), max(0, Wx + b) or Wx (ZAE 4.3).
    Training does not depend on it; it can be changed on a fitted estimator.
""",
    "init": """
init : {"auto", "glorot", "data", "pca"}, default="auto"
    Start of the weights: random, random centred samples, or principal components; where these are too few,
    random. "auto" is "data" for activation "max", whose units then start at samples far from one another (k-means++),
    else "glorot". Where there are more units than features, the random rows have unequal lengths: many short ones
    all work where their activation is linear, and training stays for long at what a linear autoencoder can do.
""",
    "training": """
solver : {"adam", "sgd", "lbfgs"}, default="adam"
    "adam" and "sgd" (with momentum) update after each batch; "lbfgs" uses all rows at once, and ignores
    `batch_size`, `learning_rate`, `learning_rate_init`, `momentum`, `nesterovs_momentum` and `shuffle`.

batch_size : int or "auto", default="auto"
    Largest number of rows in a batch; "auto" is 100.

learning_rate : {"linear", "constant"}, default="linear"
    Schedule: "linear" rises over the first 5 % of the updates that `max_iter` allows and then falls to zero.
    `partial_fit` uses a constant rate.

learning_rate_init : float or "auto", default="auto"
    Largest learning rate. "auto" for adam is 0.01 (0.005 where it is constant, and under a saturation penalty): larger
    ones lower the loss faster, but codes and energies get worse. Few or small features need larger weights: where the
    standard deviations of all features sum to s < 14, it is 14 / s times as much, up to ten times. For sgd, start from
    1 / (largest curvature of the objective). Try up to 100 updates at twice this rate. While the loss ends higher than
    without any update, halve the rate and try again.

momentum : float, default=0.9
    Momentum of sgd, in [0, 1).

nesterovs_momentum : bool, default=True
    Whether sgd uses Nesterov's momentum.

max_iter : int, default=200
    Largest number of epochs (iterations for lbfgs).

tol : float, default=1e-3
    Training ends when the loss has fallen by less than `tol`, relative to itself, over `n_iter_no_change`
    epochs; with the linear schedule after as many epochs more, in which the learning rate falls to zero. 0 trains for
    `max_iter` epochs. A fit that so ends on a plateau, from which the loss would fall again, warns.

n_iter_no_change : int or "auto", default="auto"
    See `tol`. "auto" is 10, or as many epochs as make 1000 updates where these are more: a loss that few updates
    leave as it is may be on a plateau. For lbfgs it is 50 iterations.

early_stopping : bool, default=False
    Whether to hold out `validation_fraction` of the rows, apply `tol` to their loss, and return the parameters
    that were best on them.

validation_fraction : float, default=0.1
    Fraction of rows held out where ``early_stopping=True``.

shuffle : bool, default=True
    Whether to draw a new order of the rows each epoch.

warm_start : bool, default=False
    Whether `fit` starts from the fitted parameters, if there are any.

verbose : int, default=0
    Whether to print a line an epoch: loss, loss on held-out rows, share of active codes, seconds.

random_state : int, RandomState instance or None, default=None
    Seed of initialisation, split, order of the rows and corruption; pass an int for reproducible results. None draws a
    fresh seed and leaves numpy's global state alone.
""",
    "attributes": """
components_ : ndarray of shape (n_components, n_features)
    Encoder weights W.

decoder_components_ : ndarray of shape (n_components, n_features)
    Decoder weights V; `components_` itself when tied.

intercept_hidden_ : ndarray of shape (n_components,)
    Hidden bias b; absent where ``hidden_bias=False``.

intercept_visible_ : ndarray of shape (n_features,)
    Visible bias c.

n_iter_ : int
    Epochs run.

loss_ : float
    The objective at the fitted parameters, over the training rows (after `partial_fit`, the last ones).

loss_curve_ : ndarray of shape (n_iter_,)
    Mean objective over the batches of each epoch, each before its own update.

validation_loss_curve_ : ndarray of shape (n_iter_,) or None
    Objective on the held-out rows after each epoch, where ``early_stopping=True``.

mean_, var_ : ndarray of shape (n_features,)
    Mean and variance of the training data.

n_samples_seen_ : int or float
    Number of rows trained on, or the sum of their weights.

n_features_in_ : int
    Number of features seen in training.

feature_names_in_ : ndarray of shape (n_features_in_,)
    Names of the features, where X had names that are all strings.
""",
}


def fill_parameters(cls: type[T]) -> type[T]:
    """Replace ``{name}`` in a class docstring by the shared paragraph of that name."""
    doc = inspect.cleandoc(cls.__doc__ or "")
    for name, text in PARAMETERS.items():
        doc = doc.replace(f"{{{name}}}", text.strip())
    cls.__doc__ = textwrap.indent(doc, "    ").lstrip() + "\n    "
    unfilled = re.findall(r"^\{\w+\}$", inspect.cleandoc(cls.__doc__), flags=re.MULTILINE)
    if unfilled:
        raise ValueError(f"{cls.__name__}: no shared paragraph is called {', '.join(unfilled)}")
    return cls
