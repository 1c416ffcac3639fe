"""How many threads the BLAS may use: small products are faster on one."""

import contextlib
import functools
import threading

from threadpoolctl import ThreadpoolController

# Multiplications of one product; below it a second thread costs more than it gives.
_WORTH_THREADS = 1.5e7

_lock = threading.Lock()
_running = 0
_originals = []


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

    The limits are the process's, not the thread's: the last body to leave restores what the first has found.

    Parameters
    ----------
    multiplications : float
        Of a typical product.
    """
    global _running, _originals
    libraries = _controller().select(user_api="blas").lib_controllers
    with _lock:
        if _running == 0:
            _originals = [(library, library.num_threads) for library in libraries]
        _running += 1
        for library in libraries:
            if multiplications < _WORTH_THREADS or "scipy.libs" in library.filepath:
                library.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if _running == 0:
                for library, n_threads in _originals:
                    library.set_num_threads(n_threads)
