"""Hands weights on from one network to another, by their names, and sees to it that all arrive."""

import fnmatch
from collections.abc import Iterable, Iterator
from typing import Any

from larq_el._keras import Layer, Model, keras
from larq_el.errors import UserError, closest


def named_weights(model: Model) -> dict[str, Any]:
    """A model's variables by `layer/weight`, those of models inside it by `model/layer/weight`.

    >>> list(named_weights(keras.Sequential([keras.layers.Dense(2, name="logits", input_shape=(3,))])))
    ['logits/kernel', 'logits/bias']

    # Arguments
        model: a `tf.keras.Model`.
    """
    return {name: variable for layer in model.layers for name, variable in _named(layer, "")}


def _named(layer: Layer, prefix: str) -> Iterator[tuple[str, Any]]:
    if isinstance(layer, keras.Model):
        for inner in layer.layers:
            yield from _named(inner, f"{prefix}{layer.name}/")
        return
    seen: dict[str, int] = {}
    for variable in layer.weights:
        last = variable.name.split(":")[0].split("/")[-1]
        count = seen[last] = seen.get(last, 0) + 1
        yield f"{prefix}{layer.name}/{last}" + (f"_{count}" if count > 1 else ""), variable


def weight_names(model: Model, variables: Iterable[Any]) -> list[str]:
    """The names of some of a model's variables, see `named_weights`.

    # Arguments
        model: a `tf.keras.Model`.
        variables: of it.
    """
    names = {id(variable): name for name, variable in named_weights(model).items()}
    return [names[id(variable)] for variable in variables]


def hand_on(source: Model, target: Model, fresh: tuple[str, ...] = ()) -> list[str]:
    """Assigns a model's weights to another one's of the same names.

    # Arguments
        source, target: `tf.keras.Model`s.
        fresh: patterns of the names of weights of `target` that keep their own values.

    # Returns
        The names of the weights that kept their own values.

    # Raises
        ValueError: where a weight of `target` has no counterpart of its name and shape and is not `fresh`, or a pattern
            fits none.
    """
    ours, theirs = named_weights(source), named_weights(target)
    kept = [name for name in theirs if any(fnmatch.fnmatchcase(name, pattern) for pattern in fresh)]
    for pattern in fresh:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in theirs):
            raise UserError(f"no weight of {target.name!r} is called {pattern!r}; {closest(pattern, theirs)}")
    for name, variable in theirs.items():
        if name in kept:
            continue
        if name not in ours:
            raise UserError(
                f"weight {name!r} of {target.name!r} has no counterpart in {source.name!r}; hand on the weights of a "
                "network of the same layers."
            )
        if ours[name].shape != variable.shape:
            raise UserError(
                f"weight {name!r} of {target.name!r} has shape {tuple(variable.shape)}, and {tuple(ours[name].shape)} "
                f"in {source.name!r}; hand on the weights of a network of the same width."
            )
    for name, variable in theirs.items():
        if name not in kept:
            variable.assign(ours[name])
    return kept
