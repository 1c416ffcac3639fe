"""Whether the hidden bias of an objective is a block of its parameters, or follows from others."""

from __future__ import annotations

from skae.activations import Activation
from skae.parameters import Layout


def derives_bias(layout: Layout, activation: Activation) -> bool:
    """Return whether the hidden bias is derived from the blocks W and c (see `Activation.derived_bias`).

    Raises
    ------
    ValueError
        If it should be, but the decoder is another block than W, or W is made of factors.
    """
    if "b" in layout or not activation.derived_bias:
        return False
    if "V" in layout:
        raise ValueError(
            f"the activation {activation.name!r} derives its hidden bias from weights that decode too: it needs tied "
            "weights, got untied ones"
        )
    if "W" not in layout:
        raise ValueError(
            f"the activation {activation.name!r} derives its hidden bias from the weights W: they cannot be made of "
            f"factors, got {layout}"
        )
    return True
