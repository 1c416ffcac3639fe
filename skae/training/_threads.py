"""How many threads the BLAS may use: small products are faster on one."""

import contextlib
import functools
import threading
from typing import Any

from threadpoolctl import ThreadpoolController

# Multiplications of one product; below it a second thread costs more than it gives.
_WORTH_THREADS = 1.5e7

_lock = threading.Lock()
_active: list[float] = []
_found: list[Any] = []


@functools.cache
def _controller():
    return ThreadpoolController()


def one_openmp_thread():
    """Run the body on one OpenMP thread: the order of sums, and so the result, is then the same on every machine."""
    return _controller().limit(limits=1, user_api="openmp")


@contextlib.contextmanager
def blas_threads(multiplications):
    """Run the body on one BLAS thread where its products are small.

    Where they are not, scipy's own BLAS, if it has one, is limited to a thread: L-BFGS goes back and forth between the
    two, whose pools of threads would get in each other's way.

    BLAS limits apply to the whole process. While several of these blocks run, the strictest limit holds. When the last
    one ends, the original limits are restored.

    Parameters
    ----------
    multiplications : float
        Of a typical product.
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
    """Set the limits for the bodies under way."""
    small = any(multiplications < _WORTH_THREADS for multiplications in _active)
    for library, n_threads in _found:
        scipys = bool(_active) and "scipy.libs" in library.filepath
        # threadpoolctl heeds one thread only, from its first call to its end, unless that is taken back.
        release = getattr(library, "clear_controlling_thread", lambda force: None)
        release(force=True)
        library.set_num_threads(1 if small or scipys else n_threads)
        release(force=True)
