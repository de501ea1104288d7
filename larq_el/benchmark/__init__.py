"""Latency of flatbuffers."""

from larq_el.benchmark.environment import environment
from larq_el.benchmark.local import RUNTIMES, Measurement, benchmark

__all__ = ["RUNTIMES", "Measurement", "benchmark", "environment"]
