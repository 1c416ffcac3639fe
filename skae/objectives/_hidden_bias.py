"""Whether the hidden bias of an objective is a parameter, or follows from the weights."""

from __future__ import annotations

from skae.activations import Activation
from skae.parameters import Layout


def derives_bias(layout: Layout, activation: Activation) -> bool:
    """Return whether the hidden bias is derived from the blocks W and c (see `Activation.derived_bias`).

    Raises
    ------
    ValueError
        If the activation derives its bias, but the decoder has a block of its own, or W is a product of factors.
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
