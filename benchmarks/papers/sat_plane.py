"""What the saturation penalty does in the plane: SAT figures 2, 3 and 6.

    python benchmarks/papers/sat_plane.py [--quick] [--only TEXT] [--minutes M]

plane: how much of the square [-1, 1]^2 is reconstructed where the data are a curve (SAT does not give its curves and
strengths; ours are a sine and an arc). complement: a formula, at several scales of eq. 3's weight,
which SAT leaves open.

SAT trains by gradient descent at a constant rate of 0.05; L-BFGS is beside it. Batches have 10 rows. Rows are scaled to
unit length after each update, SAT's after every tenth. Figure 2 has three seeds; figure 3 has nine, of which eight make
"holds". `--quick` takes 200 rows and one seed.
"""

import base64
import itertools

import numpy as np
from scipy.spatial import cKDTree
from study import Claim, NotMeasuredError, Study, Table, save, verdict

from skae import SaturatingAutoencoder
from skae.activations import Activation
from skae.complements import complement
from skae.datasets import make_curve

#: Of the square: reconstructed to a twentieth of its half side.
NEAR, RATE = 0.05, 0.05
#: Activation, units, curve, alphas, further parameters.
PLANES = {
    "2": ("shrink", 10, "sine", (0.0, 0.01, 0.03), {"threshold": 0.1}),
    "3": ("satlinear", 2, "arc", (0.0, 0.003, 0.01), {"tied_weights": False, "weight_constraint": None}),
    "3, tied": ("satlinear", 2, "arc", (0.0, 0.003, 0.01), {}),
}
#: Seeds of each figure in the plane; two units may end elsewhere.
SEEDS = {"2": 3, "3": 9, "3, tied": 3}
#: Scales of the weight in eq. 3. The picture has the first.
SCALES = (1.0, 0.25, 4.0, 8.0)


def cells(quick, results):
    """Return the cells: the formula, then the plane by seed."""
    common = {"quick": True} if quick else {}
    found = [{"part": "complement", "scale": scale} for scale in SCALES]
    for seed, solver, (figure, plane) in itertools.product(range(9), ("sgd", "lbfgs"), PLANES.items()):
        if seed >= (1 if quick else SEEDS[figure]):
            continue
        found += [
            {"part": "plane", "figure": figure, "alpha": alpha, "solver": solver, "seed": seed} for alpha in plane[3]
        ]
    return [{**each, **common} for each in found]


def measure(part, quick=False, **cell):
    """Return what a part measures."""
    return {"complement": figure_6, "plane": plane}[part](quick=quick, **cell)


class Bump(Activation):
    """Non-monotonic units for figure 6: a smooth rise from 0, less a smaller one later."""

    name = "bump"

    def value(self, u, out=None):
        """Return h."""
        return _sigmoid(3.0 * u + 6.0) - 0.5 * _sigmoid(3.0 * u - 3.0)

    def derivative(self, u, h, out=None):
        """Return h'."""
        one, other = _sigmoid(3.0 * u + 6.0), _sigmoid(3.0 * u - 3.0)
        return 3.0 * one * (1.0 - one) - 1.5 * other * (1.0 - other)


def _sigmoid(u):
    return 0.5 * (1.0 + np.tanh(0.5 * u))


def figure_6(scale, quick):
    """Return a non-monotonic activation, the size of its slope, its complement (eq. 3), and where they are smallest."""
    u = np.linspace(-8.0, 8.0, 161 if quick else 321)
    units = Bump()
    h = units.value(u)
    slope = units.derivative(u, h)
    value, derivative = complement(units, u, scale)
    inside = np.flatnonzero(slope[:-1] * slope[1:] < 0.0)  # the maximum of h
    return {
        "u": u.tolist(),
        "h": h.tolist(),
        "slope": np.abs(slope).tolist(),
        "complement": value.tolist(),
        "slope_at_extremum": float(np.abs(slope[inside]).max() / np.abs(slope).max()),
        "complement_at_extremum": float(value[inside].max() / value.max()),
        "flatness_at_extremum": float(np.abs(derivative[inside]).max() / np.abs(derivative).max()),
        "complement_at_ends": float(value[[0, -1]].max() / value.max()),
    }


def descent(batch_size, rate):
    """Return the parameters of SAT's gradient descent."""
    return {
        "solver": "sgd",
        "learning_rate": "constant",
        "learning_rate_init": rate,
        "momentum": 0.0,
        "nesterovs_momentum": False,
        "batch_size": batch_size,
        "tol": 0.0,
    }


