"""Tables 1, 2 and 4 of the paper: what stands where in each row."""

import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import lq
from larq_el.layers import ActivationScale, ElasticLink

SMALL = {"input_shape": (32, 32, 3), "width": 0.125, "classes": 10}
ROLES = {"s": "reduce", "i": "spatial", "e": "expand"}


def build(method):
    return zoo.create_model("resnet26", method, **SMALL)


def roles_with(model, condition):
    """The roles, as letters, of the layers of a block for which a condition holds; each block has to have the same."""
    found = [layer.name.split("_") for layer in model.layers if condition(layer)]
    letters = {letter for letter, role in ROLES.items() if any(name[2] == role for name in found)}
    assert len(found) == 8 * len(letters)
    return letters


def has_k(layer):
    return isinstance(layer, ActivationScale)


def has_gamma(layer):
    return isinstance(layer, ElasticLink) and layer.gamma is not None


@pytest.mark.parametrize(
    ("method", "k", "top1"),
    [
        ("s", "", 58.7),
        ("s_ke", "e", 58.5),
        ("s_kse", "se", 59.3),
        ("s_ksi", "si", 59.8),
        ("s_ksie", "sie", 59.4),
        ("s_ks", "s", 59.8),
    ],
)
def test_table_1_places_k(method, k, top1):
    model = build(method)
    assert roles_with(model, has_k) == set(k)
    assert roles_with(model, has_gamma) == set()
    assert zoo.describe(f"{method}_resnet26")["top1"] == top1


@pytest.mark.parametrize(
    ("number", "k", "gammas", "residual", "learned", "top1"),
    [
        (1, "s", "s", True, False, 61.8),
        (2, "s", "se", True, False, 62.1),
        (3, "s", "se", True, False, 63.2),
        (4, "s", "se", False, False, 59.2),
        (5, "", "se", True, True, 63.6),
        (6, "s", "se", True, True, 64.0),
    ],
)
def test_table_2_places_links(number, k, gammas, residual, learned, top1):
    model = build(f"el_{number}")
    assert roles_with(model, has_k) == set(k)
    assert roles_with(model, has_gamma) == set(gammas)
    assert roles_with(model, lambda layer: isinstance(layer, ElasticLink)) == set(gammas) | {"i"}
    assert any(layer.name == "stage1_block1_add" for layer in model.layers) == residual
    trainable = {weight.name.split("/")[0] for weight in model.trainable_weights}
    links = [layer.name for layer in model.layers if has_gamma(layer)]
    assert [name in trainable for name in links] == [learned] * len(links)
    assert zoo.describe(f"el_{number}_resnet26")["top1"] == top1


def test_el_6_is_el():
    el, el_6 = build("el"), build("el_6")
    el_6.set_weights(el.get_weights())
    x = np.random.default_rng(0).normal(0, 60, (4, 32, 32, 3)).astype(np.float32)
    np.testing.assert_array_equal(el.predict_on_batch(x), el_6.predict_on_batch(x))


@pytest.mark.parametrize(
    ("first", "binary", "parameters", "gammas", "top1"),
    [
        ("binary", 24, True, "", 59.4),
        ("float", 16, True, "", 62.0),
        ("link", 16, False, "s", 60.6),
        ("el", 24, True, "s", 61.8),
    ],
)
def test_table_4_replaces_the_first_convolution(first, binary, parameters, gammas, top1):
    model = build(f"s_first_{first}")
    assert sum(isinstance(layer, lq.layers.QuantConv2D) for layer in model.layers) == binary
    assert any(layer.name == "stage1_block1_reduce_conv" for layer in model.layers) == parameters
    assert roles_with(model, has_gamma) == set(gammas)
    assert zoo.describe(f"s_first_{first}_resnet26")["top1"] == top1
