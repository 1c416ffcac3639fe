"""Hidden biases and filters: ZAE figure 1 (left and middle), figure 3 and section 2.

    SKAE_DATA=folder python benchmarks/papers/zae_biases.py [--quick] [--only TEXT] [--minutes M]

- "biases": 50,000 whitened colour patches of 6 x 6 pixels of CIFAR-10 (recompressed as JPEG), contrast-normalised
  first, which leaves 36 components; 100 or 300 units and 20 epochs. The paper gives neither the
  number of patches nor that of units. "none" is the same model without regularisation. All biases start at zero.
- "filters": whole images, contrast-normalised and reduced by PCA to 99 % of the variance, with and without whitening;
  10,000 of them, 100 or 500 units and 20 epochs. The filters are mapped back to pixels. A contractive strength of the
  paper is twice `alpha`.

The extent of a filter is the share of the image over which it is spread: with e_p its energy in pixel p (of all
colours, over their sum), it is 1 / (P sum_p e_p^2). It is 1 for a filter of equal energy everywhere, 1 / P for a single
pixel, and about 1/3 for noise in grey, 3/5 for noise in three colours. A filter is called local if its extent is below
0.15, global if it is above 0.3.

The picture of filters is of the same fits. If it exists, it is kept: delete it to draw it again. `--quick` takes 2,000
patches or images, and 3 epochs.
"""

import functools
import itertools

import numpy as np
from sklearn.pipeline import make_pipeline
from study import Claim, Study, Table, save, spread, verdict

from skae import ContractiveAutoencoder, ContrastNormalizer, DenoisingAutoencoder, PCAWhitener, ZeroBiasAutoencoder
from skae.metrics import bias_statistics, dead_unit_fraction

#: Models of figure 1, as functions of units, epochs and seed. The last two have no regularisation.
REGULARISED = {"sigmoid, contractive": 0.5, "relu, masking": 0.5}
PLAIN = {"sigmoid, none": 0.0, "relu, none": 0.0}
BIASED = REGULARISED | PLAIN
#: Models of figure 3.
FILTERS = {
    "TRec": lambda **options: ZeroBiasAutoencoder(**options),
    "TLin": lambda **options: ZeroBiasAutoencoder(activation="tlin", **options),
    **{
        f"CAE {strength:g}": lambda strength=strength, **options: ContractiveAutoencoder(alpha=strength / 2, **options)
        for strength in (1.0, 3.0, 20.0)
    },
}
LOCAL, GLOBAL = 0.15, 0.3
WIDTHS, FILTER_WIDTHS = (100, 300), (100, 500)


def cells(quick, results):
    """Return the cells of figure 1, then those of figure 3."""
    common = {"quick": True} if quick else {}
    seeds = (0,) if quick else (0, 1, 2)
    found = [
        {"part": "biases", "model": model, "units": units, "seed": seed}
        for seed, units, model in itertools.product(seeds, WIDTHS, BIASED)
    ]
    filters = [(units, whiten, seed) for units in FILTER_WIDTHS for seed in seeds for whiten in (True, False)]
    found += [
        {"part": "filters", "model": model, "units": units, "whiten": whiten, "seed": seed}
        for units, whiten, seed in filters
        if units == FILTER_WIDTHS[0] or not (quick or seed)
        for model in FILTERS
    ]
    return [{**cell, **common} for cell in found]


def measure(part, quick=False, **options):
    """Measure a cell of one of the parts."""
    return (biases if part == "biases" else extents)(**options, quick=quick)


@functools.lru_cache(maxsize=1)
def cifar(n):
    """Return training images, shape (n, 3, 32, 32)."""
    from datasets import load

    return load("cifar10")[0][:n].reshape(-1, 3, 32, 32)


@functools.lru_cache(maxsize=1)
def patches(quick):
    """Return whitened colour patches of 6 x 6 pixels, from random places of random images."""
    X, n = cifar(2_000 if quick else 50_000), 2_000 if quick else 50_000
    rng = np.random.default_rng(0)
    windows = np.lib.stride_tricks.sliding_window_view(X, (6, 6), axis=(2, 3))
    rows = windows[rng.integers(len(X), size=n), :, rng.integers(27, size=n), rng.integers(27, size=n)]
    return make_pipeline(ContrastNormalizer(0.01), PCAWhitener(0.99)).fit_transform(rows.reshape(n, -1))


