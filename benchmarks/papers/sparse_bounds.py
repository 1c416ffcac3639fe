"""What the theory of SPARSE says of gradients: lemma 1, theorems 1 and 2, corollaries 1 and 2, section 3.1.1.

    python benchmarks/papers/sparse_bounds.py [--quick]

scikit-learn's digits, whitened, so that they meet assumption 1: mean zero, covariance the identity. 100 tied units of
unit length, with random weights and biases, and with those of a fit. J is the squared error without our 1/2, and a
penalty R is what the paper multiplies by lambda. sigma_r is the root mean square of the residuals. A unit is off where
its code is at most 0 (relu) or 0.1; for theorem 2, rows have length 1 again after the step, and the lower bound of the
share of rows with the unit off is Cantelli's. Takes seconds; `--quick` takes 300 rows.
"""

import functools
import itertools

import numpy as np
from sklearn.datasets import load_digits
from study import Claim, NotMeasuredError, Study, Table, verdict

from skae import DenoisingAutoencoder, PCAWhitener
from skae.activations import as_activation
from skae.objectives import FirstOrder, Reconstruction
from skae.parameters import Layout
from skae.penalties import Contractive, Marginalized, Sparse

UNITS, NOISE, DRAWS = 100, 0.5, 20
ACTIVATIONS, WEIGHTS = ("relu", "softplus", "sigmoid", "tanh"), ("random", "trained")
PENALTIES = {"contractive": Contractive, "marginalized": Marginalized, "sparse": Sparse}
#: Differences of noisy losses and the loss: to first order (eDAE), and as they are.
NOISY = ("first order", "denoising")
#: The pre-activation up to which a unit is off: where the code is 0 (relu), or 0.1.
OFF = {"relu": 0.0, "softplus": np.log(np.expm1(0.1)), "sigmoid": np.log(0.1 / 0.9), "tanh": np.arctanh(0.1)}


def cells(quick, results):
    """Return the cells; the sparse penalty refuses codes below zero."""
    common = {"rows": 300} if quick else {"rows": 1797}
    return [
        {"activation": activation, "penalty": penalty, "weights": weights, **common}
        for weights, activation, penalty in itertools.product(WEIGHTS, ACTIVATIONS, (*PENALTIES, *NOISY))
        if (activation, penalty) != ("tanh", "sparse")
    ]


@functools.lru_cache(maxsize=2)
def digits(rows):
    """Return whitened digits, in float64, of variance 1 as it is (n, not n - 1, in the denominator)."""
    X = PCAWhitener(0.99).fit_transform(load_digits().data[:rows] / 16.0)
    return X / X.std(axis=0)


@functools.lru_cache(maxsize=8)
def parameters(activation, weights, rows):
    """Return the layout and the parameters: rows of unit length, biases from a standard normal, or those of a fit."""
    X, rng = digits(rows), np.random.default_rng(0)
    layout = Layout(W=(UNITS, X.shape[1]), b=(UNITS,), c=(X.shape[1],))
    W, b, c = rng.standard_normal((UNITS, X.shape[1])), rng.standard_normal(UNITS), np.zeros(X.shape[1])
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    if weights == "trained":
        fitted = DenoisingAutoencoder(
            UNITS,
            activation=activation,
            noise_level=NOISE,
            weight_constraint="unit",
            max_iter=10,
            tol=0,
            random_state=0,
        ).fit(X)
        W, b, c = fitted.components_, fitted.intercept_hidden_, fitted.intercept_visible_
    return layout, layout.pack(np.float64, W=W, b=b, c=c)


def gradient(objective, theta, *rows):
    """Return the gradient of twice the objective: of losses without our 1/2."""
    return 2.0 * objective.value_and_grad(theta, *rows)[1]


