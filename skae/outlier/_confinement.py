"""Whether scores fall away from the data."""

import numpy as np

from skae._validation import DTYPES, check_array
from skae.training import dense, like_frame, quiet

# Rows are compared with what lies these many times as far from the mean. Far out a bounded unit has saturated, and
# scores fall in the end. Near the data, scores of units without a bound need not have risen above all others.
_FACTORS = 10.0, 1000.0

# No more rows than these are compared.
_MOST_ROWS = 512


def share_of_far_rows_on_top(model, X, mean):
    """Return the share of the rows of X that score higher than all of them when they are moved away from the mean.

    They are moved ten times as far, and a thousand times. The share is 0 for a density. It is not for an energy that
    rises without bound, as half squares of units without a bound do where no penalty keeps the weights short.

    Parameters
    ----------
    model : estimator
        Fitted, with `score_samples`.
    X : {array-like, sparse matrix} of shape (n, d)
        Training data. At most 512 rows are taken, at equal distances.
    mean : ndarray of shape (d,)
        Mean of the training data.

    Returns
    -------
    float
        0 if the model refuses the far rows, as bernoulli units do.
    """
    try:
        with quiet(), np.errstate(all="ignore"):  # about logarithms of what no training row is, and the like
            rows = check_array(X, accept_sparse="csr", dtype=DTYPES)
            n_rows = rows.shape[0]
            rows = dense(rows[np.unique(np.linspace(0, n_rows - 1, min(n_rows, _MOST_ROWS)).astype(int))])
            highest, on_top = np.max(model.score_samples(like_frame(rows, X))), np.ones(len(rows), dtype=bool)
            for factor in _FACTORS:
                far = (mean + factor * (rows - mean)).astype(rows.dtype)
                on_top &= np.asarray(model.score_samples(like_frame(far, X))) > highest
            return float(on_top.mean())
    except (ArithmeticError, TypeError, ValueError):
        return 0.0
