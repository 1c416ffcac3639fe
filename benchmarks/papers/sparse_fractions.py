"""When and why codes are sparse: the activation fraction against the regularization strength, SPARSE figures 1 to 5.

    SKAE_DATA=folder python benchmarks/papers/sparse_fractions.py [--quick] [--only TEXT] [--minutes M]

Denoising (DAE), contractive (CAE), marginalized denoising (mDAE) and sparse (SAE, with target 0) autoencoders of 1000
tied units, and the denoising loss to first order (eDAE), with rows of unit length and without; on MNIST and on 8 x 8
patches of CIFAR-10, each sample standardised. Trained as in SPARSE 3: batches of 50, momentum 0.9, a constant learning
rate of 0.005 (0.01 for our loss, which has the 1/2; 0.002 for softplus, and where 0.01 diverges). alpha is half of
sigma^2. Hidden biases start at -W mean, in the paper at 0.

All fits have a short run: 10,000 rows for 48 epochs on CIFAR-10 (9,600 steps), for 20 on MNIST (4,000). A fit has not
settled if its fraction has changed by more than 0.02 over the last half of that run. Then a run of the paper's length
(50,000 rows, 50 epochs: 50,000 steps) is a further cell, and takes the place of the short one where it is measured. On
MNIST, whose steps cost three times as much, these are of sigma^2 = 0, 0.01, 0.25 and 1 alone; such a curve has no other
points that have not settled. At unit length the penalties of CAE and mDAE are one (footnote 3): a long run of CAE
stands for both.

The seconds of the short runs were not kept; all of them took about four hours on one core. `--quick` takes 300 rows, 4
epochs and 20 units.
"""

import functools

import numpy as np
from study import Claim, NotMeasuredError, Study, Table, save, verdict
from threadpoolctl import threadpool_limits

from skae import (
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    MarginalizedDenoisingAutoencoder,
    SparseAutoencoder,
)
from skae.metrics import activation_fraction, dead_unit_fraction, per_feature_error
from skae.parameters import UnitNorm
from skae.solvers import DivergenceError

VARIANCES = (0.0, 0.001, *(round((0.1 * i) ** 2, 2) for i in range(1, 11)))
# A unit is active above it (SPARSE eq. 14).
ACTIVE = {"relu": 0.0, "sigmoid": 0.1, "softplus": 0.1}
# The ends of the paper's 0.001 to 0.005 for the squared error without our 1/2: the upper one unless training diverges;
# softplus dies of it.
LEARNING_RATES = {"relu": (0.01, 0.002), "sigmoid": (0.01, 0.002), "softplus": (0.002,)}
QUARTERS, SETTLED = 4, 0.02
# More dead units than this share are some. Seeds differ by about 0.01, so claims must hold at all three.
DEAD, SHARES = (0.04, 0.05, 0.06), "4, 5 and 6 %"
#: Rows and epochs of the short run on each data set, and of the paper's.
SHORT, FULL = {"cifar10": (10_000, 48), "mnist": (10_000, 20)}, (50_000, 50)


class Renormalised(UnitNorm):
    """Unit length by scaling after the step alone: the gradient keeps what changes the lengths."""

    def tangent(self, rows, grad):
        """Leave the gradient as it is."""


class RenormalisedContractive(ContractiveAutoencoder):
    """Contractive autoencoder that steps, then scales its rows to length 1."""

    def _constraint(self, tied, penalty):
        return Renormalised("W")


