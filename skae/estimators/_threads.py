"""How many threads the BLAS may use: small products are faster on one."""

import contextlib
import functools
import threading

from threadpoolctl import ThreadpoolController

# Multiplications of one product; below it a second thread costs more than it gives.
_WORTH_THREADS = 1.5e7

_lock = threading.Lock()
_running = 0
_limiter = None


@functools.cache
def _controller():
    return ThreadpoolController()


def one_openmp_thread():
    """Run the body on one OpenMP thread: the order of sums, and so the result, is then the same on every machine."""
    return _controller().limit(limits=1, user_api="openmp")


@contextlib.contextmanager
def blas_threads(multiplications):
    """Run the body on one BLAS thread where its products are small.

    The limit is the process's, not the thread's: the first body to come sets it, the last to leave restores it.

    Parameters
    ----------
    multiplications : float
        Of a typical product.
    """
    global _running, _limiter
    if multiplications >= _WORTH_THREADS:
        yield
        return
    with _lock:
        if _running == 0:
            _limiter = _controller().limit(limits=1, user_api="blas")
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if _running == 0:
                _limiter.restore_original_limits()
