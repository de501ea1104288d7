"""Latency of flatbuffers."""

from larq_el.benchmark.environment import environment
from larq_el.benchmark.local import Measurement, benchmark

__all__ = ["Measurement", "benchmark", "environment"]
