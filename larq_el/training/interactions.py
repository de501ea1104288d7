"""Mines the channel interactions of CI-Net: a greedy search with the accept test of its authors' code.

The authors propose edges by a learned policy (a ConvLSTM trained by policy gradients). An edge survives on one test
alone, which is made here for edges proposed at random:

    r = [CE falls by more than the tolerance] - [CE rises by more than it] + mean(sign(|x_s| - |x_t|))

over a batch's pixels, kept where r > 0: the edge helps, or at least does no harm and leads from a sure channel to an
unsure one. docs/methods/ci_net.md says what else is inferred.

Reference: https://github.com/ZiweiWangTHU/CI-BCNN
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from larq_el._keras import Layer, Model, keras, tf
from larq_el.errors import UserError
from larq_el.layers import InteractedBitcount

TOLERANCE = 0.003
"""Nats of cross-entropy."""


@dataclass(frozen=True)
class Mined:
    """What a search found.

    # Attributes
        proposed, accepted: numbers of edges.
        loss_before, loss_after: cross-entropy of the batch, in nats.
    """

    proposed: int
    accepted: int
    loss_before: float
    loss_after: float


def mine_interactions(
    model: Model, images: np.ndarray, labels: np.ndarray, *, proposals: int, tolerance: float = TOLERANCE, seed: int = 0
) -> Mined:
    """Adds edges to a model's `InteractedBitcount` layers; weights stay as they are.

    The authors alternate 50 epochs of training with 450 of mining, after the network without edges is trained.

    # Arguments
        model: a `tf.keras.Model` that gives probabilities.
        images: one batch (N, H, W, C), preprocessed.
        labels: their classes (N,), integers.
        proposals: edges to propose.
        tolerance: how much the cross-entropy must change to count, in nats.
        seed: of the proposals.

    # Returns
        A `Mined`.

    # Raises
        ValueError: where the model has no such layer.

    >>> from larq_el import zoo
    >>> model = zoo.CINetResNet18(input_shape=(32, 32, 3), width=0.125, classes=10)
    >>> images = np.random.default_rng(0).normal(size=(8, 32, 32, 3)).astype("float32")
    >>> mine_interactions(model, images, np.arange(8), proposals=3).proposed
    3
    """
    layers = [layer for layer in model.layers if isinstance(layer, InteractedBitcount)]
    if not layers:
        raise UserError(f"{model.name!r} has no InteractedBitcount layer to mine; build a method 'ci_net'.")
    rng = np.random.default_rng(seed)
    search = _Search(model, layers, images, labels)
    before = search.loss
    accepted = sum(search.propose(layers[rng.integers(len(layers))], rng, tolerance) for _ in range(proposals))
    return Mined(proposals, accepted, before, search.loss)


class _Search:
    """The batch, and the loss with the edges so far."""

    def __init__(self, model: Model, layers: list[Any], images: np.ndarray, labels: np.ndarray) -> None:
        counts = keras.Model(model.inputs, [layer.input for layer in layers] + model.outputs)
        run = tf.function(lambda: counts(images, training=False))
        self._run = run
        self._layers = layers
        self._labels = labels
        self.loss = self._evaluate()[0]

    def _evaluate(self) -> tuple[float, dict[str, Any]]:
        """The cross-entropy, and the bitcounts of each layer."""
        *counts, probabilities = self._run()
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(self._labels, probabilities))
        return float(loss), {layer.name: count for layer, count in zip(self._layers, counts, strict=True)}

    def propose(self, layer: Layer, rng: np.random.Generator, tolerance: float) -> bool:
        """Tries one edge, and keeps it if it passes."""
        edges = layer.edges
        source, target = (int(channel) for channel in rng.choice(layer.channels, 2, replace=False))
        sign = int(rng.choice((-1, 1)))
        if len(edges) == layer.max_edges or not _is_new(source, target, edges):
            return False
        layer.edges = [*edges, (source, target, sign)]
        loss, counts = self._evaluate()
        x = counts[layer.name]
        surer = tf.reduce_mean(tf.sign(tf.abs(x[..., source]) - tf.abs(x[..., target])))
        change = self.loss - loss
        reward = np.sign(change) * (abs(change) > tolerance) + float(surer)
        if reward > 0:
            self.loss = loss
            return True
        layer.edges = edges
        return False


def _is_new(source: int, target: int, edges: list[tuple[int, int, int]]) -> bool:
    """Whether a pair is not there yet and makes no chain.

    The authors' code applies the edges one after another in place, this package's layer all at once; without chains
    both are the same.
    """
    sources, targets = {s for s, _, _ in edges}, {t for _, t, _ in edges}
    return (source, target) not in {(s, t) for s, t, _ in edges} and source not in targets and target not in sources
