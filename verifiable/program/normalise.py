"""From any ONNX model to one plain form: static shapes, one operator set, few ways to say a thing.

Every rewrite keeps the function that the model computes in floating point (up to rounding where
constants are folded). QuantizeLinear and DequantizeLinear stay as they are, so that the form of an
already quantised model is normalised just as that of a float one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import onnx
from onnx import inliner, version_converter

from verifiable.errors import MalformedModel, Problem, UnsupportedModel, VerifiableError
from verifiable.program.graph import Graph
from verifiable.program.normalise_elementwise import rewrite_elementwise
from verifiable.program.normalise_fold import drop_identities, fold_constants
from verifiable.program.normalise_linear import rewrite_linear
from verifiable.program.normalise_outputs import cut_outputs
from verifiable.program.normalise_shapes import (
    check_sizes,
    check_static,
    fix_input_shapes,
    rewrite_reshapes,
)
from verifiable.program.normalise_windows import rewrite_ceil_modes, rewrite_windows
from verifiable.program.onnx_rules import check_rules, infer_shapes, opset_of

__all__ = ["WORKING_OPSET", "Normalised", "normalise"]

# The oldest with 16-bit QuantizeLinear, Gelu and every other operator that is supported.
WORKING_OPSET = 21
WORKING_IR_VERSION = 10
MAX_FOLD_ROUNDS = 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Normalised:
    """A model in the plain form.

    Attributes:
        model: the model; every tensor has a static shape unless `problems` says otherwise.
        notes: what was changed that a user should know, one line each.
        problems: tensors whose shape could not be found (only under `allow_unresolved`).
    """

    model: onnx.ModelProto
    notes: tuple[str, ...]
    problems: tuple[Problem, ...] = ()


def normalise(
    model: onnx.ModelProto,
    *,
    shapes: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
    cut_output: bool = False,
    allow_unresolved: bool = False,
) -> Normalised:
    """Bring a model, as read by `load_model`, into the plain form.

    Args:
        model: float or QDQ model; it is not changed.
        shapes: shape of each input that has dynamic axes other than the batch axis, by name; a
            dynamic first axis that is not given here becomes 1.
        cut_output: remove a final Softmax, LogSoftmax or Sigmoid in front of each output.
        allow_unresolved: return the tensors without static shape as `problems` instead of raising.

    Raises:
        UnsupportedModel: an axis stays dynamic; all of them at once.
        MalformedInput: `shapes` does not fit the model's inputs.
        MalformedModel: the shapes in the graph contradict each other.
    """
    try:
        return _normalise(model, dict(shapes), cut_output, allow_unresolved)
    except VerifiableError:
        raise
    except Exception as cause:
        # onnx's own C++ and Python passes raise whatever they like on models they do not expect
        raise MalformedModel(
            "the model could not be brought into its plain form",
            where=model.graph.name,
            why=f"{type(cause).__name__}: {cause}",
            code="not-normalisable",
        ) from cause


def _normalise(
    model: onnx.ModelProto,
    shapes: dict[str, tuple[int, ...]],
    cut_output: bool,
    allow_unresolved: bool,
) -> Normalised:
    notes: list[str] = []
    if model.functions:
        model = inliner.inline_local_functions(model)
    model = _standard_quantisation(model)
    model, dynamic = fix_input_shapes(model, shapes, notes)
    empty = any(problem.code == "empty-tensor" for problem in dynamic)
    if empty or (dynamic and not allow_unresolved):
        raise UnsupportedModel(dynamic)
    check_sizes(model)
    graph = Graph(infer_shapes(model, strict=False))
    rewrite_ceil_modes(graph)
    model = graph.to_model(with_shapes=False)
    # the converter of some operators needs to know shapes
    model = _standard_quantisation(_convert_opset(infer_shapes(model), notes))
    graph = Graph(model)
    _settle_constants(graph)
    rewrite_windows(graph)
    rewrite_reshapes(graph)
    rewrite_elementwise(graph)
    rewrite_linear(graph)
    if cut_output:
        notes.extend(cut_outputs(graph))
    _settle_constants(graph)
    _name_nodes(graph)
    problems = [*dynamic, *check_static(graph)]
    if problems and not allow_unresolved:
        raise UnsupportedModel(problems)
    return Normalised(model=graph.to_model(), notes=tuple(notes), problems=tuple(problems))


def _standard_quantisation(model: onnx.ModelProto) -> onnx.ModelProto:
    """Name onnxruntime's own quantisation operators as the standard ones that they became.

    Those on 16 bits are standard from opset 21 on, so older models are converted before.
    """
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    wide = (onnx.TensorProto.INT16, onnx.TensorProto.UINT16)
    renamed = onnx.ModelProto()
    renamed.CopyFrom(model)
    for node in renamed.graph.node:
        known = node.op_type in ("QuantizeLinear", "DequantizeLinear")
        narrow = not any(types.get(name) in wide for name in node.input)
        if node.domain == "com.microsoft" and known:
            node.domain = "" if narrow or opset_of(model) >= WORKING_OPSET else node.domain
    return renamed


def _settle_constants(graph: Graph) -> None:
    """Fold until nothing changes: each folded shape may make the next shape static."""
    for _ in range(MAX_FOLD_ROUNDS):
        drop_identities(graph)
        graph.infer()
        folded = fold_constants(graph)
        graph.prune()
        if not folded:
            return


def _convert_opset(model: onnx.ModelProto, notes: list[str]) -> onnx.ModelProto:
    version = opset_of(model)
    if version >= WORKING_OPSET:
        return model
    try:
        converted = version_converter.convert_version(model, WORKING_OPSET)
        check_rules(converted)
        # an operator of another domain loses its import otherwise
        for item in model.opset_import:
            if item.domain not in {have.domain for have in converted.opset_import}:
                converted.opset_import.append(item)
        converted.ir_version = max(converted.ir_version, WORKING_IR_VERSION)
        return infer_shapes(converted)
    except (RuntimeError, ValueError, MalformedModel) as cause:
        # the model may still be fine as it is
        notes.append(
            f"operator set {version} is kept: it could not be converted to {WORKING_OPSET} "
            f"({str(cause).strip().splitlines()[0] if str(cause).strip() else 'no reason given'})"
        )
        return model


def _name_nodes(graph: Graph) -> None:
    """Give every node a name of its own: quantisation, notes and errors go by names."""
    taken: set[str] = set()
    for node in graph.sorted_nodes():
        stem = node.name or f"{node.op_type}_{next(filter(None, node.outputs), '')}"
        name, count = stem, 1
        while name in taken:
            count += 1
            name = f"{stem}_{count}"
        node.name = name
        taken.add(name)
