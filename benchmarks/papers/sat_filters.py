"""What the saturation penalty does to filters: SAT figures 4 and 5, sections 3.2 to 4.

    SKAE_DATA=folder python benchmarks/papers/sat_filters.py [--quick] [--only TEXT] [--minutes M]

path: 30 epochs at each of eleven alphas, from 0 to the largest, each fit from the last, on binary MNIST (10,000
images), natural patches of 12 x 12 (20,000, of scikit-learn's two photographs) and CIFAR-10 (5,000), less their mean,
over their standard deviation. A path whose alpha stays 0 is the control of the same length. adam: satlinear without the
penalty, 600 epochs of Adam. width: shrink with 100 and 300 units (Adam, 110 epochs in all, ten steps of alpha). relu:
filters of relu against those of shrink. continuation: steps of alpha against alpha at once (Adam, 110 epochs in all).
identities: formulas, and the identity basis of binary data.

SAT trains by gradient descent at a constant rate of 0.05. On images this is too large for a loss that sums over the
pixels: it is halved until halving it does not lower the loss of the fit at alpha 0 any more, and until the whole path
is stable; each cell has its rate. Batches have 100 rows. Rows of shrink and relu are scaled to unit length after each
update, SAT's after every tenth; those of satlinear are free, as there. SAT's largest alpha is 1; beside a loss that
sums over 3,072 pixels this is little, so on CIFAR-10 a larger one is tried too. Paths have two seeds, of which the
claims take the mean; adam and relu have two, width three. Pictures are of the first.
`--quick` takes 200 images, 20 units, 3 alphas and one epoch at each.
"""

import functools
import itertools

import numpy as np
from sat_plane import RATE, decoded, descent, encoded
from study import Claim, NotMeasuredError, Study, Table, save, spread, verdict

from skae import SaturatingAutoencoder, regularization_path
from skae.activations import as_activation
from skae.complements import complement
from skae.datasets import natural_patches
from skae.objectives import Reconstruction
from skae.parameters import Layout
from skae.penalties import Saturation
from skae.solvers import DivergenceError

#: Data, activation, units, largest alpha, the alphas whose filters are shown (of ten steps).
PATHS = (
    ("patches", "shrink", 100, 1.0, (1, 10)),
    ("patches", "satlinear", 300, 1.0, (1, 10)),
    ("patches", "shrink", 300, 1.0, ()),
    ("mnist", "shrink", 100, 1.0, (1, 10)),
    ("mnist", "satlinear", 300, 1.0, (1, 10)),
    ("cifar10", "satlinear", 300, 1.0, (1, 6)),
    ("cifar10", "shrink", 100, 1.0, (1, 5)),
    ("cifar10", "shrink", 100, 30.0, (1, 5)),
    ("cifar10", "satlinear", 300, 10.0, (1, 6)),
    # Controls
    ("patches", "satlinear", 300, 0.0, ()),
    ("mnist", "satlinear", 300, 0.0, ()),
    ("cifar10", "satlinear", 300, 0.0, ()),
    ("cifar10", "shrink", 100, 0.0, ()),
)
#: The rate is halved at most so often.
HALVINGS = 12
ROWS, EPOCHS, SHOWN = {"mnist": 10_000, "patches": 20_000, "cifar10": 5_000, "digits": 1_797}, 30, 8
#: Share of the pixels below which filters count as single pixels.
IDENTITY = 0.02
#: Data and units of satlinear.
SATURATED = (("patches", 300), ("mnist", 300), ("cifar10", 300))
SHAPES = {"mnist": (1, 28, 28), "patches": (1, 12, 12), "cifar10": (3, 32, 32), "digits": (1, 8, 8)}
CONTINUED = tuple(itertools.product(("digits", "patches"), ("shrink", "relu", "satlinear"), (0.1, 1.0, 5.0)))


