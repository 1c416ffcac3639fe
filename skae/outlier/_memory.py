"""What to do where memory is too small."""

import contextlib


@contextlib.contextmanager
def memory_advice(X, purpose):
    """Run the body; a `MemoryError` in it says how large X was, and what to do.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Rows.
    purpose : str
        What the body does.
    """
    try:
        yield
    except MemoryError as error:
        raise MemoryError(
            f"{purpose} {X.shape[0]} rows of {X.shape[1]} features needs more memory than there is; take fewer rows at "
            "a time, or keep fewer features, for example by PCAWhitener(0.99, whiten=None) before the model"
        ) from error
