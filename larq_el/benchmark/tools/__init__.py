"""The tools that measure on a device, and what they print."""