def cells(quick, results):
    """Return the cells: formulas, the continuation on digits, relu, the paths, then the rest."""
    common = {"quick": True} if quick else {}
    found = [{"part": "identities", "data": data} for data in ("digits", "mnist")]
    paths = [
        {"part": "path", "data": data, "activation": activation, "units": units, "largest": largest}
        for data, activation, units, largest, _ in PATHS
    ]
    continued = [
        {"part": "continuation", "data": data, "activation": activation, "alpha": alpha, "steps": steps, "seed": seed}
        for (data, activation, alpha), seed, steps in itertools.product(CONTINUED, range(3), (10, 0))
    ]
    if quick:
        continued = continued[:12:6]
    found += [each for each in continued if each["data"] == "digits"]
    paths += [{"part": "relu", "data": data} for data in ("patches", "mnist")]
    paths += [{"part": "adam", "data": data} for data, _ in SATURATED]
    found += paths
    found += [
        {"part": "width", "units": units, "seed": seed}
        for seed, units in itertools.product((0,) if quick else range(3), (100, 300))
    ]
    found += [each for each in continued if each["data"] != "digits"]
    if not quick:
        found += [{**each, "seed": 1} for each in paths]  # those above have seed 0
    return [{**each, **common} for each in found]


@functools.lru_cache(maxsize=2)
def rows(data, quick, n=None):
    """Return rows less their mean, over the standard deviation of the whole (SAT section 4)."""
    n = 200 if quick else n or ROWS[data]
    if data == "patches":
        X = natural_patches(n, 12, random_state=0)
    elif data == "digits":
        from sklearn.datasets import load_digits

        X = load_digits().data[:n]
    else:
        from datasets import load

        X = load(data)[0][:n]
        X = X > 0.5 if data == "mnist" else X
    return ((X - X.mean()) / X.std()).astype(np.float32)


def measure(part, quick=False, **cell):
    """Return what a part measures."""
    parts = {
        "identities": identities,
        "path": path,
        "adam": adam,
        "width": width,
        "relu": relu,
        "continuation": continuation,
    }
    return parts[part](quick=quick, **cell)


def identities(data, quick):
    """Return how far the complements are from |h|, and the loss and penalty of the identity basis of binary data."""
    u = np.linspace(-5.0, 5.0, 1001)
    values = {}
    for name in ("shrink", "relu"):
        units = as_activation(name, threshold=1.0)
        values[name] = float(np.abs(complement(units, u)[0] - np.abs(units.value(u))).max())
    X = rows(data, quick).astype(np.float64)
    if data == "digits":  # of 17 grey levels
        X = (X > 0.0).astype(np.float64)
        X = (X - X.mean()) / X.std()
    low, high = X.min(), X.max()
    d, scale = X.shape[1], 0.5 * (high - low)
    layout = Layout(W=(d, d), b=(d,), c=(d,))
    middle = 0.5 * (low + high)
    theta = layout.pack(np.float64, W=scale * np.eye(d), b=np.full(d, -scale * middle), c=np.full(d, middle))
    units = as_activation("satlinear")
    loss = Reconstruction(layout, units).value(theta, X)
    both = Reconstruction(layout, units, penalties=[Saturation(1.0)]).value(theta, X)
    return {**values, "loss": loss, "penalty": both - loss, "gap": float(high - low)}


def spread_evenly(squares):
    """Return the share over which each row is spread: (sum s)^2 / (d sum s^2), 1 if evenly."""
    return squares.sum(axis=1) ** 2 / (squares.shape[1] * (squares**2).sum(axis=1))


def fits(data, activation, units, largest, quick, seed=0):
    """Return the fits along a path of alphas, and the rate."""
    X = rows(data, quick)
    alphas = np.linspace(0.0, largest, 3 if quick else 11)
    variance = np.sum((X - X.mean(axis=0)) ** 2)

    def along(alphas, rate):
        """Return the fits, or None if one of them reconstructs far worse than the mean does."""
        estimator = SaturatingAutoencoder(
            20 if quick else units,
            activation=activation,
            alpha_steps=0,
            max_iter=1 if quick else EPOCHS,
            random_state=seed,
            **descent(100, rate),
        )
        try:
            models = []
            for model in regularization_path(estimator, X, alphas=alphas):
                models.append(model)
                if not model.reconstruction_error(X).sum() < 2.0 * variance:
                    return None
            return models
        except DivergenceError:
            return None

    def loss(rate):
        models = along(alphas[:1], rate)
        return models[0].loss_ if models else np.inf

    rates = [RATE * 0.5**halving for halving in range(HALVINGS)]
    lowest, best = loss(rates[0]), 0
    for i, rate in enumerate(rates[1:], 1):
        current = loss(rate)
        if current >= lowest < np.inf:
            break
        lowest, best = current, i
    for rate in rates[best:]:
        models = along(alphas, rate)
        if models:
            return models, rate
    raise RuntimeError(f"{data}, {activation}: no rate is stable")


