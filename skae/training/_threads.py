"""Limits on BLAS threads: small products are faster on one thread."""

import contextlib
import functools
import threading
from typing import Any

from threadpoolctl import ThreadpoolController

# Number of multiplications in a product below which a second thread makes it slower.
_WORTH_THREADS = 1.5e7

_lock = threading.Lock()
_active: list[float] = []
_found: list[Any] = []


@functools.cache
def _controller():
    return ThreadpoolController()


def one_openmp_thread():
    """Run the body on one OpenMP thread. Sums then have one order, and so one result, on every machine."""
    return _controller().limit(limits=1, user_api="openmp")


@contextlib.contextmanager
def blas_threads(multiplications):
    """Run the body on one BLAS thread if its products are small.

    If they are large, limit only scipy's own BLAS, where it has one, to one thread. L-BFGS alternates between numpy's
    BLAS and scipy's, and two thread pools would slow each other down.

    BLAS limits apply to the whole process. While several of these blocks run, the strictest limit holds. When the last
    one ends, the original limits are restored.

    Parameters
    ----------
    multiplications : float
        Number of multiplications in a typical product.
    """
    with _lock:
        if not _active:
            _found[:] = [(each, each.num_threads) for each in _controller().select(user_api="blas").lib_controllers]
        _active.append(multiplications)
        _limit()
    try:
        yield
    finally:
        with _lock:
            _active.remove(multiplications)
            _limit()


def _limit():
    """Set the limits for the blocks that are running."""
    small = any(multiplications < _WORTH_THREADS for multiplications in _active)
    for library, n_threads in _found:
        scipys = bool(_active) and "scipy.libs" in library.filepath
        # threadpoolctl obeys only the first thread that sets a limit, until that thread ends or is released.
        release = getattr(library, "clear_controlling_thread", lambda force: None)
        release(force=True)
        library.set_num_threads(1 if small or scipys else n_threads)
        release(force=True)