def biases(model, units, seed, quick=False):
    """Return the hidden biases of a model of figure 1."""
    X = patches(quick)
    common = {"max_iter": 3 if quick else 20, "tol": 0, "random_state": seed}
    level = BIASED[model]
    if model.startswith("sigmoid"):
        fitted = ContractiveAutoencoder(units, alpha=level, **common).fit(X)
    else:
        fitted = DenoisingAutoencoder(units, activation="relu", noise="masking", noise_level=level, **common).fit(X)
    statistics = bias_statistics(fitted)
    b = np.asarray(fitted.intercept_hidden_, dtype=np.float64)
    reach = np.linalg.norm(fitted.components_, axis=1)
    return {
        "negative": statistics["negative_fraction"],
        "mean": statistics["mean"],
        "relative": float(np.mean(b / reach)),
        "dead": dead_unit_fraction(fitted, X[:2000]),
        "biases": b.round(2).tolist(),
    }


@functools.lru_cache(maxsize=2)
def steps(whiten, quick):
    """Return the fitted preprocessing of whole images, and the images behind it."""
    X = cifar(2_000 if quick else 10_000)
    whitener = PCAWhitener(0.99, whiten="pca" if whiten else None)
    X = ContrastNormalizer(0.01).fit_transform(X.reshape(len(X), -1))
    return whitener.fit(X), whitener.transform(X)


def pixel_filters(model, units, whiten, seed, quick=False):
    """Return the fitted model's filters in pixels: what each unit adds to an image, shape (k, 3, 32, 32)."""
    whitener, Z = steps(whiten, quick)
    options = {"n_components": units, "max_iter": 3 if quick else 20, "tol": 0, "random_state": seed}
    fitted = FILTERS[model](**options).fit(Z)
    mean = whitener.inverse_transform(np.zeros((1, Z.shape[1]), dtype=Z.dtype))
    pixels = whitener.inverse_transform(fitted.decoder_components_) - mean
    return np.asarray(pixels, dtype=np.float64).reshape(-1, 3, 32, 32)


def extent(filters):
    """Return the share of an image over which each filter is spread; filters have shape (k, colours, height, width)."""
    energy = np.square(filters).sum(axis=1).reshape(len(filters), -1)
    energy = energy / energy.sum(axis=1, keepdims=True)
    return 1.0 / (energy.shape[1] * np.square(energy).sum(axis=1))


def roughness(filters):
    """Return the mean squared difference of neighbouring pixels over twice the variance: 0 smooth, 1 noise."""
    centred = filters - filters.mean(axis=(2, 3), keepdims=True)
    variance = np.square(centred).mean(axis=(1, 2, 3))
    differences = [np.square(np.diff(filters, axis=axis)).mean(axis=(1, 2, 3)) for axis in (2, 3)]
    return np.mean(differences, axis=0) / (2.0 * variance)


def extents(model, units, whiten, seed, quick=False):
    """Return how far the filters of a model of figure 3 reach over the image."""
    filters = pixel_filters(model, units, whiten, seed, quick)
    values = extent(filters)
    return {
        "extent": float(np.median(values)),
        "local": float(np.mean(values < LOCAL)),
        "global": float(np.mean(values > GLOBAL)),
        "roughness": float(np.median(roughness(filters))),
    }


def negative(results):
    """Figure 1: most biases are negative."""
    parts, outcomes = [], []
    for units, model in itertools.product(WIDTHS, REGULARISED):
        share, mean = (results.values(name, part="biases", model=model, units=units) for name in ("negative", "mean"))
        outcomes.append(share.min() > 0.75 and mean.max() < 0.0)
        parts.append(f"{units} units, {model}: {spread(share)} negative, mean {spread(mean, 2, 1.0, '')}")
    return verdict(*outcomes), "; ".join(parts)


def more_negative(results):
    """Section 2: regularisation is the cause."""
    parts, outcomes = [], []
    for units, (regularised, plain) in itertools.product(WIDTHS, zip(REGULARISED, PLAIN, strict=True)):
        means, shares = (
            [results.mean(name, part="biases", model=model, units=units) for model in (regularised, plain)]
            for name in ("mean", "negative")
        )
        outcomes += [means[0] < means[1], shares[0] > shares[1]]
        parts.append(
            f"{units} units, {regularised}: mean {means[0]:.2f} against {means[1]:.2f} without, "
            f"share {100 * shares[0]:.0f} against {100 * shares[1]:.0f} %"
        )
    return verdict(*outcomes), "; ".join(parts)


def medians(results):
    """Return texts of what is measured of figure 3, with the median extents of the models."""
    found = {}
    for units, whiten in itertools.product(FILTER_WIDTHS, (True, False)):
        where = {"part": "filters", "units": units, "whiten": whiten}
        if units == FILTER_WIDTHS[0] or len(results.lines(**where)) >= len(FILTERS):
            text = f"{units} units, {'whitened' if whiten else 'not whitened'}"
            found[text] = {name: results.mean("extent", model=name, **where) for name in FILTERS}
    return found


