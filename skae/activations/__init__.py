"""Activation functions h of the hidden units, with the derivatives and antiderivatives that skae needs.

=========== ============================== ============================================
name        h(u)                           antiderivative, one unit's term of the energy
=========== ============================== ============================================
identity    u                              u^2/2
sigmoid     1/(1 + exp(-u))                log(1 + exp(u))
tanh        tanh(u)                        log cosh u
softplus    log(1 + exp(u))                -Li2(-exp(u))
relu        max(0, u)                      max(0, u)^2/2
square      u^2                            u^3/3
modulus     abs(u)                         u abs(u)/2
synchrony   u sigmoid(u^2)                 log(1 + exp(u^2))/2
trec        u where u > t, else 0          (u^2 - t^2)/2 where u > t, else 0
tlin        u where u^2 > t, else 0        (u^2 - t)/2 where u^2 > t, else 0
shrink      sign(u) max(abs(u) - t, 0)     max(abs(u) - t, 0)^2/2
satlinear   clip(u, -1, 1)                 u^2/2 inside [-1, 1], abs(u) - 1/2 outside
max         one-hot of the largest u       max_k u_k
softmax     exp(u_k)/sum_j exp(u_j)        log sum_k exp(u_k)
=========== ============================== ============================================

``Softmax(n_groups=G)`` takes the shares within G groups of units, each over G.

A new activation is a subclass of `Activation`. Pass an instance of it as ``activation=``, or register the class with
`register_activation` to use it by name. ``ACTIVATIONS.describe()`` lists all registered activations, and the methods
that each one defines.
"""

from skae.activations._base import (
    ACTIVATIONS,
    Activation,
    as_activation,
    register_activation,
)
from skae.activations._competitive import Max, Softmax
from skae.activations._piecewise import Modulus, ReLU, SatLinear, Shrink, TLin, TRec
from skae.activations._smooth import Identity, Sigmoid, Softplus, Square, Synchrony, Tanh

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Identity",
    "Max",
    "Modulus",
    "ReLU",
    "SatLinear",
    "Shrink",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Square",
    "Synchrony",
    "TLin",
    "TRec",
    "Tanh",
    "as_activation",
    "register_activation",
]