def measure(activation, penalty, weights, rows):
    """Return the derivatives in the biases: of the loss over the bound, and the signs of those of the penalty."""
    X, (layout, theta) = digits(rows), parameters(activation, weights, rows)
    units = as_activation(activation)
    plain = Reconstruction(layout, units)
    loss = gradient(plain, theta, X)
    parts = layout.views(theta)
    W, b, c = parts["W"], parts["b"], parts["c"]
    residual = X - units.value(X @ W.T + b) @ W - c
    bound = 2.0 * np.sqrt(np.mean(residual**2) * X.shape[1]) * np.linalg.norm(W, axis=1)
    ratio = np.abs(layout.views(loss)["b"]) / bound
    values = {"bound": ratio.max(), "bound_median": np.median(ratio)}
    if penalty in NOISY:
        rng = np.random.default_rng(1)
        noisy = FirstOrder(layout, units) if penalty == "first order" else plain
        draws = [gradient(noisy, theta, X + NOISE * rng.standard_normal(X.shape), X) for _ in range(DRAWS)]
        slopes = np.stack([layout.views(each - loss)["b"] for each in draws])
        slope, values["one_draw"] = slopes.mean(axis=0), np.sqrt(np.mean(slopes**2))
        error = slopes.std(axis=0, ddof=1) / np.sqrt(DRAWS)
        # Beyond two standard errors: chance gives 0.02 on each side.
        values |= {"positive": np.mean(slope > 2.0 * error), "negative": np.mean(slope < -2.0 * error)}
    else:
        options = {"target": 0.0} if penalty == "sparse" else {}
        penalised = Reconstruction(layout, units, penalties=[PENALTIES[penalty](1.0, **options)])
        added = 0.5 * (gradient(penalised, theta, X) - loss)  # the penalty has no 1/2
        slope = layout.views(added)["b"]
        tolerance = 1e-12 * np.abs(layout.views(loss)["b"]).max()  # of the difference
        values |= {"positive": np.mean(slope > tolerance), "negative": np.mean(slope < -tolerance)}
        if values["positive"] > 0.0:
            values |= step(layout, theta, X, loss, added, bound, tolerance, OFF[activation])
        else:
            values["rises"] = np.mean(np.diff(moved(layout, theta, X, loss + added)[0], axis=0) > 0.0)
        if penalty == "marginalized":
            contractive = Reconstruction(layout, units, penalties=[Contractive(1.0)])
            values |= equivalence(layout, theta, X, plain, penalised, contractive)
    return {name: float(each) for name, each in values.items()} | {
        "smallest": float(slope.min()),
        "largest": float(slope.max()),
        "mean": float(slope.mean()),
        "root_mean_square": float(np.sqrt(np.mean(slope**2))),
    }


def equivalence(layout, theta, X, plain, *penalised):
    """Return how far two penalties and their gradients differ, relatively; in W along the unit sphere."""
    loss, found = gradient(plain, theta, X), []
    for each in penalised:
        blocks = {name: view.copy() for name, view in layout.views(gradient(each, theta, X) - loss).items()}
        W = layout.views(theta)["W"]
        blocks["W"] -= np.sum(blocks["W"] * W, axis=1, keepdims=True) * W
        found.append((each.value(theta, X) - plain.value(theta, X), layout.pack(np.float64, **blocks)))
    (value, grad), (other, other_grad) = found
    return {
        "value_difference": abs(other - value) / abs(value),
        # Along the sphere relu's are zero: rounding is that of the loss.
        "gradient_difference": np.abs(other_grad - grad).max() / max(np.abs(grad).max(), np.abs(loss).max()),
    }


def moved(layout, theta, X, total):
    """Return the mean pre-activations before and after a small step, the parameters after it, and the rate."""
    rate = 1e-3 / np.abs(total).max()
    before, after = (layout.views(each) for each in (theta, theta - rate * total))
    return np.stack([np.mean(X @ each["W"].T + each["b"], axis=0) for each in (before, after)]), after, rate


def step(layout, theta, X, loss, added, bound, tolerance, off):
    """Return what one step does, for the lambda at which half of the units with a positive slope meet theorem 1."""
    slope = layout.views(added)["b"]
    strength = 1.001 * np.median(bound[slope > tolerance] / slope[slope > tolerance])
    meets = strength * slope > bound
    total = loss + strength * added
    means, after, rate = moved(layout, theta, X, total)
    variance = np.var(X @ after["W"].T, axis=0) / np.sum(after["W"] ** 2, axis=1)
    predicted = means[0] - rate * layout.views(total)["b"]
    # Theorem 2: of the units below the threshold in the mean, with rows of length 1 again.
    before, W = layout.views(theta), after["W"] / np.linalg.norm(after["W"], axis=1, keepdims=True)
    U = [X @ before["W"].T + before["b"], X @ W.T + after["b"]]
    below = meets & (U[0].mean(axis=0) < off)
    bounds = [1.0 - each.var(axis=0) / (each.var(axis=0) + (off - each.mean(axis=0)) ** 2) for each in U]
    return {
        "strength": strength,
        "met": np.mean(meets),
        "falls": np.mean((means[1] < means[0])[meets]),
        "variance_error": np.abs(variance - 1.0).max(),
        "prediction_error": np.abs(means[1] - predicted).max() / np.abs(means[1] - means[0]).max(),
        "below": np.mean(below),
        **({"off_rises": np.mean((bounds[1] >= bounds[0])[below])} if below.any() else {}),
    }


