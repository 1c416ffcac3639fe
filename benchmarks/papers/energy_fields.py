"""Vector fields and energies: ENERGY figures 2, 3, 7 and 9, equations 26 and 39, and what follows from them.

    SKAE_DATA=folder python benchmarks/papers/energy_fields.py [--quick] [--only TEXT] [--minutes M]

- "circle": points around a circle, 100 sigmoid units, as in figure 2.
- "digits": one autoencoder for the sixes and one for the nines of MNIST-small, 100 units, as in figure 3.
- "jacobian": untied weights on scikit-learn's digits. The relative asymmetry of the Jacobian J of r is the mean of
  |J - J^T| / (2 |J|) over test images, from 0 (symmetric) to 1 (antisymmetric).
- "absorbing": 200 tied sigmoid units on the same digits behind ``PCAWhitener(0.9)``, with the contractive penalty and
  with the Laplacian of equation 39 itself, which the paper proposes and does not try. Contrast: AUC of the energies of
  test digits against those of the same rows with each column permuted. Novelty: AUC of the energy, when one digit is
  missing in training; mean of three digits. These models do not see a fifth of their training digits either; the loss
  of score matching on these, and nothing of the test digits, chooses the strengths that are compared.
- "log-odds": bernoulli visible units. From the same starts, the fields r(x) - x and that of equation 26 are followed
  to where they end.

- "filters": 100 units of three activations, on 3,000 turned digits, and on 3,000 before photographs, as in figure 7.
  Extent is the share of the image over which a filter is spread; roughness is 0 where it is smooth, and 1 for noise
  (see `zae_biases.py`).

Figures 7 and 9 are pictures of small fits. A picture of filters that exists is kept: delete it to draw it again.
`--quick` takes few images and short fits.
"""

import functools
import itertools

import numpy as np
from energy_eight import images
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score
from study import Claim, NotMeasuredError, Study, Table, save, spread, verdict
from zae_biases import extent, roughness

from skae import ClassSpecificAEClassifier, ContractiveAutoencoder, DenoisingAutoencoder, PCAWhitener
from skae.datasets import make_circle, make_digit_variations, make_rectangles, make_rectangles_image
from skae.metrics import score_matching_loss

ACTIVATIONS = ("sigmoid", "identity", "modulus", "relu")
UNTIED = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
PENALTIES, STRENGTHS = ("contractive", "laplacian"), (0.01, 0.03, 0.1, 0.3, 1.0)
NOVEL = (1, 5, 9)
RADII = np.linspace(0.0, 2.0, 21)
#: What figure 7 shows.
TURNED_OR_BEFORE = {"rot": "turned", "back-img": "before photographs"}
FILTERS = ("extent", "roughness")
UNITS = {"identity": "linear", "modulus": "modulus", "sigmoid": "sigmoid"}


def cells(quick, results):
    """Return the cells, all seeds of a part together."""
    common = {"quick": True} if quick else {}
    seeds = (0,) if quick else (0, 1, 2)
    found = [{"part": "circle", "seed": seed} for seed in seeds]
    found += [{"part": "digits", "activation": name, "seed": seed} for seed in seeds for name in ACTIVATIONS]
    found += [{"part": "jacobian", "alpha": alpha, "seed": seed} for seed in seeds for alpha in UNTIED]
    strengths = [("contractive", 0.0), *itertools.product(PENALTIES, STRENGTHS)]
    found += [
        {"part": "absorbing", "penalty": penalty, "alpha": alpha, "seed": seed}
        for seed in seeds
        for penalty, alpha in strengths
    ]
    found += [{"part": "log-odds", "seed": seed} for seed in seeds]
    found += [
        {"part": "filters", "variation": variation, "activation": name, "seed": seed}
        for seed, variation, name in itertools.product(seeds, TURNED_OR_BEFORE, UNITS)
    ]
    return [{**cell, **common} for cell in found]


def measure(part, seed, quick=False, **options):
    """Measure a cell of one of the parts."""
    function = {
        "circle": circle,
        "digits": sixes_and_nines,
        "jacobian": jacobian,
        "absorbing": absorbing,
        "log-odds": log_odds,
        "filters": filters,
    }[part]
    return function(**options, seed=seed, quick=quick)