def plane(figure, alpha, solver, seed, quick):
    """Return how much of the square is reconstructed well, what the units do, and a picture of the errors."""
    activation, n_units, shape, _, parameters = PLANES[figure]
    X, t = make_curve(200 if quick else 1000, shape=shape, random_state=0)

    how = {"solver": "lbfgs", "max_iter": 2000, "tol": 1e-6}
    if solver == "sgd":  # ten steps of 30 epochs, and as many at the last alpha
        how = {**descent(10, RATE), "max_iter": 22 if quick else 600}
    model = SaturatingAutoencoder(
        n_units, activation=activation, alpha=alpha, random_state=seed, **how, **parameters
    ).fit(X)
    ticks = np.linspace(-1.0, 1.0, 101)
    square = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    error = np.sqrt(model.reconstruction_error(square))
    norms = np.linalg.norm(model.components_, axis=1)
    values = {
        "share": float(np.mean(error < NEAR)),
        "near": float(np.mean(model.reconstruction_error(X) < NEAR**2)),
        "error": float(np.sqrt(model.reconstruction_error(X).mean())),
        "encoder_length": float(norms.mean()),
        "encoder": model.components_.ravel().tolist(),
        "decoder": model.decoder_components_.ravel().tolist(),
        "surface": [encoded(error.reshape(len(ticks), -1)[::5, ::5], 0.0, 0.5)],
    }
    if activation == "satlinear":
        cosine = np.abs(model.components_[0] @ model.components_[1]) / norms.prod()
        linear = np.all(np.abs(model.transform(square)) < 1.0, axis=1)
        flat = np.any(np.abs(model.transform(X)) == 1.0, axis=1)
        low, high = np.quantile(t, [0.025, 0.975])
        values |= {
            "cosine": float(cosine),
            "quadratic": growth(square, error, linear),
            "agreement": float(np.mean((error < NEAR) == linear)),
            "flat": float(flat.mean()),
            "flat_at_ends": float(flat[(t <= low) | (t >= high)].mean()),
        }
    return values


def growth(points, error, region):
    """Return how well error = slope * distance from a region (true where inside) holds outside: R^2; 0 if it is all."""
    if region.all() or not region.any():
        return 0.0
    distance, _ = cKDTree(points[region]).query(points[~region])
    outside = error[~region]
    residual = outside - (distance @ outside / (distance @ distance)) * distance
    return float(1.0 - (residual @ residual) / np.sum((outside - outside.mean()) ** 2))


def encoded(values, low, high):
    """Return an array as text: a byte a number, from low to high."""
    scaled = np.clip((values - low) / (high - low), 0.0, 1.0)
    return base64.b64encode(np.round(255.0 * scaled).astype(np.uint8).tobytes()).decode()


def decoded(text):
    """Return the numbers of such a text, from 0 to 1."""
    return np.frombuffer(base64.b64decode(text), dtype=np.uint8) / 255.0


# What the claims read


def planes(results, figure, name, alpha=None, solver=("sgd", "lbfgs")):
    """Return values of the plane, by solver and seed, of one alpha or of all but 0."""
    alphas = PLANES[figure][3][1:] if alpha is None else (alpha,)
    found = [
        results.values(name, part="plane", figure=figure, alpha=each, solver=one) for each in alphas for one in solver
    ]
    if min(map(len, found)) < SEEDS[figure]:
        raise NotMeasuredError(f"not all seeds of figure {figure} have {name}")
    return np.array(found)


def orientations(results, alpha, solver):
    """Return the angle of the basis of each seed, in degrees from 0 to 90, and how far the seeds are apart.

    The two rows of the encoder count alike: a basis that is turned by 90 degrees is the same. The second number is the
    circular standard deviation in degrees; of angles all over the circle it is above 25.
    """
    lines = results.lines(part="plane", figure="3", alpha=alpha, solver=solver)
    if len(lines) < SEEDS["3"]:
        raise NotMeasuredError("not all seeds of figure 3")
    rows = np.array([line["encoder"] for line in lines]).reshape(len(lines), 2, 2)
    turned = np.exp(4j * np.arctan2(rows[..., 1], rows[..., 0])).sum(axis=1)
    turned /= np.abs(turned)
    length = min(np.abs(turned.mean()), 1.0)
    return np.degrees(np.angle(turned)) / 4.0 % 90.0, np.degrees(np.sqrt(-2.0 * np.log(length))) / 4.0


def mostly(conditions):
    """Return the verdict on conditions by fit: eight of nine for "holds", half for "in part"; and the share as text."""
    share = float(np.mean(conditions))
    return (share >= 8 / 9, share > 0.5), f" ({int(np.sum(conditions))} of {np.size(conditions)} fits)"


def paired(before, figure):
    """Return the values at alpha = 0 once for each other alpha, as `planes` has them."""
    return np.tile(before, (len(PLANES[figure][3]) - 1, 1))