def shares(results, penalties, activations):
    """Return the share of units with a positive and with a negative slope, as arrays, and both as text."""
    both, text = [], []
    for activation, penalty, weights in itertools.product(activations, penalties, WEIGHTS):
        where = {"activation": activation, "penalty": penalty, "weights": weights}
        signs = results.mean("positive", **where), results.mean("negative", **where)
        both.append(signs)
        text.append(f"{activation}, {penalty}, {weights} {100 * signs[0]:.0f} / {100 * signs[1]:.0f} %")
    return (*np.transpose(both), "share of units with positive / negative slope: " + "; ".join(text))


COROLLARY_2 = ("contractive", "marginalized")


def lemma(results):
    """Lemma 1."""
    conditions, text = [], []
    for activation, weights in itertools.product(ACTIVATIONS, WEIGHTS):
        ratio = results.values("bound", activation=activation, weights=weights).max()
        conditions.append(bool(ratio <= 1.0))
        text.append(f"{activation}, {weights} {ratio:.2g}")
    return verdict(*conditions), "largest derivative over the bound: " + ", ".join(text)


def theorem(results):
    """Theorem 1, the mean."""
    falls, met = results.values("falls"), results.values("met")
    text = f"it falls for {100 * falls.min():.0f} % of the units that meet the condition "
    text += (
        f"({100 * met.min():.0f} to {100 * met.max():.0f} % of all). Half of those with a positive slope meet it at "
    )
    values = results.values("strength", weights="trained")
    text += f"lambda {values.min():.1f} to {values.max():.0f} for trained weights; the experiments have 1 at most"
    return verdict(bool(falls.min() == 1.0)), text


def variance(results):
    """Theorem 1, the variance."""
    error = results.values("variance_error").max()
    return verdict(bool(error < 1e-6)), f"largest relative difference {error:.1g}"


def equation_5(results):
    """Equation 5."""
    error = results.values("prediction_error").max()
    return verdict(bool(error < 1e-6)), f"largest difference {error:.1g} of the largest step"


def sparse(results):
    """Corollary 1."""
    positive, negative, text = shares(results, ("sparse",), ("relu", "softplus", "sigmoid"))
    return verdict(bool(positive.min() > 0.99 and negative.max() == 0.0)), text


def convex(results):
    """Corollary 2."""
    _, negative, text = shares(results, COROLLARY_2, ("relu", "softplus"))
    return verdict(bool(negative.max() == 0.0)), text


def sparser_off(results):
    """Theorem 2."""
    rises, below = results.values("off_rises"), results.values("below")
    text = f"it does for {100 * rises.min():.0f} % of the units that meet theorem 1 and are off in the mean "
    return verdict(bool(rises.min() == 1.0)), f"{text}({100 * below.min():.0f} to {100 * below.max():.0f} % of all)"


def lowers(results):
    """Corollary 2, its conclusion: a lambda for which the mean pre-activation of no unit rises."""
    conditions, text = [], []
    for activation, penalty, weights in itertools.product(("relu", "softplus"), COROLLARY_2, WEIGHTS):
        where = {"activation": activation, "penalty": penalty, "weights": weights}
        if results.mean("positive", **where) > 0.0:
            conditions.append(results.mean("positive", **where) == 1.0 == results.mean("falls", **where))
            text.append(f"{activation}, {penalty}, {weights}: yes, at a large one")
        else:
            rises = results.mean("rises", **where)
            conditions.append(rises == 0.0)
            text.append(f"{activation}, {penalty}, {weights}: it rises for {100 * rises:.0f} % at all lambda")
    return verdict(*conditions), "; ".join(text)


def without_slope(results):
    """Relu under corollary 2."""
    positive, negative, text = shares(results, COROLLARY_2, ("relu",))
    return verdict(bool(max(positive.max(), negative.max()) == 0.0)), text


def strictly(results):
    """Softplus under corollary 2."""
    positive, _, text = shares(results, COROLLARY_2, ("softplus",))
    return verdict(bool(positive.min() == 1.0)), text


def either_sign(results):
    """Sigmoid under corollary 2."""
    _, negative, text = shares(results, COROLLARY_2, ("sigmoid",))
    return verdict(bool(negative.min() > 0.0)), text


def equivalent(results):
    """Footnote 3."""
    value, grad = (results.values(f"{name}_difference").max() for name in ("value", "gradient"))
    text = f"penalties differ by {value:.1g} of themselves, their gradients (in W along the sphere) by {grad:.1g}"
    return verdict(value < 1e-9, grad < 1e-9), text


def first_order(results, name):
    """Return the slope of the first-order term: of one draw, and of the mean of many."""
    where = {"activation": "relu", "penalty": "first order"}
    return [results.mean(name, weights=weights, **where) for weights in WEIGHTS]


