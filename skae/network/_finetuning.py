"""Fine-tuning: the layers of an encoder and an output layer are trained together."""

from __future__ import annotations

from typing import Any

import numpy as np

from skae._typing import FloatArray, IntArray
from skae.network._encoder import Encoder
from skae.network._output import linear_start
from skae.network._rows import Rows
from skae.objectives import Network, network_layout
from skae.parameters import MaxNorm
from skae.training import (
    Batches,
    Stage,
    Training,
    active_share,
    input_noise,
    labelled_route,
    mean_value,
    row_keys,
    train,
)

# Rows on which losses before and after fine-tuning are compared.
_COMPARED_ROWS = 2000
# Rows that the start of the output layer is fitted to, at most, and their codes, unless that were too few rows.
_START_ROWS, _START_CODES, _FEWEST_ROWS = 10_000, 20_000_000, 1000


class FineTuning:
    """Fine-tuning from the layers of a fitted encoder on. The output layer is zero until it is set.

    Parameters
    ----------
    network : FineTunedNetwork
        Its parameters describe loss, weight decay, noise and batches.
    encoder : Encoder
        The encoder.
    dropout : list of float
        Share of the inputs of each layer to leave out.
    rows : Rows
        The rows to train on.
    n_outputs : int
        Number of scores.
    rng : numpy.random.Generator
        Draws the order of the rows, the noise and the dropout.
    """

    def __init__(
        self, network: Any, encoder: Encoder, dropout: list[float], rows: Rows, n_outputs: int, rng: np.random.Generator
    ) -> None:
        self.network, self.encoder, self.rows, self._rng = network, encoder, rows, rng
        blocks, sizes = encoder.blocks(), encoder.sizes
        self.route = labelled_route(network, rows.X, sizes[0], max(sizes))
        layers = encoder.network_layers(dropout)
        biased = [layer.uses_bias and f"b{number}" in blocks for number, layer in enumerate(layers, 1)]
        layout = network_layout(encoder.n_inputs, sizes, biased, n_outputs)
        if self.route.stay_sparse:
            layout = layout.by_columns()
        names = [name for name in layout.shapes if name[0] in "WO"]
        limits = [] if network.max_norm is None else [MaxNorm(name, float(network.max_norm)) for name in names]
        self.objective = Network(layout, layers, loss=network.loss, l2=network.l2, constraints=limits)
        blocks |= {name: np.zeros(layout.shapes[name]) for name in "Oo"}
        self.theta = layout.pack(rows.X.dtype, **{name: blocks[name] for name in layout.shapes})
        self.objective.project(self.theta)

    def set_output(self, coef: FloatArray, intercept: FloatArray) -> None:
        """Set the output layer."""
        blocks = self.objective.layout.views(self.theta)
        blocks["O"][...], blocks["o"][...] = coef, intercept
        self.objective.project(self.theta)

    def fit_output(self) -> None:
        """Set the output layer to a linear model of the codes."""
        n_rows = min(max(_START_CODES // self.encoder.sizes[-1], _FEWEST_ROWS), _START_ROWS)
        some = self.rows.draw(n_rows, self._rng)
        batches = self.noisy_batches(some).in_batches_of(self.route.chunk_size)
        linear_start(self.objective, self.theta, self.network.loss, batches, row_keys(self.rows.X, some), self._rng)

    def clean_batches(self, positions: IntArray | None) -> Batches:
        """Return large batches of the rows at these positions (None for all), without noise, to evaluate on."""
        return self.rows.batches(self.route, positions)

    def noisy_batches(self, positions: IntArray | None) -> Batches:
        """Return batches of the rows at these positions (None for all), to train on."""
        return self.network._corrupted_batches(
            self.rows.X,
            self.rows.weight,
            positions,
            self.route,
            self._rng,
            input_noise(self.network),
            range_rows=self.rows.index,
            labels=self.rows.target,
            seeded=any(layer.dropout for layer in self.objective.layers),
        )

    def active_share(self) -> Any:
        """Return the function that gives the share of active codes, for the line that `verbose` prints."""
        return active_share(self.objective, self.clean_batches(self.rows.index), self.rows.X.dtype)

    def monitor(self, held_out: IntArray | None, n_batches: int) -> Any:
        """Return the monitor of the loss of held-out rows, or None without them; an epoch has `n_batches` batches."""
        validation = None if held_out is None else self.clean_batches(held_out)
        return self.network._monitor(self.objective, validation, self._rng, n_batches)

    def loss(self, theta: FloatArray) -> float:
        """Return the loss of some of the rows to train on."""
        batches = self.clean_batches(self.rows.some(_COMPARED_ROWS))
        return mean_value(self.objective, theta, batches, self._rng)

    def minimize(self, stage: Stage, batches: Batches, **options: Any) -> Training:
        """Train on `batches`. The final loss is over rows without noise. For `options`, see `train`."""
        return train(
            self.objective,
            [stage],
            self.theta,
            batches,
            self._rng,
            multiplications=batches.rows_per_batch * self.encoder.n_inputs * self.encoder.sizes[0],
            final_batches=self.clean_batches(self.rows.index),
            **options,
        )