def smaller(figure):
    """Return a judge of whether the penalty shrinks what is reconstructed."""

    def judge(results):
        before, after = planes(results, figure, "share", 0.0), planes(results, figure, "share")
        text = f"share of the square: {before.min():.2f} to {before.max():.2f} without the penalty, "
        conditions, count = mostly(after < paired(before, figure))
        return verdict(*conditions), f"{text}{after.min():.2f} to {after.max():.2f} with it{count}"

    return judge


def on_the_curve(results):
    """Figure 2: the curve stays well reconstructed, by the measure of the square."""
    parts = [(alpha, planes(results, "2", "near", alpha)) for alpha in PLANES["2"][3][1:]]
    text = "; ".join(f"alpha {alpha:g}: {100 * near.min():.0f} to {100 * near.max():.0f} %" for alpha, near in parts)
    return verdict(*(bool(near.min() > 0.95) for _, near in parts)), f"of the points of the curve, {text}"


def random_basis(results):
    """Figure 3: an orthogonal basis (to 10 degrees) of a random orientation, without penalty."""
    cosine = planes(results, "3", "cosine", 0.0)
    conditions, count = mostly(cosine < 0.17)
    text = f"cosine of the two encoder rows {cosine.min():.2f} to {cosine.max():.2f}{count}; angles of the basis"
    spreads = []
    for solver in ("sgd", "lbfgs"):
        angle, apart = orientations(results, 0.0, solver)
        spreads.append(apart > 10.0)
        text += f", {solver}: {', '.join(f'{each:.0f}' for each in np.sort(angle))} degrees (of 90)"
    return verdict(*conditions, all(spreads)), text


def aligned_basis(results):
    """Figure 3: with the larger penalty the orientations of the seeds are nearer together than without it."""
    outcomes, text = [], []
    for solver in ("sgd", "lbfgs"):
        (_, without), (_, with_it) = (orientations(results, alpha, solver) for alpha in (0.0, PLANES["3"][3][-1]))
        outcomes.append(bool(with_it < 0.5 * without))
        text.append(f"{solver}: {without:.0f} degrees without the penalty, {with_it:.0f} with it")
    return verdict(*outcomes), f"circular standard deviation of the angles. {'; '.join(text)}"


def outer_product(results):
    """Figure 3: the region is where both units are linear."""
    agreement = planes(results, "3", "agreement", 0.0)
    conditions, count = mostly(agreement > 0.95)
    text = f"{100 * agreement.min():.0f} to {100 * agreement.max():.0f} % of the square is both or neither{count}"
    return verdict(*conditions), text


def quadratic(results):
    """Figure 3: the error beyond that region, without the penalty."""
    explained = planes(results, "3", "quadratic", 0.0)
    conditions, count = mostly(explained > 0.9)
    text = (
        "share of the variance of the root of the error that the distance from the region explains, as a line through 0"
    )
    return verdict(*conditions), f"{text}: {explained.min():.2f} to {explained.max():.2f}; above 0.9{count}"


def saturated_ends(results):
    """Figure 3: units are flat at the ends of the curve."""
    after = planes(results, "3", "flat_at_ends")
    everywhere = planes(results, "3", "flat")
    parts = [(alpha, planes(results, "3", "flat_at_ends", alpha)) for alpha in PLANES["3"][3]]
    shares = "; ".join(f"alpha {alpha:g}: {each.min():.2f} to {each.max():.2f}" for alpha, each in parts)
    conditions, count = mostly(after > 0.9)
    text = f"share of the ends of the curve where a unit or both are flat, {shares}; above 0.9 with it{count}"
    return verdict(*conditions, bool(after.mean() > everywhere.mean())), text


def scaled_up(results):
    """Figure 3: longer encoder rows, of the same solver and seed."""
    before, after = planes(results, "3", "encoder_length", 0.0), planes(results, "3", "encoder_length")
    conditions, count = mostly(after > paired(before, "3"))
    text = f"mean length of the encoder rows {before.min():.2f} to {before.max():.2f} without the penalty, "
    return verdict(*conditions), f"{text}{after.min():.2f} to {after.max():.2f} with it; longer than without{count}"


def plateau(results):
    """Figure 6, at all scales of the weight."""
    outcomes, text = [], []
    for scale in SCALES:
        where = {"part": "complement", "scale": scale}
        names = ("slope_at_extremum", "complement_at_extremum", "flatness_at_extremum", "complement_at_ends")
        slope, value, flatness, ends = (results.mean(name, **where) for name in names)
        outcomes += [slope < 0.05 and value > 0.1, flatness < 0.1]
        text.append(f"scale {scale:g}: complement {value:.2f}, its slope {flatness:.2f}, at the ends {ends:.1g}")
    text = f"at the inner extremum, as shares of the largest: |f'| {slope:.3f}; {'; '.join(text)}"
    return verdict(*outcomes), text


