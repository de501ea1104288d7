"""Devices: how to reach one, what it is, where to work on it."""