def path(data, activation, units, largest, quick, seed=0):
    """Return, for each alpha, what the filters cover and what the codes do; of the first seed some filters as text."""
    X = rows(data, quick)
    models, rate = fits(data, activation, units, largest, quick, seed)
    values = {"alphas": [model.alpha for model in models], "rate": rate}
    lists = {name: [] for name in ("covered", "spread", "local", "band", "flat", "dead", "r2", "aligned", "kept")}
    examples = X[:500].astype(np.float64)
    examples /= np.linalg.norm(examples, axis=1, keepdims=True)
    directions = []
    for model in models:
        codes, V = model.transform(X), model.decoder_components_.astype(np.float64)
        live = (np.ptp(codes, axis=0) > 0.0) & (V != 0.0).any(axis=1)
        lengths = np.linalg.norm(V, axis=1, keepdims=True)
        directions.append(V / np.where(lengths > 0.0, lengths, 1.0))
        seen, covered = directions[-1][live], spread_evenly(V[live] ** 2)
        power = np.abs(np.fft.fft2(V[live].reshape(-1, *SHAPES[data]))) ** 2
        flat = codes == 0.0 if activation == "shrink" else np.abs(codes) == 1.0
        residual = model.reconstruction_error(X).sum() / ((X - X.mean(axis=0)) ** 2).sum()
        kept = np.abs(np.sum(directions[0] * directions[-1], axis=1))[live]
        for name, value in {
            "covered": covered.mean(),
            "spread": covered.std(),
            "local": np.mean(covered < IDENTITY),
            "band": spread_evenly(power.mean(axis=1).reshape(len(seen), -1)).mean(),
            "flat": flat.mean(),
            "dead": 1.0 - live.mean(),
            "r2": 1.0 - residual,
            "aligned": np.abs(seen @ examples.T).max(axis=1).mean(),
            "kept": kept.mean(),
        }.items():
            lists[name].append(float(value))
    values |= lists
    shown = next(each[4] for each in PATHS if each[:4] == (data, activation, units, largest))
    if shown and not quick and not seed:
        values["filters"] = [[filter_text(V[i]) for i in range(SHOWN)] for V in (directions[step] for step in shown)]
        if (data, activation) == ("cifar10", "satlinear"):
            covered = np.stack([spread_evenly(V**2 + 1e-12) for V in directions])
            # Two units whose filter has grown most: over the first half of the alphas, and over the second.
            chosen = [int(np.argmax(covered[5] - covered[1])), int(np.argmax(covered[10] - covered[5]))]
            values["evolution"] = [[filter_text(V[i]) for V in directions] for i in chosen]
    return values


def filter_text(filter):
    """Return a filter as text; 0 is the middle."""
    size = np.abs(filter).max() or 1.0
    return encoded(filter, -size, size)


def adam(data, quick, seed=0):
    """Return what filters of satlinear cover without the penalty, and what the codes do, after Adam's training."""
    X = rows(data, quick)
    model = SaturatingAutoencoder(
        20 if quick else dict(SATURATED)[data],
        activation="satlinear",
        alpha=0.0,
        max_iter=1 if quick else 600,
        tol=0.0,
        random_state=seed,
    ).fit(X)
    V, centred = model.decoder_components_.astype(np.float64), (X - X.mean(axis=0)).astype(np.float64)
    covered, variances = spread_evenly(V[(V != 0.0).any(axis=1)] ** 2), np.linalg.eigvalsh(centred.T @ centred)
    return {
        "covered": float(covered.mean()),
        "median": float(np.median(covered)),
        "local": float(np.mean(covered < IDENTITY)),
        "flat": float(np.mean(np.abs(model.transform(X)) == 1.0)),
        "r2": float(1.0 - model.reconstruction_error(X).sum() / (centred**2).sum()),
        "largest_r2": float(variances[-len(V) :].sum() / variances.sum()),  # of so many linear units
    }