CLAIMS = (
    Claim(
        "SAT 3.1, figure 2",
        "The penalty decreases the volume of the space that is well reconstructed (shrink, 10 units).",
        "",
        smaller("2"),
    ),
    Claim("SAT 3.1, figure 2", "Good reconstruction is kept on or near the data.", "", on_the_curve),
    Claim(
        "SAT 3.1, figure 3",
        "Without the penalty, two satlinear units learn an orthogonal basis with a random orientation.",
        "",
        random_basis,
    ),
    Claim(
        "SAT 3.1, figure 3",
        "Without it, the region that is well reconstructed is where both units are linear.",
        "",
        outer_product,
    ),
    Claim("SAT 3.1, figure 3", "Beyond it, the error increases quadratically with the distance.", "", quadratic),
    Claim(
        "SAT 3.1, figure 3",
        "With the penalty, units are saturated at the extreme points of the data.",
        "",
        saturated_ends,
    ),
    Claim("SAT 3.1, figure 3", "The penalty induces the basis to align with the data.", "", aligned_basis),
    Claim("SAT 3.1, figure 3", "This limits the space that is well reconstructed.", "", smaller("3")),
    Claim("SAT 3.1, figure 3", "With free weights, the encoder is scaled up.", "", scaled_up),
    Claim(
        "SAT 5.1, figure 6",
        "At an extremum of a non-monotonic activation |f'| is smallest, the complement of eq. 3 only has a plateau.",
        "",
        plateau,
    ),
)


def tables(results):
    """Return the plane."""
    plane_rows = []
    for (figure, plane), solver in itertools.product(PLANES.items(), ("sgd", "lbfgs")):
        for alpha in plane[3]:
            lines = results.lines(part="plane", figure=figure, solver=solver, alpha=alpha)
            if lines:
                plane_rows.append(
                    (
                        figure,
                        f"{plane[0]}, {plane[1]}",
                        solver,
                        f"{alpha:g}",
                        ", ".join(f"{line['share']:.2f}" for line in lines),
                        ", ".join(f"{line['error']:.3f}" for line in lines),
                    )
                )
    return [
        Table(
            "The plane: the share of the square that is reconstructed to 0.05, and the error on the curve, by seed",
            ("figure", "activation, units", "solver", "alpha", "share of the square", "error"),
            plane_rows,
        ),
    ]


def draw(results, folder, quick):
    """Save figures 2, 3 and 6 of what is measured."""
    import matplotlib.pyplot as plt

    captions = {}

    def keep(figure, name, caption):
        file = f"sat_plane_{name}.png"
        save(figure, folder / file)
        captions[file] = caption

    for figure_name in ("2", "3"):
        activation, _, shape, alphas, _ = PLANES[figure_name]
        lines = [each for each in results.lines(part="plane", figure=figure_name, solver="sgd") if each["seed"] < 3]
        if not lines:
            continue
        X, _ = make_curve(200, shape=shape, random_state=0)
        figure, axes = plt.subplots(
            len(alphas), 3, figsize=(7.5, 2.6 * len(alphas)), squeeze=False, layout="constrained"
        )
        for axis in axes.flat:
            axis.set_axis_off()
        for line in lines:
            _show(axes[alphas.index(line["alpha"]), line["seed"]], line, X, activation)
        keep(figure, f"figure{figure_name}", f"SAT figure {figure_name}: errors over the square, {activation}.")
    for line in results.lines(part="complement", scale=SCALES[0]):
        figure, axis = plt.subplots(figsize=(5, 3.2), layout="constrained")
        for name, label in (("h", "f"), ("slope", "|f'|"), ("complement", "complement (eq. 3)")):
            axis.plot(line["u"], line[name], label=label)
        axis.legend()
        keep(figure, "figure6", "SAT figure 6: the complement of a non-monotonic activation.")
    return captions


def _show(axis, line, X, activation):
    """Show errors over the square, the curve X, and the weights of two units."""
    axis.set_axis_on()
    surface = decoded(line["surface"][0])
    side = int(np.sqrt(surface.size))
    axis.imshow(
        surface.reshape(side, side),
        origin="lower",
        extent=(-1, 1, -1, 1),
        cmap="gray",
        vmin=0,
        vmax=1,
        interpolation="bilinear",
    )
    axis.plot(*X.T, ".", color="gold", markersize=2)
    if activation == "satlinear":
        for name, color in (("encoder", "red"), ("decoder", "green")):
            for row in np.reshape(line[name], (-1, 2)):
                axis.plot(*np.outer(row / np.linalg.norm(row) * 0.8, [0, 1]), color=color)
    axis.set(xticks=[], yticks=[], xlim=(-1, 1), ylim=(-1, 1), title=f"alpha={line['alpha']:g}")


STUDY = Study("sat_plane", "What the saturation penalty does in the plane", cells, measure, CLAIMS, tables, draw)

if __name__ == "__main__":
    STUDY.main(__doc__)
