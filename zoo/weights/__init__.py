"""Weights: published sets, packed files, what was measured with them."""