def width(units, seed, quick):
    """Return what filters of shrink cover on patches, and the loss, after Adam's training with ten steps of alpha."""
    X = rows("patches", quick)
    model = SaturatingAutoencoder(
        units // 5 if quick else units,
        activation="shrink",
        alpha=1.0,
        alpha_steps=10,
        max_iter=22 if quick else 110,
        tol=0.0,
        random_state=seed,
    ).fit(X)
    live = np.ptp(model.transform(X), axis=0) > 0.0
    covered = spread_evenly(model.decoder_components_[live].astype(np.float64) ** 2)
    return {"covered": float(covered.mean()), "loss": model.loss_}


def relu(data, quick, seed=0):
    """Return how alike filters of relu and shrink are, and those of shrink and another seed, at half of the path."""
    first = 2 * seed

    def filters(activation, seed):
        models, _ = fits(data, activation, 100, 0.5, quick, seed)
        V, codes = models[-1].decoder_components_, models[-1].transform(rows(data, quick))
        V = V[np.ptp(codes, axis=0) > 0.0].astype(np.float64)
        return V / np.linalg.norm(V, axis=1, keepdims=True), spread_evenly(V**2).mean(), np.mean(codes == 0.0)

    (one, covered, flat), (other, *_), (own, covered_relu, flat_relu) = (
        filters(*each) for each in (("shrink", first), ("shrink", first + 1), ("relu", first))
    )
    values = {
        "alike": np.abs(own @ one.T).max(axis=1).mean(),
        "alike_seeds": np.abs(other @ one.T).max(axis=1).mean(),
        "covered": covered,
        "covered_relu": covered_relu,
        "flat": flat,
        "flat_relu": flat_relu,
    }
    return {name: float(value) for name, value in values.items()}


def continuation(data, activation, alpha, steps, seed, quick):
    """Return the loss and the dead units of a fit with steps of alpha, or without."""
    model = SaturatingAutoencoder(
        20 if quick else 100,
        activation=activation,
        alpha=alpha,
        alpha_steps=steps,
        max_iter=22 if quick else 110,
        tol=0.0,
        random_state=seed,
    ).fit(rows(data, quick, min(ROWS[data], 10_000)))
    return {"loss": model.loss_, "dead": model.dead_unit_fraction_}


# What the claims read

#: What is measured of relu beside shrink, with the headings of the table.
RELU = {
    "alike": "cosine of relu's filters with the nearest of shrink's",
    "alike_seeds": "of shrink's with another seed's",
    "covered_relu": "pixels covered, relu",
    "covered": "shrink",
}
NAMES = {
    "covered": "share of pixels covered",
    "flat": "share of codes that are flat",
    "aligned": "cosine of a filter with the nearest image",
}


def along(results, name, data, activation, units, largest=1.0):
    """Return a list of a path, the mean over the seeds."""
    where = {"part": "path", "data": data, "activation": activation, "units": units, "largest": largest}
    found = results.lines(**where)
    if not found:
        raise NotMeasuredError(where)
    return np.mean([line[name] for line in found], axis=0)


def ends(values, digits=2):
    """Return the first and the last value as text."""
    return f"{values[0]:.{digits}f} to {values[-1]:.{digits}f}"


def l1(name):
    """Return a judge of whether the complement is the size of the code."""

    def judge(results):
        largest = results.values(name, part="identities").max()
        return verdict(bool(largest < 1e-12)), f"largest difference of complement and |h|: {largest:.2g}"

    return judge