def circle_model(seed, quick=False):
    """Return the autoencoder of figure 2."""
    X, _ = make_circle(1000, random_state=seed)
    options = {"solver": "lbfgs", "max_iter": 100 if quick else 500, "random_state": seed}
    return ContractiveAutoencoder(100, alpha=0.03, **options).fit(X), X


def circle(seed, quick=False):
    """Return energy and squared error along rays from the energy's minimum near the centre."""
    model, _ = circle_model(seed, quick)
    grid = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 101)] * 2), axis=-1).reshape(-1, 2)
    centre = grid[np.argmin(model.score_samples(grid))]
    angle = np.linspace(0.0, 2.0 * np.pi, 36, endpoint=False)
    # From the minimum out to the circle of each radius.
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = centre * np.maximum(0.0, 1.0 - RADII)[:, None, None] + RADII[:, None, None] * around
    shape = points.shape[:2]
    energy = model.score_samples(points.reshape(-1, 2)).reshape(shape).mean(axis=1)
    error = model.reconstruction_error(points.reshape(-1, 2)).reshape(shape).mean(axis=1)
    return {"energy": (energy - energy.max()).tolist(), "error": error.tolist(), "off_centre": np.hypot(*centre)}


def class_model(activation, seed, quick):
    """Return an autoencoder of one class: contractive where its activation is smooth, else denoising."""
    common = {"learning_rate_init": 0.005, "max_iter": 5 if quick else 30, "tol": 0, "random_state": seed}
    if activation in ("sigmoid", "identity"):
        return ContractiveAutoencoder(100, activation=activation, alpha=0.5, **common)
    return DenoisingAutoencoder(100, activation=activation, noise="masking", noise_level=0.3, **common)


def sixes_and_nines(activation, seed, quick=False):
    """Return how well energies and errors of both models separate the test digits of both classes."""
    (X, y), _, (X_test, y_test) = images("mnist-small", quick)
    test = {digit: X_test[y_test == digit] for digit in (6, 9)}
    rows, is_six = np.concatenate([test[6], test[9]]), np.repeat([True, False], [len(test[6]), len(test[9])])
    values, energies, errors = {}, {}, {}
    for digit in (6, 9):
        model = class_model(activation, seed, quick).fit(X[y == digit])
        energies[digit], errors[digit] = model.score_samples(rows), model.reconstruction_error(rows)
        own = is_six if digit == 6 else ~is_six
        values[f"energy_auc_{digit}"] = roc_auc_score(own, energies[digit])
        values[f"error_auc_{digit}"] = roc_auc_score(own, -errors[digit])
        low, high = np.quantile(energies[digit], (0.005, 0.995))
        edges = np.linspace(low, high, 31)
        values[f"edges_{digit}"] = [low, high]
        values[f"own_{digit}"] = np.histogram(energies[digit][own], edges)[0].tolist()
        values[f"other_{digit}"] = np.histogram(energies[digit][~own], edges)[0].tolist()
    values["energy_auc"] = roc_auc_score(is_six, energies[6] - energies[9])
    values["error_auc"] = roc_auc_score(is_six, errors[9] - errors[6])
    return values


@functools.lru_cache(maxsize=1)
def small_digits(whiten):
    """Return scikit-learn's digits in float64: rows and labels, to train and to test on."""
    from datasets import load

    X, y, X_test, y_test = load("digits")
    X, X_test = X.astype(np.float64), X_test.astype(np.float64)
    if whiten:
        whitener = PCAWhitener(0.9).fit(X)
        X, X_test = whitener.transform(X), whitener.transform(X_test)
    return X, y, X_test, y_test


def asymmetry(W, V, D):
    """Return the mean over rows of |J - J^T| / (2 |J|), with the Jacobian J = V^T diag(d) W and d a row of D."""
    ratios = []
    for d in D:
        J = (V * d[:, None]).T @ W
        ratios.append(np.linalg.norm(J - J.T) / (2.0 * np.linalg.norm(J)))
    return float(np.mean(ratios))


def slopes(model, X):
    """Return the derivative of sigmoid units, shape (n, k)."""
    H = expit(X @ model.components_.T + model.intercept_hidden_)
    return H * (1.0 - H)


