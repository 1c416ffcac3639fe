"""Converters of skae's estimators for skl2onnx (the extra ``onnx``).

With this module imported, ``skl2onnx.to_onnx`` converts every transformer, classifier, regressor and detector of skae,
alone and within scikit-learn's Pipelines, ColumnTransformers and FeatureUnions. Graphs hold standard operators only.
"""

try:
    import onnx  # noqa: F401
    import skl2onnx  # noqa: F401
except ImportError as error:
    raise ImportError('skae.onnx needs ONNX and skl2onnx: pip install "skae[onnx]"') from error

from skae.onnx._register import register
from skae.onnx._units import register_activation

__all__ = ["register_activation"]

register()