SCALED = "CAE, step then scale"
# What makes each model at a variance; the others' parameters are common.
MODELS = {
    "DAE": lambda variance, common: DenoisingAutoencoder(noise_level=variance**0.5, **common),
    "CAE": lambda variance, common: ContractiveAutoencoder(alpha=variance / 2, **common),
    "mDAE": lambda variance, common: MarginalizedDenoisingAutoencoder(alpha=variance / 2, **common),
    "SAE": lambda variance, common: SparseAutoencoder(alpha=variance / 2, target_activation=0.0, **common),
    "eDAE": lambda variance, common: DenoisingAutoencoder(
        noise_level=variance**0.5, approximation="first_order", **common
    ),
    SCALED: lambda variance, common: RenormalisedContractive(alpha=variance / 2, **common),
}
ALL = ("DAE", "CAE", "mDAE", "SAE")
# Activation, length and models of each figure. Softplus has none in the paper, "as similar to sigmoid": a table only.
FIGURES = {
    "figure1": ("relu", "unit", (*ALL, SCALED)),
    "figure2": ("relu", "free", ALL),
    "figure3": ("relu", "unit", ("DAE", "eDAE")),
    "figure4": ("sigmoid", "unit", ALL),
    "figure5": ("sigmoid", "free", ALL),
}
# What would hide beneath another.
STYLES = {"mDAE": {"marker": "x", "linestyle": "-."}, SCALED: {"marker": ".", "linestyle": "--"}}
FEW = (0.0, 0.01, 0.25, 1.0)
SOFTPLUS = (("softplus", "unit", ALL), FEW)
TITLES = {"mnist": "MNIST", "cifar10": "CIFAR-10, 8 x 8 patches"}


def cells(quick, results):
    """Return the short runs, then those of the paper's length of what has not settled."""
    settings = [(*setting, VARIANCES) for setting in FIGURES.values()] + [(*SOFTPLUS[0], SOFTPLUS[1])]
    short = {}
    for data in ("cifar10", "mnist"):
        rows, epochs = (300, 4) if quick else SHORT[data]
        for activation, length, models, variances in settings:
            for model in models:
                for variance in variances[:: 5 if quick else 1]:
                    which = fit(activation, length, model, variance)
                    cell = {"data": data, **which, "rows": rows, "epochs": epochs}
                    short[tuple(cell.values())] = cell
    if quick:
        return list(short.values())
    full = {}
    # Unit length first: the paper's predictions are of it. Then by data, of which CIFAR-10 is the cheaper.
    for cell in sorted(short.values(), key=lambda cell: cell["length"] != "unit"):
        where = {name: value for name, value in cell.items() if name not in ("rows", "epochs")}
        wanted = cell["data"] != "mnist" or cell["variance"] in FEW
        if wanted and cell in results and not settled(results.lines(**cell)[0]):
            which = {**where, **fit(*(where[name] for name in ("activation", "length", "model", "variance")), one=True)}
            full[tuple(which.values())] = {**which, "rows": FULL[0], "epochs": FULL[1]}
    return [*short.values(), *full.values()]


def fit(activation, length, model, variance, one=False):
    """Return what a fit has in its cell: without regularization all models with the same steps are one.

    So are CAE and mDAE at unit length (SPARSE footnote 3): the paper's length is measured for one of them.
    """
    if model != SCALED and (variance == 0.0 or (one and (model, length) == ("mDAE", "unit"))):
        model = "CAE"
    return {"activation": activation, "length": length, "model": model, "variance": variance}


def settled(line):
    """Return whether a fraction has changed by no more than 0.02 over the last half, or training has diverged."""
    return "fraction" not in line or abs(line["fraction"] - line["quarter2"]) <= SETTLED


@functools.lru_cache(maxsize=1)
def samples(name, n_rows):
    """Return standardised rows: digits, or colour patches of 8 x 8."""
    from datasets import load

    rng = np.random.default_rng(0)
    images = load(name)[0]
    if name == "mnist":
        return ContrastNormalizer(0.1).fit_transform(images[rng.permutation(len(images))[:n_rows]])
    images = images.reshape(-1, 3, 32, 32)
    which = rng.integers(len(images), size=n_rows)
    top, left = rng.integers(32 - 8 + 1, size=(2, n_rows))
    patches = np.stack([images[i, :, y : y + 8, x : x + 8] for i, y, x in zip(which, top, left, strict=True)])
    return ContrastNormalizer(0.01).fit_transform(patches.reshape(n_rows, -1))


def measure(data, activation, length, model, variance, rows, epochs):
    """Return fractions of active codes and of dead units; nothing of them if training diverges at all rates."""
    X, units = samples(data, rows), 20 if rows < 1000 else 1000
    for rate in LEARNING_RATES[activation]:
        with threadpool_limits(1, user_api="blas"):
            try:
                return {**outcome(X, activation, length, model, variance, units, epochs, rate), "rate": rate}
            except DivergenceError:
                pass
    return {"diverged": True}