def vanishes(results):
    """Section 3.1.1: the first-order term vanishes on average, not in a batch."""
    one, many = first_order(results, "one_draw"), first_order(results, "root_mean_square")
    text = ", ".join(
        f"{weights} {each:.2g} for one draw, {mean:.2g} for the mean of {DRAWS}"
        for weights, each, mean in zip(WEIGHTS, one, many, strict=True)
    )
    text = f"relu, root mean square of the slopes: {text}"
    return verdict(*(mean < 1.5 * each / np.sqrt(DRAWS) for each, mean in zip(one, many, strict=True))), text


def positive_first_order(results):
    """Section 3.1.1: relu has a positive slope due to the first-order term."""
    positive, _, text = shares(results, ("first order",), ("relu",))
    _, _, whole = shares(results, ("denoising",), ("relu",))
    text = f"beyond two standard errors of {DRAWS} draws, {text}. The noisy loss less the loss without noise: {whole}"
    return verdict(*(share > 0.5 for share in positive)), text


CLAIMS = (
    Claim(
        "SPARSE lemma 1",
        "With slopes of the activation in [0, 1], |dJ/db_j| is at most 2 sigma_r sqrt(n) |W_j|.",
        "",
        lemma,
    ),
    Claim(
        "SPARSE theorem 1",
        "Where lambda dR/db_j exceeds the bound of lemma 1, a step lowers the mean pre-activation of unit j.",
        "",
        theorem,
    ),
    Claim("SPARSE theorem 1", "The variance of a pre-activation is the squared length of its weights.", "", variance),
    Claim(
        "SPARSE eq. 5",
        "A step moves the mean pre-activation by the slopes of loss and penalty in the bias alone.",
        "",
        equation_5,
    ),
    Claim(
        "SPARSE corollary 1",
        "An increasing function of the mean code (SAE) has positive slopes in the biases, if the activation does not "
        "decrease.",
        "",
        sparse,
    ),
    Claim(
        "SPARSE corollary 2",
        "The penalties of CAE and mDAE have no negative slopes in the biases, if the activation is convex and does not "
        "decrease.",
        "",
        convex,
    ),
    Claim(
        "SPARSE corollary 2",
        "So there is a lambda for which a step raises the mean pre-activation of no unit.",
        "",
        lowers,
    ),
    Claim(
        "SPARSE theorem 2",
        "Where theorem 1 applies, a lower bound of the share of samples with the unit off does not fall.",
        "",
        sparser_off,
    ),
    Claim("SPARSE 2.1.2", "With relu, the slopes of these penalties are zero.", "", without_slope),
    Claim("SPARSE 2.1.2", "With softplus, they are positive.", "", strictly),
    Claim("SPARSE 2.1.2", "With sigmoid, corollary 2 does not apply in general.", "", either_sign),
    Claim("SPARSE footnote 3", "With unit length, the penalties of CAE and mDAE are equivalent.", "", equivalent),
    Claim(
        "SPARSE 3.1.1",
        "The first-order term of the noise vanishes on average, but not in a finite sample.",
        "",
        vanishes,
    ),
    Claim(
        "SPARSE 3.1.1",
        "Relu has a positive slope in the biases due to the first-order term.",
        "",
        positive_first_order,
    ),
)


def tables(results):
    """Return the bound and the signs."""

    def cell(name, text, **where):
        try:
            return text(results.mean(name, **where))
        except NotMeasuredError:
            return ""

    rows, bounds = [], []
    for activation, weights in itertools.product(ACTIVATIONS, WEIGHTS):
        where = {"activation": activation, "weights": weights}
        bounds.append(
            (activation, weights, *(cell(name, "{:.2g}".format, **where) for name in ("bound", "bound_median")))
        )
        for penalty in (*PENALTIES, *NOISY):
            one = {**where, "penalty": penalty}
            if results.lines(**one):
                share = "{:.2f}".format
                rows.append(
                    (
                        activation,
                        weights,
                        penalty,
                        cell("positive", share, **one),
                        cell("negative", share, **one),
                        cell("root_mean_square", "{:.2g}".format, **one),
                        cell("strength", "{:.3g}".format, **one),
                        cell("falls", share, **one),
                    )
                )
    return [
        Table("Lemma 1: |dJ/db| over its bound", ("activation", "weights", "largest", "median"), bounds),
        Table(
            "dR/db: share of units with either sign, root mean square, the lambda at which half of the units with a "
            "positive slope meet theorem 1, and the share of those whose mean pre-activation falls",
            ("activation", "weights", "penalty", "positive", "negative", "root mean square", "lambda", "falls"),
            rows,
        ),
    ]


NOTES = (
    "**Lemma 1 needs no assumption on the data.** With sigma_r as the root mean square of the residuals it is the "
    "inequality of Cauchy and Schwarz.",
)

STUDY = Study(
    "sparse_bounds", "Bounds and signs of the gradients in the biases", cells, measure, CLAIMS, tables, notes=NOTES
)

if __name__ == "__main__":
    STUDY.main(__doc__)
