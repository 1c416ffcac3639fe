"""Whitening and contrast normalisation."""

from skae.preprocessing._contrast import ContrastNormalizer
from skae.preprocessing._pca import joined_squares, squares_of
from skae.preprocessing._whitening import PCAWhitener, keep_squares

__all__ = ["ContrastNormalizer", "PCAWhitener", "joined_squares", "keep_squares", "squares_of"]
