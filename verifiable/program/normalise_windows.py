"""Convolutions, pools and Pad with all written out: no auto_pad, no ceil_mode, no defaults."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from verifiable.program.graph import Graph, GraphNode

__all__ = ["rewrite_ceil_modes", "rewrite_windows"]


POOLS = ("MaxPool", "AveragePool")
PAD_INPUTS_OPSET = 11  # Pad's amounts are an attribute below


def rewrite_ceil_modes(graph: Graph) -> None:
    """Replace ceil_mode by pads, and infer shapes anew where that changes them.

    Runtimes leave out a last window that would hold only trailing padding; ONNX shape inference
    counts it below operator set 22, and then gives wrong shapes, or finds contradictions, from
    there on. So this comes before any strict inference.
    """
    for node in graph.sorted_nodes():
        if not node.is_op(*POOLS) or not node.get("ceil_mode", 0):
            continue
        before = graph.shape(node.outputs[0])
        _write_out(graph, node)
        if graph.shape(node.outputs[0]) != before:
            graph.infer(strict=False)


def rewrite_windows(graph: Graph) -> None:
    """Write out the geometry of every window operator of known shape; simplify its relatives."""
    for node in graph:
        if node.is_op("GlobalMaxPool"):
            _global_max_pool(graph, node)
        if node.is_op("ReduceMean"):
            _reduce_mean(graph, node)
        if node.is_op("Conv", *POOLS):
            _write_out(graph, node)
        elif node.is_op("Pad"):
            _pad(graph, node)


def _write_out(graph: Graph, node: GraphNode) -> None:
    x = graph.shape(node.inputs[0])
    kernel = node.get("kernel_shape")
    if kernel is None and node.op_type == "Conv":
        weight = graph.shape(node.inputs[1])
        kernel = list(weight[2:]) if weight is not None else None
    if x is None or kernel is None or len(kernel) != len(x) - 2:
        return
    rank = len(kernel)
    strides = node.get("strides") or [1] * rank
    dilations = node.get("dilations") or [1] * rank
    pads = _pads(node, x[2:], kernel, strides, dilations)
    node.set(auto_pad=None, kernel_shape=kernel, strides=strides, pads=pads)
    if node.op_type == "Conv":
        node.set(group=node.get("group", 1), dilations=dilations)
        return
    if "dilations" in node.attributes or graph.opset >= 19:
        node.set(dilations=dilations)
    extra = [0] * rank
    if node.get("ceil_mode", 0):
        windows = zip(x[2:], kernel, strides, dilations, pads[:rank], pads[rank:], strict=True)
        extra = [_missing(*window) for window in windows]
        node.set(ceil_mode=0)
    if node.op_type == "AveragePool" and node.get("count_include_pad", 0):
        if any(pads):
            # its own pads count in the divisor, those that ceil_mode adds do not
            _pad_before(graph, node, pads)
            pads = [0] * (2 * rank)
        node.set(count_include_pad=0)
    pads = [*pads[:rank], *(after + more for after, more in zip(pads[rank:], extra, strict=True))]
    node.set(pads=pads)
    lengths = graph.shapes[node.inputs[0]][2:]
    sizes = zip(lengths, kernel, strides, dilations, pads[:rank], pads[rank:], strict=True)
    graph.shapes[node.outputs[0]] = (*x[:2], *(_window_count(*size) for size in sizes))


def _window_count(
    length: int, tap: int, stride: int, dilation: int, before: int, after: int
) -> int:
    return (length + before + after - dilation * (tap - 1) - 1) // stride + 1


def _missing(length: int, tap: int, stride: int, dilation: int, before: int, after: int) -> int:
    """How much padding the last window of ceil_mode lacks; 0 if it is empty, or fits."""
    reach = dilation * (tap - 1) + 1
    start = -(-(length + before + after - reach) // stride) * stride
    if start >= length + before:
        return 0
    return max(0, start + reach - (length + before + after))


def _pads(
    node: GraphNode,
    lengths: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> list[int]:
    mode = node.get("auto_pad", "NOTSET")
    if mode == "NOTSET":
        return list(node.get("pads") or [0] * (2 * len(kernel)))
    if mode == "VALID":
        return [0] * (2 * len(kernel))
    before, after = [], []
    for length, tap, stride, dilation in zip(lengths, kernel, strides, dilations, strict=True):
        count = -(-length // stride)
        total = max(0, (count - 1) * stride + dilation * (tap - 1) + 1 - length)
        small, large = total // 2, total - total // 2
        before.append(large if mode == "SAME_LOWER" else small)
        after.append(small if mode == "SAME_LOWER" else large)
    return before + after


def _pad_before(graph: Graph, node: GraphNode, pads: list[int]) -> None:
    """Move the pads of a pool into a Pad node of its own, with zeros."""
    source = node.inputs[0]
    shape = graph.shapes[source]
    rank = len(pads) // 2
    full = [0, 0, *pads[:rank], 0, 0, *pads[rank:]]
    name = f"{node.name}_pad" if node.name else ""
    padded = graph.fresh(f"{node.outputs[0]}_padded")
    graph.shapes[padded] = tuple(
        size + before + after
        for size, before, after in zip(shape, full[: rank + 2], full[rank + 2 :], strict=True)
    )
    graph.types[padded] = graph.types[source]
    pad = GraphNode("Pad", [source], [padded], name=name)
    pad.set(mode="constant")
    if graph.opset < PAD_INPUTS_OPSET:
        pad.set(pads=full)
    else:
        pad.inputs.append(graph.constant(f"{padded}_pads", np.array(full, dtype=np.int64)))
    graph.add(pad, near=node)
    graph.set_inputs(node, [padded, *node.inputs[1:]])


def _pad(graph: Graph, node: GraphNode) -> None:
    """Write Pad's amounts for all axes, without the `axes` input."""
    shape, amounts = graph.shape(node.inputs[0]), graph.array(node.input(1))
    if shape is None or amounts is None:
        return
    if node.input(3):
        axes = graph.array(node.input(3))
        if axes is None:
            return
        full = np.zeros(2 * len(shape), dtype=np.int64)
        for position, axis in enumerate(axes.tolist()):
            full[axis % len(shape)] = amounts[position]
            full[axis % len(shape) + len(shape)] = amounts[position + len(axes)]
        written = graph.constant(f"{node.outputs[0]}_pads", full)
        graph.set_inputs(node, [node.inputs[0], written, node.input(2)])
    node.set(mode=node.get("mode", "constant"))


