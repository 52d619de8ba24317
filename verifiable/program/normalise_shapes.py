"""Static shapes: fix the dynamic axes of the inputs, and see that every tensor got a shape."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np
import onnx
from onnx import helper

from verifiable.errors import MalformedInput, MalformedModel, Problem
from verifiable.program.graph import Graph
from verifiable.program.onnx_rules import infer_shapes

__all__ = ["check_sizes", "check_static", "fix_input_shapes", "rewrite_reshapes"]

MAX_ELEMENTS = 1 << 31
SMALL_ELEMENTS = 1 << 10  # more than any shape has
STEPS_INPUT = 4  # Slice: data, starts, ends, axes, steps


def fix_input_shapes(
    model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]], notes: list[str]
) -> tuple[onnx.ModelProto, list[Problem]]:
    """Copy the model with static inputs; initializers are inputs no more, old shapes are dropped.

    An axis name (`N`, `height`, ...) that is given a size stands for that size in all inputs.

    Returns:
        The model, and one problem per input that still has a dynamic axis.

    Raises:
        MalformedInput: `shapes` names no input, or contradicts its rank or its fixed axes.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    graph = fixed.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    del graph.input[:]
    graph.input.extend(inputs)
    _check_shapes_argument(fixed, shapes)
    symbols: dict[str, int] = {}
    for value in graph.input:
        _set_given(value, shapes.get(value.name), symbols)
    for value in graph.input:
        _set_symbols(value, symbols)
        batch = _dims(value)[:1]
        if batch and not batch[0].HasField("dim_value"):
            if batch[0].dim_param:
                symbols.setdefault(batch[0].dim_param, 1)
            batch[0].dim_value = 1
            notes.append(f"input {value.name!r}: the dynamic batch axis is fixed to 1")
    for value in graph.input:
        _set_symbols(value, symbols)
    problems = [problem for value in graph.input if (problem := _dynamic_problem(value))]
    # declared shapes of inner tensors and outputs may hold axis names that are no longer true
    del graph.value_info[:]
    for value in graph.output:
        if value.type.HasField("tensor_type"):
            value.type.tensor_type.ClearField("shape")
    return fixed, problems


def _dims(value: onnx.ValueInfoProto) -> list[onnx.TensorShapeProto.Dimension]:
    return list(value.type.tensor_type.shape.dim)


