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

A new penalty is a subclass of `Penalty`; pass an instance of it as ``penalty=``, or register the class with
`register_penalty` to use it by name. ``PENALTIES.describe()`` lists all that are registered, and what each requires.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from skae import _ops as ops
from skae._registry import Immutable, Registry
from skae._typing import VisibleName
from skae.activations import Activation
from skae.complements import complement, flattens

if TYPE_CHECKING:  # which know penalties
    from skae.objectives import Batch, Gradient

__all__ = [
    "L2",
    "PENALTIES",
    "REQUIREMENTS",
    "Contractive",
    "Laplacian",
    "Marginalized",
    "Penalty",
    "Saturation",
    "Sparse",
    "as_penalty",
    "check_compatible",
    "register_penalty",
]

#: What a penalty may require: a test of (activation, visible, tied), and what to say where it fails.
REQUIREMENTS = MappingProxyType(
    {
        "elementwise": (
            lambda activation, visible, tied: hasattr(activation, "derivative"),
            "an elementwise activation, which {activation!r} is not",
        ),
        "derivative": (
            lambda activation, visible, tied: hasattr(activation, "derivative"),
            "an activation with a derivative, which {activation!r} has not",
        ),
        "second_derivative": (
            lambda activation, visible, tied: hasattr(activation, "second_derivative"),
            "an activation with a second derivative, which {activation!r} has not",
        ),
        "complement": (
            lambda activation, visible, tied: flattens(activation),
            "an activation that is flat somewhere (with a complement, SAT eq. 1) or soon becomes so (eq. 3, "
            "skae.complements), unlike {activation!r}",
        ),
        "monotone": (
            lambda activation, visible, tied: activation.monotone,
            "a non-decreasing activation (else it has no lower bound), which {activation!r} is not",
        ),
        "non-negative": (
            lambda activation, visible, tied: activation.non_negative,
            "an activation that is never negative, which {activation!r} is not",
        ),
        "tied": (lambda activation, visible, tied: tied, "tied weights, got tied_weights=False"),
        "gaussian": (
            lambda activation, visible, tied: visible == "gaussian",
            "visible='gaussian', got visible={visible!r}",
        ),
    }
)


@dataclasses.dataclass(frozen=True)
class Penalty(Immutable, ABC):
    """Base class of the penalties: immutable, stateless, elementwise work only.

    A subclass defines `name`, `requires` and `add`. ``alpha`` is the strength.

    Parameters
    ----------
    alpha : float, default=0.1
        Strength, >= 0.

    Attributes
    ----------
    name : str
        Name under which `register_penalty` files it.
    requires : tuple of str
        Keys of `REQUIREMENTS` that activation, visible units and tying must meet.
    scale_free_encoder : bool
        Whether, with untied weights, it falls to zero by shrinking W and growing V at the same
        reconstruction. Such a model keeps its decoder rows at unit length.
    uses_mean_code : bool
        Whether it reads ``batch.mean_code``, so that blocks of rows need that of all rows.

    Examples
    --------
    >>> from skae import ContractiveAutoencoder
    >>> from skae.penalties import Penalty
    >>> class SmallCodes(Penalty):
    ...     name = "small_codes"
    ...     requires = ("derivative",)
    ...
    ...     def add(self, batch, grad):
    ...         grad.U += 2.0 * self.alpha * batch.weight * batch.H * batch.D
    ...         return self.alpha * float(batch.column_mean_squares(batch.H).sum())
    ...
    >>> ContractiveAutoencoder(penalty=SmallCodes(), alpha=0.03)
    ContractiveAutoencoder(alpha=0.03, penalty=SmallCodes(alpha=0.1))
    """

    alpha: float = 0.1
    name: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()
    scale_free_encoder: ClassVar[bool] = False
    uses_mean_code: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        unknown = set(cls.requires) - set(REQUIREMENTS)
        if unknown:
            raise TypeError(
                f"{cls.__name__} requires {', '.join(sorted(unknown))}, but a penalty can require "
                f"{', '.join(REQUIREMENTS)} only"
            )

    def __post_init__(self) -> None:
        if not self.alpha >= 0.0:
            raise ValueError(f"alpha of the penalty {self.name!r} must be >= 0, got {self.alpha!r}")
        # A numpy scalar would promote float32 arrays.
        object.__setattr__(self, "alpha", float(self.alpha))

    @abstractmethod
    def add(self, batch: Batch, grad: Gradient) -> float:
        """Return the value and add the gradient, in place.

        Parameters
        ----------
        batch : skae.objectives.Batch
            ``X`` (n, d), ``U`` and ``H`` (n, k), ``D`` = h'(U), ``W`` and ``V`` (k, d; the same array when
            tied), ``weight`` (the rows' weights, which sum to 1: shape (n, 1), or one number for all),
            ``activation``, ``mean_code`` (k,), ``column_means(A)`` and ``column_mean_squares(A)`` (weighted means over
            the rows), ``weighted(v)`` (``v * weight``, for v of shape (k,)).
        grad : skae.objectives.Gradient
            ``U`` (n, k), ``W`` and ``V`` (k, d; the same array when tied): add to them the gradient of the
            weighted mean over the rows. What is added to ``U`` is propagated to W and b afterwards. Multiples of rows
            are cheaper by ``grad.add_rows("W", scale, rows)``, which stands for ``grad.W += scale[:, None] * rows``;
            as that may be done later, `scale` and `rows` must not be changed afterwards.

        Returns
        -------
        float
            The weighted mean over the rows.
        """


