"""Pictures of fitted estimators: displays compute the right arrays, draw them, and refuse wrong arguments."""

import functools
import subprocess
import sys
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers import numerical_gradient
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    StandardScaler,
)

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    PCAWhitener,
    SaturatingAutoencoder,
    ZeroBiasAutoencoder,
    plotting,
    regularization_path,
)
from skae.activations import ACTIVATIONS
from skae.datasets import make_circle
from skae.metrics import activation_fraction, dead_unit_fraction
from skae.plotting import (
    ActivationDisplay,
    EnergyDisplay,
    FiltersDisplay,
    LossCurveDisplay,
    PathDisplay,
    ReconstructionDisplay,
    ScoreHistogramDisplay,
    SparsityDisplay,
    activation_sheet,
)
from skae.plotting._images import mosaic

pyplot = pytest.importorskip("matplotlib.pyplot")

BRIEF = {"max_iter": 5, "tol": 0, "random_state": 0}


@pytest.fixture(scope="module")
def digits():
    """Return digits with values in [0, 1], and their labels."""
    X, y = load_digits(return_X_y=True)
    return X[:300] / 16, y[:300]


@pytest.fixture(scope="module")
def circle():
    """Return points of a circle."""
    return make_circle(200, random_state=0)[0]


@pytest.fixture(scope="module")
def autoencoder(digits):
    """Return a small model of the digits."""
    return ContractiveAutoencoder(20, early_stopping=True, **BRIEF).fit(digits[0])


@pytest.fixture(scope="module")
def plane(circle):
    """Return a small model of the circle, with a potential."""
    return ContractiveAutoencoder(10, alpha=0.03, max_iter=50, tol=0, random_state=0).fit(circle)


@pytest.fixture(scope="module")
def classifier(digits):
    """Return a small fine-tuned classifier of the digits below 8."""
    X, y = digits
    model = ClassSpecificAEClassifier(ContractiveAutoencoder(5, max_iter=40, tol=0), max_iter=3, tol=0, random_state=0)
    return model.fit(X[y < 8], y[y < 8])


@pytest.fixture(scope="module")
def displays(digits, circle, autoencoder, plane, classifier):
    """Return one call of each display, by the display's name; each call takes the axes."""
    X, y = digits
    return {
        "FiltersDisplay": lambda ax=None: FiltersDisplay.from_estimator(autoencoder, ax=ax),
        "PathDisplay": lambda ax=None: PathDisplay.from_estimator(
            ContractiveAutoencoder(4, **BRIEF), X, alphas=[0.1, 1.0], ax=ax
        ),
        "ReconstructionDisplay": lambda ax=None: ReconstructionDisplay.from_estimator(autoencoder, X, ax=ax),
        "EnergyDisplay": lambda ax=None: EnergyDisplay.from_estimator(plane, circle, grid_resolution=20, ax=ax),
        "ScoreHistogramDisplay": lambda ax=None: ScoreHistogramDisplay.from_estimator(classifier, X, y, ax=ax),
        "LossCurveDisplay": lambda ax=None: LossCurveDisplay.from_estimator(autoencoder, ax=ax),
        "SparsityDisplay": lambda ax=None: SparsityDisplay.from_estimator(autoencoder, X, ax=ax),
        "ActivationDisplay": lambda ax=None: ActivationDisplay.from_estimator(autoencoder, X, ax=ax),
    }


NAMES = [name for name in plotting.__all__ if name.endswith("Display")]


# All displays


def test_importing_needs_no_matplotlib():
    """Importing skae.plotting does not load matplotlib; drawing does."""
    code = "import sys, skae.plotting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", NAMES)
def test_axes_given_or_new_and_drawn_again(displays, name):
    """Each display draws into given axes, or makes new axes, and can draw the same arrays again."""
    display = displays[name]()
    assert isinstance(display, getattr(plotting, name))
    assert display.figure_.get_layout_engine() is not None
    assert display.figure_.axes[0] is display.ax_
    first = display.ax_
    _, ax = pyplot.subplots()
    before = {key: value for key, value in vars(display).items() if not key.endswith("_")}
    assert display.plot(ax) is display
    assert display.ax_ is ax is not first
    assert display.figure_ is ax.figure
    assert len(ax.get_children()) == len(first.get_children())
    assert all(vars(display)[key] is value for key, value in before.items())
    display.figure_.canvas.draw()
    assert displays[name](ax=ax).ax_ is ax


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_light_and_dark_styles(displays, name, style):
    """Displays use the colours of the style: no text has the colour of the background."""
    with pyplot.style.context(style):
        display = displays[name]()
        display.figure_.canvas.draw()
        paper = display.figure_.get_facecolor()
        texts = [text for text in display.figure_.findobj(pyplot.Text) if text.get_text()]
        assert all(pyplot.matplotlib.colors.to_rgba(text.get_color()) != paper for text in texts)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_off(displays, name):
    """All labels lie inside the figure when it is first drawn."""
    display = displays[name]()
    display.figure_.canvas.draw()
    box, figure = display.figure_.get_tightbbox(), display.figure_.get_size_inches()
    assert box.min.min() >= 0.0
    assert (box.max <= figure).all()


