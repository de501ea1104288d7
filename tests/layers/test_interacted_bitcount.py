import numpy as np
import pytest

from larq_el._keras import keras, tf
from larq_el.layers import InteractedBitcount


def _layer(**arguments):
    layer = InteractedBitcount(**{"threshold": 4.0, "strength": 2.0, "max_edges": 4} | arguments)
    layer.build((None, None, None, 3))
    return layer


def test_edges_add_up_and_read_their_sources_before_any_change_by_hand():
    layer = _layer()
    layer.edges = [(0, 1, 1), (2, 1, 1), (1, 2, -1)]
    x = tf.constant([[[[4.0, 3.0, 9.0], [-4.0, -5.0, 3.0], [3.0, 4.0, -5.0]]]])
    # 1: + both sources; 2: - source 1, whose 3 is below the threshold, -5 below -threshold, and 4 at it
    np.testing.assert_array_equal(layer(x)[0, 0], [[4, 3 + 4, 9], [-4, -5 - 2, 3 + 2], [3, 4 - 2, -5 - 2]])


def test_without_edges_it_is_the_identity():
    x = tf.random.normal((2, 3, 3, 3), stddev=9.0)
    np.testing.assert_array_equal(_layer()(x), x)


def test_only_the_targets_get_a_gradient():
    layer = _layer()
    layer.edges = [(0, 1, 1)]
    x = tf.constant([[[[5.0, 1.0, 1.0]]]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(layer(x) * [1.0, 10.0, 100.0])
    np.testing.assert_array_equal(tape.gradient(total, x)[0, 0, 0], [1.0, 10.0, 100.0])
    assert layer.trainable_weights == []


def test_the_graph_is_saved_with_the_weights(tmp_path):
    image = keras.Input((2, 2, 3))
    model = keras.Model(image, InteractedBitcount(4.0, 2.0, 5)(image))
    model.layers[-1].edges = [(2, 0, -1)]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].edges == [(2, 0, -1)]
    assert loaded.layers[-1].get_config() == model.layers[-1].get_config()
    assert loaded.layers[-1].compute_output_shape((None, 2, 2, 3)) == (None, 2, 2, 3)


@pytest.mark.parametrize("argument", ["threshold", "strength", "max_edges"])
def test_arguments_are_checked(argument):
    with pytest.raises(ValueError, match=f"InteractedBitcount: {argument} must be above 0, got 0"):
        _layer(**{argument: 0})


@pytest.mark.parametrize("edge", [(0, 3, 1), (-1, 0, 1), (1, 1, 1), (0, 1, 0), (0, 1, 2)])
def test_an_edge_that_is_none_of_the_layer_is_refused(edge):
    with pytest.raises(ValueError, match=r"an edge is \(source, target, \+1 or -1\) of two of the 3 channels, got \("):
        _layer().edges = [edge]


def test_too_many_edges_are_refused():
    with pytest.raises(ValueError, match="at most 4 edges, got 5; raise max_edges"):
        _layer().edges = [(0, 1, 1)] * 5
