"""Other libraries' training step of the same tied sigmoid autoencoder, for `speed.py`; absent where not installed."""

import functools
import importlib.util
import itertools
import math
import time

import numpy as np
from sklearn.neural_network import BernoulliRBM, MLPClassifier, MLPRegressor

HAS_TORCH = importlib.util.find_spec("torch") is not None


def torch_step(d, k, n, dtype, rule, contractive, compiled):
    """Return a function that does one step in torch: loss by autograd, torch's own optimiser, the same batch."""
    import torch

    torch.manual_seed(0)
    kind = getattr(torch, dtype)
    X = torch.rand(n, d, dtype=kind)
    W = (0.05 * torch.randn(k, d, dtype=kind)).requires_grad_()
    b, c = torch.zeros(k, dtype=kind, requires_grad=True), torch.zeros(d, dtype=kind, requires_grad=True)
    optimizer = _torch_rule(rule, [W, b, c])

    def loss(X, W, b, c):
        H = torch.sigmoid(torch.addmm(b, X, W.T))
        value = 0.5 * ((torch.addmm(c, H, W) - X) ** 2).sum() / n
        if contractive:
            value = value + 0.1 * (((H * (1 - H)) ** 2) @ (W * W).sum(dim=1)).sum() / n
        return value

    if compiled:
        torch._dynamo.reset()  # which gives up after eight compilations
        loss = torch.compile(loss)

    def step():
        optimizer.zero_grad()
        loss(X, W, b, c).backward()
        optimizer.step()

    return step


def torch_adam(X, k, alpha, rate, max_iter, batch_size=100, seed=0):
    """Train a contractive autoencoder with torch's Adam, falling linearly from a learning rate.

    Returns the parameters W, b and c, and the seconds that it took.
    """
    import torch

    torch.manual_seed(seed)
    X = torch.from_numpy(X)
    n, d = X.shape
    W = torch.nn.init.xavier_uniform_(torch.empty(k, d)).requires_grad_()
    b, c = torch.zeros(k, requires_grad=True), torch.zeros(d, requires_grad=True)
    optimizer = torch.optim.Adam([W, b, c], lr=rate, fused=True)
    n_steps = max_iter * math.ceil(n / batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0 - step / n_steps)
    start = time.perf_counter()
    for _ in range(max_iter):
        for rows in torch.randperm(n).split(batch_size):
            batch = X[rows]
            optimizer.zero_grad()
            H = torch.sigmoid(torch.addmm(b, batch, W.T))
            loss = 0.5 * ((torch.addmm(c, H, W) - batch) ** 2).sum()
            loss = (loss + alpha * (((H * (1 - H)) ** 2) @ (W * W).sum(dim=1)).sum()) / len(rows)
            loss.backward()
            optimizer.step()
            schedule.step()
    seconds = time.perf_counter() - start
    return {name: array.detach().numpy() for name, array in (("W", W), ("b", b), ("c", c))}, seconds


def torch_network_step(d, k, n, n_classes, dtype, rule, dropout):
    """Return a function that takes the next batch and does one step of a classifier with one layer of trec units."""
    import torch

    torch.manual_seed(0)
    kind = getattr(torch, dtype)
    X, y = torch.rand(8 * n, d, dtype=kind), torch.randint(n_classes, (8 * n,))
    W = (0.05 * torch.randn(k, d, dtype=kind)).requires_grad_()
    out = (0.05 * torch.randn(n_classes, k, dtype=kind)).requires_grad_()
    bias = torch.zeros(n_classes, dtype=kind, requires_grad=True)
    optimizer = _torch_rule(rule, [W, out, bias])
    batches = itertools.chain.from_iterable(torch.randperm(8 * n).split(n) for _ in itertools.count())

    def step():
        rows = next(batches)
        optimizer.zero_grad()
        U = X[rows] @ W.T
        H = U * (U > 1.0)
        if dropout > 0.0:
            H = torch.nn.functional.dropout(H, dropout)
        torch.nn.functional.cross_entropy(torch.addmm(bias, H, out.T), y[rows]).backward()
        optimizer.step()

    return step


def _torch_rule(rule, parameters):
    """Return torch's optimiser, in its fused form."""
    import torch

    if rule == "sgd":
        return torch.optim.SGD(parameters, lr=1e-6, momentum=0.9, nesterov=True, fused=True)
    return torch.optim.Adam(parameters, lr=1e-6, fused=True)


def mlp_classifier_step(d, k, n, n_classes, dtype, rule, rng):
    """Return a function that does ten steps of scikit-learn's classifier with one layer of relu units."""
    X, y = rng.random((10 * n, d)).astype(dtype), rng.integers(n_classes, size=10 * n)
    options = {"hidden_layer_sizes": (k,), "solver": rule, "batch_size": n, "alpha": 0.0, "learning_rate_init": 1e-6}
    steps = functools.partial(MLPClassifier(**options, random_state=0).partial_fit, X, y, classes=np.arange(n_classes))
    steps.number = 10
    return steps


def mlp_step(d, k, n, dtype, rule, rng):
    """Return a function that does ten steps of scikit-learn's regressor, whose weights are not tied, from X to X."""
    X = rng.random((10 * n, d)).astype(dtype)
    options = {"hidden_layer_sizes": (k,), "activation": "logistic", "solver": rule, "batch_size": n, "alpha": 0.0}
    regressor = MLPRegressor(**options, learning_rate_init=1e-6, random_state=0)
    steps = functools.partial(regressor.partial_fit, X, X)
    steps.number = 10
    return steps


def rbm_step(d, k, n, dtype, rng):
    """Return a function that does one step of scikit-learn's Boltzmann machine."""
    X = (rng.random((n, d)) > 0.5).astype(dtype)
    machine = BernoulliRBM(k, learning_rate=1e-6, random_state=0)
    machine.partial_fit(X)
    return functools.partial(machine._fit, X, np.random.RandomState(0))  # without the checks of `partial_fit`


def set_torch_threads(n_threads):
    """Limit torch's threads, which threadpoolctl does not see, where torch is installed."""
    if HAS_TORCH:
        import torch

        torch.set_num_threads(n_threads)


def versions():
    """Return the names and versions of the peers."""
    if not HAS_TORCH:
        return "torch not installed"
    import torch

    return f"torch {torch.__version__}"
