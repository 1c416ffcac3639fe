"""Rows of a table, checked."""

from skae._validation import DTYPES, validate_data


def checked_rows(estimator, X, dtype=DTYPES, **kwargs):
    """Validate X as scikit-learn does; the error of missing values says what to put before the detector.

    Parameters
    ----------
    estimator : estimator
        Whose rows these are.
    X : {array-like, sparse matrix} of shape (n, d)
        Rows.
    dtype : dtype or list of dtypes
        What X may have; the first of a list is what other dtypes become.
    **kwargs
        What else `validate_data` takes.

    Returns
    -------
    {ndarray, CSR matrix} of shape (n, d)
    """
    try:
        return validate_data(estimator, X, accept_sparse="csr", dtype=dtype, **kwargs)
    except ValueError as error:
        if not str(error).startswith("Input X contains NaN"):
            raise
        raise ValueError(
            "Input X contains NaN, where every value must be a number; put an imputer before the detector, for example "
            "make_pipeline(SimpleImputer(), EnergyOutlierDetector())"
        ) from None
