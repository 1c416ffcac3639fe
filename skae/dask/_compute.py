"""Tasks over blocks, and their results added up in a tree."""

import copy
from typing import Any

from dask import config
from dask.base import compute, get_scheduler
from dask.delayed import delayed

# Results that one task joins.
_FAN_IN = 4

# How often a computation is tried whose shared arguments were lost with a worker. Lost blocks are computed anyway.
_TRIALS = 3


def futures_of(block):
    """Return the futures of a persisted object."""
    from distributed import futures_of

    return futures_of(block)


def current_client():
    """Return the client of `distributed` that computes, or None: another scheduler does, then."""
    owner = getattr(get_scheduler(), "__self__", None)
    return owner if hasattr(owner, "scatter") else None


def reduced(function, join, blocks, parts, *job):
    """Return what `join` makes of the results of ``function(*part, job)``, joined a few at a time.

    Parameters
    ----------
    function : callable
        It runs where the first item of the part lies.
    join : callable
        It takes a list of results, and returns one.
    blocks : PlacedBlocks
        All blocks, the first items of the parts among them.
    parts : list of tuple
        The first arguments of each task.
    *job : object
        The last argument of all tasks, a tuple. It is sent to each worker once.
    """
    client = current_client()
    if client is None:
        run, shared = delayed(_joined, pure=False), delayed(job, pure=False, traverse=False)
        tasks = [run(function, join, [part], shared) for part in parts]
        while len(tasks) > 1:
            tasks = [delayed(join, pure=False)(tasks[i : i + _FAN_IN]) for i in range(0, len(tasks), _FAN_IN)]
        return compute(tasks[0])[0]

    def whole():
        jobs, tasks = _Relays(client, job), []
        for home, group in blocks.groups(client, parts):
            own = [(futures_of(part[0])[0], *part[1:]) for part in group]
            tasks.append(client.submit(_joined, function, join, own, jobs.at(home), pure=False, **_preferring(home)))
        while len(tasks) > 1:
            tasks = [client.submit(join, tasks[i : i + _FAN_IN], pure=False) for i in range(0, len(tasks), _FAN_IN)]
        return _result(tasks[0])

    with config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):  # the job has the parameters
        return _tried(client, whole)


class _Relays:
    """A job on each worker that asks for it, which gets it from another one: a tree, in which each sends it to two.

    These are tasks, which are run again if their worker dies.
    """

    def __init__(self, client, job):
        self._client, self._job, self._own = client, job, {}

    def at(self, worker):
        """Return the future of the job on a worker."""
        if worker not in self._own:
            source = list(self._own.values())[(len(self._own) - 1) // 2] if self._own else self._job
            self._own[worker] = self._client.submit(_same, source, pure=False, **_preferring(worker))
        return self._own[worker]


def _preferring(worker):
    """Return the options of a task for one worker; others may take it if that one has gone."""
    return {"workers": [worker], "allow_other_workers": True}


def _same(job):
    """Return the job."""
    return job


def _joined(function, join, parts, job):
    """Return what `join` makes of the results of the function for several parts.

    Each task has its own job. Tasks that share a process must not share scratch arrays. And arrays that `distributed`
    sends are not aligned, so that each product with them would copy them (distributed 2026.8.0, numpy 2.4.6).
    """
    job = copy.deepcopy(job)
    return join([function(*part, job) for part in parts])


class PlacedBlocks:
    """Blocks that are kept in memory, each with a worker that computes with it, its home.

    Without homes, the scheduler would send blocks to any worker that is idle for a moment, and not back. The home of a
    block is a worker that has it, unless this one would have more than its share of the rows.

    Parameters
    ----------
    blocks : list of Delayed
        The blocks, persisted.
    sizes : list of int
        Their numbers of rows.
    """

    def __init__(self, blocks, sizes):
        self.blocks, self._sizes = blocks, {block.key: size for block, size in zip(blocks, sizes, strict=True)}
        self._homes = {}

    def groups(self, client, parts):
        """Yield (worker, some of the parts), one for each thread that has any."""
        threads = {worker: max(number, 1) for worker, number in client.nthreads().items()}
        if any(self._homes.get(key) not in threads for key in self._sizes):
            self._settle(client, threads)
        own: dict[Any, list] = {}
        for part in parts:
            own.setdefault(self._homes[part[0].key], []).append(part)
        for worker, found in own.items():
            n = min(threads[worker], len(found))
            yield from ((worker, found[start::n]) for start in range(n))

    def _settle(self, client, threads):
        """Give a home to each block that has none, or whose worker has gone."""
        if not threads:
            raise LostError("no workers")
        holders = client.who_has([futures_of(block)[0] for block in self.blocks])
        load, share = dict.fromkeys(threads, 0), sum(self._sizes.values()) / sum(threads.values())
        homeless = []
        for key, size in self._sizes.items():
            home = self._homes.get(key)
            if home in threads:
                load[home] += size
            else:
                homeless.append(key)
        for key in homeless:
            size = self._sizes[key]
            near = [worker for worker in holders.get(key, ()) if worker in threads]
            near = [worker for worker in near if load[worker] + 0.5 * size <= share * threads[worker]]
            home = min(near or threads, key=lambda worker: (load[worker] + size) / threads[worker])
            self._homes[key], load[home] = home, load[home] + size


def computed(delayed_object):
    """Return the result of a delayed object.

    Raises
    ------
    RuntimeError
        If the cluster fails.
    """
    client = current_client()
    if client is None:
        return compute(delayed_object)[0]
    return _tried(client, lambda: _result(client.compute(delayed_object)))


def _result(future):
    """Return the result of a future. A task that waits for it lends its thread to others meanwhile."""
    from distributed import rejoin, secede
    from distributed.worker import thread_state  # type: ignore[attr-defined]

    if not getattr(thread_state, "key", False):
        return future.result()
    secede()
    try:
        return future.result()
    finally:
        rejoin()


class LostError(Exception):
    """What was needed is not on the cluster any more."""


def _tried(client, function):
    """Return what `function` returns; call it again if what it needs was lost with a worker."""
    for trial in range(1, _TRIALS + 1):
        try:
            return function()
        except Exception as error:
            gone = client.status != "running"
            if not gone and not _is_lost(error):
                raise
            if gone or trial == _TRIALS:
                reason = str(error).partition("\n")[0]
                raise RuntimeError(
                    f"the cluster failed ({type(error).__name__}: {reason}); the estimator is as before"
                ) from error
    raise AssertionError


def _is_lost(error):
    """Return whether an error tells of the cluster, and not of the task."""
    from distributed import CancelledError, KilledWorker
    from distributed.comm.core import CommClosedError

    return isinstance(error, CancelledError | KilledWorker | CommClosedError | LostError)