@pytest.mark.parametrize("name", [*NAMES, "activation_sheet"])
def test_missing_matplotlib_is_named(displays, name, monkeypatch):
    """One line says what to install."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'^skae.plotting needs matplotlib: pip install "skae\[plot\]"$'):
        (activation_sheet if name == "activation_sheet" else displays[name])()


@pytest.mark.parametrize(
    "draw",
    [
        lambda model, X: FiltersDisplay.from_estimator(model),
        lambda model, X: PathDisplay.from_estimators([model]),
        ReconstructionDisplay.from_estimator,
        EnergyDisplay.from_estimator,
        ScoreHistogramDisplay.from_estimator,
        lambda model, X: LossCurveDisplay.from_estimator(model),
        SparsityDisplay.from_estimator,
        ActivationDisplay.from_estimator,
    ],
)
@pytest.mark.parametrize("before", [[], [StandardScaler()]])
def test_unfitted_estimators_are_refused(draw, before, circle):
    """Unfitted estimators are refused as everywhere in scikit-learn, alone and at the end of a Pipeline."""
    with pytest.raises(NotFittedError):
        draw(make_pipeline(*before, ContractiveAutoencoder()), circle)


@pytest.mark.parametrize("draw", [ReconstructionDisplay, SparsityDisplay, ActivationDisplay, ScoreHistogramDisplay])
@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.coo_array])
def test_sparse_rows(draw, form, autoencoder, digits):
    """Sparse rows give the same as dense rows, and inputs do not change."""
    X = digits[0].copy()
    display, other = draw.from_estimator(autoencoder, X), draw.from_estimator(autoencoder, form(X))
    assert_array_equal(X, digits[0])
    for key, value in vars(display).items():
        if isinstance(value, np.ndarray):
            assert_allclose(getattr(other, key), value, atol=1e-12, err_msg=key)


def test_data_frames(circle):
    """Estimators fitted on named columns get named columns, so they give no warning; the names are shown."""
    frame = pd.DataFrame(circle, columns=["left", "right"])
    model = make_pipeline(StandardScaler().set_output(transform="pandas"), ContractiveAutoencoder(5, **BRIEF))
    model.fit(frame)
    display = EnergyDisplay.from_estimator(model, frame, grid_resolution=10)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("left", "right")
    for noise in (None, "masking"):
        display = ReconstructionDisplay.from_estimator(model, frame, noise=noise)
        assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == ["left", "right"]
    SparsityDisplay.from_estimator(model, frame)
    ActivationDisplay.from_estimator(model, frame)
    ScoreHistogramDisplay.from_estimator(model, frame, pd.Series(np.arange(len(frame)) % 2))
    assert FiltersDisplay.from_estimator(model, image_shape=(1, 2)).filters.shape == (5, 2)


def test_tables_of_other_libraries(circle):
    """Points of our own go to the estimator as tables of the same library, so that it gives no warning of names."""
    for make in (pl.DataFrame, pa.table):
        table = make({"left": circle[:, 0], "right": circle[:, 1]})
        model = make_pipeline(StandardScaler(), ContractiveAutoencoder(5, **BRIEF)).fit(table)
        display = EnergyDisplay.from_estimator(model, table, grid_resolution=10)
        assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("left", "right")
        ReconstructionDisplay.from_estimator(model, table, noise="masking")


def test_axes_of_another_kind_are_refused(autoencoder):
    """A figure, or an array of axes, is refused as `ax`."""
    with pytest.raises(TypeError, match=r"ax must be the axes of a matplotlib figure or None, got ndarray"):
        FiltersDisplay.from_estimator(autoencoder, ax=np.empty(2))


# Filters


@pytest.mark.parametrize("before", [[PCAWhitener(0.9)], [StandardScaler(), PCAWhitener(10, whiten="zca", eps=0.1)]])
def test_filters_through_a_pipeline_are_derivatives(digits, before):
    """Encoder filters are du/dx, decoder filters are the derivatives of the Pipeline's reconstruction in h."""
    X, _ = digits
    model = make_pipeline(*before, ZeroBiasAutoencoder(6, **BRIEF)).fit(X)
    steps, last = model[:-1], model[-1]
    x, row = X[0], 3
    encoder = FiltersDisplay.from_estimator(model, kind="encoder").filters
    gradient = numerical_gradient(lambda x: float((steps.transform(x[None]) @ last.components_[row])[0]), x, 1e-4)
    assert_allclose(encoder[row], gradient, atol=1e-6)
    decoder = FiltersDisplay.from_estimator(model).filters
    z = steps.transform(x[None])
    moved = steps.inverse_transform(z + 0.5 * last.decoder_components_[row]) - steps.inverse_transform(z)
    assert_allclose(decoder[row], moved[0] / 0.5, atol=1e-8)


def test_a_step_that_is_not_affine_ends_the_way_back(digits):
    """At a step that has no inverse or is not affine, the mapping ends: filters refer to the output of this step."""
    X, _ = digits
    scaler = StandardScaler()
    for step in (ContrastNormalizer(), PowerTransformer(), FunctionTransformer(np.tanh)):
        model = make_pipeline(StandardScaler(), step, scaler, ContractiveAutoencoder(4, **BRIEF)).fit(X)
        filters = FiltersDisplay.from_estimator(model).filters
        assert_allclose(filters, model[-1].components_ * model[-2].scale_)
        filters = FiltersDisplay.from_estimator(model, kind="encoder").filters
        assert_allclose(filters, model[-1].components_ / model[-2].scale_)


@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_filters_of_large_images_fit_into_memory(kind, rng):
    """The mapping through a Pipeline makes no matrix of features by features."""
    X = rng.standard_normal((5, 4096), dtype=np.float32)
    model = make_pipeline(StandardScaler(), FunctionTransformer(), ContractiveAutoencoder(3, max_iter=1, tol=0)).fit(X)
    tracemalloc.start()
    try:
        filters = FiltersDisplay.from_estimator(model, kind=kind).filters
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.5 * 8 * 4096**2
    scale = model[0].scale_ if kind == "decoder" else 1.0 / model[0].scale_
    assert_allclose(filters, model[-1].components_ * scale, rtol=1e-5, atol=1e-6)


def test_small_filters_show_that_a_step_is_curved(digits):
    """Small filters do not make a curved step look affine, though it is almost affine near zero."""
    X, _ = digits
    curved = FunctionTransformer(np.sinh, np.arcsinh)
    model = make_pipeline(curved, ContractiveAutoencoder(4, **BRIEF)).fit(X)
    model[-1].components_ = 1e-6 * model[-1].components_
    assert_array_equal(FiltersDisplay.from_estimator(model).filters, model[-1].components_)


def test_pipelines_in_pipelines(digits):
    """Steps of nested Pipelines are found, and "passthrough" is not a step."""
    X, _ = digits
    inner = make_pipeline(
        "passthrough", MinMaxScaler(), make_pipeline(PCAWhitener(5), ContractiveAutoencoder(4, **BRIEF))
    )
    model = make_pipeline(make_pipeline(StandardScaler()), inner).fit(X)
    x, h = X[:1], np.array([[1.0, 0.0, 0.0, 0.0]])
    last = model[-1][-1][-1]
    moved = [
        model[0].inverse_transform(model[-1][1].inverse_transform(model[-1][-1][0].inverse_transform(z)))
        for z in (h @ last.components_, 0.0 * h @ last.components_)
    ]
    assert_allclose(FiltersDisplay.from_estimator(model).filters[:1], moved[0] - moved[1], atol=1e-10)
    assert ReconstructionDisplay.from_estimator(model, x).inputs.shape == (1, 64)
    Z = model[-1][-1][0].transform(model[-1][1].transform(model[0].transform(X)))
    assert activation_fraction(model, X, threshold=0.1) == activation_fraction(last, Z, threshold=0.1)