def jacobian(alpha, seed, quick=False):
    """Return the asymmetry of the Jacobian of an autoencoder with untied weights, and of random weights beside it."""
    X, _, X_test, _ = small_digits(False)
    model = ContractiveAutoencoder(
        100,
        alpha=alpha,
        tied_weights=False,
        weight_constraint="unit",
        max_iter=10 if quick else 100,
        tol=0,
        random_state=seed,
    ).fit(X)
    W, V, D = model.components_, model.decoder_components_, slopes(model, X_test[:100])
    random = np.random.default_rng(seed).standard_normal((2, *W.shape))
    return {"asymmetry": asymmetry(W, V, D), "random": asymmetry(*random, D), "r2": model.score(X_test)}


def absorbing(penalty, alpha, seed, quick=False):
    """Return the share of absorbing test rows, the contrast of the energy, the loss of score matching, and novelty."""
    X, y, X_test, y_test = small_digits(True)

    def fitted(rows):
        model = ContractiveAutoencoder(
            200, penalty=penalty, alpha=alpha, max_iter=5 if quick else 60, tol=0, random_state=seed
        )
        return model.fit(rows)

    model, rng = fitted(X), np.random.default_rng(seed)
    energy, permuted = model.score_samples(X_test), model.score_samples(rng.permuted(X_test, axis=0))
    aucs, held_out = [], []
    for digit in NOVEL:
        known = X[y != digit]
        n = len(known) * 4 // 5
        own = fitted(known[:n])
        held_out.append(score_matching_loss(own, known[n:], X_train=known[:n]))
        aucs.append(roc_auc_score(y_test != digit, own.score_samples(X_test)))
    field = model.vector_field(X)
    return {
        "absorbing": float(model.is_absorbing(X_test).mean()),
        "absorbing_training": float(model.is_absorbing(X).mean()),
        "trace": float(model.laplacian(X_test).mean()) + X.shape[1],
        "features": X.shape[1],
        "contrast": roc_auc_score(np.repeat([True, False], len(X_test)), np.concatenate([energy, permuted])),
        "temperature": max(0.0, float(-model.laplacian(X).mean() / np.mean(np.sum(field**2, axis=1)))),
        "matching": score_matching_loss(model, X_test, X_train=X),
        "held_out": float(np.mean(held_out)),
        "novelty": float(np.mean(aucs)),
    }


def followed(model, X, field, steps, rate=0.5):
    """Return where the field ends from the rows of X: "plain" is r(x) - x, "log-odds" equation 26."""
    X = np.clip(X, 1e-3, 1.0 - 1e-3)
    for _ in range(steps):
        R = model.reconstruct(X)
        X = X + rate * (R - X) if field == "plain" else expit(logit(X) + rate * (logit(R) - logit(X)))
    return X


def log_odds(seed, quick=False):
    """Return how far the ends of both fields are from fixed points of both, and whether they are the same."""
    X, _, X_test, _ = small_digits(False)
    model = ContractiveAutoencoder(
        100, alpha=0.03, visible="bernoulli", max_iter=10 if quick else 100, tol=0, random_state=seed
    ).fit(X)
    starts, steps, values = X_test[:200], 200 if quick else 3000, {}
    ends = {}
    for field in ("plain", "log-odds"):
        E = ends[field] = followed(model, starts, field, steps)
        R = model.reconstruct(E)
        values[f"{field}_residual"] = float(np.abs(R - E).max(axis=1).mean())
        values[f"{field}_log_odds_residual"] = float(np.abs(logit(R) - logit(E)).max(axis=1).mean())
    values["same_end"] = float(np.mean(np.abs(ends["plain"] - ends["log-odds"]).max(axis=1) < 1e-3))
    values["moved"] = float(np.abs(ends["plain"] - starts).max(axis=1).mean())
    values["distinct"] = len(np.unique(ends["plain"].round(2), axis=0))
    return values


@functools.lru_cache(maxsize=2)
def varied_digits(variation, quick):
    """Return digits of MNIST that are turned, or before photographs, of shape (n, 784)."""
    from datasets import load

    X = load("mnist")[0][: 300 if quick else 3000].reshape(-1, 784)
    return make_digit_variations(X, variation=variation, random_state=0)