#: All penalty classes by name. ``PENALTIES.describe()`` is a table of them and of what they require.
PENALTIES: Registry[Penalty] = Registry("penalty", Penalty, lambda cls: cls.requires)

register_penalty = PENALTIES.register


def as_penalty(penalty: str | Penalty, alpha: float) -> Penalty:
    """Return a `Penalty` of strength `alpha` from a name or an instance.

    Parameters
    ----------
    penalty : str or Penalty
        A registered name, or an instance, whose own strength is replaced.
    alpha : float
        The strength.

    Returns
    -------
    Penalty
        An instance of that strength.

    Raises
    ------
    ValueError
        If no penalty has that name.
    TypeError
        If `penalty` is neither a name nor an instance.

    Examples
    --------
    >>> from skae.penalties import as_penalty
    >>> as_penalty("contractive", 0.5)
    Contractive(alpha=0.5)
    """
    if isinstance(penalty, Penalty):
        return dataclasses.replace(penalty, alpha=alpha)
    return PENALTIES.named(penalty)(alpha=alpha)


def check_compatible(penalty: Penalty, activation: Activation, visible: VisibleName, tied: bool) -> None:
    """Raise ValueError where a penalty requires what activation, visible units or tying do not offer.

    Parameters
    ----------
    penalty : Penalty
        Its `requires` are tested.
    activation : Activation
        The hidden units.
    visible : {"gaussian", "bernoulli"}
        The visible units.
    tied : bool
        Whether decoder and encoder share their weights.

    Raises
    ------
    ValueError
        Where something that is required is missing.

    Examples
    --------
    >>> from skae.activations import as_activation
    >>> from skae.penalties import as_penalty, check_compatible
    >>> laplacian = as_penalty("laplacian", 0.1)
    >>> check_compatible(laplacian, as_activation("sigmoid"), "gaussian", True)
    >>> try:
    ...     check_compatible(laplacian, as_activation("modulus"), "gaussian", True)
    ... except ValueError as error:
    ...     print(error)
    the penalty 'laplacian' requires a non-decreasing activation (else it has no lower bound), which 'modulus' is not
    """
    for key in penalty.requires:
        test, what = REQUIREMENTS[key]
        if not test(activation, visible, tied):
            what = what.format(activation=activation.name, visible=visible)
            raise ValueError(f"the penalty {penalty.name!r} requires {what}")