def test_untied_kinds_order_and_number(digits):
    """`kind` chooses the weights, order="norm" puts the longest first, `n_filters` sets their number."""
    X, _ = digits
    model = DenoisingAutoencoder(12, tied_weights=False, **BRIEF).fit(X)
    assert_allclose(FiltersDisplay.from_estimator(model).filters, model.decoder_components_)
    assert_allclose(FiltersDisplay.from_estimator(model, kind="encoder").filters, model.components_)
    display = FiltersDisplay.from_estimator(model, order="norm", n_filters=5)
    lengths = np.linalg.norm(model.decoder_components_, axis=1)
    assert_allclose(np.linalg.norm(display.filters, axis=1), np.sort(lengths)[:-6:-1])


def test_tiles():
    """Every filter keeps its shape, zero is the middle of the range, and a gap of one pixel lies between the tiles."""
    filters = np.array([[0.0, 2.0, -1.0, 0.0], [0.0, 0.0, 0.0, 0.0], [4.0, 0.0, 0.0, 0.0]])
    picture = np.ma.filled(FiltersDisplay(filters).plot(n_columns=2).image_.get_array(), np.nan)
    expected = [[0, 1, np.nan, 0, 0], [-0.5, 0, np.nan, 0, 0], [np.nan] * 5]
    expected += [[1, 0, np.nan, np.nan, np.nan], [0, 0, np.nan, np.nan, np.nan]]
    assert_array_equal(picture, expected)
    picture = FiltersDisplay(filters).plot(limit=4.0).image_.get_array()
    assert np.ma.max(picture) == 1.0
    assert picture[0, 1] == 0.5


def test_colors(rng):
    """(h, w, 3) and (3, h, w) give the same picture; zero is mid-grey, and gaps are transparent."""
    images = rng.standard_normal((4, 3, 2, 3))
    orders = [(images, (3, 2, 3)), (np.moveaxis(images, -1, 1), (3, 3, 2))]
    last, first = (FiltersDisplay(i.reshape(4, -1), image_shape=s).plot().image_.get_array() for i, s in orders)
    assert_array_equal(first, last)
    assert last.shape == (7, 8, 4)
    assert_array_equal(np.unique(last[3, :, 3]), 0.0)
    assert_array_equal(last[:3, :2, 3], 1.0)
    assert_allclose(last[:3, :2, :3], 0.5 + 0.5 * images[0] / np.abs(images[0]).max())
    grey = FiltersDisplay(np.zeros((1, 12))).plot().image_.get_array()
    assert_array_equal(grey[..., :3], 0.5)


def test_mosaic_of_one_row(rng):
    """A mosaic of one row has no gap at its edges."""
    images = rng.standard_normal((3, 4, 5))
    picture = mosaic(images, 3)
    assert picture.shape == (4, 17)
    assert_array_equal(picture[:, 6:11], images[1])


@pytest.mark.parametrize("image_shape", [(8, 9), (63,), 8, (-8, -8), (2, 4, 8), (2, 2, 2, 8), (8.0, 8.0), "8"])
def test_shapes_that_are_no_image(image_shape, digits):
    """The error says which shapes are right in one sentence."""
    X = digits[0]
    model = ContractiveAutoencoder(3, **BRIEF).fit(X)
    for draw in (FiltersDisplay.from_estimator, functools.partial(ReconstructionDisplay.from_estimator, X=X)):
        with pytest.raises(ValueError, match=r"image_shape must be \(length,\), .* with 64 numbers in all, got"):
            draw(model, image_shape=image_shape)


@pytest.mark.parametrize(("n_features", "image_shape"), [(63, None), (64, (64,)), (64, 64), (10, [10])])
def test_filters_of_series_are_lines(n_features, image_shape, rng):
    """Each filter is a line over its own zero, scaled by its own range, in its place of the grid."""
    filters = rng.standard_normal((5, n_features)) * np.array([1.0, 10.0, 0.1, 1.0, 0.0])[:, None]
    display = FiltersDisplay(filters, image_shape=image_shape).plot(n_columns=2)
    assert not hasattr(display, "image_")
    x, y = np.moveaxis(np.array(display.lines_.get_segments()), -1, 0)
    assert_allclose(x - x[:, :1], np.broadcast_to(np.linspace(0.0, 2.0, n_features), x.shape))
    (zeros,) = (each for each in display.ax_.collections if each is not display.lines_)
    zeros = np.array(zeros.get_segments())[:, :, 1]
    assert_array_equal(zeros[:, 0], zeros[:, 1])
    scaled = filters / np.maximum(np.abs(filters).max(axis=1, keepdims=True), 1e-300)
    assert_allclose(y - zeros[:, :1], 0.5 * scaled, atol=1e-12)
    assert_array_equal(x[0], x[2])  # below each other
    assert x[0].max() < x[1].min()
    assert y[2].max() < y[0].min()
    assert zeros[0, 0] == zeros[1, 0]
    low, high = display.ax_.get_ylim()
    assert low < y.min()
    assert high > y.max()
    assert display.ax_.get_xlim()[1] > x.max()


def test_limit_of_lines(rng):
    """The limit is the edge of the tile, which no line leaves."""
    filters = np.array([[0.0, 2.0, -1.0, 0.0, 9.0]])
    ((_, y),) = np.moveaxis(FiltersDisplay(filters).plot(limit=4.0).lines_.get_segments(), -1, 1)
    assert_allclose(y, [0.0, 0.25, -0.125, 0.0, 0.5])


def test_paths_and_reconstructions_of_series(rng):
    """A path of series has a row of lines for each alpha, with its label; a series that could be an image is a line."""
    filters = rng.standard_normal((3, 4, 64))
    display = PathDisplay(filters, [0.1, 1.0, 10.0], image_shape=(64,)).plot()
    y = np.array(display.lines_.get_segments())[:, :, 1].reshape(3, 4, 64)
    assert_allclose(display.ax_.get_yticks(), -1.2 * np.arange(3))
    assert [tick.get_text() for tick in display.ax_.get_yticklabels()] == ["0.1", "1", "10"]
    scaled = 0.5 * filters / np.abs(filters).max(axis=2, keepdims=True)
    assert_allclose(y - display.ax_.get_yticks()[:, None, None], scaled)
    rows = filters[0]
    assert len(ReconstructionDisplay(rows, rows, image_shape=(64,)).plot().ax_.lines) == 8
    assert not ReconstructionDisplay(rows, rows).plot().ax_.lines
    for image_shape, n_features in (((64,), 64), (None, 63)):
        with pytest.raises(ValueError, match=f"{n_features} features are no square image.*give image_shape"):
            ReconstructionDisplay(rows[:, :n_features], rows, kind="images", image_shape=image_shape).plot()


