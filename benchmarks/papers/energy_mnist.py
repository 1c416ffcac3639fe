"""How well one autoencoder per class classifies MNIST, and tells what is of none of them: ENERGY sections 4.5 to 4.8.

    SKAE_DATA=folder python benchmarks/papers/energy_mnist.py [--quick] [--only TEXT] [--minutes M]

MNIST: 60,000 and 10,000 images. MNIST-small: 12,000 images for training, 2,000 of which validate, and 50,000 for
testing, drawn from all 70,000; the benchmark of Larochelle et al. (2007) is another draw of these sizes. Errors are on
the test images, training errors on the first 10,000 training images. The hyper-parameters of our models did best on the
last 10,000 training images of MNIST (any 2,000 of MNIST-small), as did those of the SVM and of logistic regression:
tables "Validation". Noise in fine-tuning is ours: the paper has none.

"Fine-tuning" is ENERGY figure 5, on MNIST-small, 100 units: what some epochs of fine-tuning do to the filters of all
classes. The change of each filter is split into the part along the filter (its scale) and the part across it (its
direction), as shares of its length before; medians over all filters. The picture is of the same fits; if it exists, it
is kept: delete it to draw it again. `--quick` takes 300 training images and 20 units.
"""

import dataclasses
import functools
import itertools

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from study import Claim, NotMeasuredError, Study, Table, save, spread, verdict

from skae import ClassSpecificAEClassifier, ContractiveAutoencoder, DenoisingAutoencoder
from skae.corruption import Corruption, as_corruption

# Chosen by the cells of validation.
CHOSEN = {
    "mnist": {
        "n_components": 300,
        "alpha": 1.0,
        "noise": "gaussian",
        "noise_level": 0.4,
        "max_iter": 60,
        "learning_rate_init": 5e-4,
    },
    "mnist-small": {
        "n_components": 300,
        "alpha": 1.0,
        "noise": "gaussian",
        "noise_level": 0.5,
        "max_iter": 100,
        "learning_rate_init": 5e-4,
    },
}


def contractive(n_components=100, alpha=1.0, activation="sigmoid", epochs=30, visible="gaussian"):
    """Return the autoencoder of a class; alpha is half of ENERGY's lambda (0.2, 0.5 or 1 there)."""
    return ContractiveAutoencoder(
        n_components,
        activation=activation,
        alpha=alpha,
        visible=visible,
        learning_rate_init=0.005,
        max_iter=epochs,
        tol=0,
    )


def denoising(activation, n_components=100, epochs=30, **parameters):
    """Return a denoising autoencoder, which ENERGY takes where the activation has a kink, and for factors."""
    return DenoisingAutoencoder(
        n_components,
        activation=activation,
        noise="masking",
        noise_level=0.3,
        learning_rate_init=0.005,
        max_iter=epochs,
        tol=0,
        **parameters,
    )


@dataclasses.dataclass(frozen=True)
class Shift(Corruption):
    """Each image of 28 x 28 pixels by up to `level` pixels along both axes, and noise of standard deviation 0.3."""

    name = "shift"

    def apply(self, X, rng, out, low=None, high=None):
        """Write the shifted rows of X to `out`."""
        reach = int(self.level)
        images = np.pad(X.reshape(-1, 28, 28), ((0, 0), (reach, reach), (reach, reach)))
        down, right = rng.integers(0, 2 * reach + 1, size=(2, len(X)))
        rows, columns = down[:, None] + np.arange(28), right[:, None] + np.arange(28)
        out[:] = images[np.arange(len(X))[:, None, None], rows[:, :, None], columns[:, None, :]].reshape(X.shape)
        return as_corruption("gaussian", 0.3).apply(out.copy(), rng, out)


def classifier(data, autoencoder=None, **parameters):
    """Return a function of a seed that makes a classifier, at the settings chosen for the data where none are given."""
    chosen = dict(CHOSEN[data])
    own = {name: chosen.pop(name) for name in ("n_components", "alpha")}
    autoencoder = contractive(**own) if autoencoder is None else autoencoder
    settings = {"tol": 0, "l2": 0.0, "temperature": 1.0, **chosen, **parameters}
    return lambda seed: ClassSpecificAEClassifier(autoencoder, random_state=seed, **settings)


