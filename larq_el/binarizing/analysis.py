"""What a convolution's surroundings say: which convolutions are the first, the last, a gate's, a shortcut's."""

from functools import cached_property

from larq_el.binarizing import operators
from larq_el.binarizing.graph import Call, Graph, Value, values_in


class Surroundings:
    """Answers about a graph, which must not change meanwhile.

    # Arguments
        graph: in canonical form.

    # Attributes
        consumers: the calls that read a value.
        given: the values that the model gives.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.consumers = graph.consumers()
        self.given = set(values_in(graph.outputs))
        self._position = {call: index for index, call in enumerate(graph.calls)}

    @cached_property
    def _before(self) -> dict[Call, int]:
        """For each call the calls that it depends on and itself, as bits of a number."""
        masks: dict[Call, int] = {}
        for call in self.graph.calls:
            mask = 1 << self._position[call]
            for value in call.inputs:
                mask |= masks[value.producer] if value.producer is not None else 0
            masks[call] = mask
        return masks

    def depends_on(self, value: Value, other: Value) -> bool:
        """Whether a value is computed from another one."""
        if value.producer is None or value is other:
            return False
        if other.producer is None:
            return True  # of the model's inputs, as nearly all values are
        return bool(self._before[value.producer] >> self._position[other.producer] & 1)

    @cached_property
    def _convolutions(self) -> int:
        return sum(1 << self._position[call] for call in self.graph.calls if operators.is_any_convolution(call))

    @cached_property
    def _depthwise(self) -> int:
        return sum(1 << self._position[call] for call in self.graph.calls if operators.is_depthwise(call.layer))

    @cached_property
    def _weighted_after(self) -> set[Call]:
        """The calls behind which a convolution or a dense layer follows."""
        found: set[Call] = set()
        for call in reversed(self.graph.calls):
            following = [reader for value in values_in(call.outputs) for reader in self.consumers[value]]
            if any(reader in found or operators.has_kernel(reader) for reader in following):
                found.add(call)
        return found

    def is_first(self, call: Call) -> bool:
        """Whether no convolution stands before this one, but for depthwise ones that are as early."""
        before = self._before[call] & self._convolutions & ~(1 << self._position[call])
        return not before & ~self._depthwise

    def is_last(self, call: Call) -> bool:
        """Whether neither a convolution nor a dense layer follows, nor a BatchNorm directly: it is a classifier."""
        normed = any(operators.is_batch_norm(reader) for reader in self.consumers[call.output])
        return call not in self._weighted_after and not normed

    @cached_property
    def _pooled(self) -> set[Value]:
        """The values that are computed from globally pooled ones alone."""
        found: set[Value] = set()
        for call in self.graph.calls:
            inputs = call.inputs
            if operators.is_global_pool(call) or (inputs and all(value in found for value in inputs)):
                found.update(values_in(call.outputs))
        return found

    def is_behind_global_pool(self, call: Call) -> bool:
        """Whether all that a call reads is one value a channel, as in a gate or a classifier."""
        return all(value in self._pooled for value in call.inputs)

    def is_shortcut(self, call: Call) -> bool:
        """Whether a 1x1 only fits a shortcut's shape to the sum behind it.

        It reaches the sum through BatchNorm, dropout or an average pool alone, and the other operand is computed from
        what it reads.
        """
        if operators.is_depthwise(call.layer) or tuple(call.layer.kernel_size) != (1, 1):
            return False
        if max(call.layer.strides) == 1 and call.inputs[0].shape[-1] == call.layer.filters:
            return False
        value, source = call.output, self._source(call.inputs[0])
        while True:
            readers = self.consumers[value]
            if len(readers) != 1:
                return False
            (reader,) = readers
            if operators.is_sum(reader):
                return all(
                    other is not source and self.depends_on(other, source)
                    for other in reader.inputs
                    if other is not value
                )
            if not operators.is_batch_norm(reader) and not operators.is_moving(reader):
                return False
            value = reader.output

    def _source(self, value: Value) -> Value:
        """What a shortcut's pool reads."""
        while value.producer is not None and operators.is_moving(value.producer) and len(value.producer.inputs) == 1:
            value = value.producer.inputs[0]
        return value

    def only_reader(self, value: Value) -> Call | None:
        """The call that reads a value, where there is one alone and the value is no output."""
        readers = self.consumers[value]
        return readers[0] if len(readers) == 1 and value not in self.given else None

    def norm_behind(self, call: Call) -> Call | None:
        """The BatchNorm that alone reads what a call gives."""
        reader = self.only_reader(call.output)
        return reader if reader is not None and operators.is_batch_norm(reader) else None