@pytest.mark.parametrize("limit", ["a", 0.0, np.nan, np.inf])
def test_wrong_filters_and_limits(limit):
    """Filters that are not rows of numbers, and limits that are not a positive number, are refused."""
    with pytest.raises(ValueError, match="limit must be a finite number > 0 or None"):
        FiltersDisplay(np.ones((2, 4))).plot(limit=limit)
    for filters in (np.ones(4), np.ones((0, 4))):
        with pytest.raises(ValueError, match=r"filters must have shape \(n_filters, n_features\)"):
            FiltersDisplay(filters).plot()


@pytest.mark.parametrize("options", [{"kind": "both"}, {"order": "size"}, {"n_filters": 0}, {"n_columns": 1.5}])
def test_wrong_options_of_filters(options, autoencoder):
    """The error for a wrong option says its name, its value, and what it must be."""
    (name,) = options
    with pytest.raises(ValueError, match=f"{name} must be"):
        FiltersDisplay.from_estimator(autoencoder, **options)
    with pytest.raises(TypeError, match="an autoencoder, or a Pipeline that ends in one, is needed"):
        FiltersDisplay.from_estimator(LogisticRegression())


# The path


def test_path_is_that_of_regularization_path(digits):
    """The path shows the filters of the fits in their order, also in a Pipeline; the estimator stays unfitted."""
    X, _ = digits
    alphas = [0.01, 0.1]
    model = SaturatingAutoencoder(6, **BRIEF)
    display = PathDisplay.from_estimator(model, X, alphas=iter(alphas), n_filters=4)
    fits = list(regularization_path(model, X, alphas=alphas))
    assert_allclose(display.filters, [fitted.decoder_components_[:4] for fitted in fits])
    assert not hasattr(model, "components_")
    assert_allclose(PathDisplay.from_estimators(fits, n_filters=4).filters, display.filters)
    assert [tick.get_text() for tick in display.ax_.get_yticklabels()] == ["0.01", "0.1"]
    pipeline = make_pipeline(PCAWhitener(10), model)
    display = PathDisplay.from_estimator(pipeline, X, alphas=alphas, n_filters=4)
    assert not hasattr(pipeline[0], "mean_")
    whitener = PCAWhitener(10).fit(X)
    fits = regularization_path(model, whitener.transform(X), alphas=alphas)
    filters = [whitener.inverse_transform(fit.decoder_components_[:4]) - whitener.mean_ for fit in fits]
    assert_allclose(display.filters, filters, atol=1e-10)


def test_wrong_paths(digits, autoencoder):
    """Models without alpha, an empty list, and models of different widths are refused."""
    X, _ = digits
    with pytest.raises(ValueError, match="estimators with an alpha, which ZeroBiasAutoencoder has not"):
        PathDisplay.from_estimators([ZeroBiasAutoencoder(3, **BRIEF).fit(X)])
    with pytest.raises(ValueError, match="needs at least one estimator, got none"):
        PathDisplay.from_estimators([])
    with pytest.raises(ValueError, match="estimators of one shape"):
        PathDisplay.from_estimators([autoencoder, ContractiveAutoencoder(3, **BRIEF).fit(X)])
    for one in (autoencoder, make_pipeline(autoencoder), 3):
        with pytest.raises(TypeError, match=f"needs a sequence of fitted estimators, got {type(one).__name__}"):
            PathDisplay.from_estimators(one)
    with pytest.raises(ValueError, match=r"filters must have shape .*, got \(3, 4\)"):
        PathDisplay(np.ones((3, 4)), [1.0, 2.0, 3.0]).plot()
    with pytest.raises(ValueError, match=r"a number for each of 3 rows of filters, got \(1,\)"):
        PathDisplay(np.ones((3, 2, 4)), [1.0]).plot()


def test_path_behind_a_step_that_needs_labels(digits):
    """The steps get the labels; features that a step has dropped come back as zeros."""
    X, y = digits
    X = X[:, X.std(axis=0) > 0.0]
    pipeline = make_pipeline(SelectKBest(k=30), SaturatingAutoencoder(3, **BRIEF))
    display = PathDisplay.from_estimator(pipeline, X, y, alphas=[0.1], image_shape=(1, X.shape[1]))
    left_out = ~SelectKBest(k=30).fit(X, y).get_support()
    assert_array_equal((display.filters[0] == 0.0).all(axis=0), left_out)


def test_frozen_steps_are_not_fitted_again(digits):
    """The path starts from the frozen steps as they are; a frozen autoencoder has no path."""
    X, _ = digits
    whitener = FrozenEstimator(PCAWhitener(5, whiten=None).fit(X[:100]))
    autoencoder = ContractiveAutoencoder(3, **BRIEF)
    display = PathDisplay.from_estimator(make_pipeline(whitener, autoencoder), X, alphas=[0.1])
    fitted = make_pipeline(whitener, autoencoder.set_params(alpha=0.1)).fit(X)
    assert_allclose(display.filters[0], FiltersDisplay.from_estimator(fitted).filters)
    for frozen in (FrozenEstimator(fitted), make_pipeline(whitener, FrozenEstimator(fitted[-1]))):
        with pytest.raises(ValueError, match=r"fits the autoencoder at each alpha, got a FrozenEstimator"):
            PathDisplay.from_estimator(frozen, X, alphas=[0.1])


@pytest.mark.parametrize("before", [[], [StandardScaler()], [FunctionTransformer(np.cbrt), StandardScaler()]])
def test_frozen_estimators_are_drawn_as_unfrozen_ones(before, digits):
    """The whole, or each step by itself: filters, reconstructions and scores are the same."""
    X, _ = digits
    model = make_pipeline(*before, ContractiveAutoencoder(3, **BRIEF)).fit(X)
    for frozen in (FrozenEstimator(model), make_pipeline(*(FrozenEstimator(step) for _, step in model.steps))):
        for draw in (FiltersDisplay, ReconstructionDisplay, SparsityDisplay, ScoreHistogramDisplay, ActivationDisplay):
            data = [] if draw is FiltersDisplay else [X]
            display, other = draw.from_estimator(model, *data), draw.from_estimator(frozen, *data)
            for key, value in vars(display).items():
                if isinstance(value, np.ndarray):
                    assert_array_equal(getattr(other, key), value, err_msg=key)
        LossCurveDisplay.from_estimator(frozen)
        pyplot.close("all")


