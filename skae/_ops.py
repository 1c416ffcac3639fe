"""Array operations of the hot path.

Only this module of the training and scoring loops names an array library.
The others import their ufuncs from here and pass ``out=``.
All products use numpy's own BLAS: with scipy's beside it, two thread pools would fight.
"""

import math

import numpy as np
from numpy import (
    absolute,
    add,
    arange,
    argmax,
    asarray,
    divide,
    empty,
    empty_like,
    errstate,
    exp,
    greater,
    less,
    log,
    matmul,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    reciprocal,
    result_type,
    sign,
    spacing,
    sqrt,
    subtract,
    take,
    tanh,
    vdot,
    where,
    zeros,
    zeros_like,
)

__all__ = [
    "CHUNK",
    "absolute",
    "add",
    "add_scaled_rows",
    "arange",
    "argmax",
    "array_like",
    "asarray",
    "clip",
    "column_sums",
    "copy_into",
    "divide",
    "dot",
    "empty",
    "empty_like",
    "eps",
    "errstate",
    "exp",
    "full_like",
    "full_weights",
    "generator",
    "gram",
    "gram_and_dots",
    "greater",
    "in_float64",
    "inner_last",
    "is_number",
    "is_sparse",
    "less",
    "log",
    "matmul",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "one_hot",
    "product",
    "reciprocal",
    "rectify",
    "result_type",
    "row_dots",
    "row_squared_distances",
    "row_squared_norms",
    "row_weights",
    "sigmoid",
    "sigmoid_and_softplus",
    "sign",
    "smallest_normal",
    "softplus",
    "spacing",
    "sparse_row_squares",
    "sqrt",
    "stored_row_sums",
    "subtract",
    "sum_last",
    "sum_squares",
    "take",
    "tanh",
    "to_dense",
    "transposed_product",
    "vdot",
    "weight_gradient",
    "weighted_column_squares",
    "weighted_column_sums",
    "weighted_sum",
    "where",
    "zeros",
    "zeros_like",
]

#: Elements of a chunk: small enough for a cache, large enough that calls cost nothing.
CHUNK = 2**16

# So many rows are converted to float64 at a time, and so many are summed in their own dtype.
_CONVERTED, _SUMMED = 512, 2048

# Above these, softplus(u) equals u, and exp(u) is about to overflow.
_MAX_EXPONENT = {np.dtype(np.float32): 80.0, np.dtype(np.float64): 700.0}


def clip(A, low, high, out=None):
    """Return the elements of A, moved into [low, high]. The array's method costs less than numpy's function."""
    return A.clip(low, high, out=out)


@errstate(over="ignore", under="ignore")  # as a decorator, it costs half of what a block costs
def sigmoid(u, out=None):
    """Return 1 / (1 + exp(-u)), elementwise; 0 where exp overflows."""
    out = negative(u, out=out)
    exp(out, out=out)
    add(out, 1.0, out=out)
    return reciprocal(out, out=out)


def softplus(u, out=None):
    """Return log(1 + exp(u)), elementwise; never overflows.

    It takes ``log`` of ``1 + t`` rather than ``log1p``: this is three times as fast, and the absolute error stays
    at the rounding of 1. ``out`` may not be ``u``.
    """
    out = clip(u, -math.inf, _MAX_EXPONENT[u.dtype], out=out)
    exp(out, out=out)
    add(out, 1.0, out=out)
    log(out, out=out)
    return maximum(out, u, out=out)


def sigmoid_and_softplus(u):
    """Return `sigmoid` and `softplus` of u, for which they share one ``exp``."""
    h = clip(u, -math.inf, _MAX_EXPONENT[u.dtype])
    exp(h, out=h)
    s = add(h, 1.0)
    divide(h, s, out=h)
    log(s, out=s)
    return h, maximum(s, u, out=s)


def rectify(u, out=None):
    """Return max(u, 0), elementwise.

    numpy vectorises `clip`, but not `maximum` with a number.
    """
    return clip(u, 0.0, math.inf, out=out)


def full_like(A, number, out=None):
    """Return an array of A's shape and dtype that holds one number."""
    out = empty_like(A) if out is None else out
    out.fill(number)
    return out