@register_penalty
class Contractive(Penalty):
    """alpha sum_k h'(u_k)^2 |w_k|^2: the code's Jacobian (SPARSE eq. 9, ENERGY eq. 40).

    Parameters
    ----------
    alpha : float, default=0.1
        Strength, >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.objectives import Reconstruction
    >>> from skae.parameters import Layout
    >>> from skae.penalties import Contractive
    >>> layout, X = Layout(W=(2, 3), b=(2,), c=(3,)), np.eye(3)
    >>> theta = np.linspace(-1.0, 1.0, layout.size)
    >>> plain = Reconstruction(layout, as_activation("sigmoid"))
    >>> penalised = Reconstruction(layout, as_activation("sigmoid"), penalties=[Contractive(0.5)])
    >>> round(penalised.value(theta, X) - plain.value(theta, X), 3)
    0.058
    """

    name = "contractive"
    requires = ("derivative", "second_derivative")
    scale_free_encoder = True

    def add(self, batch: Batch, grad: Gradient) -> float:
        """Return the value and add the gradient."""
        norms = ops.row_squared_norms(batch.W)  # (k,)
        steepness = batch.column_mean_squares(batch.D)  # (k,)
        slope = batch.activation.second_derivative(batch.U, batch.H)
        ops.multiply(slope, batch.D, out=slope)
        ops.multiply(slope, batch.weighted(2.0 * self.alpha * norms), out=slope)
        ops.add(grad.U, slope, out=grad.U)
        grad.add_rows("W", 2.0 * self.alpha * steepness, batch.W)
        return self.alpha * float(steepness @ norms)


@register_penalty
class Laplacian(Penalty):
    """alpha sum_k h'(u_k) |w_k|^2: the trace of the reconstruction's Jacobian (ENERGY eq. 39).

    With the squared error it is score matching of p(x) proportional to exp(E(x)/alpha), so alpha is a floor on the
    variance that the model can see: on standardised data 0.01 to 0.5.

    Parameters
    ----------
    alpha : float, default=0.1
        Strength, >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.objectives import Reconstruction
    >>> from skae.parameters import Layout
    >>> from skae.penalties import Laplacian
    >>> layout, X = Layout(W=(2, 3), b=(2,), c=(3,)), np.eye(3)
    >>> theta = np.linspace(-1.0, 1.0, layout.size)
    >>> plain = Reconstruction(layout, as_activation("sigmoid"))
    >>> penalised = Reconstruction(layout, as_activation("sigmoid"), penalties=[Laplacian(0.5)])
    >>> round(penalised.value(theta, X) - plain.value(theta, X), 3)
    0.252
    """

    name = "laplacian"
    requires = ("derivative", "second_derivative", "tied", "gaussian", "monotone")

    def add(self, batch: Batch, grad: Gradient) -> float:
        """Return the value and add the gradient."""
        norms = ops.row_squared_norms(batch.W)  # (k,)
        steepness = batch.column_means(batch.D)  # (k,)
        slope = batch.activation.second_derivative(batch.U, batch.H)
        ops.multiply(slope, batch.weighted(self.alpha * norms), out=slope)
        ops.add(grad.U, slope, out=grad.U)
        grad.add_rows("W", 2.0 * self.alpha * steepness, batch.W)
        return self.alpha * float(steepness @ norms)


