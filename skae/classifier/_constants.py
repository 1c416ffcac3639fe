"""The constants that make the energies of separate autoencoders comparable, by maximum likelihood (ENERGY eq. 45)."""

import numpy as np
from scipy.special import logsumexp

# The gradient's norm at which a temperature is done with, and the most steps that all of them may take.
_TOLERANCE, _MAX_STEPS = 1e-10, 1000


def log_constants(E, labels, weight=None, *, temperature=1.0, start=None, free=None, precision=None):
    """Return the constants C that maximise the mean of log P(y_n | x_n), where P_j = softmax_j((E_j + C_j) / T).

    The problem is convex; where each class has a row, its solution is unique up to a common shift. Where the energies
    differ by hundreds, all probabilities are 0 or 1 and no Newton step leads anywhere: so the softmax's temperature
    falls from the size of the differences to 1, and damped Newton steps follow its solution.

    Parameters
    ----------
    E : ndarray of shape (n, K)
        Energies.
    labels : ndarray of int of shape (n,)
        Classes of the rows, from 0.
    weight : ndarray of shape (n,), optional
        Non-negative weights of the rows, not all zero.
    temperature : float, default=1.0
        T: where the energies differ by far more than it, the constants are those of the few rows that are wrong.
    start : ndarray of shape (K,), optional
        Where to start, and the mean of the prior; 0 if not given.
    free : ndarray of bool of shape (K,), optional
        Which constants to move; all if not given. Those that move must have rows, and some that does not must too.
    precision : ndarray of shape (K, K), optional
        Of a normal prior, with rows and columns that sum to 0; with it a class may be without rows.

    Returns
    -------
    C : ndarray of shape (K,)
        The constants; where all are free their mean is that of `start`.
    n_iter : int
        Steps taken.
    information : ndarray of shape (K, K)
        Fisher information of all rows about C.
    """
    T = float(temperature)
    E = E.astype(np.float64) / T
    n_rows, n_classes = E.shape
    weight = np.ones(n_rows) if weight is None else weight.astype(np.float64)
    mass = weight.sum()
    problem = _Problem(
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
            information = mass * (problem(C, 1.0)[2] - problem.precision)
            return T * C, n_iter, information / T**2
        temperature = max(1.0, temperature / 4.0)


class _Problem:
    """The mean negative log-likelihood at a temperature, times it, and the prior's share."""

    def __init__(self, E, labels, weight, start, precision):
        self.E, self.labels, self.weight, self.start, self.precision = E, labels, weight, start, precision
        self.observed = np.bincount(labels, weight, E.shape[1])

    def __call__(self, C, temperature):
        """Return value, gradient (K,) and Hessian (K, K)."""
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
    """Minimise from C by damped Newton steps with line search; return the minimum and the number of steps."""
    free = np.ones(len(C), dtype=bool) if free is None else free
    within = np.ix_(free, free)
    value, gradient, hessian = problem(C, temperature)
    for step in range(max_steps):
        g, H = gradient[free], hessian[within]
        size = float(np.linalg.norm(g))
        if size <= _TOLERANCE:
            return C, step
        # No step is longer than ten temperatures, however small the curvature.
        damping = size / (10.0 * temperature)
        H = H + damping * np.eye(len(g))
        if free.all():
            H = H + np.trace(H) / len(g)  # no curvature, and no way to go, along the common shift
        direction = np.zeros(len(C))
        direction[free] = -np.linalg.solve(H, g)
        if free.all():
            direction -= direction.mean()
        length, slope = 1.0, float(gradient @ direction)
        while True:
            new = C + length * direction
            candidate = problem(new, temperature)
            # Near the minimum the value is rounding, and the gradient tells.
            smaller = np.linalg.norm(candidate[1][free]) <= 0.5 * size
            if smaller or candidate[0] <= value + 1e-4 * length * slope:
                break
            length *= 0.5
            if length < 1e-12:
                return C, step
        C, (value, gradient, hessian) = new, candidate
    return C, max_steps
