"""Which positive factors the tensors of a network may take, so that multiplications by one constant vanish.

Signs do not see a factor, the weights of convolutions absorb one, additions and pools pass one on. Tensors that such
operators tie together take one factor: a class. A multiplication by a constant c, of class A's tensor to one of class
B, vanishes where B's factor is A's divided by c. The classes are the nodes of a graph and these multiplications its
edges: those of a spanning forest can vanish at once, and it is made of the largest ones first.
"""

from dataclasses import dataclass
from math import prod

from larq_el.convert.folding.channels import takes_factors
from larq_el.tflite.editor import Editor
from larq_el.tflite.flatbuffer import Flatbuffer
from larq_el.tflite.graph import Operator, Tensor
from larq_el.tflite.operators import BCONV, QUANTIZE

POSITIVE = ("NONE", "RELU")
"""Activations that let a positive factor pass."""
LINEAR = frozenset(
    {"RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS", "SPLIT", "SLICE", "STRIDED_SLICE", "GATHER", "TILE", "PAD"}
    | {"MIRROR_PAD", "MAX_POOL_2D", "AVERAGE_POOL_2D", "SUM", "MEAN", "ABS", "RELU", "PRELU", "LEAKY_RELU"}
    | {"SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "SPACE_TO_DEPTH", "DEPTH_TO_SPACE"}
)
"""Operators whose output takes the factor of their input; their constants stay as they are."""
SUMS = frozenset({"ADD", "SUB", "ADD_N", "CONCATENATION"})
"""As `LINEAR`, of several inputs; their constants take the factor too."""
WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})
LARGEST = 2.0**10
"""No tensor takes a factor beyond this, or below its inverse: weights in float16 would lose bits to it."""
PINNED = -1
"""Stands for the tensors that keep their values."""


@dataclass(frozen=True)
class Product:
    """A multiplication of a tensor by one positive constant: an edge between two classes."""

    operator: Operator
    source: int
    result: int
    constant: float


class Sets:
    """Disjoint sets of numbers."""

    def __init__(self) -> None:
        self._parents: dict[int, int] = {}

    def find(self, member: int) -> int:
        """The number that stands for a member's set."""
        while (parent := self._parents.get(member, member)) != member:
            member = parent
        return member

    def join(self, one: int, other: int) -> bool:
        """Makes one set of two; False where they were one already."""
        one, other = self.find(one), self.find(other)
        self._parents[one] = other
        return one != other


def fold_factors(flatbuffer: Flatbuffer, editor: Editor) -> dict[int, float]:
    """Takes out multiplications by one constant, such as Elastic-Link's by 1/gamma.

    # Arguments
        flatbuffer: the model.
        editor: of that model.

    # Returns
        What each tensor is multiplied by from now on.
    """
    factors, vanishing = factors_of(flatbuffer)
    gone = {operator.index for operator in vanishing}
    for operator in flatbuffer.operators:
        if not operator.outputs:
            continue
        result = factors[operator.outputs[0].index]
        source = next((factors.get(one.index, 1.0) for one in operator.inputs if one and one.data is None), 1.0)
        if operator.index in gone:
            editor.bypass(operator, next(one for one in operator.inputs if one is not None and one.data is None))
        elif operator.name == BCONV or operator.name in SUMS:
            editor.rescale(operator, result)
        elif operator.name in WEIGHTED:
            editor.rescale(operator, result / source, (1,))
            editor.rescale(operator, result, (2,))
        elif operator.name == "MUL":
            editor.rescale(operator, result / source)
    return factors


def factors_of(flatbuffer: Flatbuffer) -> tuple[dict[int, float], list[Operator]]:
    """The factors with which the most multiplications vanish.

    # Arguments
        flatbuffer: the model.

    # Returns
        The factor of each computed tensor, by its index; and the multiplications that vanish.
    """
    classes, forest = Sets(), Sets()
    for index in (*flatbuffer.inputs, *flatbuffer.outputs):
        classes.join(index, PINNED)
    for operator in flatbuffer.operators:
        _tie(operator, flatbuffer, classes)
    products = [
        edge for operator in flatbuffer.operators if (edge := _product(operator, flatbuffer, classes)) is not None
    ]
    products.sort(key=lambda edge: -prod(edge.operator.outputs[0].shape))
    edges = [edge for edge in products if forest.join(edge.source, edge.result)]
    by_class, vanishing = _spread(edges, classes.find(PINNED))
    factors = {
        tensor.index: by_class.get(classes.find(tensor.index), 1.0)
        for operator in flatbuffer.operators
        for tensor in operator.outputs
    }
    for operator in flatbuffer.operators:
        # the binary convolution of a product of two activations makes up for the other factor
        if (operands := _free_operand(operator, flatbuffer)) is not None:
            free, other = operands
            factors[free.index] = factors[operator.outputs[0].index] / factors.get(other.index, 1.0)
    return factors, [edge.operator for edge in vanishing]