def short(autoencoder=None, **parameters):
    """Return a classifier of 100 units trained for 20 epochs, for comparisons."""
    autoencoder = contractive() if autoencoder is None else autoencoder
    settings = {"tol": 0, "l2": 0.0, "max_iter": 20, "noise": "gaussian", "noise_level": 0.4}
    settings |= {"temperature": 1.0, **parameters}
    if settings.get("method", "finetune") == "energies":
        settings["l2"] = 1e-4
    return lambda seed: ClassSpecificAEClassifier(autoencoder, random_state=seed, **settings)


#: C of the SVM, whose gamma is 0.02 on both.
SVM = {"mnist": 30.0, "mnist-small": 3.0}


def peers(data):
    """Return scikit-learn's classifiers, at the settings chosen for the data."""
    return {
        f"SVC(C={SVM[data]:g}, gamma=0.02)": lambda seed: SVC(C=SVM[data], gamma=0.02, cache_size=2000),
        "MLPClassifier(1000)": lambda seed: MLPClassifier(1000, random_state=seed),
        "LogisticRegression(C=0.1)": lambda seed: LogisticRegression(C=0.1, max_iter=300),
        "RandomForestClassifier(500)": lambda seed: RandomForestClassifier(500, random_state=seed),
        "HistGradientBoostingClassifier": lambda seed: HistGradientBoostingClassifier(random_state=seed),
    }


#: What has no seed, and a slow one that no claim is about.
ONCE = ("SVC", "LogisticRegression", "HistGradientBoostingClassifier")

VARIATIONS = {
    "finetune": {},
    "finetune, hinge loss": {"loss": "hinge"},
    "finetune, no pretraining": {"pretrain": False},
    "normalize": {"method": "normalize"},
    "energies": {"method": "energies"},
}

# Table 2: contractive where the activation is smooth, denoising else; factored always denoising.
ACTIVATIONS = {
    "linear": short(contractive(activation="identity")),
    "modulus": short(denoising("modulus")),
    "sigmoid": short(),
    "tanh, factored": short(denoising("tanh"), n_factors=100),
    "relu, factored": short(denoising("relu"), n_factors=100),
    "square, factored": short(denoising("square"), n_factors=100),
    "modulus, factored": short(denoising("modulus"), n_factors=100),
    "sigmoid, factored": short(denoising("sigmoid"), n_factors=100),
}

#: What the paper prints in its table 2. RBM, DRBM and HDRBM have 3.39, 1.81 and 1.28 there.
TABLE_2 = {
    "linear": "1.99",
    "modulus": "1.76",
    "sigmoid": "1.27",
    "tanh, factored": "2.02",
    "relu, factored": "2.35",
    "square, factored": "2.5",
    "modulus, factored": "2.04",
}

#: Table, data, models by name, largest number of seeds.
TABLES = {
    "MNIST": ("mnist", {"ClassSpecificAEClassifier": classifier("mnist"), **peers("mnist")}, 3),
    "MNIST, images shifted in training": (
        "mnist",
        {"ClassSpecificAEClassifier": classifier("mnist", noise=Shift(level=1.0), noise_level=1.0)},
        1,
    ),
    "MNIST-small": (
        "mnist-small",
        {"ClassSpecificAEClassifier": classifier("mnist-small"), **peers("mnist-small")},
        3,
    ),
    "Variations, MNIST": ("mnist", {name: short(**each) for name, each in VARIATIONS.items()}, 3),
    "Variations, MNIST-small": ("mnist-small", {name: short(**each) for name, each in VARIATIONS.items()}, 3),
    "Activations, MNIST": ("mnist", ACTIVATIONS, 3),
}


@functools.lru_cache(maxsize=1)
def images(data, quick=False):
    """Return X_train, y_train, X_test, y_test."""
    from datasets import load

    X, y, X_test, y_test = load("mnist")
    X, X_test = X.reshape(len(X), -1), X_test.reshape(len(X_test), -1)
    if quick:
        return X[:300], y[:300], X_test[:500], y_test[:500]
    if data == "mnist":
        return X, y, X_test, y_test
    X, y = np.concatenate([X, X_test]), np.concatenate([y, y_test])
    order = np.random.default_rng(0).permutation(len(X))
    train, test = np.sort(order[:12_000]), np.sort(order[12_000:62_000])
    return X[train], y[train], X[test], y[test]