def gabor(results):
    """Figure 4c: local in space, and of few frequencies, against white noise."""
    covered, band = (along(results, name, "patches", "shrink", 100) for name in ("covered", "band"))
    text = f"share of pixels covered {ends(covered)} (white noise: 0.33), of frequencies {ends(band)} (0.5)"
    return verdict(bool(covered[-1] < 1 / 3), bool(band[-1] < 0.25)), text


def strokes(results):
    """Section 3.2: portions of digits."""
    covered, aligned = (along(results, name, "mnist", "shrink", 100) for name in ("covered", "aligned"))
    text = f"share of pixels covered {ends(covered)}; largest cosine with an image {ends(aligned)}"
    return verdict(bool(0.01 < covered[-1] < 0.1 and aligned[0] < aligned[-1] < 0.9)), text


def like_shrink(results):
    """Section 3.2: relu against shrink, and shrink against another seed; every seed counts."""
    outcomes, text = [], []
    for data in ("patches", "mnist"):
        found = {name: results.values(name, part="relu", data=data) for name in RELU}
        outcomes += [*(found["alike"] > found["alike_seeds"] - 0.05)]
        outcomes += [*(np.abs(found["covered_relu"] - found["covered"]) < 0.25 * found["covered"])]
        mean = {name: values.mean() for name, values in found.items()}
        text.append(
            f"{data}: cosine with the nearest filter of shrink {mean['alike']:.2f} (another seed of shrink "
            f"{mean['alike_seeds']:.2f}), pixels covered {mean['covered_relu']:.2f} and {mean['covered']:.2f}"
        )
    return verdict(*outcomes), "; ".join(text)


def identity_basis(results):
    """Section 3.3: the identity without penalty, on all data."""
    outcomes, text = [], []
    for data, units in SATURATED:
        local = along(results, "local", data, "satlinear", units, 0.0)[-1]
        longer = results.values("local", part="adam", data=data)
        outcomes += [bool(local > 0.5), bool(longer.min() > 0.5)]
        text.append(f"{data} {local:.2f} ({longer.min():.2f})")
    return verdict(*outcomes), (
        f"share of the units that cover less than {IDENTITY:.0%} of the pixels, at alpha = 0 after "
        f"{11 * EPOCHS} epochs (Adam, 600): {', '.join(text)}"
    )


def small_activations(results):
    """Section 3.3: perfect reconstruction in the linear region; as far as so many units allow it."""
    outcomes, text = [], []
    for data, units in SATURATED:
        r2, flat = (along(results, name, data, "satlinear", units, 0.0)[-1] for name in ("r2", "flat"))
        longer = {name: results.values(name, part="adam", data=data) for name in ("r2", "flat", "largest_r2")}
        largest = longer["largest_r2"].max()
        outcomes += [bool(min(r2, longer["r2"].min()) > largest - 0.01), bool(max(flat, longer["flat"].max()) < 0.05)]
        text.append(
            f"{data}: R^2 {r2:.3f} ({longer['r2'].mean():.3f}; {largest:.3f} can be had), flat codes {flat:.2f} "
            f"({longer['flat'].mean():.2f})"
        )
    return verdict(*outcomes), f"at alpha = 0 after {11 * EPOCHS} epochs (Adam, 600), {'; '.join(text)}"


def binary(results):
    """Section 3.3: the identity basis has no loss on binary data."""
    loss = max(results.values(name, part="identities").max() for name in ("loss", "penalty"))
    return verdict(bool(loss < 1e-9)), f"loss and penalty of the scaled identity on binary images: at most {loss:.2g}"


def no_effect(results):
    """Section 3.3: no effect on binary MNIST, against a path of the same length without penalty."""
    outcomes, text = [], []
    for name, text_of, close in (
        ("covered", "pixels covered", 0.02),
        ("r2", "R^2", 0.02),
        ("flat", "flat codes", 0.05),
    ):
        without, with_it = (along(results, name, "mnist", "satlinear", 300, largest)[-1] for largest in (0.0, 1.0))
        outcomes.append(bool(abs(with_it - without) < close))
        text.append(f"{text_of} {without:.3f} and {with_it:.3f}")
    return verdict(*outcomes), f"without and with the penalty: {', '.join(text)}"