def filters(variation, activation, seed, quick=False):
    """Return extent and roughness of the filters of figure 7."""
    model = class_model(activation, seed, quick).fit(varied_digits(variation, quick))
    images = model.components_.reshape(-1, 1, 28, 28)
    return {"extent": float(np.median(extent(images))), "roughness": float(np.median(roughness(images)))}


def ring(results):
    """Figure 2: the energy has its maximum on the circle and its minimum inside, the error is small at both."""
    lines = results.lines(part="circle")
    if not lines:
        raise NotMeasuredError("circle")
    on, outcomes, text = int(np.argmin(np.abs(RADII - 1.0))), [], []
    for line in lines:
        energy, error = line["energy"], line["error"]
        between = int(np.argmax(error[: on + 1]))
        outcomes.append(
            abs(int(np.argmax(energy)) - on) <= 1
            and energy[0] == min(energy[: on + 1])
            and error[0] < 0.1 * error[between]
            and error[on] < 0.1 * error[between]
        )
        text.append(
            f"energy {energy[0]:.3f} inside, {energy[on]:.3f} on the circle; squared error {error[0]:.2g} inside, "
            f"{error[between]:.2g} at radius {RADII[between]:.1f}, {error[on]:.2g} on the circle"
        )
    return verdict(*outcomes), ". ".join(text)


def separated(results):
    """Figure 3: energies of models of all activations separate the classes."""
    aucs = {
        name: min(results.mean(f"energy_auc_{digit}", part="digits", activation=name) for digit in (6, 9))
        for name in ACTIVATIONS
    }
    text = ", ".join(f"{name} {100 * auc:.1f} %" for name, auc in aucs.items())
    return verdict(*(auc > 0.95 for auc in aucs.values())), f"the lower AUC of the two models: {text}"


def energy_over_error(results):
    """Compare one model's energy with its error, as the score of a class."""
    parts, outcomes = [], []
    for name in ACTIVATIONS:
        energy, error = (
            np.mean([results.mean(f"{score}_auc_{digit}", part="digits", activation=name) for digit in (6, 9)])
            for score in ("energy", "error")
        )
        outcomes.append(energy > error)
        parts.append(f"{name}: {100 * energy:.1f} against {100 * error:.1f} %")
    return verdict(*outcomes), "mean AUC. " + "; ".join(parts)


def symmetric(results):
    """Section 3: contraction makes the field of untied weights conservative."""
    means = [results.mean("asymmetry", part="jacobian", alpha=alpha) for alpha in UNTIED]
    random = results.mean("random", part="jacobian", alpha=UNTIED[0])
    text = ", ".join(f"{mean:.3f} at {alpha:g}" for alpha, mean in zip(UNTIED, means, strict=True))
    return verdict(max(means[1:]) < 0.5 * means[0]), f"asymmetry {text}; random weights {random:.3f}"


def sinks(results):
    """Equations 39 and 40: contraction makes points absorbing."""
    parts, outcomes = [], []
    for name, points in (("absorbing_training", "training points"), ("absorbing", "test points")):
        none, *shares = (
            results.mean(name, part="absorbing", penalty="contractive", alpha=alpha) for alpha in (0.0, *STRENGTHS)
        )
        text = ", ".join(f"{100 * share:.0f} % at {alpha:g}" for alpha, share in zip(STRENGTHS, shares, strict=True))
        outcomes += [all(b >= a for a, b in itertools.pairwise([none, *shares])), shares[-1] > none]
        parts.append(f"of {points}: {100 * none:.0f} % without, {text}")
    return verdict(*outcomes), "; ".join(parts)


def chosen_strength(results, penalty):
    """Return the strength of least loss of score matching on training rows that were held out."""
    losses = {a: results.mean("held_out", part="absorbing", penalty=penalty, alpha=a) for a in STRENGTHS}
    return min(losses, key=losses.get)