def copy_into(out, result):
    """Return `out` with the result in it, even if the function that was given `out` ignored it."""
    if result is not out:
        out[...] = result
    return out


def one_hot(indices, out):
    """Set `out` to 1 at the indices along its last axis, to 0 elsewhere."""
    out.fill(0.0)
    np.put_along_axis(out, indices[..., None], 1.0, axis=-1)
    return out


def inner_last(A, B):
    """Return inner products along the last axis, which is kept."""
    return np.einsum("...k,...k->...", A, B)[..., None]


def smallest_normal(dtype):
    """Return the smallest normal number of a dtype."""
    return float(np.finfo(dtype).tiny)


def eps(dtype):
    """Return the distance from 1 to the next number of a dtype."""
    return float(np.finfo(dtype).eps)


def array_like(numbers, A):
    """Return numbers as an array of A's dtype."""
    return np.asarray(numbers, dtype=A.dtype)


def is_number(weight):
    """Return whether a weight is one number for all rows."""
    return getattr(weight, "ndim", 0) == 0  # np.ndim makes an array of a Python number


def column_sums(A, out=None):
    """Return the sums over the rows."""
    return np.add.reduce(A, axis=0, out=out)


def sum_last(A):
    """Return the sums over the last axis, which the BLAS takes."""
    return matmul(A, np.ones(A.shape[-1], dtype=A.dtype))


def row_dots(A, B):
    """Return inner products of the rows of A and B, shape (rows,)."""
    if _by_columns(A) and _by_columns(B):
        total = sum(column_sums(A.T[rows] * B.T[rows]).astype(np.float64) for rows in _blocks(A.T))
        return total.astype(A.dtype)
    return matmul(A[:, None, :], B[:, :, None])[:, 0, 0]  # calls the BLAS's dot: twice as fast as einsum


def row_squared_norms(A):
    """Return squared Euclidean norms of the rows of A, shape (rows,)."""
    return row_dots(A, A)


def sparse_row_squares(X):
    """Return squared Euclidean norms of the rows of X, CSR or CSC, in float64."""
    squares = X.data.astype(np.float64)
    squares *= squares
    return type(X)((squares, X.indices, X.indptr), shape=X.shape) @ np.ones(X.shape[1])


def row_squared_distances(X, v):
    """Return the squared distance of each row of X from v (d,). Of sparse X, they are in float64."""
    if not is_sparse(X):
        return row_squared_norms(X - v)
    v = in_float64(v)  # float32 would lose digits: the terms cancel
    return maximum(sparse_row_squares(X) - 2.0 * (X @ v) + v @ v, 0.0)


def stored_row_sums(X, function):
    """Return the sums over each row of function(x), elementwise, for sparse X and a function that is 0 at 0; (n,)."""
    result = X.copy()
    result.data = function(X.data)
    return asarray(result.sum(axis=1)).reshape(-1)


def sum_squares(A):
    """Return the sum of the squares of all elements of A, as a Python float."""
    return dot(A, A)


def dot(A, B):
    """Return the inner product of all elements of A and B, as a Python float."""
    return float(vdot(A.T, B.T) if _by_columns(A) and _by_columns(B) else vdot(A, B))  # vdot copies such arrays


def _by_columns(A):
    """Return whether a matrix stands in memory column by column, and not also row by row."""
    return A.ndim == 2 and A.flags.f_contiguous and not A.flags.c_contiguous


