"""Proof that a flatbuffer computes what its Keras model computes."""
