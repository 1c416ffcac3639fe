"""Whitening and contrast normalisation."""

from skae.preprocessing._contrast import ContrastNormalizer
from skae.preprocessing._pca import joined_squares, squares_of
from skae.preprocessing._whitening import PCAWhitener, keep_squares
from skae.preprocessing._whitening_of_rows import Whitening

__all__ = ["ContrastNormalizer", "PCAWhitener", "Whitening", "joined_squares", "keep_squares", "squares_of"]