def nearly_binary(results):
    """Section 3.3: codes at -1 or 1, against a path of the same length without penalty."""
    outcomes, text = [], []
    for data, units in SATURATED:
        without, with_it = (along(results, "flat", data, "satlinear", units, largest)[-1] for largest in (0.0, 1.0))
        outcomes += [bool(with_it > without + 0.02), bool(with_it > 0.9)]
        text.append(f"{data} {without:.2f} and {with_it:.2f}")
    return verdict(*outcomes), f"share of codes at -1 or 1, without and with the penalty: {', '.join(text)}"


def varied(results):
    """Section 3.3: a more varied basis on patches, against a path of the same length without penalty."""
    without, with_it = (
        [along(results, name, "patches", "satlinear", 300, largest)[-1] for name in ("covered", "spread")]
        for largest in (0.0, 1.0)
    )
    text = f"without and with the penalty: pixels covered {without[0]:.2f} and {with_it[0]:.2f}, their standard "
    text += f"deviation over the units {without[1]:.3f} and {with_it[1]:.3f}"
    return verdict(bool(with_it[1] > without[1]), bool(abs(with_it[0] - without[0]) > 0.02)), text


def rising(name, activation, units, start, stop, cells, below=np.inf):
    """Return a judge of whether a list of the paths of CIFAR-10 rises by 0.02 between two steps, from below a value.

    It has to rise by 0.02 more than without penalty, over as many epochs.
    """

    def judge(results):
        outcomes, text = [], []
        first, last = between(results, name, activation, units, start, stop, 0.0)
        for largest in cells:
            values = between(results, name, activation, units, start, stop, largest)
            rise = values[1] - values[0] - max(last - first, 0.0)
            outcomes.append(bool(values[0] < below and rise > 0.02))
            text.append(f"alpha {largest * start / 10:g} to {largest * stop / 10:g}: {ends(values)}")
        return verdict(*outcomes), f"{NAMES[name]}, {'; '.join(text)}; as long at alpha 0: {ends((first, last))}"

    return judge


def between(results, name, activation, units, start, stop, largest):
    """Return the values of a list of a path of CIFAR-10 at two steps. A quick path has fewer steps."""
    values = along(results, name, "cifar10", activation, units, largest)
    if len(values) <= stop:
        raise NotMeasuredError(f"the path has {len(values)} steps")
    return values[start], values[stop]


def small_alpha(results):
    """Section 3.4: the identity at a small alpha."""
    local, covered = (between(results, name, "satlinear", 300, 1, 10, 1.0)[0] for name in ("local", "covered"))
    text = f"at alpha = 0.1, {local:.2f} of the units cover less than {IDENTITY:.0%} of the pixels; mean {covered:.2f}"
    return verdict(bool(local > 0.5)), text


def more_units(results):
    """Section 4: more elements are more local; by gradient descent, and by Adam."""
    few, many = (along(results, "covered", "patches", "shrink", units)[-1] for units in (100, 300))
    adam = [results.values("covered", part="width", units=units) for units in (100, 300)]
    text = (
        f"share of pixels covered at alpha = 1 (patches, shrink): {few:.2f} with 100 units, {many:.2f} with 300; Adam: "
    )
    text += " and ".join(spread(each, 2, 1.0, "") for each in adam)
    return verdict(bool(many < few), bool(np.all(adam[1] < adam[0]))), text


def needed(results):
    """Section 4: alpha must rise step by step."""
    outcomes, text = [], []
    for data, activation, alpha in CONTINUED:
        where = {"part": "continuation", "data": data, "activation": activation, "alpha": alpha}
        if alpha < 1.0 or not results.lines(**where):
            continue
        (loss, dead), (at_once, dead_at_once) = (
            [results.values(name, steps=steps, **where) for name in ("loss", "dead")] for steps in (10, 0)
        )
        outcomes.append(bool(loss.max() < at_once.min() and dead.mean() <= dead_at_once.mean()))
        text.append(
            f"{data}, {activation}, {alpha:g}: loss {spread(loss, 2, 1.0, '')} against {spread(at_once, 2, 1.0, '')}, "
            f"dead {dead.mean():.2f} against {dead_at_once.mean():.2f}"
        )
    if not outcomes:
        raise NotMeasuredError("continuation")
    return verdict(*outcomes), f"in steps, and at once: {'; '.join(text)}"