def error(model, X, y):
    """Return the error in percent."""
    return 100.0 * float(np.mean(model.predict(X) != y))


# Units, alpha, noise and its level, learning rate, epochs.
GRID = {
    "mnist": [
        (100, 0.1, "masking", 0.25, 1e-3, 20),
        (100, 1.0, "masking", 0.25, 1e-3, 20),
        (100, 1.0, "gaussian", 0.4, 1e-3, 20),
        (100, 1.0, "gaussian", 0.4, 1e-3, 50),
        (100, 1.0, "gaussian", 0.6, 1e-3, 30),
        (200, 1.0, "gaussian", 0.4, 5e-4, 50),
        (300, 1.0, "gaussian", 0.4, 5e-4, 60),
    ],
    "mnist-small": [
        (100, 1.0, "gaussian", 0.4, 5e-4, 60),
        (200, 1.0, "gaussian", 0.4, 5e-4, 60),
        (300, 1.0, "gaussian", 0.4, 5e-4, 100),
        (300, 1.0, "gaussian", 0.5, 5e-4, 100),
        (300, 3.0, "gaussian", 0.4, 5e-4, 100),
    ],
}


def named(n_components, alpha, noise, noise_level, learning_rate_init, max_iter):
    """Return the settings of our model as text."""
    training = f"{noise} {noise_level:g}, rate {learning_rate_init:g}, {max_iter} epochs"
    return f"{n_components} units, alpha {alpha:g}, {training}"


def validated(data):
    """Return the settings that are tried, as functions of a seed, by text: ours, the SVM's, logistic regression's."""
    found = {}
    for n_components, alpha, noise, level, rate, epochs in GRID[data]:
        settings = {"noise": noise, "noise_level": level, "learning_rate_init": rate, "max_iter": epochs}
        text = named(n_components, alpha, noise, level, rate, epochs)
        found[text] = classifier(data, contractive(n_components, alpha), **settings)
    for C, gamma in itertools.product((3.0, 30.0), ("scale", 0.02)):
        found[f"SVC({C=:g}, {gamma=})"] = lambda seed, C=C, gamma=gamma: SVC(C=C, gamma=gamma, cache_size=2000)
    for C in (0.01, 0.1, 1.0):
        found[f"LogisticRegression({C=:g})"] = lambda seed, C=C: LogisticRegression(C=C, max_iter=300)
    return found


def held_out(data, n_rows):
    """Return the rows that train, and those that validate: the last of MNIST; any of MNIST-small, which is sorted."""
    order = np.arange(n_rows) if data == "mnist" else np.random.default_rng(0).permutation(n_rows)
    n = 10_000 if data == "mnist" else 2_000
    return order[:-n], order[-n:]


NOVELTY = "Novelty, MNIST-small"
FINE_TUNING, TUNED_EPOCHS = "Fine-tuning, MNIST-small", (1, 3, 5, 10, 20)
VALIDATION = {"Validation, MNIST": "mnist", "Validation, MNIST-small": "mnist-small"}


def cells(quick, results):
    """Return the cells: the tables, then novelty with each digit held out, then validation."""
    common = {"quick": True} if quick else {}
    found = []
    for table, (_, models, most) in TABLES.items():
        for name in models:
            if quick and name == "HistGradientBoostingClassifier":
                continue  # its threads may wait for each other for minutes
            seeds = 1 if quick or name.startswith(ONCE) else min(3, most)
            found += [{"table": table, "model": name, "seed": seed} for seed in range(seeds)]
    for visible, method in itertools.product(("bernoulli", "gaussian"), ("normalize", "finetune")):
        digits = range(1 if quick else 10)
        found += [{"table": NOVELTY, "model": f"{visible}, {method}", "seed": digit} for digit in digits]
    found += [
        {"table": FINE_TUNING, "model": f"{epochs} epochs", "seed": seed}
        for epochs, seed in itertools.product((1, 3) if quick else TUNED_EPOCHS, range(1 if quick else 3))
    ]
    if not quick:
        for table, data in VALIDATION.items():
            found += [{"table": table, "model": text, "seed": 0} for text in validated(data)]
    return [{**cell, **common} for cell in found]