@register_penalty
@dataclasses.dataclass(frozen=True)
class Marginalized(Penalty):
    """alpha sum_k h'(u_k)^2 |v_k|^2 sum_i s_i w_ki^2: the marginalized denoising autoencoder (SPARSE eq. 10-11).

    It is the expected loss under Gaussian noise of variance 2 alpha s_i in feature i, to second order, without the
    terms that couple the units and without the curvature of h; |w_k|^4 when tied with s = 1.

    Parameters
    ----------
    alpha : float, default=0.1
        Strength, >= 0.
    feature_variances : tuple of float or None, default=None
        The s_i, relative variances of the features' noise; 1 if None.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.objectives import Reconstruction
    >>> from skae.parameters import Layout
    >>> from skae.penalties import Marginalized
    >>> layout, X = Layout(W=(2, 3), b=(2,), c=(3,)), np.eye(3)
    >>> theta = np.linspace(-1.0, 1.0, layout.size)
    >>> plain = Reconstruction(layout, as_activation("sigmoid"))
    >>> penalised = Reconstruction(layout, as_activation("sigmoid"), penalties=[Marginalized(0.5)])
    >>> round(penalised.value(theta, X) - plain.value(theta, X), 3)
    0.105
    """

    feature_variances: tuple[float, ...] | None = None
    name = "marginalized"
    requires = ("derivative", "second_derivative", "gaussian")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.feature_variances is not None:
            variances = tuple(float(variance) for variance in self.feature_variances)
            if not all(0.0 <= variance < math.inf for variance in variances):
                raise ValueError(f"feature_variances must be >= 0 and finite, got {min(variances)} to {max(variances)}")
            object.__setattr__(self, "feature_variances", variances)

    def add(self, batch: Batch, grad: Gradient) -> float:
        """Return the value and add the gradient."""
        noisy = batch.W  # s o W
        if self.feature_variances is not None:
            if len(self.feature_variances) != batch.W.shape[1]:
                raise ValueError(
                    f"feature_variances are {len(self.feature_variances)} numbers, X has {batch.W.shape[1]} features"
                )
            noisy = batch.W * ops.array_like(self.feature_variances, batch.W)
        encoder, decoder = ops.row_dots(batch.W, noisy), ops.row_squared_norms(batch.V)  # (k,)
        steepness = batch.column_mean_squares(batch.D)  # (k,)
        slope = batch.activation.second_derivative(batch.U, batch.H)
        ops.multiply(slope, batch.D, out=slope)
        ops.multiply(slope, batch.weighted(2.0 * self.alpha * encoder * decoder), out=slope)
        ops.add(grad.U, slope, out=grad.U)
        grad.add_rows("W", 2.0 * self.alpha * steepness * decoder, noisy)
        grad.add_rows("V", 2.0 * self.alpha * steepness * encoder, batch.V)
        return self.alpha * float(steepness @ (encoder * decoder))


@register_penalty
@dataclasses.dataclass(frozen=True)
class Saturation(Penalty):
    """alpha sum_k complement(u_k): the distance to where the unit is flat (SAT eq. 2).

    With relu and shrink it is the L1 norm of the code (SAT 3.2).

    Parameters
    ----------
    alpha : float, default=0.1
        Strength, >= 0.
    scale : float or None, default=None
        See `skae.complements.complement`.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.objectives import Reconstruction
    >>> from skae.parameters import Layout
    >>> from skae.penalties import Saturation
    >>> layout, X = Layout(W=(2, 3), b=(2,), c=(3,)), np.eye(3)
    >>> theta = np.linspace(-1.0, 1.0, layout.size)
    >>> plain = Reconstruction(layout, as_activation("relu"))
    >>> penalised = Reconstruction(layout, as_activation("relu"), penalties=[Saturation(0.5)])
    >>> round(penalised.value(theta, X) - plain.value(theta, X), 3)
    0.1
    """

    scale: float | None = None
    name = "saturation"
    requires = ("complement",)
    scale_free_encoder = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale is not None:
            object.__setattr__(self, "scale", float(self.scale))

    def add(self, batch: Batch, grad: Gradient) -> float:
        """Return the value and add the gradient."""
        value, slope = complement(batch.activation, batch.U, self.scale)
        ops.multiply(slope, self.alpha, out=slope)
        ops.multiply(slope, batch.weight, out=slope)
        ops.add(grad.U, slope, out=grad.U)
        return self.alpha * float(batch.column_means(value).sum())