# Reconstructions


def test_reconstructions_are_the_pipelines(digits):
    """The display shows inverse_transform of the last step's reconstruction, in units of the input."""
    X, _ = digits
    model = make_pipeline(StandardScaler(), PCAWhitener(0.9), ContractiveAutoencoder(8, **BRIEF)).fit(X)
    display = ReconstructionDisplay.from_estimator(model, X, n_samples=4)
    assert_array_equal(display.inputs, X[:4])
    expected = model[:-1].inverse_transform(model[-1].reconstruct(model[:-1].transform(X[:4])))
    assert_allclose(display.reconstructions, expected)
    behind = make_pipeline(ContrastNormalizer(), model).fit(X)
    assert_allclose(ReconstructionDisplay.from_estimator(behind, X).inputs, behind[0].transform(X[:10]))


@pytest.mark.parametrize("noise", ["gaussian", "masking", "salt_and_pepper"])
def test_reconstructions_of_corrupted_samples(noise, digits, autoencoder):
    """The drawn corrupted samples are reconstructed; a seed repeats them; labels stand beside the rows."""
    X, _ = digits
    display, again = (
        ReconstructionDisplay.from_estimator(autoencoder, X, noise=noise, noise_level=0.3, random_state=0)
        for _ in range(2)
    )
    assert_array_equal(display.corrupted, again.corrupted)
    assert (display.corrupted != display.inputs).any()
    assert_allclose(display.reconstructions, autoencoder.reconstruct(display.corrupted))
    labels = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert labels == ["input", "corrupted", "reconstruction"]


@pytest.mark.parametrize("before", [[], [MinMaxScaler().set_output(transform="pandas")]])
def test_noise_that_leaves_the_range_of_bernoulli_units(before, circle):
    """Noisy samples are neither refused nor clipped, as in `score`, alone and in a Pipeline."""
    X = pd.DataFrame(MinMaxScaler().fit_transform(circle))
    autoencoder = DenoisingAutoencoder(8, visible="bernoulli", noise="gaussian", **BRIEF)
    model = make_pipeline(*before, autoencoder).fit(X)
    display = ReconstructionDisplay.from_estimator(model, X, noise="gaussian", noise_level=0.5, random_state=0)
    assert display.corrupted.min() < 0.0
    assert display.corrupted.max() > 1.0
    last = model[-1]
    codes = last._activation().value(display.corrupted @ last.components_.T + last.intercept_hidden_)
    logits = codes @ last.decoder_components_ + last.intercept_visible_
    assert_allclose(display.reconstructions, 1.0 / (1.0 + np.exp(-logits)), atol=1e-10)


def test_lines_of_unlike_features_are_standardised(rng):
    """Features with other units do not hide the rest: all are standardised. Features in one unit are not."""
    X = rng.standard_normal((50, 5))
    model = make_pipeline(StandardScaler(), ContractiveAutoencoder(4, **BRIEF))
    display = ReconstructionDisplay.from_estimator(model.fit(X), X)
    assert display.scale is None
    X = X * [1.0, 1.0, 1000.0, 1.0, 1.0]
    display = ReconstructionDisplay.from_estimator(model.fit(X), X)
    assert_allclose(display.scale, X.std(axis=0))
    assert np.ptp(display.ax_.get_ylim()) < 100.0
    assert_allclose(display.ax_.lines[0].get_ydata(), (X[0] - X.mean(axis=0)) / X.std(axis=0), atol=1e-12)


def test_reconstructions_of_what_is_no_number(digits):
    """Categories can be neither drawn nor corrupted, but the last step's input can. Numbers may be held as objects."""
    labels = pd.DataFrame({"label": np.where(digits[1] > 4, "1", "0")})
    for encoder in (OneHotEncoder(sparse_output=False), OrdinalEncoder()):
        model = make_pipeline(encoder, ContractiveAutoencoder(2, **BRIEF)).fit(labels)
        with pytest.raises(TypeError, match=r"draws numbers, but X holds others .*model\[-1\], with model\[:-1\]"):
            ReconstructionDisplay.from_estimator(model, labels)
        ReconstructionDisplay.from_estimator(model[-1], model[:-1].transform(labels))
    columns = make_column_transformer((OneHotEncoder(), ["label"]), sparse_threshold=0.0)
    model = make_pipeline(columns, ContractiveAutoencoder(2, **BRIEF)).fit(labels)
    assert ReconstructionDisplay.from_estimator(model, labels).inputs.shape == (10, 2)
    with pytest.raises(TypeError, match="draws numbers, but X holds others"):
        ReconstructionDisplay.from_estimator(model, labels, noise="masking")
    numbers = pd.DataFrame(digits[0]).astype("Float64")
    model = ContractiveAutoencoder(4, **BRIEF).fit(numbers)
    assert_array_equal(ReconstructionDisplay.from_estimator(model, numbers).inputs, digits[0][:10])


# Energies


def test_energy_and_field(plane, circle):
    """The surface shows score_samples, and the arrows are its gradient."""
    display = EnergyDisplay.from_estimator(plane, circle, grid_resolution=15, n_arrows=4)
    points = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    assert_array_equal(display.energy.ravel(), plane.score_samples(points))
    assert display.field.shape == (16, 2)
    for position, arrow in zip(display.positions, display.field, strict=True):
        gradient = numerical_gradient(lambda x: float(plane.score_samples(x[None])[0]), position, 1e-5)
        assert_allclose(arrow, gradient, atol=1e-6)


def test_field_through_a_pipeline(circle):
    """In a Pipeline, arrows lead to the Pipeline's own reconstruction, in units of the input."""
    model = make_pipeline(StandardScaler(), PCAWhitener(), ContractiveAutoencoder(6, **BRIEF)).fit(circle * [10.0, 1.0])
    display = EnergyDisplay.from_estimator(model, circle * [10.0, 1.0], grid_resolution=10)
    steps, last = model[:-1], model[-1]
    z = steps.transform(display.positions)
    expected = steps.inverse_transform(z + last.vector_field(z)) - display.positions
    assert_allclose(display.field, expected, atol=1e-10)


