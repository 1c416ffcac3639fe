"""Tasks over blocks, and their results added up in a tree."""

import copy
import sys
from typing import Any

from dask.base import compute, get_scheduler
from dask.delayed import delayed

# Results that one task joins.
_FAN_IN = 4

# How often a computation is tried whose shared arguments were lost with a worker. Lost blocks are computed anyway.
_TRIALS = 3


def current_client():
    """Return the client of `distributed` that computes, or None: another scheduler does, then."""
    owner = getattr(get_scheduler(), "__self__", None)
    return owner if hasattr(owner, "scatter") else None


def reduced(function, join, parts, *job):
    """Return what `join` makes of the results of ``function(*part, job)``, joined a few at a time.

    Parameters
    ----------
    function : callable
        It runs where the first item of the part lies.
    join : callable
        It takes a list of results, and returns one.
    parts : list of tuple
        The first arguments of each task.
    *job : object
        The last argument of all tasks, a tuple. It is sent to each worker once.
    """
    run, add = delayed(_joined, pure=False), delayed(join, pure=False)

    def whole():
        shared = _shared(job)  # it lives until the result is there
        tasks = [run(function, join, group, shared) for group in _groups(parts)]
        while len(tasks) > 1:
            tasks = [add(tasks[start : start + _FAN_IN]) for start in range(0, len(tasks), _FAN_IN)]
        return compute(tasks[0])[0]

    return _tried(whole)


def _joined(function, join, parts, job):
    """Return what `join` makes of the results of the function for several parts.

    Each task has its own job. Tasks that share a process must not share scratch arrays. And arrays that `distributed`
    sends are not aligned, so that each product with them would copy them (distributed 2026.8.0, numpy 2.4.6).
    """
    job = copy.deepcopy(job)
    return join([function(*part, job) for part in parts])


def _groups(parts):
    """Return the parts in groups, one a thread of each worker that has the first items of these parts.

    With more tasks than threads, the scheduler would send blocks to a worker that is idle for a moment.
    """
    client = current_client()
    if client is None:
        return [[part] for part in parts]
    from distributed import futures_of

    futures = [futures_of(part[0])[0] for part in parts]
    places, threads = client.who_has(futures), client.nthreads()
    own: dict[Any, list] = {}
    for number, (part, future) in enumerate(zip(parts, futures, strict=True)):
        # A block that is nowhere is computed again, by a task of its own.
        own.setdefault(min(places.get(future.key, ()), default=number), []).append(part)
    groups = []
    for worker, found in own.items():
        n = min(max(threads.get(worker, 1), 1), len(found))
        groups += [found[start::n] for start in range(n)]
    return groups


def computed(delayed_object):
    """Return the result of a delayed object.

    Raises
    ------
    RuntimeError
        If the cluster fails.
    """
    return _tried(lambda: compute(delayed_object)[0])


def _tried(function):
    """Return what `function` returns; call it again if what it needs was lost with a worker."""
    client = current_client()
    for trial in range(1, _TRIALS + 1):
        try:
            return function()
        except Exception as error:
            gone = client is not None and client.status != "running"
            if not gone and not _is_lost(error):
                raise
            if gone or trial == _TRIALS:
                reason = str(error).partition("\n")[0]
                raise RuntimeError(
                    f"the cluster failed ({type(error).__name__}: {reason}); the estimator is as before"
                ) from error
    raise AssertionError


def _shared(value):
    """Return a value as an argument of many tasks, which each worker gets once."""
    client = current_client()
    if client is None:
        return delayed(value, pure=False, traverse=False)
    return client.scatter([value], broadcast=True, hash=False)[0]


def _is_lost(error):
    """Return whether an error tells of the cluster, and not of the task."""
    if "distributed" not in sys.modules:
        return False
    from distributed import CancelledError, KilledWorker
    from distributed.comm.core import CommClosedError

    return isinstance(error, CancelledError | KilledWorker | CommClosedError | TimeoutError)