def measure(table, model, seed, quick=False):
    """Return the errors of a model in percent, how well it tells the digit `seed` from the others, or its filters."""
    if table == NOVELTY:
        return novelty(*model.split(", "), seed, *images("mnist-small", quick))
    if table == FINE_TUNING:
        return tuned(int(model.partition(" ")[0]), seed, *images("mnist-small", quick), 20 if quick else 100)
    if table in VALIDATION:
        X, y, _, _ = images(VALIDATION[table])
        train, valid = held_out(VALIDATION[table], len(X))
        fitted = validated(VALIDATION[table])[model](seed).fit(X[train], y[train])
        return {"error": error(fitted, X[valid], y[valid])}
    data, models, _ = TABLES[table]
    X, y, X_test, y_test = images(data, quick)
    fitted = models[model](seed)
    if quick and isinstance(fitted, ClassSpecificAEClassifier):
        fitted.set_params(estimator__n_components=20, estimator__max_iter=3, max_iter=3)
    fitted.fit(X, y)
    return {"error": error(fitted, X_test, y_test), "train_error": error(fitted, X[:10_000], y[:10_000])}


def novelty(visible, method, digit, X, y, X_test, y_test):
    """Return the areas under the ROC curve with which a digit that was held out is told from the others."""
    known = y != digit
    alpha = 1.0 if visible == "gaussian" else 0.1
    model = short(contractive(alpha=alpha, visible=visible), method=method)(0).fit(X[known], y[known])
    normal = y_test != digit
    return {
        "auc_energy": roc_auc_score(normal, model.score_samples(X_test)),
        "auc_probability": roc_auc_score(normal, model.predict_log_proba(X_test).max(axis=1)),
    }


def before_and_after(epochs, seed, X, y, units):
    """Return a classifier without fine-tuning, and one with it. The same seed gives the same autoencoders."""
    return [
        short(contractive(units), **options)(seed).fit(X, y)
        for options in ({"method": "normalize"}, {"max_iter": epochs})
    ]


def tuned(epochs, seed, X, y, X_test, y_test, units):
    """Return the errors in percent before and after some epochs of fine-tuning, and how the filters have changed."""
    before, after = before_and_after(epochs, seed, X, y, units)
    values = {"error_before": error(before, X_test, y_test), "error": error(after, X_test, y_test)}
    start, end = (np.stack([each.components_ for each in model.estimators_]) for model in (before, after))
    lengths = np.linalg.norm(start, axis=-1)
    along = np.sum(start * end, axis=-1) / lengths**2  # the component along the filter, in its own length
    across = np.linalg.norm(end - along[..., None] * start, axis=-1) / lengths
    return {
        **values,
        "cosine": float(np.median(along / np.hypot(along, across))),
        "ratio": float(np.median(np.hypot(along, across))),
        "along": float(np.median(np.abs(along - 1.0))),
        "across": float(np.median(across)),
        "largest_before": float(np.abs(start[0]).max()),
        "largest": float(np.abs(end[0]).max()),
    }


def errors(results, table, names):
    """Return the errors of some models, by name, and as text. All their seeds must have been measured."""
    values = {name: results.values("error", table=table, model=name) for name in names}
    if any(len(each) < TABLES[table][2] for name, each in values.items() if not name.startswith(ONCE)):
        raise NotMeasuredError(f"all seeds of {table}")
    return values, ", ".join(f"{name} {spread(each, 2, 1.0)}" for name, each in values.items())


def activations(holds):
    """Return the judge of a claim on table 2; `holds` takes the errors by activation and returns conditions."""

    def judge(results):
        values, text = errors(results, "Activations, MNIST", ACTIVATIONS)
        return verdict(*(bool(each) for each in holds(values))), text

    return judge


def variations(first, *others):
    """Return the judge of a claim that one variation is better than others, on both sets."""

    def judge(results):
        conditions, texts = [], []
        for table in ("Variations, MNIST", "Variations, MNIST-small"):
            values, text = errors(results, table, (first, *others))
            conditions += [bool(values[first].max() < values[other].min()) for other in others]
            texts.append(f"{table.partition(', ')[2]}: {text}")
        return verdict(*conditions), "; ".join(texts)

    return judge