def outcome(X, activation, length, model, variance, units, epochs, rate):
    """Fit; return fraction, dead units, loss, and the fractions after each but the last quarter of the epochs."""
    common = {
        "n_components": units,
        "activation": activation,
        "weight_constraint": "unit" if length == "unit" else None,
        "solver": "sgd",
        "batch_size": 50,
        "nesterovs_momentum": False,
        "learning_rate": "constant",
        "learning_rate_init": rate,
        "tol": 0.0,
        "warm_start": True,
    }
    autoencoder = MODELS[model](variance, common)
    fractions, ends = [], np.round(np.linspace(0, epochs, QUARTERS + 1)).astype(int)
    for quarter, n in enumerate(np.diff(ends)):
        autoencoder.set_params(max_iter=int(n), random_state=quarter).fit(X)
        fractions.append(activation_fraction(autoencoder, X, threshold=ACTIVE[activation]))
    return {
        "fraction": fractions[-1],
        "dead": dead_unit_fraction(autoencoder, X, threshold=ACTIVE[activation]),
        "loss": float(0.5 * per_feature_error(autoencoder, X).sum()),
        **{f"quarter{i}": each for i, each in enumerate(fractions[:-1], 1)},
    }


def found(results, data, activation, length, model, variance):
    """Return the longest run of a fit that has not diverged, or None."""
    lines = []
    for one in (False, True):
        which = {"data": data, **fit(activation, length, model, variance, one)}
        lines += [line for line in results.lines(**which) if "fraction" in line]
    return max(lines, key=lambda line: line["rows"] * line["epochs"], default=None)


def along(results, data, activation, length, model, variances=VARIANCES):
    """Return a run for each variance, or None: beside runs of the paper's length, short ones must have settled."""
    lines = [found(results, data, activation, length, model, variance) for variance in variances]
    if not any(line and is_long(line) for line in lines):
        return lines
    return [line if line and (is_long(line) or settled(line)) else None for line in lines]


def is_long(line):
    """Return whether a run has the paper's length."""
    return line["rows"] == FULL[0]


def curves(results, *settings, name="fraction"):
    """Return a value against the variance for each setting (data, activation, length, model), at the same variances.

    These are the ones where all settings have a run; there must be two.
    """
    runs = [each for each in zip(*(along(results, *setting) for setting in settings), strict=True) if all(each)]
    if len(runs) < 2:
        raise NotMeasuredError(settings)
    return np.array([[line[name] for line in each] for each in runs], dtype=float).T


def changes(results, activation, length, models, conditions):
    """Judge by a function of each curve; the text has its first, smallest, largest and last value."""
    outcomes, text = [], []
    for data in TITLES:
        for model in models:
            (values,) = curves(results, (data, activation, length, model))
            outcomes.append(bool(conditions(values)))
            first, last, least, most = values[0], values[-1], values.min(), values.max()
            text.append(f"{data}, {model}: {first:.2f} to {last:.2f}, between {least:.2f} and {most:.2f}")
    return outcomes, "; ".join(text)


def falling(values):
    """Return whether a curve falls by more than 0.1, and never rises by more than 0.02."""
    return values[0] - values[-1] > 0.1 and np.diff(values).max() <= 0.02


def judged(activation, length, models, conditions):
    """Return a judge of all curves of some models."""

    def judge(results):
        outcomes, text = changes(results, activation, length, models, conditions)
        return verdict(*outcomes), text

    return judge


def unchanged(results):
    """SPARSE figure 1, and our variant that scales the rows after the step."""
    models = ("CAE", "mDAE", SCALED)
    outcomes, text = changes(results, "relu", "unit", models, lambda values: np.ptp(values) < 0.3 * values[0])
    return verdict(*outcomes), f"steps along the sphere, and steps that are scaled afterwards. {text}"


