"""What a flatbuffer is made of, why what is float is float, and what would make it faster."""
