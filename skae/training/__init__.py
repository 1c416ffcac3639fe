"""Training: from rows and an objective to parameters."""

from skae.training._batches import Batches, batches_of, corrupting, over_rows, row_keys
from skae.training._callbacks import NO_CALLBACKS, begin_fit_task, fit_task, share_callbacks
from skae.training._chunks import chunk_rows, dense, row_chunks, sparse_chunk_rows, stored, stored_values
from skae.training._class_weight import supervised_weight
from skae.training._conformal import conformal_p_values
from skae.training._convergence import convergence_problem, feature_errors, on_plateau
from skae.training._dead_units import constant_units, dead_units
from skae.training._evaluation import final_losses, mean_value
from skae.training._frames import like_frame
from skae.training._labels import encode_labels, merge_classes, named_classes, plain_labels, refuse_mixed_labels
from skae.training._moments import (
    checked_weight,
    effective_rows,
    largest_value,
    merge_moments,
    moments,
    near_one,
    relative_weight,
)
from skae.training._nonzeros import is_csr
from skae.training._principal_axes import principal_axes
from skae.training._ranges import (
    check_overflow,
    check_values,
    check_visible_range,
    corruption_range,
    feature_range,
    value_range,
)
from skae.training._rollback import unchanged_on_error
from skae.training._seeds import seed_of
from skae.training._solver_parameters import SolverParameters, drop_optimizer_state
from skae.training._sparse_route import AUTO_BATCH_SIZE, cheapest_route, dense_route, prediction_stays_sparse
from skae.training._supervised import hold_out, input_noise, labelled_route, split_rows
from skae.training._threads import blas_threads
from skae.training._train import Stage, Training, train
from skae.training._verbose import active_above, active_share
from skae.training._warnings import names_compared, quiet, too_many_dead, too_many_units, warn

__all__ = [
    "AUTO_BATCH_SIZE",
    "NO_CALLBACKS",
    "Batches",
    "SolverParameters",
    "Stage",
    "Training",
    "active_above",
    "active_share",
    "batches_of",
    "begin_fit_task",
    "blas_threads",
    "cheapest_route",
    "check_overflow",
    "check_values",
    "check_visible_range",
    "checked_weight",
    "chunk_rows",
    "conformal_p_values",
    "constant_units",
    "convergence_problem",
    "corrupting",
    "corruption_range",
    "dead_units",
    "dense",
    "dense_route",
    "drop_optimizer_state",
    "effective_rows",
    "encode_labels",
    "feature_errors",
    "feature_range",
    "final_losses",
    "fit_task",
    "hold_out",
    "input_noise",
    "is_csr",
    "labelled_route",
    "largest_value",
    "like_frame",
    "mean_value",
    "merge_classes",
    "merge_moments",
    "moments",
    "named_classes",
    "names_compared",
    "near_one",
    "on_plateau",
    "over_rows",
    "plain_labels",
    "prediction_stays_sparse",
    "principal_axes",
    "quiet",
    "refuse_mixed_labels",
    "relative_weight",
    "row_chunks",
    "row_keys",
    "seed_of",
    "share_callbacks",
    "sparse_chunk_rows",
    "split_rows",
    "stored",
    "stored_values",
    "supervised_weight",
    "too_many_dead",
    "too_many_units",
    "train",
    "unchanged_on_error",
    "value_range",
    "warn",
]
