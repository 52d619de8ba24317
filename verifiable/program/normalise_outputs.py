"""Cutting the final Softmax or Sigmoid: the order of the classes is the same without it."""

from __future__ import annotations

from verifiable.program.graph import Graph, GraphNode

__all__ = ["cut_outputs"]

CUT = ("Softmax", "LogSoftmax", "Sigmoid")
# these keep which value is which, and so may stand between the function and the output
PASSED = ("Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose")


def cut_outputs(graph: Graph) -> list[str]:
    """Remove the final activation in front of each output; the output keeps its name.

    Returns:
        One line per output that says what was cut.
    """
    return [_cut(graph, output) for output in list(graph.outputs)]


def _cut(graph: Graph, output: str) -> str:
    name = output
    quantisation: list[GraphNode] = []
    while True:
        node = graph.producer(name)
        # an activation that is read elsewhere too has to stay
        shared = len(graph.consumers(name)) > (0 if name == output else 1) or (
            name != output and name in graph.outputs
        )
        if node is None or (shared and node.is_op(*CUT, "Div")):
            break
        if node.is_op(*CUT):
            _bypass_all(graph, [*quantisation, node], node.inputs[0])
            return f"output {output}: the final {node.op_type} ({node.label}) is cut"
        logits = _softmax_by_hand(graph, node)
        if logits is not None:
            _bypass_all(graph, [*quantisation, node], logits)
            return f"output {output}: the final softmax (ending in {node.label}) is cut"
        if shared or not node.is_op(*PASSED, "DequantizeLinear", "QuantizeLinear"):
            break
        if node.is_op("DequantizeLinear", "QuantizeLinear"):
            quantisation.append(node)
        name = node.inputs[0]
    return f"output {output}: nothing to cut"


def _bypass_all(graph: Graph, nodes: list[GraphNode], source: str) -> None:
    """Take out the activation, and the quantisation of its result, whose scale is now wrong."""
    activation = nodes[-1]
    graph.bypass(activation, source)
    for node in reversed(nodes[:-1]):
        graph.bypass(node, node.inputs[0])
    graph.prune()


def _softmax_by_hand(graph: Graph, node: GraphNode) -> str | None:
    """The x of exp(x) / sum(exp(x)), where x may be shifted by its maximum first."""
    if not node.is_op("Div"):
        return None
    total, power = graph.producer(node.inputs[1]), graph.producer(node.inputs[0])
    if total is None or power is None or not power.is_op("Exp"):
        return None
    if not total.is_op("ReduceSum") or total.inputs[0] != node.inputs[0]:
        return None
    shift = graph.producer(power.inputs[0])
    if shift is not None and shift.is_op("Sub"):
        largest = graph.producer(shift.inputs[1])
        if largest is not None and largest.is_op("ReduceMax"):
            return shift.inputs[0] if largest.inputs[0] == shift.inputs[0] else None
    return power.inputs[0]