def direct(results):
    """Compare the penalties, each at the strength that score matching chooses."""
    alphas = {penalty: chosen_strength(results, penalty) for penalty in PENALTIES}
    parts, outcomes = [], []
    for name, text, sign in (
        ("novelty", "novelty AUC", 1.0),
        ("contrast", "contrast AUC", 1.0),
        ("matching", "loss of score matching", -1.0),
    ):
        contractive, laplacian = (
            results.mean(name, part="absorbing", penalty=penalty, alpha=alpha) for penalty, alpha in alphas.items()
        )
        outcomes.append(sign * laplacian > sign * contractive)
        parts.append(f"{text} {contractive:.3g} against {laplacian:.3g}")
    each = " and ".join(f"{alpha:g}" for alpha in alphas.values())
    return verdict(*outcomes), f"contractive against Laplacian, of strengths {each}: {'; '.join(parts)}"


def chosen(results):
    """Compare the strength that score matching chooses with that of the best novelty AUC."""
    parts, outcomes = [], []
    for penalty in PENALTIES:
        aucs = {a: results.mean("novelty", part="absorbing", penalty=penalty, alpha=a) for a in STRENGTHS}
        alpha, best = chosen_strength(results, penalty), max(aucs, key=aucs.get)
        outcomes.append(aucs[alpha] > aucs[best] - 0.02)
        parts.append(f"{penalty}: {aucs[alpha]:.3f} at alpha {alpha:g}, best {aucs[best]:.3f} at {best:g}")
    return verdict(*outcomes), "novelty AUC. " + "; ".join(parts)


def figure_7(results, variation):
    """Return extent and roughness of filters by activation, and both as text."""
    found = {
        name: [results.mean(each, part="filters", variation=variation, activation=name) for each in FILTERS]
        for name in UNITS
    }
    text = ", ".join(f"{UNITS[name]} {100 * one:.0f} % and {other:.2f}" for name, (one, other) in found.items())
    return found, f"{TURNED_OR_BEFORE[variation]}: {text}"


def global_structure(results):
    """Figure 7: linear filters are the smoothest ones, and not less extended."""
    parts, outcomes = [], []
    for variation in TURNED_OR_BEFORE:
        found, text = figure_7(results, variation)
        (own, smooth), *others = found.values()
        outcomes += [smooth < 0.5 * min(rough for _, rough in others), own > 0.9 * max(each for each, _ in others)]
        parts.append(text)
    return verdict(*outcomes), f"median extent and roughness. {'; '.join(parts)}"


def look_different(results):
    """Figure 7: for each two activations, extent or roughness differs by half of the smaller."""
    parts, outcomes = [], []
    for variation in TURNED_OR_BEFORE:
        found, text = figure_7(results, variation)
        for pair in itertools.combinations(found.values(), 2):
            outcomes.append(any(max(each) > 1.5 * min(each) for each in zip(*pair, strict=True)))
        parts.append(text)
    return verdict(*outcomes), f"median extent and roughness. {'; '.join(parts)}"


def same_points(results):
    """Equation 27: both fields have the same fixed points."""
    same, distinct = (results.values(name, part="log-odds") for name in ("same_end", "distinct"))
    residuals = [
        results.values(f"{field}_{name}", part="log-odds").max()
        for field in ("plain", "log-odds")
        for name in ("residual", "log_odds_residual")
    ]
    text = (
        f"{spread(same)} of 200 starts end at the same point, of {spread(distinct, 0, 1.0, '')} different ones; "
        f"largest residuals there: {max(residuals[::2]):.1g}, as log-odds {max(residuals[1::2]):.1g}"
    )
    return verdict(max(residuals) < 1e-3, same.min() > 0.99), text