def dominates(results):
    """SPARSE 3.1: the slope of the penalty in the biases decides."""
    outcomes, text = [], []
    for data in TITLES:
        settings = (("relu", "CAE"), ("relu", SCALED), ("sigmoid", "CAE"))
        found = curves(results, *((data, activation, "unit", model) for activation, model in settings))
        along_sphere, scaled, positive = np.ptp(found, axis=1)
        outcomes += [bool(positive > max(3.0 * without, 0.1)) for without in (along_sphere, scaled)]
        text.append(
            f"{data}, CAE: range {along_sphere:.2f} with relu (no slope; {scaled:.2f} with steps that are scaled "
            f"afterwards), {positive:.2f} with sigmoid"
        )
    return verdict(*outcomes), "; ".join(text)


def unlike(activation):
    """Return a judge of whether CAE and mDAE of free lengths have other trends on one data set than on the other.

    Changes that differ by 0.2 make it hold in part, and opposite directions in full.
    """

    def judge(results):
        outcomes, text = [], []
        for model in ("CAE", "mDAE"):
            ends = curves(results, *((data, activation, "free", model) for data in TITLES))[:, [0, -1]]
            one, other = (float(last - first) for first, last in ends)
            outcomes += [one * other < 0.0, one * other < 0.0 or abs(one - other) > 0.2]
            text += [
                f"{model}, {data}: {pair[0]:.2f} to {pair[1]:.2f}" for data, pair in zip(TITLES, ends, strict=True)
            ]
        return verdict(*outcomes), f"opposite directions, or changes that differ by 0.2: {'; '.join(text)}"

    return judge


def with_dead(results, data, length):
    """Return fractions and shares of dead units of relu's DAE against the variance."""
    setting = (data, "relu", length, "DAE")
    return (curves(results, setting, name=name)[0] for name in ("fraction", "dead"))


def dead_from(results):
    """SPARSE 3.1: the fraction below which units of relu's DAE die."""
    outcomes, text = [], []
    for data in TITLES:
        fractions, dead = with_dead(results, data, "unit")
        largest = [fractions[dead > share].max(initial=0.0) for share in DEAD]
        outcomes += [bool(each < 0.075) for each in largest]
        text.append(f"{data}: {', '.join(f'{each:.2f}' for each in largest)}")
    return verdict(*outcomes), f"fraction from which on more than {SHARES} are dead. {'; '.join(text)}"


def sparser_alive(results):
    """SPARSE 3.1: the smallest fraction with hardly any dead units, with unit and with free length."""
    outcomes, text = [], []
    for data in TITLES:
        least = []
        for length in ("unit", "free"):
            fractions, dead = with_dead(results, data, length)
            least.append([fractions[dead <= share].min(initial=1.0) for share in DEAD])
        outcomes += [bool(unit < free) for unit, free in zip(*least, strict=True)]
        unit, free = (", ".join(f"{each:.2f}" for each in values) for values in least)
        text.append(f"{data}: {unit} with unit length, {free} without")
    return verdict(*outcomes), f"smallest fraction at which at most {SHARES} are dead, DAE of relu. {'; '.join(text)}"


def sparser(results):
    """SPARSE 3.1: unit length against free length, the mean over the variances."""
    outcomes, text = [], []
    for data in TITLES:
        for model in ("DAE", "CAE", "mDAE"):
            unit, free = curves(results, *((data, "relu", length, model) for length in ("unit", "free"))).mean(axis=1)
            outcomes.append(bool(unit < free))
            text.append(f"{data}, {model}: {unit:.2f} with unit length, {free:.2f} without")
    return verdict(*outcomes), f"means over sigma^2: {'; '.join(text)}"


def explicit(results):
    """SPARSE 3.1.1: relu's DAE against mDAE, with regularization."""
    outcomes, text = [], []
    for data in TITLES:
        found = curves(results, *((data, "relu", "unit", model) for model in ("DAE", "mDAE")))
        own, other = found[:, 1:].mean(axis=1)
        outcomes.append(bool(own < other))
        text.append(f"{data}: mean fraction {own:.2f} with DAE, {other:.2f} with mDAE")
    return verdict(*outcomes), "; ".join(text)