def localised(results):
    """Section 2.1: negative biases localise features; whitening shows it."""
    parts, outcomes = [], []
    for text, found in medians(results).items():
        zero = min(found["TRec"], found["TLin"])
        outcomes.append(all(value < zero for name, value in found.items() if name.startswith("CAE")))
        parts.append(f"{text}: " + ", ".join(f"{name} {100 * value:.0f} %" for name, value in found.items()))
    return verdict(*outcomes), "median extent. " + "; ".join(parts)


def stronger(results):
    """Figure 3: the regularisation strength changes how local the filters are."""
    parts, outcomes = [], []
    for text, found in medians(results).items():
        values = [value for name, value in found.items() if name.startswith("CAE")]
        outcomes.append(all(b < a for a, b in itertools.pairwise(values)))
        parts.append(f"{text}: " + ", ".join(f"{100 * value:.0f} %" for value in values))
    return verdict(*outcomes), "median extent at strengths 1, 3 and 20. " + "; ".join(parts)


CLAIMS = (
    Claim(
        "ZAE figure 1",
        "Hidden biases of a contractive sigmoid and a denoising ReLU autoencoder are negative.",
        "",
        negative,
    ),
    Claim("ZAE section 2", "It is regularised training that gives negative biases.", "", more_negative),
    Claim(
        "ZAE section 2.1",
        "Negative biases localise features: less extended than those of TRec and TLin.",
        "",
        localised,
    ),
    Claim("ZAE figure 3", "(Ours:) the stronger the contraction, the more local the filters.", "", stronger),
)


def tables(results):
    """Return the tables of figures 1 and 3."""
    measured = (("negative", 1, 100.0), ("mean", 2, 1.0), ("relative", 2, 1.0), ("dead", 1, 100.0))
    signs = [
        (str(units), model, *(results.text(*each, part="biases", model=model, units=units) for each in measured))
        for units, model in itertools.product(WIDTHS, BIASED)
    ]
    reach = [
        (
            str(units),
            model,
            "yes" if whiten else "no",
            *(
                results.text(name, part="filters", model=model, units=units, whiten=whiten)
                for name in ("extent", "local", "global")
            ),
            results.text("roughness", 2, 1.0, part="filters", model=model, units=units, whiten=whiten),
        )
        for units, whiten, model in itertools.product(FILTER_WIDTHS, (True, False), FILTERS)
    ]
    return [
        Table(
            "Hidden biases (figure 1)",
            ("units", "model", "negative, %", "mean", "mean over the length of the weights", "dead units, %"),
            signs,
        ),
        Table(
            "Extent of the filters (figure 3)",
            ("units", "model", "whitened", "median extent, %", "local, %", "global, %", "median roughness"),
            reach,
        ),
    ]


def draw(results, folder, quick):
    """Save the pictures, and return their captions."""
    captions = {
        "zae_biases.png": "ZAE figure 1: hidden biases with regularisation and without.",
        "zae_biases_filters.png": "ZAE figure 3: filters in pixels; with whitening above, without below.",
    }
    draw_biases(results, folder / "zae_biases.png")
    if not (folder / "zae_biases_filters.png").exists():
        draw_filters(folder / "zae_biases_filters.png", quick)
    return captions


def draw_biases(results, path):
    """Draw histograms of the biases."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(WIDTHS), 2, figsize=(8, 5), layout="constrained")
    panels = itertools.product(WIDTHS, zip(REGULARISED, PLAIN, strict=True))
    for axis, (units, models) in zip(axes.flat, panels, strict=True):
        for model in models:
            lines = results.lines(part="biases", model=model, units=units)
            if lines:
                axis.hist(np.concatenate([line["biases"] for line in lines]), 40, alpha=0.6, label=model)
        axis.axvline(0.0, color="black", linewidth=0.5)
        axis.set(title=f"{units} units", xlabel="hidden bias", yticks=[])
        axis.legend(fontsize="x-small")
    save(figure, path)


def draw_filters(path, quick):
    """Draw 16 filters of each model."""
    import matplotlib.pyplot as plt

    from skae.plotting import FiltersDisplay

    figure, axes = plt.subplots(2, len(FILTERS), figsize=(9, 3.8), layout="constrained")
    for (i, whiten), (j, model) in itertools.product(enumerate((True, False)), enumerate(FILTERS)):
        filters = pixel_filters(model, FILTER_WIDTHS[0], whiten, 0, quick)
        chosen = filters[np.linspace(0, len(filters) - 1, 16).astype(int)].reshape(16, -1)
        FiltersDisplay(chosen, image_shape=(3, 32, 32)).plot(axes[i, j])
        axes[i, j].set_title(f"{model}{', whitened' if whiten else ''}", fontsize="small")
    save(figure, path, colours=64)


STUDY = Study("zae_biases", "Negative biases and filters", cells, measure, CLAIMS, tables, draw)

if __name__ == "__main__":
    STUDY.main(__doc__)