def against_svm(results):
    """Table 5, MNIST-small: the SVM and the class-specific model."""
    values, text = errors(
        results, "MNIST-small", ("ClassSpecificAEClassifier", f"SVC(C={SVM['mnist-small']:g}, gamma=0.02)")
    )
    own, svm = values.values()
    return verdict(bool(own.max() < svm.min())), text


def similar(results):
    """Figure 5: filters look alike before and after fine-tuning."""
    cosines = [results.values("cosine", table=FINE_TUNING, model=f"{epochs} epochs") for epochs in TUNED_EPOCHS]
    text = ", ".join(f"{spread(each, 2, 1.0, '')}" for each in cosines)
    return verdict(cosines[-1].min() > 0.9), f"median cosine after {', '.join(map(str, TUNED_EPOCHS))} epochs: {text}"


def mainly_scale(results):
    """Figure 5: fine-tuning changes lengths more than directions."""
    where = {"table": FINE_TUNING, "model": f"{TUNED_EPOCHS[-1]} epochs"}
    along, across, ratio = (results.values(name, **where) for name in ("along", "across", "ratio"))
    text = (
        f"change along the filter {spread(along)}, across it {spread(across)} of its length; length after, over that "
    )
    return verdict(along.min() > across.max()), f"{text}before: {spread(ratio, 2, 1.0, '')}"


def few_epochs(results):
    """Section 4.5: after five epochs, four fifths of the gain of twenty."""
    found = {epochs: results.mean("error", table=FINE_TUNING, model=f"{epochs} epochs") for epochs in TUNED_EPOCHS}
    before = results.mean("error_before", table=FINE_TUNING)
    text = ", ".join(f"{error:.2f} % after {epochs}" for epochs, error in found.items())
    return verdict(before - found[5] > 0.8 * (before - found[20])), f"{before:.2f} % before, {text}"


CLAIMS = (
    Claim("ENERGY figure 5", "Filters look similar before and after fine-tuning.", "a picture", similar),
    Claim(
        "ENERGY figure 5",
        "Fine-tuning adjusts mainly the scale of the filters.",
        "from 4.7 to 0.64, the largest weight",
        mainly_scale,
    ),
    Claim("ENERGY 4.5", "A few epochs of fine-tuning suffice.", "often 10, of 100", few_epochs),
    Claim(
        "ENERGY table 2",
        "On MNIST sigmoid units have the lowest error.",
        "1.27 %, the others 1.76 to 2.5 %",
        activations(
            lambda errors: [
                errors["sigmoid"].max() < each.min() for name, each in errors.items() if not name.startswith("sigmoid")
            ]
        ),
    ),
    Claim(
        "ENERGY table 2",
        "The modulus performs well.",
        "1.76 %",
        activations(lambda errors: [errors["modulus"].max() < np.median(list(errors.values()))]),
    ),
    Claim(
        "ENERGY table 2",
        "The performance of linear units is comparably good.",
        "1.99 %",
        activations(lambda errors: [errors["linear"].max() < np.median(list(errors.values())) + 0.3]),
    ),
    Claim(
        "ENERGY 4.7",
        "(Also:) the log loss is better than the hinge loss.",
        "",
        variations("finetune", "finetune, hinge loss"),
    ),
    Claim(
        "ENERGY table 4",
        "(Also:) constants alone, or a classifier on energies, are weaker than fine-tuning.",
        "MNIST-small 3.38 against 3.66 and 3.39 %",
        variations("finetune", "normalize", "energies"),
    ),
    Claim(
        "ENERGY table 4",
        "Pretraining on the rows of each class is crucial.",
        "MNIST-small 3.38 against 5.53 %",
        variations("finetune", "finetune, no pretraining"),
    ),
    Claim("ENERGY table 5", "(Also:) on MNIST-small the model beats an RBF SVM.", "2.61 against 3.03 %", against_svm),
)