def test_energy_of_what_has_no_field(circle):
    """Detectors, classifiers and Pipelines without inverse have no arrows, and refuse field=True."""
    labels = (circle[:, 0] > 0).astype(int)
    autoencoder = ContractiveAutoencoder(4, **BRIEF)
    for model in (
        EnergyOutlierDetector().fit(circle),
        ClassSpecificAEClassifier(autoencoder, method="normalize").fit(circle, labels),
        make_pipeline(FunctionTransformer(np.tanh), autoencoder).fit(circle),
    ):
        display = EnergyDisplay.from_estimator(model, circle, grid_resolution=10)
        assert display.field is None
        assert display.arrows_ is None
        with pytest.raises(ValueError, match="field=True needs an autoencoder"):
            EnergyDisplay.from_estimator(model, circle, field=True)


def test_energy_of_bernoulli_units(circle):
    """For bernoulli units the grid stays in [0, 1]; the model refuses a larger one."""
    X = MinMaxScaler().fit_transform(circle)
    model = ContractiveAutoencoder(4, visible="bernoulli", **BRIEF).fit(X)
    display = EnergyDisplay.from_estimator(model, X, grid_resolution=10)
    assert display.xx0.min() == 0.0
    with pytest.raises(ValueError, match="takes values in"):
        EnergyDisplay.from_estimator(model, X, eps=0.5)


def test_energy_of_bernoulli_units_inside(circle):
    """The grid stays in [0, 1] for detectors and classifiers with bernoulli autoencoders."""
    X = MinMaxScaler().fit_transform(circle)
    autoencoder = ContractiveAutoencoder(4, visible="bernoulli", **BRIEF)
    for model in (
        EnergyOutlierDetector(autoencoder).fit(X),
        EnergyOutlierDetector(make_pipeline(FunctionTransformer(), autoencoder)).fit(X),
        make_pipeline(FunctionTransformer(), ClassSpecificAEClassifier(autoencoder, method="normalize")).fit(
            X, (X[:, 0] > 0.5).astype(int)
        ),
    ):
        display = EnergyDisplay.from_estimator(model, X, grid_resolution=10)
        assert (display.xx0.min(), display.xx1.max()) == (0.0, 1.0)


def test_constant_energy_and_constant_feature(circle):
    """A constant energy, and a feature without range, can be drawn."""
    X = circle * [1.0, 0.0]
    model = ContractiveAutoencoder(4, **BRIEF).fit(X)
    display = EnergyDisplay.from_estimator(model, X, grid_resolution=10)
    assert np.ptp(display.xx1) > 0.0
    display.energy = np.zeros_like(display.energy)
    display.plot().figure_.canvas.draw()


@pytest.mark.parametrize(
    "options", [{"grid_resolution": 1}, {"n_arrows": 0}, {"eps": -1.0}, {"eps": np.nan}, {"field": "yes"}]
)
def test_wrong_options_of_energy(options, plane, circle):
    """The error for a wrong option says its name, its value, and what it must be."""
    (name,) = options
    with pytest.raises(ValueError, match=f"{name} must be"):
        EnergyDisplay.from_estimator(plane, circle, **options)


def test_a_display_drawn_again_has_one_colorbar(plane, circle):
    """A display replaces its own colour bar in the same axes, in whatever state; those in other axes stay."""
    display = EnergyDisplay.from_estimator(plane, circle, grid_resolution=10)
    figure, ax = display.figure_, display.ax_
    assert len(display.plot(ax).figure_.axes) == 2
    display.colorbar_.remove()
    assert len(display.plot(ax).figure_.axes) == 2
    ax.clear()
    assert len(display.plot(ax).figure_.axes) == 2
    figure.canvas.draw()
    assert len(display.plot().figure_.axes) == 2
    assert len(figure.axes) == 2
    assert display.plot(display.ax_, colorbar=False).colorbar_ is None
    assert len(display.figure_.axes) == 1


def test_displays_of_lists():
    """Constructors take lists: everything that numpy turns into arrays."""
    grid = [0, 1, 2]
    xx0, xx1 = [grid] * 3, [[i] * 3 for i in grid]
    EnergyDisplay(xx0, xx1, [[0, 1, 0], [1, 2, 1], [0, 1, 0]], positions=[[1, 1]], field=[[1, 0]], X=[[1, 2]]).plot()
    FiltersDisplay([[1, 0, 0, -1]], image_shape=[2, 2]).plot(limit=2)
    PathDisplay([[[1, 0, 0, -1]]], [1]).plot()
    ReconstructionDisplay([[1, 2, 3]], [[1, 2, 2]]).plot()
    ScoreHistogramDisplay([1, 2, 3], groups=["a", "b", "a"]).plot()
    LossCurveDisplay([3, 2], validation_loss_curve=[3, 3]).plot()
    SparsityDisplay([0, 1]).plot()
    ActivationDisplay.from_activation("relu", limits=[-1, 1])


def test_energy_needs_two_features(autoencoder, plane, digits, circle):
    """Other numbers of features, and estimators without score_samples, are refused in one sentence."""
    with pytest.raises(ValueError, match=r"models of two features, got X of shape \(300, 64\)"):
        EnergyDisplay.from_estimator(autoencoder, digits[0])
    with pytest.raises(ValueError, match=r"needs at least one sample, got X of shape \(0, 2\)"):
        EnergyDisplay.from_estimator(plane, circle[:0])
    with pytest.raises(TypeError, match="an estimator with score_samples, got StandardScaler"):
        EnergyDisplay.from_estimator(StandardScaler(), digits[0])


# Scores


def test_groups_of_scores(digits, autoencoder, classifier):
    """Labels group the scores: known and unknown for a classifier, inliers and outliers for a detector."""
    X, y = digits
    display = ScoreHistogramDisplay.from_estimator(classifier, X, y)
    assert_array_equal(display.scores, classifier.score_samples(X))
    assert_array_equal(display.groups == "unknown", y >= 8)
    named = ScoreHistogramDisplay.from_estimator(classifier, X, np.where(y >= 8, "new", "old"), offset=-3.0)
    assert set(named.groups) == {"new", "old"}
    assert named.offset == -3.0
    display = ScoreHistogramDisplay.from_estimator(classifier, X[y < 8], y[y < 8])
    assert_array_equal(display.groups, y[y < 8])
    assert [tick.get_text() for tick in display.ax_.get_yticklabels()] == list("01234567")
    detector = EnergyOutlierDetector(autoencoder).fit(X)
    display = ScoreHistogramDisplay.from_estimator(detector, X, np.where(y == 0, -1, 1))
    assert display.offset == detector.offset_
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["inlier", "outlier", "threshold"]
    assert_array_equal(display.groups, np.where(y == 0, "outlier", "inlier"))
    assert ScoreHistogramDisplay.from_estimator(autoencoder, X).ax_.get_legend() is None


