"""Limits on BLAS threads: small products are faster on one thread."""

import contextlib
import functools
import sys
import threading
import weakref

from threadpoolctl import ThreadpoolController

# Number of multiplications in a product below which a second thread makes it slower.
_WORTH_THREADS = 1.5e7

# Threads of these packages draw progress, or pass on messages, also those from and to processes of joblib.
_HELPERS = (
    "sklearn.callback",
    "rich",
    "tqdm",
    "joblib.externals.loky",
    "concurrent.futures.process",
    "multiprocessing.queues",
)

# Threads that were there before skae and do not keep the process alive, as those of a notebook. Those of a pool are not
# among them.
_bystanders = weakref.WeakSet(
    each for each in threading.enumerate() if each.daemon and type(each).__module__ != "multiprocessing.dummy"
)


@functools.cache
def _controller():
    return ThreadpoolController()


@functools.cache
def _blas(of_scipy=False):
    """Return the controller of every BLAS, or of scipy's own only."""
    blas = _controller().select(user_api="blas")
    if not of_scipy:
        return blas
    return blas.select(filepath=[each.filepath for each in blas.lib_controllers if "scipy.libs" in each.filepath])


def blas_thread_count():
    """Return the number of threads of the BLAS that multiplies matrices."""
    return max((each.num_threads for each in _blas().lib_controllers), default=1)


def alone():
    """Return whether the main thread runs this, beside threads only that fit nothing.

    Otherwise nothing may be set for a while that applies to the whole process: limits on threads, filters of warnings.
    Who sets it puts back what he found, so two that overlap in two threads leave it behind for good.
    """
    this = threading.current_thread()
    return this is threading.main_thread() and all(
        each is this or each in _bystanders or _runs(each, _HELPERS) for each in threading.enumerate()
    )


def _runs(thread, packages):
    """Return whether a thread runs a function of one of the packages."""
    frame, name = sys._current_frames().get(thread.ident), ""
    while frame is not None:  # from the innermost call to the outermost one
        own = frame.f_globals.get("__name__", "")
        frame, name = frame.f_back, name if own == "threading" else own
    return name.startswith(packages)


@contextlib.contextmanager
def blas_threads(multiplications):
    """Run the body on one BLAS thread if its products are small.

    If they are large, limit only scipy's own BLAS, where it has one, to one thread. L-BFGS alternates between numpy's
    BLAS and scipy's, and two thread pools would slow each other down.

    There is no limit where another thread might set one (see `alone`): outside the main thread, and beside other
    threads. Those of a notebook that has imported skae, and of progress bars, do not count.

    Parameters
    ----------
    multiplications : float
        Number of multiplications in a typical product.
    """
    blas = _blas(of_scipy=multiplications >= _WORTH_THREADS)
    if all(each.num_threads == 1 for each in blas.lib_controllers) or not alone():
        yield
        return
    with blas.limit(limits=1):
        yield
