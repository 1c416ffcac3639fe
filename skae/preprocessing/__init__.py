"""Whitening and contrast normalisation."""

from skae.preprocessing._contrast import ContrastNormalizer
from skae.preprocessing._whitening import PCAWhitener

__all__ = ["ContrastNormalizer", "PCAWhitener"]