def test_far_scores_do_not_hide_the_others(rng):
    """The outermost bin counts a score that lies far off; equal scores have a bin too."""
    scores = np.append(rng.standard_normal(200), [-1e9, 1e9])
    display = ScoreHistogramDisplay(scores).plot(bins=10)
    assert display.ax_.get_xlim()[0] > -20.0
    shares, edges, _ = display.ax_.patches[0].get_data()
    counts = [np.count_nonzero(scores < edges[1]), np.count_nonzero(scores >= edges[-2])]
    assert_allclose(shares[[0, -1]] * (edges[1] - edges[0]), np.array(counts) / len(scores))
    ScoreHistogramDisplay(np.zeros(5)).plot().figure_.canvas.draw()


@pytest.mark.parametrize("far", [1.0, -1.0])
def test_a_wide_group_does_not_hide_a_narrow_one(far, rng):
    """The bins end near the narrow group, the outermost one counts what lies beyond, and the label says how many."""
    narrow, wide = rng.standard_normal(200), far * np.exp(3.0 * rng.standard_normal(300) + 6.0)
    scores, groups = np.concatenate([narrow, wide]), np.repeat(["narrow", "wide"], [200, 300])
    display = ScoreHistogramDisplay(scores, groups=groups).plot(bins=40)
    _, edges, _ = display.ax_.patches[0].get_data()
    first, third = np.quantile(narrow, (0.25, 0.75))
    assert (third - first) / (edges[1] - edges[0]) > 1.5
    assert_allclose(edges[0] if far < 0 else edges[-1], (first if far < 0 else third) + far * 10.0 * (third - first))
    n_beyond = np.count_nonzero((scores < edges[0]) | (scores > edges[-1]))
    assert n_beyond > 200
    side = "below" if far < 0 else "above"
    assert display.ax_.get_xlabel() == f"score_samples\nthe outermost bins include {n_beyond} {side}"
    densities = np.array([patch.get_data()[0] for patch in display.ax_.patches[::2]])
    assert_allclose(densities.sum(axis=1) * (edges[1] - edges[0]), 1.0)


def test_narrow_groups_far_apart_are_shown_whole(rng):
    """A distance between groups is no tail; and few scores, or equal ones, are no group to measure others by."""
    near, far = rng.standard_normal(200), rng.standard_normal(200) - 80.0
    scores, groups = np.concatenate([near, far]), np.repeat(["near", "far"], 200)
    display = ScoreHistogramDisplay(scores, groups=groups).plot()
    assert_allclose(display.ax_.patches[0].get_data()[1][[0, -1]], [scores.min(), scores.max()])
    assert display.ax_.get_xlabel() == "score_samples"
    for few in (near[:5] * 1e-6 + 3.0, np.full(100, 3.0)):
        scores, groups = np.append(near, few), np.repeat(["near", "few"], [200, len(few)])
        display = ScoreHistogramDisplay(scores, groups=groups).plot()
        assert_allclose(display.ax_.patches[0].get_data()[1][[0, -1]], [scores.min(), scores.max()])


def test_limits_of_the_bins(autoencoder, digits, rng):
    """The bins end at the given limits; the outermost ones include the scores beyond."""
    scores = rng.standard_normal(100)
    display = ScoreHistogramDisplay(scores).plot(bins=4, limits=[-1, 0])
    shares, edges, _ = display.ax_.patches[0].get_data()
    assert_allclose(edges, [-1.0, -0.75, -0.5, -0.25, 0.0])
    assert_allclose(0.25 * shares[[0, -1]], [np.mean(scores < -0.75), np.mean(scores >= -0.25)])
    below, above = np.count_nonzero(scores < -1.0), np.count_nonzero(scores > 0.0)
    assert display.ax_.get_xlabel() == f"score_samples\nthe outermost bins include {below} below and {above} above"
    display = ScoreHistogramDisplay.from_estimator(autoencoder, digits[0], limits=(-3.0, 3.0))
    assert_allclose(display.ax_.patches[0].get_data()[1][[0, -1]], [-3.0, 3.0])
    for wrong in ("all", 3.0, (1.0, 1.0), (0.0, np.inf), (0.0, 1.0, 2.0)):
        with pytest.raises(ValueError, match="limits must be two finite numbers, the smaller one first, got"):
            ScoreHistogramDisplay(scores).plot(limits=wrong)


def test_wrong_labels(digits, autoencoder):
    """Wrong numbers or kinds of labels, and estimators without scores, are refused."""
    X, y = digits
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ScoreHistogramDisplay.from_estimator(autoencoder, X, y[:-1])
    for labels, got in (([1.0, np.nan, 2.0], "nan"), (["a", None, "b"], "NoneType, str"), ([None] * 3, "NoneType")):
        with pytest.raises(ValueError, match=f"^y must be numbers or strings, all of one kind .*, got {got}$"):
            ScoreHistogramDisplay.from_estimator(autoencoder, X[:3], labels)
        with pytest.raises(ValueError, match=f"^groups must be numbers or strings, .*, got {got}$"):
            ScoreHistogramDisplay([1.0, 2.0, 3.0], groups=labels).plot()
    with pytest.raises(ValueError, match=r"groups must have one label for each of 3 scores, got \(2,\)"):
        ScoreHistogramDisplay([1.0, 2.0, 3.0], groups=[1, 2]).plot()
    with pytest.raises(TypeError, match="an estimator with score_samples, got LogisticRegression"):
        ScoreHistogramDisplay.from_estimator(LogisticRegression(), X)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([1.0, np.nan, np.inf], "scores must be finite, got 2 of 3 that are nan or infinite"),
        ([], r"scores must have shape \(n_samples,\) with at least one sample, got \(0,\)"),
        ([[1.0]], r"with at least one sample, got \(1, 1\)"),
    ],
)
def test_wrong_scores(scores, message):
    """Scores and thresholds that are not finite numbers are refused."""
    with pytest.raises(ValueError, match=message):
        ScoreHistogramDisplay(scores).plot()
    with pytest.raises(ValueError, match="offset must be a finite number or None, got 'a'"):
        ScoreHistogramDisplay([1.0], offset="a").plot()


# Losses


