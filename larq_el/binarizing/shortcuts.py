"""Shortcuts as a method has them: one around each convolution, and the stride on an average pool."""

from larq_el._keras import keras, tf
from larq_el.binarizing.analysis import Surroundings
from larq_el.binarizing.canonical import rebuilt_layer
from larq_el.binarizing.graph import Call, Graph, Value, call_after, config_of, unused
from larq_el.binarizing.roles import Block


def one_for_each_convolution(graph: Graph, blocks: list[Block]) -> None:
    """Bi-Real net's shortcuts: each sum of a basic block becomes two, one behind each of its convolutions.

    # Arguments
        graph: changed in place.
        blocks: of the graph.
    """
    taken = {call.name for call in graph.calls}
    around = Surroundings(graph)
    # blocks share no call: what is changed for one leaves the surroundings of the others
    ends = [(around.norm_behind(block.first) or block.first).output for block in blocks]
    for block, value in zip(blocks, ends, strict=True):
        name = unused(f"{block.first.name.removesuffix('_conv')}_add", taken)
        taken.add(name)
        add = call_after(value, name, keras.layers.Add())
        graph.replace({value: add.output})
        add.args = ([value, block.shortcut],)
        graph.calls.append(add)
        swapped = {block.shortcut: add.output}
        block.add.args, block.add.kwargs = tf.nest.map_structure(
            lambda leaf, swapped=swapped: swapped.get(leaf, leaf) if isinstance(leaf, Value) else leaf,
            (block.add.args, block.add.kwargs),
        )
    graph.prune()


def pooled(graph: Graph, call: Call) -> str:
    """Puts a shortcut's stride on an average pool in front of it, so that it sees all pixels.

    # Arguments
        graph: changed in place.
        call: the shortcut's 1x1, which is called once.

    # Returns
        What was done, for a plan; "" where it has no stride.
    """
    strides = tuple(call.layer.strides)
    if max(strides) == 1:
        return ""
    name = unused(f"{call.name.removesuffix('_conv')}_pool", {other.name for other in graph.calls})
    pool = keras.layers.AveragePooling2D(strides, strides, padding="same")
    before = call_after(call.inputs[0], name, pool, tuple(pool.compute_output_shape(call.inputs[0].shape)))
    config = {**config_of(call.layer), "strides": 1}
    call.layer = rebuilt_layer(call.layer, config, call.layer.get_weights(), call)
    call.args = (before.output,)
    graph.calls.insert(graph.calls.index(call), before)
    return f"behind a {strides[0]}x{strides[1]} average pool, as the method has it"