CLAIMS = (
    Claim("ENERGY figure 7", "Filters of different activations look qualitatively very different.", "", look_different),
    Claim("ENERGY figure 7", "Linear units capture mostly global structure.", "", global_structure),
    Claim(
        "ENERGY figure 2",
        "The energy tells data from the hole in a circle; the reconstruction error is small at both.",
        "",
        ring,
    ),
    Claim(
        "ENERGY figure 3", "Energies of all activations separate the classes of sixes and nines well.", "", separated
    ),
    Claim(
        "ENERGY figure 3",
        "(Ours:) the energy of one model separates the classes better than its reconstruction error.",
        "",
        energy_over_error,
    ),
    Claim(
        "ENERGY section 3",
        "With untied weights, contractive regularisation makes the field conservative.",
        "",
        symmetric,
    ),
    Claim("ENERGY eq. 39", "Contractive regularisation makes training points absorbing.", "", sinks),
    Claim(
        "ENERGY section 3",
        "(Proposed, not tried there:) regularising with equation 39 directly is better than contraction.",
        "",
        direct,
    ),
    Claim(
        "ENERGY section 3",
        "(Ours:) score matching chooses, without labels, a strength whose novelty AUC is within 2 points of the best.",
        "",
        chosen,
    ),
    Claim(
        "ENERGY eq. 27",
        "With sigmoid outputs, the log-odds field has the fixed points of r(x) - x, and leads to the same.",
        "",
        same_points,
    ),
)


def tables(results):
    """Return the tables of figure 3, of the Jacobian and of the penalties."""
    names = [f"{score}_auc{suffix}" for score in ("energy", "error") for suffix in ("_6", "_9", "")]
    separation = [
        (activation, *(results.text(name, part="digits", activation=activation) for name in names))
        for activation in ACTIVATIONS
    ]
    untied = [
        (f"{alpha:g}", *(results.text(name, 3, 1.0, part="jacobian", alpha=alpha) for name in ("asymmetry", "r2")))
        for alpha in UNTIED
    ]
    measured = (("absorbing", 1, 100.0), ("trace", 1, 1.0), ("contrast", 1, 100.0), ("novelty", 1, 100.0))
    measured += (("temperature", 2, 1.0), ("matching", 2, 1.0), ("held_out", 2, 1.0))
    penalties = [
        (
            penalty if alpha else "none",
            f"{alpha:g}",
            *(results.text(*each, part="absorbing", penalty=penalty, alpha=alpha) for each in measured),
        )
        for penalty, alpha in [("contractive", 0.0), *itertools.product(PENALTIES, STRENGTHS)]
    ]
    columns = [f"{score}, {of}" for score in ("energy", "error") for of in ("model of 6", "model of 9", "difference")]
    return [
        Table("AUC of sixes against nines, in percent (figure 3)", ("units", *columns), separation),
        Table("Untied weights: asymmetry of the Jacobian", ("alpha", "asymmetry", "denoising R2"), untied),
        Table(
            "Contractive and Laplacian penalty",
            (
                *("penalty", "alpha", "absorbing, %", "trace of the Jacobian", "contrast AUC, %", "novelty AUC, %"),
                *("inverse temperature", "score matching loss", "of held-out rows, a digit missing"),
            ),
            penalties,
        ),
        Table(
            "Filters (figure 7): median extent in percent of the image, and roughness",
            ("digits", "units", *FILTERS),
            [
                (
                    TURNED_OR_BEFORE[variation],
                    text,
                    results.text("extent", part="filters", variation=variation, activation=name),
                    results.text("roughness", 3, 1.0, part="filters", variation=variation, activation=name),
                )
                for variation, (name, text) in itertools.product(TURNED_OR_BEFORE, UNITS.items())
            ],
        ),
    ]


def draw(results, folder, quick):
    """Save the pictures, and return their captions."""
    captions = {
        "energy_fields_circle.png": "ENERGY figure 2: energy with the field, and squared reconstruction error.",
        "energy_fields_digits.png": "ENERGY figure 3: energies of test digits of the own and of the other class.",
        "energy_fields_filters.png": "ENERGY figure 7: filters of small fits, on turned digits and before photographs, "
        "and shared by factored models of MNIST.",
        "energy_fields_rectangles.png": "ENERGY figure 9: filters of small fits, one model for each class, and shared "
        "by factored models.",
    }
    functions = (draw_circle, draw_digits, draw_filters, draw_rectangles)
    for name, function in zip(captions, functions, strict=True):
        if function is draw_digits or not (folder / name).exists():
            function(results, folder / name)
    return captions