def _blocks(A):
    """Yield the slices that cut the rows of A into blocks that stay in cache."""
    return _slices(len(A), max(CHUNK // A.shape[1], 1))


def gram(A, weight=1.0):
    """Return A^T diag(weight) A in float64; `weight` is (rows, 1) or one number for all rows."""
    if is_number(weight):
        return weight * gram_and_dots(A)[0]
    return sum(matmul(block.T, weight[rows] * block) for rows, block in _blocks_in_float64(A))


def gram_and_dots(A, v=None, rounded=False):
    """Return A^T A, and A^T v (None without v), in float64.

    `rounded` sums A's own dtype within blocks of rows. This is twice as fast for float32, and its error is about 1e-7.
    """
    G, dots = np.zeros((A.shape[1],) * 2), None if v is None else np.zeros(A.shape[1])
    for rows, block in ((each, A[each]) for each in _slices(len(A), _SUMMED)) if rounded else _blocks_in_float64(A):
        G += matmul(block.T, block)
        if dots is not None:
            dots += matmul(v[rows].astype(block.dtype, copy=False), block)
    return G, dots


def _blocks_in_float64(A):
    """Yield slices that cut the rows of A into blocks, and each block in float64, in which it stays in cache."""
    return ((rows, in_float64(A[rows])) for rows in _slices(len(A), _CONVERTED))


def _slices(length, size):
    """Yield the slices of a size that cut a length into pieces."""
    return (slice(start, start + size) for start in range(0, length, size))


def full_weights(n, weight):
    """Return the weights of n rows in float64, shape (n,); `weight` is (n, 1) or one number for all rows."""
    return np.full(n, weight) if is_number(weight) else in_float64(weight[:, 0])


def generator(seed):
    """Return a generator of random numbers."""
    return np.random.default_rng(seed)


def in_float64(A):
    """Return A, an array or sparse, in float64."""
    return A.astype(np.float64, copy=False)


def is_sparse(X):
    """Return whether X is a sparse matrix or array of scipy, which is not loaded for that."""
    return hasattr(X, "tocsc")


def to_dense(X):
    """Return X as an ndarray."""
    return X.toarray() if is_sparse(X) else X


def product(X, A, out=None):
    """Return X A for dense or sparse X (n, d) and dense A (d, k).

    Sparse X takes A row by row: of weights W (k, d) that stand column by column, W^T does so. Of sparse formats, CSC
    is the fastest if d is large, because it reads A once, and in order.
    """
    if not is_sparse(X):
        return matmul(X, A, out=out)
    result = X @ A
    return result if out is None else copy_into(out, result)


def transposed_product(X, A):
    """Return X^T A (d, k) for sparse X (n, d) and dense A (n, k)."""
    return X.T @ A


def weight_gradient(A, X, out=None):
    """Return A^T X (k, d) for dense A (n, k) and dense or sparse X (n, d).

    It is the gradient in weights W (k, d), if A is the one in U = X W^T. Of sparse X, the result stands column by
    column.
    """
    if not is_sparse(X):
        return matmul(A.T, X, out=out)
    result = transposed_product(X, A).T
    return result if out is None else copy_into(out, result)


def weighted_column_sums(weight, A):
    """Return sum_i weight_i A_i, shape (columns,); `weight` is (rows, 1) or one number for all rows."""
    return column_sums(A) * weight if is_number(weight) else weight[:, 0] @ A


def weighted_column_squares(weight, A):
    """Return sum_i weight_i A_i^2, elementwise, shape (columns,); `weight` is as in `weighted_column_sums`."""
    if is_number(weight) and A.ndim == 2 and A.dtype.kind == "f":
        return np.einsum("ij,ij->j", A, A) * weight  # makes no array like A
    return weighted_column_sums(weight, A * A)


def row_weights(n, sample_weight=None):
    """Return weights of n rows that sum to 1: shape (n, 1), or one number for all rows if none are given."""
    return 1.0 / n if sample_weight is None else (sample_weight / sample_weight.sum())[:, None]


def weighted_sum(values, weight):
    """Return the sum of weight * values, as a Python float; `weight` is (rows, 1) or one number for all rows."""
    return float(values.sum()) * weight if is_number(weight) else float(values @ weight[:, 0])


def add_scaled_rows(out, scale, A):
    """Add scale[:, None] * A to `out` in place, in chunks of rows that stay in cache; `scale` may be one number."""
    by_columns = _by_columns(A) and _by_columns(out)
    A, target = (A.T, out.T) if by_columns else (A, out)
    shared = by_columns or is_number(scale)  # the same for all rows of A
    scratch = None
    for chunk in _blocks(A):
        rows = target[chunk]
        scratch = np.empty_like(rows) if scratch is None else scratch
        scaled = multiply(scale if shared else scale[chunk, None], A[chunk], out=scratch[: len(rows)])
        add(rows, scaled, out=rows)
    return out