def tables(results):
    """Return the errors, and the areas of novelty."""
    found = []
    for table, (_, models, _) in TABLES.items():
        printed = TABLE_2 if table == "Activations, MNIST" else {}
        rows = [
            (name, *(spread(each, 2, 1.0, "") for each in own.values()), *([printed.get(name, "")] if printed else []))
            for name in models
            if (own := columns(results, table, name, "error", "train_error"))
        ]
        names = ("model", "test", "training", *(["paper (table 2)"] if printed else []))
        found.append(Table(f"{table}: errors in percent", names, rows))
    names = ("error_before", "error", "cosine", "ratio", "along", "across", "largest_before", "largest")
    rows = [
        (str(epochs), *(spread(each, 2, 1.0, "") for each in own.values()))
        for epochs in TUNED_EPOCHS
        if (own := columns(results, FINE_TUNING, f"{epochs} epochs", *names))
    ]
    heads = ("epochs", "error before, %", "after, %", "cosine", "length after, over before", "change along", "across")
    found.append(Table(FINE_TUNING, (*heads, "largest weight of zeros before", "after"), rows))
    models = dict.fromkeys(line["model"] for line in results.lines(table=NOVELTY))
    rows = []
    for name in models:
        own = columns(results, NOVELTY, name, "auc_energy", "auc_probability")
        rows.append((name, *(f"{each.mean():.3f} (from {each.min():.3f})" for each in own.values())))
    title = f"{NOVELTY}, each digit held out: ROC AUC, mean and least"
    found.append(Table(title, ("visible units, method", "score_samples", "largest probability"), rows))
    for table, data in VALIDATION.items():
        rows = [
            (text, f"{results.mean('error', table=table, model=text):.2f}")
            for text in validated(data)
            if results.lines(table=table, model=text)
        ]
        found.append(Table(f"{table}: errors in percent", ("settings", "validation"), rows))
    return found


def columns(results, table, model, *names):
    """Return the values of a model by name, {} if it has not been measured."""
    if not results.lines(table=table, model=model):
        return {}
    return {name: results.values(name, table=table, model=model) for name in names}


NOTES = (
    "Novelty compares `score_samples` with the largest probability of the same model. With bernoulli visible units the "
    "energy is better by far. With gaussian ones it is not: their energies differ by few nats, so the softmax is soft "
    "and its maximum carries information. Ones are the hard novelty, because all models give images of few pixels a "
    "high energy. Fine-tuning is blind to what is common to all energies. It lowers the AUC of the energy, of gaussian "
    "units little, and raises the AUC of the probability.",
    "The seconds of the first cells are those of a clock, with two threads, and those of later ones leave out the work "
    "of a second process: the time above is too short. `benchmarks/README.md` has what default fits take.",
)


def draw(results, folder, quick):
    """Save figure 5 where it is not there."""
    path = folder / "energy_mnist_filters.png"
    if not path.exists():
        draw_filters(path, quick)
    return {
        path.name: "ENERGY figure 5: filters of the zeros before and after 20 epochs of fine-tuning, one grey scale."
    }


def draw_filters(path, quick):
    """Draw the 36 longest filters of the first class before fine-tuning, and the same after it."""
    import matplotlib.pyplot as plt

    from skae.plotting import FiltersDisplay

    X, y, _, _ = images("mnist-small", quick)
    models = before_and_after(3 if quick else TUNED_EPOCHS[-1], 0, X, y, 40 if quick else 100)
    filters = [model.estimators_[0].components_ for model in models]
    longest = np.argsort(-np.linalg.norm(filters[0], axis=1), kind="stable")[:36]
    limit = float(np.quantile(np.abs(filters[0]), 0.99))
    figure, axes = plt.subplots(1, 2, figsize=(7, 3.8), layout="constrained")
    for axis, title, rows in zip(axes, ("before", "after"), filters, strict=True):
        FiltersDisplay(rows[longest]).plot(axis, n_columns=6, limit=limit)
        axis.set_title(f"{title}, {rows.min():.2f} to {rows.max():.2f}", fontsize="small")
    save(figure, path)


STUDY = Study("energy_mnist", "One autoencoder per class on MNIST", cells, measure, CLAIMS, tables, draw, NOTES)

if __name__ == "__main__":
    STUDY.main(__doc__)