def _spread(edges: list[Product], pinned: int) -> tuple[dict[int, float], list[Product]]:
    """A factor for each class, and the edges that vanish: all of a forest, but where factors would become too large."""
    ties: dict[int, list[tuple[int, float, Product]]] = {}
    for edge in edges:
        ties.setdefault(edge.source, []).append((edge.result, 1.0 / edge.constant, edge))
        ties.setdefault(edge.result, []).append((edge.source, edge.constant, edge))
    factors: dict[int, float] = {}
    vanishing = []
    for start in sorted(ties, key=lambda one: one != pinned):
        if start in factors:
            continue
        factors[start] = 1.0
        waiting = [start]
        while waiting:
            here = waiting.pop()
            for there, ratio, edge in ties[here]:
                factor = factors[here] * ratio
                if there not in factors and 1.0 / LARGEST <= factor <= LARGEST:
                    factors[there] = factor
                    vanishing.append(edge)
                    waiting.append(there)
    return factors, vanishing


def _tie(operator: Operator, flatbuffer: Flatbuffer, classes: Sets) -> None:
    """Joins the tensors of an operator that take one factor; pins those of one that lets no factor pass."""
    tensors = [one.index for one in (*operator.inputs, *operator.outputs) if one is not None and _is_value(one)]
    # of a constant that is tiled, say, there is nothing that could take a factor
    computed = any(one is not None and _is_value(one) for one in operator.inputs)
    if operator.activation in POSITIVE:
        if operator.name in SUMS or (operator.name in LINEAR and computed):
            for one in tensors[1:]:
                classes.join(tensors[0], one)
            return
        if operator.name == QUANTIZE or (operator.name == BCONV and takes_factors(operator)):
            return
        if operator.name in WEIGHTED and has_constant_weights(operator):
            return
        if operator.name == "MUL" and (operator.constant_and_other() or _free_operand(operator, flatbuffer)):
            return
    for one in tensors:
        classes.join(one, PINNED)


def _is_value(tensor: Tensor) -> bool:
    """Whether it is a real-valued activation."""
    return tensor.data is None and tensor.dtype == "float32"


def has_constant_weights(operator: Operator) -> bool:
    """Whether a float convolution or dense layer has weights, and a bias if any, that can be changed."""
    weights = [one for one in operator.inputs[1:] if one is not None]
    return all(one.data is not None and one.dtype == "float32" for one in weights) and _is_value(operator.outputs[0])


def _product(operator: Operator, flatbuffer: Flatbuffer, classes: Sets) -> Product | None:
    inputs = operator.constant_and_other() if operator.name == "MUL" and operator.activation == "NONE" else None
    if inputs is None or inputs[0].size != 1 or inputs[1].shape != operator.outputs[0].shape:
        return None
    if operator.outputs[0].index in flatbuffer.outputs:
        return None  # whose name has to stay
    constant = float(inputs[0].ravel()[0])
    ends = classes.find(inputs[1].index), classes.find(operator.outputs[0].index)
    return Product(operator, *ends, constant) if constant > 0.0 and _is_value(inputs[1]) else None


def _free_operand(operator: Operator, flatbuffer: Flatbuffer) -> tuple[Tensor, Tensor] | None:
    """Of a product of two activations, the one that a binary convolution makes for it alone; and the other."""
    if operator.name != "MUL" or operator.constant_and_other() is not None or len(operator.inputs) != 2:
        return None
    for one, other in (operator.inputs, operator.inputs[::-1]):
        producer = None if one is None else flatbuffer.feeder(one)
        if one and other and producer is not None and producer.name == BCONV and takes_factors(producer):
            return one, other
    return None