def draw_circle(results, path):
    """Draw figure 2."""
    import matplotlib.pyplot as plt

    from skae.plotting import EnergyDisplay

    model, X = circle_model(0)
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    display = EnergyDisplay.from_estimator(model, X, ax=axes[0])
    grid = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    error = model.reconstruction_error(grid).reshape(display.xx0.shape)
    surface = axes[1].contourf(display.xx0, display.xx1, np.log10(error + 1e-6), levels=20)
    figure.colorbar(surface, ax=axes[1], label="log10 of the squared error")
    axes[1].set_aspect("equal")
    axes[0].set_title("energy")
    axes[1].set_title("reconstruction error")
    save(figure, path)


def draw_digits(results, path):
    """Draw figure 3."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, len(ACTIVATIONS), figsize=(12, 5), layout="constrained")
    for (i, digit), (j, activation) in itertools.product(enumerate((6, 9)), enumerate(ACTIVATIONS)):
        lines = results.lines(part="digits", activation=activation, seed=0)
        if lines:
            own, other = (lines[0][f"{which}_{digit}"] for which in ("own", "other"))
            edges = np.linspace(*lines[0][f"edges_{digit}"], len(own) + 1)
            axes[i, j].stairs(own, edges, fill=True, alpha=0.6, label=f"digits {digit}")
            axes[i, j].stairs(other, edges, fill=True, alpha=0.6, label=f"digits {15 - digit}")
            axes[i, j].legend(fontsize="x-small")
        axes[i, j].set(title=f"{activation}, model of {digit}", xlabel="energy", yticks=[])
    save(figure, path)


def drawn_filters(fits, shape, path, size):
    """Draw filters, or those of fitted models, by title, in axes of this shape."""
    import matplotlib.pyplot as plt

    from skae.plotting import FiltersDisplay

    figure, axes = plt.subplots(*shape, figsize=size, layout="constrained")
    for ax, (title, model) in zip(axes.flat, fits.items(), strict=True):
        filters = model if isinstance(model, np.ndarray) else model.components_
        longest = np.argsort(-np.linalg.norm(filters, axis=1), kind="stable")[:25]
        FiltersDisplay(filters[longest]).plot(ax)
        ax.set_title(title, fontsize="small")
    save(figure, path)


def shared_filters(activation, X, y):
    """Return the filters that the classes of a factored model share, one in a row."""
    autoencoder = DenoisingAutoencoder(
        100, activation=activation, noise="masking", noise_level=0.3, learning_rate_init=0.005, max_iter=30, tol=0
    )
    options = {"n_factors": 100, "method": "finetune", "max_iter": 10, "learning_rate_init": 1e-3, "temperature": 1.0}
    return ClassSpecificAEClassifier(autoencoder, random_state=0, **options).fit(X, y).factors_


def draw_filters(results, path):
    """Draw figure 7."""
    from datasets import load

    X, y = (part[:3000] for part in load("mnist")[:2])
    X, fits = X.reshape(-1, 784), {}
    for (variation, text), (activation, name) in itertools.product(TURNED_OR_BEFORE.items(), UNITS.items()):
        fits[f"{name}, {text}"] = class_model(activation, 0, False).fit(varied_digits(variation, False))
    for activation in ("sigmoid", "modulus", "relu"):
        fits[f"{activation}, shared"] = shared_filters(activation, X, y)
    drawn_filters(fits, (3, 3), path, (6.2, 6.6))


def draw_rectangles(results, path):
    """Draw figure 9: one model for wide and one for tall rectangles, and factored models."""
    from datasets import load

    fits = {}
    for make, text in ((make_rectangles_image, "rectangles-image"), (make_rectangles, "rectangles")):
        X, y = make(3000, random_state=0)
        X = X.astype(np.float32)
        for label in (0, 1):
            tall = "horizontal" if label == 0 else "vertical"
            fits[f"{text}, {tall}"] = class_model("sigmoid", 0, False).fit(X[y == label])
    fits["rectangles, shared"] = shared_filters("sigmoid", X, y)
    X, y = (part[:3000] for part in load("mnist")[:2])
    turned = make_digit_variations(X.reshape(-1, 784), variation="rot-back-img", random_state=0)
    fits["rot-back-img, shared"] = shared_filters("sigmoid", turned, y)
    drawn_filters(fits, (3, 2), path, (5, 8))


STUDY = Study("energy_fields", "Fields and energies", cells, measure, CLAIMS, tables, draw)

if __name__ == "__main__":
    STUDY.main(__doc__)
