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
    clip,
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
    "greater",
    "inner_last",
    "is_number",
    "less",
    "log",
    "matmul",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "one_hot",
    "reciprocal",
    "rectify",
    "result_type",
    "row_dots",
    "row_squared_norms",
    "row_weights",
    "sigmoid",
    "sign",
    "smallest_normal",
    "softplus",
    "spacing",
    "sqrt",
    "subtract",
    "sum_squares",
    "take",
    "tanh",
    "vdot",
    "weighted_column_squares",
    "weighted_column_sums",
    "weighted_sum",
    "where",
    "zeros",
    "zeros_like",
]

#: Elements of a chunk: small enough for a cache, large enough that calls cost nothing.
CHUNK = 2**16

# Above these, softplus(u) equals u, and exp(u) is about to overflow.
_MAX_EXPONENT = {np.dtype(np.float32): 80.0, np.dtype(np.float64): 700.0}


def sigmoid(u, out=None):
    """Return 1 / (1 + exp(-u)), elementwise; 0 where exp overflows."""
    with errstate(over="ignore"):
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
    return np.ndim(weight) == 0


def column_sums(A, out=None):
    """Return the sums over the rows."""
    return np.add.reduce(A, axis=0, out=out)


def row_dots(A, B):
    """Return inner products of the rows of A and B, shape (rows,)."""
    return matmul(A[:, None, :], B[:, :, None])[:, 0, 0]  # calls the BLAS's dot: twice as fast as einsum


def row_squared_norms(A):
    """Return squared Euclidean norms of the rows of A, shape (rows,)."""
    return row_dots(A, A)


def sum_squares(A):
    """Return the sum of the squares of all elements of A, as a Python float."""
    return float(vdot(A, A))


def dot(A, B):
    """Return the inner product of all elements of A and B, as a Python float."""
    return float(vdot(A, B))


def weighted_column_sums(weight, A):
    """Return sum_i weight_i A_i, shape (columns,); `weight` is (rows, 1) or one number for all rows."""
    return column_sums(A) * weight if is_number(weight) else weight[:, 0] @ A


def weighted_column_squares(weight, A):
    """Return sum_i weight_i A_i^2, elementwise, shape (columns,); `weight` is as in `weighted_column_sums`."""
    return np.einsum("ij,ij->j", A, A) * weight if is_number(weight) else weight[:, 0] @ (A * A)


def row_weights(n, sample_weight=None):
    """Return weights of n rows that sum to 1: shape (n, 1), or one number for all rows if none are given."""
    return 1.0 / n if sample_weight is None else (sample_weight / sample_weight.sum())[:, None]


def weighted_sum(values, weight):
    """Return the sum of weight * values, as a Python float; `weight` is (rows, 1) or one number for all rows."""
    return float(values.sum()) * weight if is_number(weight) else float(values @ weight[:, 0])


def add_scaled_rows(out, scale, A):
    """Add scale[:, None] * A to `out` in place, in chunks of rows that stay in cache; `scale` may be one number."""
    scale = scale if is_number(scale) else scale[:, None]
    n_rows = max(CHUNK // A.shape[1], 1)
    for start in range(0, A.shape[0], n_rows):
        chunk = slice(start, start + n_rows)
        out[chunk] += (scale if is_number(scale) else scale[chunk]) * A[chunk]
    return out
