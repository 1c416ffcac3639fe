"""Constants that make the energies of separate autoencoders comparable, by maximum likelihood (ENERGY eq. 45)."""

import numpy as np
from scipy.special import logsumexp

# Each temperature ends when the norm of the gradient is below this. All together take at most this many steps.
_TOLERANCE, _MAX_STEPS = 1e-10, 1000


def log_constants(E, labels, weight=None, *, temperature=1.0, start=None, free=None, precision=None):
    """Return the constants C that maximise the mean of log P(y_n | x_n), where P_j = softmax_j((E_j + C_j) / T).

    The problem is convex. If each class has a row, the solution is unique up to a common shift. If the energies differ
    by hundreds, all probabilities are 0 or 1, and a Newton step leads nowhere. So the softmax gets a temperature that
    falls from the size of the differences to 1, and damped Newton steps follow the solution.

    Parameters
    ----------
    E : ndarray of shape (n, K)
        Energies.
    labels : ndarray of int of shape (n,)
        Classes of the rows, from 0.
    weight : ndarray of shape (n,), optional
        Non-negative weights of the rows, not all zero.
    temperature : float, default=1.0
        Temperature T. If the energies differ by far more than T, only the few wrongly classified rows determine the
        constants.
    start : ndarray of shape (K,), optional
        Starting constants, and the mean of the prior. The default is 0.
    free : ndarray of bool of shape (K,), optional
        The constants to move. By default all move. The classes that move must have rows, and so must at least one class
        that does not.
    precision : ndarray of shape (K, K), optional
        Precision of a normal prior. Its rows and columns sum to 0. With a prior, a class may have no rows.

    Returns
    -------
    C : ndarray of shape (K,)
        The constants. If all are free, their mean is the mean of `start`.
    n_iter : int
        Number of steps.
    information : ndarray of shape (K, K)
        Fisher information of all rows about C.
    """
    T = float(temperature)
    largest = float(np.abs(E).max())
    if largest / (np.finfo(np.float64).max / 4.0) > T:
        raise ValueError(
            f"the energies, of up to {largest:.3g}, are too large for temperature={T:.3g}: their quotients overflow "
            "float64; bring the features to a common scale near 1, or raise the temperature"
        )
    E = E.astype(np.float64) / T
    n_rows, n_classes = E.shape
    weight = np.ones(n_rows) if weight is None else weight.astype(np.float64)
    mass = weight.sum()
    problem = _NegativeLogLikelihood(
        E,
        labels,
        weight / mass,
        np.zeros(n_classes) if start is None else np.asarray(start, dtype=np.float64) / T,
        np.zeros((n_classes, n_classes)) if precision is None else precision * (T**2 / mass),
    )
    C, n_iter = problem.start.copy(), 0
    temperature = max(1.0, float(np.abs(E - E.mean(axis=1, keepdims=True)).max()))
    while True:
        C, steps = _newton(problem, C, temperature, free, _MAX_STEPS - n_iter)
        n_iter += steps
        if temperature == 1.0:
            with np.errstate(over="ignore", under="ignore"):
                information = mass * (problem(C, 1.0)[2] - problem.precision) / T**2
            return T * C, n_iter, finite_information(information)
        temperature = max(1.0, temperature / 4.0)


def finite_information(information):
    """Return the information, with the largest numbers of float64 in place of larger ones."""
    largest = np.finfo(np.float64).max
    return np.clip(information, -largest, largest)


class _NegativeLogLikelihood:
    """Temperature times the mean negative log-likelihood of the constants, plus the term of the prior."""

    def __init__(self, E, labels, weight, start, precision):
        self.E, self.labels, self.weight, self.start, self.precision = E, labels, weight, start, precision
        self.observed = np.bincount(labels, weight, E.shape[1])
        self.rounding = np.finfo(np.float64).eps * float(np.abs(E).max())  # of the scores

    @np.errstate(under="ignore")
    def __call__(self, C, temperature):
        """Return value, gradient (K,) and Hessian (K, K) at the constants C, for a temperature of the softmax."""
        scores = (self.E + C) / temperature
        total = logsumexp(scores, axis=1)
        losses = total - scores[np.arange(len(scores)), self.labels]
        P = np.exp(scores - total[:, None])
        weighted = P * self.weight[:, None]
        expected = weighted.sum(axis=0)
        away = C - self.start
        pull = self.precision @ away
        hessian = (np.diag(expected) - P.T @ weighted) / temperature + self.precision
        return (
            temperature * float(self.weight @ losses) + 0.5 * float(away @ pull),
            expected - self.observed + pull,
            hessian,
        )


def _newton(problem, C, temperature, free, max_steps):
    """Minimise from C by damped Newton steps with a line search; return the minimum and the number of steps."""
    free = np.ones(len(C), dtype=bool) if free is None else free
    within = np.ix_(free, free)
    value, gradient, hessian = problem(C, temperature)
    for step in range(max_steps):
        g, H = gradient[free], hessian[within]
        size = float(np.linalg.norm(g))
        if size <= max(_TOLERANCE, problem.rounding / temperature):  # the rounding moves the probabilities by as much
            return C, step
        # The damping keeps steps shorter than ten temperatures, even where the curvature is small.
        damping = size / (10.0 * temperature)
        H = H + damping * np.eye(len(g))
        if free.all():
            H = H + np.trace(H) / len(g)  # add curvature along the common shift, which H lacks
        direction = np.zeros(len(C))
        direction[free] = -np.linalg.solve(H, g)
        if free.all():
            direction -= direction.mean()
        length, slope = 1.0, float(gradient @ direction)
        while True:
            new = C + length * direction
            candidate = problem(new, temperature)
            # Near the minimum, differences of the value are rounding. There the gradient decides.
            smaller = np.linalg.norm(candidate[1][free]) <= 0.5 * size
            if smaller or candidate[0] <= value + 1e-4 * length * slope:
                break
            length *= 0.5
            if length < 1e-12:
                return C, step
        C, (value, gradient, hessian) = new, candidate
    return C, max_steps
