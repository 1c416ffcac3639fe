"""Tables of new values with the names of a user's table."""


def like_frame(values, X):
    """Return values as a table of X's kind, with its names, if X is a table of pandas, polars or pyarrow.

    Parameters
    ----------
    values : ndarray of shape (n, d)
        Numbers.
    X : {ndarray, table} of d columns
        A user's data.

    Returns
    -------
    {ndarray, table} of shape (n, d)
        `values` themselves if X is no table.
    """
    if not hasattr(X, "columns"):
        return values
    names = getattr(X, "column_names", X.columns)  # the columns of pyarrow are arrays
    make = getattr(type(X), "from_pydict", type(X))
    return make({name: values[:, i] for i, name in enumerate(names)})
