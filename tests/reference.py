"""The formulas of the papers, one row and one unit at a time, in float64. Nothing here is taken from skae.

Letters are those of the papers: W are the encoder's rows, V the decoder's, b the hidden and c the visible bias, u the
pre-activations of a row, h its code and r its reconstruction. Where a paper slips, the text of ``doc/papers.md`` holds.
"""

import math

from scipy.integrate import quad
from scipy.special import spence


def sigmoid(u):
    """1/(1 + exp(-u))."""
    return 1.0 / (1.0 + math.exp(-u)) if u >= 0.0 else math.exp(u) / (1.0 + math.exp(u))


def log_1_exp(u):
    """log(1 + exp(u))."""
    return max(u, 0.0) + math.log1p(math.exp(-abs(u)))


def dilogarithm(u):
    """-Li2(-exp(u)), the antiderivative of log(1 + exp(u)) (spence(z) is Li2(1 - z))."""
    if u > 0.0:  # the inversion formula of Li2
        return u * u / 2.0 + math.pi**2 / 6.0 - dilogarithm(-u)
    return -float(spence(1.0 + math.exp(u)))


#: h, its derivative where it has one, and its antiderivative, as functions of (u, threshold).
UNITS = {
    "identity": (lambda u, t: u, lambda u, t: 1.0, lambda u, t: u * u / 2.0),
    "sigmoid": (lambda u, t: sigmoid(u), lambda u, t: sigmoid(u) * sigmoid(-u), lambda u, t: log_1_exp(u)),
    "tanh": (
        lambda u, t: math.tanh(u),
        lambda u, t: 1.0 - math.tanh(u) ** 2,
        lambda u, t: abs(u) + math.log1p(math.exp(-2.0 * abs(u))) - math.log(2.0),
    ),
    "softplus": (lambda u, t: log_1_exp(u), lambda u, t: sigmoid(u), lambda u, t: dilogarithm(u)),
    "relu": (lambda u, t: max(0.0, u), lambda u, t: float(u > 0.0), lambda u, t: max(0.0, u) ** 2 / 2.0),
    "square": (lambda u, t: u * u, lambda u, t: 2.0 * u, lambda u, t: u**3 / 3.0),
    "modulus": (lambda u, t: abs(u), lambda u, t: math.copysign(1.0, u), lambda u, t: u * abs(u) / 2.0),
    "synchrony": (
        lambda u, t: u * sigmoid(u * u),
        lambda u, t: sigmoid(u * u) * (1.0 + 2.0 * u * u * sigmoid(-u * u)),
        lambda u, t: log_1_exp(u * u) / 2.0,
    ),
    "trec": (lambda u, t: u * (u > t), lambda u, t: float(u > t), lambda u, t: (u * u - t * t) / 2.0 * (u > t)),
    "tlin": (
        lambda u, t: u * (u * u > t),
        lambda u, t: float(u * u > t),
        lambda u, t: (u * u - t) / 2.0 * (u * u > t),
    ),
    "shrink": (
        lambda u, t: math.copysign(max(abs(u) - t, 0.0), u),
        lambda u, t: float(abs(u) > t),
        lambda u, t: max(abs(u) - t, 0.0) ** 2 / 2.0,
    ),
    "satlinear": (
        lambda u, t: min(max(u, -1.0), 1.0),
        lambda u, t: float(abs(u) < 1.0),
        lambda u, t: u * u / 2.0 if abs(u) <= 1.0 else abs(u) - 0.5,
    ),
}


# -- hidden units


def code(units, threshold, u):
    """The code of a row (ENERGY 2.3, ZAE 3, SAT 2)."""
    if units == "max":
        return [float(k == u.index(max(u))) for k in range(len(u))]
    if units == "softmax":
        total = sum(math.exp(each - max(u)) for each in u)
        return [math.exp(each - max(u)) / total for each in u]
    return [UNITS[units][0](each, threshold) for each in u]


def potential(units, threshold, u):
    """The antiderivative of the code, summed over the units (ENERGY eq. 9)."""
    if units == "max":
        return max(u)
    if units == "softmax":
        return max(u) + math.log(sum(math.exp(each - max(u)) for each in u))
    return sum(UNITS[units][2](each, threshold) for each in u)


def slope(units, threshold, u):
    """The derivative of each unit in its own u."""
    return [UNITS[units][1](each, threshold) for each in u]


def distance_to_flat(units, threshold, u, scale=None):
    """The complement of one unit: the distance to where it is flat (SAT eq. 1), or the average variation (eq. 3)."""
    if scale is None and units in ("relu", "trec", "tlin", "shrink", "satlinear"):
        t = threshold
        return {
            "relu": lambda: max(0.0, u),
            "trec": lambda: max(0.0, u - t),
            "tlin": lambda: max(0.0, abs(u) - math.sqrt(t)),
            "shrink": lambda: max(0.0, abs(u) - t),
            "satlinear": lambda: max(0.0, 1.0 - abs(u)),
        }[units]()
    scale = 1.0 if scale is None else scale

    def variation(sign):
        def of_distance(distance):
            return abs(UNITS[units][1](u + sign * distance, threshold)) * math.exp(-distance / scale)

        return quad(of_distance, 0.0, 40.0 * scale + 2.0 * abs(u), limit=200, epsabs=1e-12, epsrel=1e-11)[0]

    return min(variation(1.0), variation(-1.0))