def like_sae(results):
    """SPARSE footnote 5: CAE and mDAE fall at least half as far as SAE."""
    outcomes, text, models = [], [], ("CAE", "mDAE", "SAE")
    for data in TITLES:
        found = curves(results, *((data, "sigmoid", "unit", model) for model in models))
        fall = dict(zip(models, (found[:, 0] - found[:, -1]).tolist(), strict=True))
        outcomes += [fall[model] > 0.5 * fall["SAE"] for model in ("CAE", "mDAE")]
        text.append(f"{data}: " + ", ".join(f"{model} falls by {each:.2f}" for model, each in fall.items()))
    return verdict(*outcomes), "; ".join(text)


CLAIMS = (
    Claim(
        "SPARSE figure 1",
        "With relu and unit length, the activation fraction of CAE and mDAE does not change with sigma^2.",
        "",
        unchanged,
    ),
    Claim(
        "SPARSE 3.1.1, figure 1",
        "With relu and unit length, the fraction of DAE falls steadily with sigma^2.",
        "",
        judged("relu", "unit", ("DAE",), falling),
    ),
    Claim(
        "SPARSE figure 1",
        "With unit length, units of relu's DAE begin to die only where the fraction reaches about 0.05.",
        "0.05",
        dead_from,
    ),
    Claim(
        "SPARSE figure 2",
        "With free lengths, the fraction of relu's DAE does not go below 0.1.",
        "0.1",
        judged("relu", "free", ("DAE",), lambda values: values.min() >= 0.1),
    ),
    Claim(
        "SPARSE figures 1, 2",
        "With unit length, relu's DAE becomes sparser before units die than with free lengths.",
        "",
        sparser_alive,
    ),
    Claim(
        "SPARSE figure 2",
        "With relu and free lengths, the trend of CAE and mDAE is unpredictable: each data set has another.",
        "",
        unlike("relu"),
    ),
    Claim("SPARSE 3.1", "Unit length leads to sparser codes (relu).", "", sparser),
    Claim(
        "SPARSE figure 3",
        "The first-order term of the noise alone (eDAE) makes relu sparse.",
        "",
        judged("relu", "unit", ("eDAE",), falling),
    ),
    Claim("SPARSE 3.1.1", "With relu, explicit noise (DAE) makes codes sparser than mDAE does.", "", explicit),
    Claim(
        "SPARSE figure 4",
        "With sigmoid and unit length, sparsity rises steadily with sigma^2.",
        "",
        judged("sigmoid", "unit", ALL, falling),
    ),
    Claim(
        "SPARSE footnote 5",
        "Although the theory covers only SAE with sigmoid, CAE and mDAE behave similarly.",
        "",
        like_sae,
    ),
    Claim(
        "SPARSE figure 5",
        "With sigmoid and free lengths, the trend of CAE and mDAE is unpredictable: each data set has another.",
        "",
        unlike("sigmoid"),
    ),
    Claim(
        "SPARSE footnote 4",
        "Softplus has trends like sigmoid's.",
        "",
        judged("softplus", "unit", ALL, falling),
    ),
    Claim(
        "SPARSE 3.1, 3.2",
        "The slope of the penalty in the biases dominates sparsity, not the direction of the weights.",
        "",
        dominates,
    ),
)


def tables(results):
    """Return the fractions, with dead units in brackets, a star at the lower learning rate, and what settled."""
    settings = {f"Figure {name[-1]}": (*setting, VARIANCES) for name, setting in FIGURES.items()}
    settings["No figure"] = (*SOFTPLUS[0], SOFTPLUS[1])
    tables = []
    for figure, (activation, length, models, variances) in settings.items():
        rows = []
        for data in TITLES:
            for model in models:
                lines = along(results, data, activation, length, model, variances)
                if any(lines):
                    change = max(abs(line["fraction"] - line["quarter2"]) for line in lines if line)
                    long = sum(is_long(line) for line in lines if line)
                    texts = (_text(line, activation) for line in lines)
                    rows.append((data, model, *texts, f"{change:.2f}", str(long)))
        kind = "rows of unit length" if length == "unit" else "free lengths"
        title = (
            f"{figure}: {activation}, {kind}: activation fractions against sigma^2, with dead units in brackets (* at "
            "the lower learning rate, - where both diverge, or where a short run beside long ones has not settled), "
            "the largest change over the last half, and how many have the paper's length"
        )
        columns = ("data", "model", *(f"{variance:g}" for variance in variances), "last half", "long")
        tables.append(Table(title, columns, rows))
    return tables