def test_loss_curves_of_several_fits(digits, autoencoder, classifier):
    """Training and validation loss are drawn over the epochs; the next fit has the next colour."""
    X, _ = digits
    display = LossCurveDisplay.from_estimator(autoencoder)
    assert_array_equal(display.line_.get_data(), [np.arange(1, 6), autoencoder.loss_curve_])
    assert_array_equal(display.validation_line_.get_ydata(), autoencoder.validation_loss_curve_)
    assert display.validation_line_.get_color() == display.line_.get_color()
    assert (display.line_.get_linestyle(), display.validation_line_.get_linestyle()) == ("-", "--")
    pipeline = make_pipeline(StandardScaler(), ContractiveAutoencoder(4, **BRIEF)).fit(X)
    other = LossCurveDisplay.from_estimator(pipeline, name="other", ax=display.ax_)
    assert other.line_.get_color() != display.line_.get_color()
    assert_array_equal(LossCurveDisplay.from_estimator(classifier).loss_curve, classifier.loss_curve_)


def test_the_axis_is_logarithmic_where_losses_span_much():
    """The axis is logarithmic if losses span much; it is linear if they do not, or if one is negative."""
    scales = {"log": [10.0, 1.0], "linear": [2.0, 1.0]}
    for scale, curve in scales.items():
        assert LossCurveDisplay(curve).plot().ax_.get_yscale() == scale
    assert LossCurveDisplay([10.0, -1.0]).plot().ax_.get_yscale() == "linear"


def test_other_lines_do_not_choose_the_scale():
    """A line of the user does not count as a loss; lines of other fits do."""
    _, ax = pyplot.subplots()
    ax.axhline(0.0)
    ax.plot([1, 2], [1e-3, 1e3])
    assert LossCurveDisplay([2.0, 1.0]).plot(ax).ax_.get_yscale() == "linear"
    assert LossCurveDisplay([0.2, 0.1]).plot(ax).ax_.get_yscale() == "log"


def test_no_loss_curve(digits, circle):
    """Estimators without loss curve are refused in one sentence; for a classifier it says where to look."""
    with pytest.raises(
        ValueError, match=r"^loss_curve must have shape \(n_iter,\) with at least one epoch, got \(0,\)"
    ):
        LossCurveDisplay([]).plot()
    with pytest.raises(ValueError, match=r"^validation_loss_curve must have shape"):
        LossCurveDisplay([1.0], validation_loss_curve=1.0).plot()
    X, y = digits
    model = ClassSpecificAEClassifier(ContractiveAutoencoder(5, max_iter=40, tol=0), method="normalize").fit(X, y)
    with pytest.raises(ValueError, match="has no loss_curve_; only fine-tuning gives it one"):
        LossCurveDisplay.from_estimator(model)
    with pytest.raises(ValueError, match=r"this EnergyOutlierDetector has no loss_curve_$"):
        LossCurveDisplay.from_estimator(EnergyOutlierDetector().fit(circle))


# Sparsity


def test_sparsity_is_that_of_the_metrics(digits):
    """Its mean is `activation_fraction`, its dead units those of `dead_unit_fraction`; the legend counts them."""
    X, _ = digits
    model = SaturatingAutoencoder(10, activation="relu", **BRIEF).fit(X)
    model.intercept_hidden_[[2, 5]] = -1e3
    model.intercept_hidden_[7] = 1e3
    smooth = ContractiveAutoencoder(10, **BRIEF).fit(X)  # whose units are never quite off: more than 0.1 is active
    smooth.intercept_hidden_[:5] = -10.0
    fractions = SparsityDisplay.from_estimator(smooth, X).fractions
    assert_allclose(fractions, (smooth.transform(X) > 0.1).mean(axis=0))
    assert fractions.mean() < 1.0
    display = SparsityDisplay.from_estimator(model, X, name="relu")
    assert_allclose(display.fractions.mean(), activation_fraction(model, X))
    assert_array_equal(display.dead_units, [2, 5])
    assert_array_equal(display.always_active_units, [7])
    assert dead_unit_fraction(model, X) == 0.2
    (text,) = display.ax_.get_legend().get_texts()
    assert text.get_text().startswith("relu: ")
    assert text.get_text().endswith("of 10 units 2 dead, 1 always on")
    assert_array_equal(display.curve_.get_data().values, np.sort(display.fractions)[::-1])


# Activations


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    """Away from kinks, the curves are derivatives of each other: potential, h, derivative. Jumps are gaps."""
    display = ActivationDisplay.from_activation(name)
    u, curves = display.u, display.curves
    assert {"value", "derivative", "potential"} <= set(curves)
    middle = 0.5 * (u[1:] + u[:-1])
    smooth = np.diff(u) > 1e-6
    for lower, higher in (("potential", "value"), ("value", "derivative")):
        slope = np.diff(curves[lower])[smooth] / np.diff(u)[smooth]
        known = np.isfinite(curves[higher])
        expected = np.interp(middle, u[known], curves[higher][known])[smooth]
        assert_allclose(slope, expected, atol=2e-2)
    jumps = np.abs(np.diff(curves["value"]))
    assert np.nanmax(jumps) < 0.1
    assert set(display.lines_) == set(curves)


def test_pre_activations_behind_the_activation(digits, autoencoder):
    """The histogram counts all pre-activations W x + b of the samples."""
    X, _ = digits
    display = ActivationDisplay.from_estimator(autoencoder, X, limits=(-50.0, 50.0))
    U = X @ autoencoder.components_.T + autoencoder.intercept_hidden_
    assert_array_equal(display.counts, np.histogram(U, display.edges)[0])
    assert display.counts.sum() == U.size
    assert ActivationDisplay.from_estimator(ContractiveAutoencoder()).counts is None
    with pytest.raises(ValueError, match=r"Found array with 0 sample"):
        ActivationDisplay.from_estimator(autoencoder, X[:0])


def test_sheet_of_all_activations():
    """The sheet has one axes for each activation, and one legend."""
    figure = activation_sheet()
    assert len(figure.axes) == len(ACTIVATIONS)
    assert len(figure.legends) == 1
    assert len(activation_sheet(["relu"]).axes) == 1
    with pytest.raises(ValueError, match="at least one activation, got none"):
        activation_sheet([])
    for limits in ((1.0, -1.0), 3.0, (0.0, np.inf), ("a", 1.0), "ab"):
        with pytest.raises(ValueError, match="limits must be two finite numbers"):
            activation_sheet(limits=limits)
