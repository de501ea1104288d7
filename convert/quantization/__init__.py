"""Fewer bits for what stays full precision, and what they cost."""