def _check_shapes_argument(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> None:
    names = [value.name for value in model.graph.input]
    for name, shape in shapes.items():
        if name not in names:
            raise MalformedInput(
                f"a shape is given for {name!r}, which is no input of the model",
                hint=f"the inputs are {', '.join(names)}",
                code="unknown-input",
            )
        if any(type(size) is not int or size < 1 for size in shape) or prod(shape) > MAX_ELEMENTS:
            raise MalformedInput(
                f"shape {tuple(shape)} is not one of positive sizes and at most 2^31 elements",
                where=f"input {name}",
                code="bad-shape",
            )


def _set_given(
    value: onnx.ValueInfoProto, shape: tuple[int, ...] | None, symbols: dict[str, int]
) -> None:
    if shape is None:
        return
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        tensor.shape.SetInParent()
        for size in shape:
            tensor.shape.dim.add().dim_value = size
        return
    declared = [
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?" for dim in _dims(value)
    ]
    where = f"input {value.name}"
    if len(declared) != len(shape):
        raise MalformedInput(
            f"shape {shape} has {len(shape)} axes where the model has {len(declared)}",
            where=where,
            why=f"the model declares {declared}",
            code="bad-shape",
        )
    for dim, have, size in zip(_dims(value), declared, shape, strict=True):
        known = symbols.setdefault(have, size) if isinstance(have, str) and have != "?" else have
        if known not in (size, "?"):
            raise MalformedInput(
                f"shape {shape} contradicts the model, which declares {declared}",
                where=where,
                why=f"an axis of {known} cannot be {size}",
                code="bad-shape",
            )
        dim.dim_value = size


def _set_symbols(value: onnx.ValueInfoProto, symbols: Mapping[str, int]) -> None:
    for dim in _dims(value):
        if dim.dim_param in symbols:
            dim.dim_value = symbols[dim.dim_param]


def _dynamic_problem(value: onnx.ValueInfoProto) -> Problem | None:
    if not value.type.HasField("tensor_type"):
        return Problem(
            code="unsupported-type",
            node=value.name,
            what="the input is not a tensor",
        )
    if not value.type.tensor_type.HasField("shape"):
        return Problem(
            code="dynamic-shape",
            node=value.name,
            what="the input has no declared shape",
            hint=f"give it by --shape {value.name}=1,...",
        )
    sizes = [dim.dim_value if dim.HasField("dim_value") else None for dim in _dims(value)]
    text = ",".join("?" if size is None else str(size) for size in sizes)
    if None in sizes:
        return Problem(
            code="dynamic-shape",
            node=value.name,
            what=f"the input has dynamic axes ({text})",
            hint=f"fix them by --shape {value.name}={text} with a size for each ?",
        )
    if any(size is not None and size < 1 for size in sizes):
        return Problem(
            code="empty-tensor", node=value.name, what=f"the input has an axis of size 0 ({text})"
        )
    return None


def check_sizes(model: onnx.ModelProto) -> None:
    """Refuse a model in which the size of an axis comes out negative.

    onnx's shape inference computes negative sizes (a window larger than its input) without
    complaint, and kills the process when Slice reads such a tensor, or reads an empty one
    backwards. So the part before each Slice is looked at first.

    Raises:
        MalformedModel: naming the node and its tensor.
    """
    nodes = list(model.graph.node)
    slices = [index for index, node in enumerate(nodes) if node.op_type == "Slice"]
    part = _without_large_weights(model)
    for end in (*slices, len(nodes)):
        del part.graph.node[:]
        part.graph.node.extend(nodes[:end])
        sizes = {
            value.name: [dim.dim_value for dim in _dims(value)]
            for value in infer_shapes(part, strict=False).graph.value_info
        }
        for node in nodes[:end]:
            for name in node.output:
                if min(sizes.get(name, ()), default=0) < 0:
                    raise _negative(node, name, sizes[name])
        if end < len(nodes) and len(nodes[end].input) > STEPS_INPUT:
            source = nodes[end].input[0]
            if 0 in sizes.get(source, ()):
                raise _negative(nodes[end], source, sizes[source])


def _negative(node: onnx.NodeProto, tensor: str, sizes: list[int]) -> MalformedModel:
    return MalformedModel(
        f"tensor {tensor} would have shape {tuple(sizes)}",
        where=f"node {node.name or node.op_type}",
        why="a window is larger than its padded input, or more is cut off than there is",
        hint="give a larger input shape",
        code="contradicting-shapes",
    )


def _without_large_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its weights declared as inputs: enough for inference, and cheap to copy."""
    light = onnx.ModelProto(ir_version=model.ir_version)
    light.opset_import.extend(model.opset_import)
    light.graph.name = model.graph.name
    light.graph.input.extend(model.graph.input)
    for tensor in model.graph.initializer:
        if prod(tensor.dims) <= SMALL_ELEMENTS:
            light.graph.initializer.append(tensor)
        else:
            light.graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
    return light


def rewrite_reshapes(graph: Graph) -> None:
    """Write Flatten, Squeeze, Unsqueeze and every form of Reshape as Reshape to a fixed shape."""
    for node in graph:
        if not node.is_op("Flatten", "Squeeze", "Unsqueeze", "Reshape"):
            continue
        shape = graph.shape(node.outputs[0])
        if shape is None or graph.elements(node.inputs[0]) != prod(shape):
            continue
        target = graph.constant(f"{node.outputs[0]}_shape", np.array(shape, dtype=np.int64))
        node.op_type = "Reshape"
        node.attributes.clear()
        graph.set_inputs(node, [node.inputs[0], target])


def check_static(graph: Graph) -> list[Problem]:
    """List the first tensor on each path that has no static shape, or an unusable one."""
    problems = []
    for node in graph.sorted_nodes():
        known = all(graph.shape(name) is not None for name in filter(None, node.inputs))
        for name in filter(None, node.outputs):
            shape = graph.shape(name)
            if shape is None and known:
                problems.append(_unresolved(node.domain, node.op_type, node.label, name))
            elif shape is not None and (min(shape, default=1) < 1 or prod(shape) > MAX_ELEMENTS):
                problems.append(
                    Problem(
                        code="unusable-shape",
                        node=node.label,
                        what=f"tensor {name} has shape {shape}",
                        hint="every axis is at least 1 and a tensor has at most 2^31 elements",
                    )
                )
    return problems


def _unresolved(domain: str, op_type: str, label: str, tensor: str) -> Problem:
    if domain:
        return Problem(
            code="unsupported-operator",
            node=label,
            what=f"operator {domain}.{op_type} is not one of the standard ONNX operators",
            hint="export the model with standard operators only",
        )
    return Problem(
        code="dynamic-shape",
        node=label,
        what=f"the shape of tensor {tensor} depends on the values of the input",
        hint="export the model with fixed shapes",
    )
