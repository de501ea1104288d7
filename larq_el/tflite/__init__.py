"""The ground floor: a TFLite flatbuffer, and what runs it. Nothing here loads TensorFlow."""
