"""The order of the examples on their page: what skae is for, what its energy does, how a fit is run."""

from pathlib import Path

#: The examples, but for the prefix ``plot_``.
ORDER = (
    # features and their choice
    "digits_features",
    "zero_bias_codes",
    "choose_alpha",
    "sparse_codes",
    "sparse_text",
    "saturating_path",
    # the energy
    "energy_circle",
    "energy_landscapes",
    "denoising_relax",
    "explain_novelty",
    "false_discoveries",
    "none_of_these",
    "class_energies",
    "finetuned_filters",
    "finetuned_network",
    # more control
    "out_of_core",
    "dask_cluster",
    "onnx",
    "callbacks",
    "custom_activation",
)


class Order:
    """Sorting key of sphinx-gallery: the place in `ORDER`."""

    def __init__(self, src_dir):
        self.src_dir = src_dir

    def __call__(self, filename):
        """Return the place of an example; ValueError where it has none."""
        name = Path(filename).stem.removeprefix("plot_")
        if name not in ORDER:
            raise ValueError(f"doc/gallery_order.py has no place for {name}")
        return ORDER.index(name)
