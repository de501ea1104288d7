"""Whether the calls of a functional model can be made: Keras waits for ever for one whose inputs never come."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

CONSTANT = "_CONSTANT_VALUE"
"""What stands in place of a layer's name where an input is a constant."""
MODELS = frozenset({"Functional", "Model", "Sequential"})


def faulty_call(config: dict[str, Any]) -> str | None:
    """The name of a layer that could never be called, or only on constants; None where all is well.

    A call on constants alone is made at once, at whatever size the file asks for. No model that Keras saves has one.

    # Arguments
        config: of a functional model.

    >>> image = {"name": "image", "class_name": "InputLayer", "inbound_nodes": []}
    >>> norm = {"name": "norm", "class_name": "LayerNormalization", "inbound_nodes": [[["image", 0, 0, {}]]]}
    >>> faulty_call({"layers": [image, norm]})
    >>> faulty_call({"layers": [norm]})
    'norm'
    """
    waiting = [(layer, node) for layer in config["layers"] for node in layer["inbound_nodes"]]
    inputs = {layer["name"] for layer in config["layers"] if layer.get("class_name") == "InputLayer"}
    # models inside the model were called once before, on their own inputs; custom classes may be models
    first = {layer["name"]: _first_node(layer) for layer in config["layers"]}
    made: Counter[str] = Counter()
    while waiting:
        left = []
        blocked = set()
        for layer, node in waiting:
            name = layer["name"]
            sources = list(_sources(node))
            ready = bool(sources) and all(
                source in inputs or _is_made(index, made[source], first.get(source, (0, 0)))
                for source, index in sources
            )
            if ready and name not in blocked:
                made[name] += 1
            else:
                # the calls of one layer are made in their order
                blocked.add(name)
                left.append((layer, node))
        if len(left) == len(waiting):
            return str(left[0][0]["name"])
        waiting = left
    return None


def _first_node(layer: dict[str, Any]) -> tuple[int, int]:
    """The least and the greatest number that a layer's first call in the model may have."""
    inner = layer.get("config")
    if layer.get("class_name") in MODELS and isinstance(inner, dict) and "input_layers" in inner:
        return 1, 1
    own = layer.get("module") is not None and not str(layer["module"]).removeprefix("tf_").startswith("keras")
    return (0, 1) if own or layer.get("class_name") in MODELS or layer.get("module") is None else (0, 0)


def _is_made(index: Any, count: int, first: tuple[int, int]) -> bool:
    return isinstance(index, int) and first[0] <= index < first[1] + count


def _sources(value: Any) -> Iterator[tuple[str, Any]]:
    """The layers whose outputs a call takes, each with the number of the call that it had."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _sources(inner)
    elif isinstance(value, list):
        if len(value) in (3, 4) and isinstance(value[0], str):
            if value[0] != CONSTANT:
                yield value[0], value[1]
            yield from _sources(value[3] if len(value) == 4 else None)
        else:
            for inner in value:
                yield from _sources(inner)
