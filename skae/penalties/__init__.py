"""Penalties on the code and the weights, added to the reconstruction loss.

============ ========================================= ==================================
name         value, per sample                         source
============ ========================================= ==================================
contractive  alpha sum_k h'(u_k)^2 |w_k|^2             SPARSE eq. 9, ENERGY eq. 40
laplacian    alpha sum_k h'(u_k) |w_k|^2               ENERGY eq. 39
marginalized alpha sum_k h'(u_k)^2 |w_k|^2 |v_k|^2     SPARSE eq. 10-11
saturation   alpha sum_k complement(u_k)               SAT eq. 2
sparse       alpha sum_k KL(rho || mean h_k)           SPARSE eq. 12-13
l2           alpha/2 (|W|^2 + |V|^2 when untied)       ENERGY 4.4
============ ========================================= ==================================

A new penalty is a subclass of `Penalty`. Pass an instance of it as ``penalty=``, or register the class with
`register_penalty` to use it by name. ``PENALTIES.describe()`` lists all registered penalties, and what each one
requires.
"""

from skae.penalties._base import (
    PENALTIES,
    REQUIREMENTS,
    Penalty,
    as_penalty,
    check_compatible,
    register_penalty,
)
from skae.penalties._batch import Batch, Gradient
from skae.penalties._code import Saturation, Sparse
from skae.penalties._jacobian import Contractive, Laplacian, Marginalized
from skae.penalties._weights import L2

__all__ = [
    "L2",
    "PENALTIES",
    "REQUIREMENTS",
    "Batch",
    "Contractive",
    "Gradient",
    "Laplacian",
    "Marginalized",
    "Penalty",
    "Saturation",
    "Sparse",
    "as_penalty",
    "check_compatible",
    "register_penalty",
]
