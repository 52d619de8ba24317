"""onnx's own checks and shape inference, with this package's errors."""

from __future__ import annotations

import onnx

from verifiable.errors import MalformedModel

__all__ = ["STANDARD_DOMAINS", "check_rules", "infer_shapes", "opset_of"]

STANDARD_DOMAINS = ("", "ai.onnx")


def opset_of(model: onnx.ModelProto) -> int:
    """Version of the standard operator set that a model imports."""
    return next(int(item.version) for item in model.opset_import if item.domain in STANDARD_DOMAINS)


def infer_shapes(model: onnx.ModelProto, *, strict: bool = True) -> onnx.ModelProto:
    """Run ONNX shape inference, with propagation of shape-computing values.

    Unless `strict`, it stops quietly where shapes or types contradict each other.

    Raises:
        MalformedModel: shapes or types contradict each other.
    """
    try:
        return onnx.shape_inference.infer_shapes(
            model, check_type=strict, strict_mode=strict, data_prop=True
        )
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError, TypeError) as cause:
        raise MalformedModel(
            "the shapes or types in the graph contradict each other",
            where=model.graph.name,
            why=_first_line(cause),
            code="contradicting-shapes",
        ) from cause


def check_rules(model: onnx.ModelProto) -> None:
    """Run onnx's checker: names, order, operators, attributes, types.

    Other than the checker itself, accepts inputs and outputs without a declared shape.

    Raises:
        MalformedModel: the model breaks a rule.
    """
    values = (*model.graph.input, *model.graph.output)
    tensors = [value.type.tensor_type for value in values if value.type.HasField("tensor_type")]
    shapeless = [tensor for tensor in tensors if not tensor.HasField("shape")]
    for tensor in shapeless:
        tensor.shape.SetInParent()
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as cause:
        raise MalformedModel(
            "the model breaks the rules of ONNX",
            where=model.graph.name,
            why=" ".join(str(cause).split()),
            code="bad-graph",
        ) from cause
    finally:
        for tensor in shapeless:
            tensor.ClearField("shape")


def _first_line(cause: Exception) -> str:
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