@register_penalty
@dataclasses.dataclass(frozen=True)
class Sparse(Penalty):
    """alpha sum_k KL(rho || m_k) of the mean code m (SPARSE eq. 12; eq. 13, -alpha sum_k log(1 - m_k), at rho = 0).

    The divergence is exact for units with values in [0, 1] (sigmoid, softmax). For others that are never negative
    (relu, softplus, ...) it continues by its tangent where a mean leaves [1e-4, 1 - 1e-4] (or half the way from rho to
    0 or 1, if that is less), so that dead units and means above 1 have a finite value and a slope towards rho.

    Parameters
    ----------
    alpha : float, default=0.1
        Strength, >= 0.
    target : float, default=0.05
        Mean activation to aim at, rho, in [0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.objectives import Reconstruction
    >>> from skae.parameters import Layout
    >>> from skae.penalties import Sparse
    >>> layout, X = Layout(W=(2, 3), b=(2,), c=(3,)), np.eye(3)
    >>> theta = np.linspace(-1.0, 1.0, layout.size)
    >>> plain = Reconstruction(layout, as_activation("sigmoid"))
    >>> penalised = Reconstruction(layout, as_activation("sigmoid"), penalties=[Sparse(0.5, target=0.1)])
    >>> round(penalised.value(theta, X) - plain.value(theta, X), 3)
    0.313
    """

    target: float = 0.05
    name = "sparse"
    requires = ("non-negative",)
    scale_free_encoder = True
    uses_mean_code = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 <= self.target < 1.0:
            raise ValueError(f"target of the penalty 'sparse' must be in [0, 1), got {self.target!r}")
        object.__setattr__(self, "target", float(self.target))

    def add(self, batch: Batch, grad: Gradient) -> float:
        """Return the value and add the gradient."""
        mean, rho, dtype = batch.mean_code.astype("float64"), self.target, batch.H.dtype
        # Small, with slopes that float32 can hold.
        margin = 1e-37 * max(1.0, self.alpha) if batch.activation.at_most_one else 1e-4
        # A tangent from the far side of rho would lead away from it, and down without bound.
        low, high = min(margin, 0.5 * rho or margin), min(max(margin, ops.rounding(dtype)), 0.5 * (1.0 - rho))
        inside = ops.clip(mean, low, 1.0 - high)
        slope = (1.0 - rho) / (1.0 - inside) - rho / inside
        value = (rho - 1.0) * ops.log(1.0 - inside) - rho * ops.log(inside) + slope * (mean - inside)
        if rho > 0.0:
            value += rho * math.log(rho) + (1.0 - rho) * math.log(1.0 - rho)
        slope = ops.multiply((self.alpha * slope).astype(dtype), batch.weight, out=ops.empty_like(batch.H))
        ops.add(grad.U, batch.activation.backward(batch.U, batch.H, slope), out=grad.U)
        return self.alpha * float(value.sum())


@register_penalty
class L2(Penalty):
    """alpha/2 (|W|^2 + |V|^2 when untied): weight decay (ENERGY 4.4).

    Parameters
    ----------
    alpha : float, default=0.1
        Strength, >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.objectives import Reconstruction
    >>> from skae.parameters import Layout
    >>> from skae.penalties import L2
    >>> layout, X = Layout(W=(2, 3), b=(2,), c=(3,)), np.eye(3)
    >>> theta = np.linspace(-1.0, 1.0, layout.size)
    >>> plain = Reconstruction(layout, as_activation("sigmoid"))
    >>> penalised = Reconstruction(layout, as_activation("sigmoid"), penalties=[L2(0.5)])
    >>> round(penalised.value(theta, X) - plain.value(theta, X), 3)
    0.55
    """

    name = "l2"

    def add(self, batch: Batch, grad: Gradient) -> float:
        """Return the value and add the gradient."""
        value = 0.0
        names: tuple[Literal["W", "V"], ...] = ("W",) if batch.V is batch.W else ("W", "V")
        for name in names:
            rows = getattr(batch, name)
            grad.add_rows(name, self.alpha, rows)
            value += 0.5 * self.alpha * ops.sum_squares(rows)
        return value