CLAIMS = (
    Claim("SAT 3.2, 5.3", "The penalty of shrink is an L1 penalty on the codes.", "", l1("shrink")),
    Claim("SAT 3.2, 5.3", "So is that of relu.", "", l1("relu")),
    Claim(
        "SAT 3.2, figure 4c",
        "With the penalty, filters of shrink on natural patches are like Gabor functions: local and of one frequency.",
        "",
        gabor,
    ),
    Claim("SAT 3.2, figure 4a", "On binary MNIST, filters of shrink are portions of digits, and strokes.", "", strokes),
    Claim("SAT 3.2", "Relu gives nearly the same filters as shrink.", "", like_shrink),
    Claim(
        "SAT 3.3, figure 4b",
        "Without the penalty, satlinear learns the identity basis on all data sets.",
        "",
        identity_basis,
    ),
    Claim(
        "SAT 3.3",
        "It then reconstructs perfectly, with small activations in the linear region.",
        "",
        small_activations,
    ),
    Claim(
        "SAT 3.3",
        "On binary data a scaled identity basis is a global minimum of the loss with the penalty (satlinear).",
        "",
        binary,
    ),
    Claim("SAT 3.3", "So the penalty has no effect on binary MNIST (satlinear).", "", no_effect),
    Claim("SAT 3.3", "The penalty brings the codes of satlinear as close to binary as possible.", "", nearly_binary),
    Claim("SAT 3.3, figure 4d", "On natural patches, the penalty gives satlinear a more varied basis.", "", varied),
    Claim(
        "SAT 3.4, figure 4e-f",
        "On CIFAR-10, a larger penalty leaves fewer codes of shrink that are not zero.",
        "alpha 0.1 to 0.5",
        rising("flat", "shrink", 100, 1, 5, (1.0, 30.0)),
    ),
    Claim(
        "SAT 3.4, figure 4e-f",
        "As the penalty rises, filters of shrink become less local.",
        "alpha 0.1 to 0.5",
        rising("covered", "shrink", 100, 1, 5, (1.0, 30.0)),
    ),
    Claim(
        "SAT 3.4, figure 4g",
        "On CIFAR-10, the basis of satlinear with a small penalty is like the identity.",
        "alpha 0.1",
        small_alpha,
    ),
    Claim(
        "SAT 3.4, figure 4h",
        "With a larger penalty, the filters of satlinear align with the data.",
        "alpha 0.1 to 0.6",
        rising("aligned", "satlinear", 300, 1, 6, (1.0, 10.0)),
    ),
    Claim(
        "SAT 3.4, figure 5",
        "Filters of satlinear change from single pixels over edges to templates.",
        "alpha 0.1 to 1",
        rising("covered", "satlinear", 300, 1, 10, (1.0, 10.0), below=IDENTITY),
    ),
    Claim(
        "SAT 4",
        "More units make the features more local.",
        "",
        more_units,
    ),
    Claim("SAT 4", "A large penalty must be raised step by step.", "steps of 0.1", needed),
)


def path_rows(results):
    """Return rows of the table of paths: every fifth alpha."""
    found = []
    for line in results.lines(part="path"):
        for i in range(0, len(line["alphas"]), 5 if len(line["alphas"]) > 5 else 1):
            found.append(
                (
                    line["data"],
                    str(line.get("seed", 0)),
                    f"{line['activation']}, {line['units']}",
                    f"{line['rate']:.2g}",
                    f"{line['alphas'][i]:g}",
                    *(f"{line[name][i]:.2f}" for name in ("covered", "band", "flat", "dead", "aligned", "kept")),
                    f"{line['r2'][i]:.3f}",
                )
            )
    return found