def _global_max_pool(graph: Graph, node: GraphNode) -> None:
    shape = graph.shape(node.inputs[0])
    if shape is not None and len(shape) > 2:
        node.op_type = "MaxPool"
        node.set(kernel_shape=list(shape[2:]))


def _reduce_mean(graph: Graph, node: GraphNode) -> None:
    """Turn a mean over all spatial axes into GlobalAveragePool, and a Reshape if axes go."""
    shape, result = graph.shape(node.inputs[0]), graph.shape(node.outputs[0])
    axes = node.get("axes")
    if axes is None and node.input(1):
        array = graph.array(node.input(1))
        axes = None if array is None else array.tolist()
    if shape is None or result is None or axes is None or len(shape) < 3:
        return
    if sorted(axis % len(shape) for axis in axes) != list(range(2, len(shape))):
        return
    node.op_type = "GlobalAveragePool"
    keep = node.get("keepdims", 1)
    node.attributes.clear()
    graph.set_inputs(node, node.inputs[:1])
    if keep:
        return
    target = node.outputs[0]
    pooled = graph.fresh(f"{target}_pooled")
    graph.shapes[pooled] = (*shape[:2], *(1 for _ in shape[2:]))
    graph.types[pooled] = graph.types[node.inputs[0]]
    graph.set_output(node, 0, pooled)
    size = graph.constant(f"{target}_shape", np.array(result, dtype=np.int64))
    name = f"{node.name}_reshape" if node.name else ""
    graph.add(GraphNode("Reshape", [pooled, size], [target], name=name), near=node)
