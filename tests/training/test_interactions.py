"""CI-Net's search for channel interactions."""

import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras
from larq_el.errors import UserError
from larq_el.layers import InteractedBitcount
from larq_el.training import mine_interactions

COUNTS = np.array([[9.0, 1.0, -1.0], [-9.0, 1.0, -1.0]], np.float32).reshape(2, 1, 1, 3)


def _model(logits, **arguments):
    """Three counts, of which 0 is sure; the classifier reads the others."""
    image = keras.Input((1, 1, 3))
    x = InteractedBitcount(**{"threshold": 5.0, "strength": 4.0, "max_edges": 10} | arguments)(image)
    x = keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(x))
    model = keras.Model(image, x, name="counts")
    model.layers[-1].set_weights([np.array(logits, np.float32), np.zeros(2, np.float32)])
    return model


def test_an_edge_that_helps_is_kept_and_one_that_harms_is_not():
    # class 1 where channel 1 is positive: the first image is class 1, the second 0, which only channel 0 knows
    model = _model([[0, 0], [-1, 1], [0, 0]])
    mined = mine_interactions(model, COUNTS, np.array([1, 0]), proposals=200)
    edges = model.layers[1].edges
    assert (0, 1, 1) in edges
    assert (0, 1, -1) not in edges
    assert mined.loss_after < mined.loss_before - 0.1
    assert (mined.proposed, mined.accepted) == (200, len(edges))


def test_of_edges_that_change_nothing_those_from_a_sure_to_an_unsure_channel_are_kept():
    model = _model(np.zeros((3, 2)))
    mined = mine_interactions(model, COUNTS, np.array([1, 0]), proposals=100)
    # |x| is 9, 1, 1: only channel 0 is surer than another; channels 1 and 2 are equally sure, whose r is 0
    assert {(source, target) for source, target, _ in model.layers[1].edges} == {(0, 1), (0, 2)}
    assert mined.loss_after == mined.loss_before


def test_no_edge_makes_a_chain_or_is_there_twice():
    model = zoo.create_model("ci_net_resnet18", input_shape=(16, 16, 3), width=0.125, classes=4)
    images = np.random.default_rng(0).normal(size=(4, 16, 16, 3)).astype(np.float32)
    weights = [np.array(weight) for weight in model.trainable_weights]
    mined = mine_interactions(model, images, np.arange(4), proposals=60, seed=3)
    graphs = [layer.edges for layer in model.layers if isinstance(layer, InteractedBitcount)]
    assert mined.accepted == sum(map(len, graphs)) > 0
    for edges in graphs:
        assert {s for s, _, _ in edges} & {t for _, t, _ in edges} == set()
        assert len({(s, t) for s, t, _ in edges}) == len(edges)
    for before, after in zip(weights, model.trainable_weights, strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_full_graph_takes_no_more():
    model = _model(np.zeros((3, 2)), max_edges=1)
    assert mine_interactions(model, COUNTS, np.array([1, 0]), proposals=50).accepted == 1


def test_a_model_without_interactions_is_refused():
    model = zoo.create_model("s_resnet26", input_shape=(16, 16, 3), width=0.125, classes=4)
    with pytest.raises(
        UserError, match="'s_resnet26' has no InteractedBitcount layer to mine; build a method 'ci_net'"
    ):
        mine_interactions(model, COUNTS, np.arange(2), proposals=1)
