"""Keras against the flatbuffer on many samples."""
