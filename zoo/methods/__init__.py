"""Methods as data. A row of the paper's tables is one entry of `METHODS`."""

import types
from collections.abc import Mapping

from larq_el.zoo.methods.ablations import ABLATIONS
from larq_el.zoo.methods.base import Method, Unit
from larq_el.zoo.methods.compared import COMPARED
from larq_el.zoo.methods.readings import READINGS

METHODS: Mapping[str, Method] = types.MappingProxyType(
    {method.name: method for method in (*COMPARED, *ABLATIONS, *READINGS)}
)

__all__ = ["ABLATIONS", "METHODS", "READINGS", "Method", "Unit"]