def continuation_rows(results):
    """Return rows of the table of the continuation."""
    found = []
    for data, activation, alpha in CONTINUED:
        where = {"part": "continuation", "data": data, "activation": activation, "alpha": alpha}
        four = [results.text(name, 2, 1.0, steps=steps, **where) for name in ("loss", "dead") for steps in (10, 0)]
        if all(four):
            found.append((data, activation, f"{alpha:g}", *four))
    return found


def tables(results):
    """Return the paths, relu and the continuation."""
    relu = [
        (line["data"], str(line.get("seed", 0)), *(f"{line[name]:.2f}" for name in RELU))
        for line in results.lines(part="relu")
    ]
    return [
        Table(
            "Paths: shares of pixels and of frequencies that filters cover, of flat codes, of dead units; cosines of "
            "filters with the nearest image and with their start; R^2",
            (
                "data",
                "seed",
                "activation, units",
                "rate",
                "alpha",
                "pixels",
                "frequencies",
                "flat",
                "dead",
                "image",
                "start",
                "R^2",
            ),
            path_rows(results),
        ),
        Table("Relu beside shrink: its filters", ("data", "seed", *RELU.values()), relu),
        Table(
            "Continuation",
            ("data", "activation", "alpha", "loss, 10 steps", "loss at once", "dead, 10 steps", "dead at once"),
            continuation_rows(results),
        ),
    ]


def draw(results, folder, quick):
    """Save figures 4 and 5 of what is measured."""
    import matplotlib.pyplot as plt

    captions = {}

    def keep(figure, name, caption):
        file = f"sat_filters_{name}.png"
        save(figure, folder / file)
        captions[file] = caption

    shown = [line for line in results.lines(part="path") if "filters" in line]
    if shown:
        figure, axes = plt.subplots(2 * len(shown), SHOWN, figsize=(SHOWN, 2.4 * len(shown)), layout="constrained")
        for i, line in enumerate(shown):
            which = tuple(line[name] for name in ("data", "activation", "units", "largest"))
            step = next(each[4] for each in PATHS if each[:4] == which)
            for j, texts in enumerate(line["filters"]):
                row = axes[2 * i + j]
                _show(row, texts, line["data"])
                title = f"{line['data']}, {line['activation']}, alpha={line['alphas'][step[j]]:g}"
                row[0].set_title(title, fontsize="small", loc="left")
        keep(figure, "figure4", "SAT figure 4: filters.")
    grown = [line for line in results.lines(part="path") if "evolution" in line]
    if grown:
        n = max(len(line["alphas"]) for line in grown)
        figure, axes = plt.subplots(2 * len(grown), n, figsize=(n, 2.4 * len(grown)), layout="constrained")
        for i, line in enumerate(grown):
            for j, texts in enumerate(line["evolution"]):
                _show(axes[2 * i + j], texts, line["data"])
            for axis, alpha in zip(axes[2 * i], line["alphas"], strict=False):
                axis.set_title(f"{alpha:g}", fontsize="small")
        keep(figure, "figure5", "SAT figure 5: filters of satlinear on CIFAR-10 as alpha rises.")
    return captions


def _show(axes, texts, data):
    """Show filters in a row."""
    for axis in axes:
        axis.set_axis_off()
    for axis, text in zip(axes, texts, strict=False):
        image = np.moveaxis(decoded(text).reshape(SHAPES[data]), 0, -1)
        axis.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1)


NOTES = (
    "**Without the penalty**, filters of satlinear on binary MNIST shrink to groups of a few pixels over hundreds of "
    "epochs; with it they are single pixels sooner. On patches they stay broad, however long they train, though Adam "
    "reconstructs perfectly: any basis whose codes stay in the linear region does as well as the identity. And 300 "
    "units cannot be an identity of 784 or 3,072 pixels.",
    "**SAT's rate of 0.05** diverges on images for a loss that sums over pixels; the study halves it until it is "
    "stable. SAT says that it could not do without raising alpha step by step. Our units start with half of the "
    "samples on either side of their edge, so few are silent before training.",
)

STUDY = Study(
    "sat_filters", "What the saturation penalty does to filters", cells, measure, CLAIMS, tables, draw, notes=NOTES
)

if __name__ == "__main__":
    STUDY.main(__doc__)