def _text(line, activation):
    """Return a fraction as text."""
    if line is None:
        return "-"
    dead = f" ({line['dead']:.2f})" if line["dead"] >= 0.005 else ""
    return f"{line['fraction']:.2f}{dead}{'*' if line['rate'] < LEARNING_RATES[activation][0] else ''}"


def draw(results, folder, quick):
    """Save the figures: activation fractions solid, dead units dotted."""
    import matplotlib.pyplot as plt

    captions = {}
    for name, (activation, length, models) in FIGURES.items():
        figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
        for axis, data in zip(axes, TITLES, strict=True):
            for i, model in enumerate(models):
                lines = along(results, data, activation, length, model)
                style = {"color": f"C{i}", "label": model, **STYLES.get(model, {"marker": "."})}
                axis.plot(VARIANCES, [line["fraction"] if line else np.nan for line in lines], **style)
                dead = [line["dead"] if line else np.nan for line in lines]
                axis.plot(VARIANCES, dead, color=f"C{i}", linestyle=":", linewidth=1)
            axis.set(title=TITLES[data], xlabel=r"$\sigma^2$", ylim=(-0.02, 1.02))
            axis.grid(alpha=0.3)
        axes[0].set_ylabel("activation fraction\n(dotted: dead units)")
        axes[1].legend(fontsize="small")
        lengths = "rows of unit length" if length == "unit" else "free lengths"
        figure.suptitle(f"{activation}, {lengths}", fontsize="medium")
        file = f"sparse_fractions_{name}.png"
        save(figure, folder / file, dpi=80)
        captions[file] = f"SPARSE figure {name[-1]}: {activation}, {lengths}."
    return captions


NOTES = (
    "**Two fits of one objective can end apart.** CAE and mDAE of relu at unit length are one objective. Rounding "
    "alone moves their fractions, on MNIST more than on CIFAR-10. Each fit has one seed; what is judged is curves over "
    "sigma^2. Shares of dead units differ by about 0.01 between seeds, so the claims are judged at 4, 5 and 6 %.",
    "**How rows keep their length decides.** Along the sphere, relu's CAE and mDAE do not depend on sigma^2: the "
    "gradient of the penalty is radial, and the biases have none (`tests/test_denoising.py` has it exactly, in "
    "float64). If the rows are scaled after a full step, the penalty shortens them first. This lengthens the step "
    "in direction, relative to the step of the biases, and the fraction falls.",
    "**Relu's DAE is sparse for a second reason.** The expectation of the noisy loss over the kink of relu has a "
    "slope in the biases, of the same order as eq. 7, which with h'' = 0 leaves it out. `sparse_bounds.py` finds it "
    "in nearly all units, and no slope in the first-order term. Averaging the gradient over many draws of noise "
    "makes eDAE dense again, and leaves DAE sparse.",
    "**SAE with relu** is not the paper's smooth curve. -log(1 - m) has no value for mean codes m above 1. Ours "
    "continues by its tangent from 1 - 1e-4 on, whose slope is 10,000 alpha. This throws units into the dead "
    "region, and training diverges where lengths are free. The paper does not say what it did there.",
    "**Sigmoid units have no preferred side.** With tied weights, (w, b, c) -> (-w, -b, c + w) turns h into 1 - h "
    "and leaves every objective here unchanged except SAE's. Ours end near 0 because of the descent: the map moves "
    "c by w, so the descent from the mirrored start does not take the mirrored path.",
    "**Sigmoid and softplus fits have hardly settled** in the short runs: rows that have begun to fall go on, so "
    "more steps move the falls to smaller sigma^2.",
)

STUDY = Study("sparse_fractions", "When and why codes are sparse", cells, measure, CLAIMS, tables, draw, notes=NOTES)

if __name__ == "__main__":
    STUDY.main(__doc__)