# -- the model


def dot(x, y):
    """The inner product."""
    return sum(p * q for p, q in zip(x, y, strict=True))


def hidden_bias(units, W, b, c):
    """The hidden bias: b, none, or that of K-means (ENERGY 2.3.8)."""
    if units == "max":
        return [-dot(w, w) / 2.0 - dot(w, c) for w in W]
    return [0.0] * len(W) if b is None else list(b)


def pre_activations(units, W, b, c, x):
    """W x + b."""
    return [dot(w, x) + bias for w, bias in zip(W, hidden_bias(units, W, b, c), strict=True)]


def logits(V, c, h):
    """V^T h + c, before the visible units."""
    return [c[i] + sum(h[k] * V[k][i] for k in range(len(h))) for i in range(len(c))]


def reconstruction(visible, V, c, h):
    """What the decoder gives (ENERGY eq. 2 and 4)."""
    a = logits(V, c, h)
    return a if visible == "gaussian" else [sigmoid(each) for each in a]


def cost(visible, V, c, h, x):
    """Half the squared error, or the cross-entropy, of one row."""
    a = logits(V, c, h)
    if visible == "gaussian":
        return sum((p - q) ** 2 for p, q in zip(x, a, strict=True)) / 2.0
    return sum(log_1_exp(q) - p * q for p, q in zip(x, a, strict=True))


def entropy(x):
    """The entropy of a row of shares, with 0 log 0 = 0."""
    return -sum(p * math.log(p) for each in x for p in (each, 1.0 - each) if p > 0.0)


def energy(units, threshold, visible, W, b, c, V, x):
    """The score of a row: the potential (ENERGY eq. 11, 28), or minus the cost where the weights are untied."""
    u = pre_activations(units, W, b, c, x)
    if V is not W:
        return -cost(visible, V, c, code(units, threshold, u), x)
    if visible == "gaussian":
        return potential(units, threshold, u) - sum((p - q) ** 2 for p, q in zip(x, c, strict=True)) / 2.0
    return potential(units, threshold, u) + dot(c, x) + entropy(x)


# -- penalties of one row


def contractive(alpha, units, threshold, W, V, u):
    """Squared Frobenius norm of the code's Jacobian (SPARSE eq. 9, ENERGY eq. 40)."""
    return alpha * sum(D**2 * dot(w, w) for D, w in zip(slope(units, threshold, u), W, strict=True))


def laplacian(alpha, units, threshold, W, V, u):
    """The divergence of the field, without the dimension (ENERGY eq. 38, 39)."""
    return alpha * sum(D * dot(w, v) for D, w, v in zip(slope(units, threshold, u), W, V, strict=True))


def marginalized(alpha, units, threshold, W, V, u):
    """What the noise adds to second order (SPARSE eq. 10, 11)."""
    slopes = slope(units, threshold, u)
    return alpha * sum(D**2 * dot(w, w) * dot(v, v) for D, w, v in zip(slopes, W, V, strict=True))


def saturation(alpha, units, threshold, W, V, u):
    """The distances to the flat parts (SAT eq. 2)."""
    return alpha * sum(distance_to_flat(units, threshold, each) for each in u)


OF_A_ROW = {
    "contractive": contractive,
    "laplacian": laplacian,
    "marginalized": marginalized,
    "saturation": saturation,
}


def sparse(alpha, rho, mean_code):
    """KL(rho || mean), of units whose mean is within (0, 1) (SPARSE eq. 12, 13)."""
    total = 0.0
    for m in mean_code:
        total += (1.0 - rho) * math.log((1.0 - rho) / (1.0 - m))
        total += rho * math.log(rho / m) if rho > 0.0 else 0.0
    return alpha * total


def l2(alpha, W, V):
    """Half the squared weights (ENERGY 4.4)."""
    return alpha / 2.0 * sum(dot(row, row) for row in (W if V is W else [*W, *V]))


def objective(units, threshold, visible, W, b, c, V, X, weight, penalties, rho):
    """The weighted mean cost of the rows, and the penalties, a dict of their strengths; `rho` is that of "sparse"."""
    codes, total = [], 0.0
    for x, share in zip(X, weight, strict=True):
        u = pre_activations(units, W, b, c, x)
        h = code(units, threshold, u)
        value = cost(visible, V, c, h, x)
        for name in OF_A_ROW.keys() & penalties.keys():
            value += OF_A_ROW[name](penalties[name], units, threshold, W, V, u)
        codes.append(h)
        total += share * value
    value = total / sum(weight)
    if "sparse" in penalties:
        mean = [sum(s * h[k] for s, h in zip(weight, codes, strict=True)) / sum(weight) for k in range(len(W))]
        value += sparse(penalties["sparse"], rho, mean)
    if "l2" in penalties:
        value += l2(penalties["l2"], W, V)
    return value


# -- classes


def probabilities(energies, constants, temperature):
    """The share of each class (ENERGY eq. 45 and 46): exp((E_k + log C_k)/T), over their sum."""
    scores = [(E + constant) / temperature for E, constant in zip(energies, constants, strict=True)]
    largest = max(scores)
    total = sum(math.exp(each - largest) for each in scores)
    return [math.exp(each - largest) / total for each in scores]
