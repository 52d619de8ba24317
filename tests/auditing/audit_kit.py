"""Models, programs, locks and records for the tests of audits, right and wrong ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sample_models import MODELS

import verifiable
from verifiable.auditing.report import AuditReport
from verifiable.program.program import Constant, Program
from verifiable.program.quantise import quantise
from verifiable.statement.lock import Lock

CALIBRATION = MODELS / "digits_calibration.npz"
TEST = MODELS / "digits_test.npz"


@dataclass(frozen=True, kw_only=True)
class Made:
    """A model, its program in memory and on disk, and rows of inputs."""

    model: Any
    program: Program
    path: Path
    rows: Mapping[str, np.ndarray]


def sigmoid_model() -> onnx.ModelProto:
    """A float model that no training library wrote: two dense layers, a sigmoid between them."""
    rng = np.random.default_rng(7)
    constants = {
        "w1": rng.normal(size=(4, 6)),
        "b1": rng.normal(size=6),
        "w2": rng.normal(size=(6, 3)),
    }
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w1"], ["m1"], name="first"),
            helper.make_node("Add", ["m1", "b1"], ["a1"], name="bias"),
            helper.make_node("Sigmoid", ["a1"], ["s"], name="gate"),
            helper.make_node("MatMul", ["s", "w2"], ["y"], name="second"),
        ],
        "gated",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [
            numpy_helper.from_array(values.astype(np.float32), name)
            for name, values in constants.items()
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def sigmoid_rows() -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(8).normal(size=(64, 4)).astype(np.float32)}


def qdq_model() -> onnx.ModelProto:
    """The same model as a quantiser leaves it: with QuantizeLinear and DequantizeLinear."""
    from verifiable.program.normalise import normalise
    from verifiable.program.source import load_model

    plain = normalise(load_model(sigmoid_model())).model
    return quantise(plain, sigmoid_rows())


def with_float_weight(model: onnx.ModelProto, change: float) -> onnx.ModelProto:
    """The model with one element of its first matrix moved; not its largest one."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    tensor = next(item for item in changed.graph.initializer if len(item.dims) >= 2)
    values = numpy_helper.to_array(tensor).copy()
    values.reshape(-1)[int(np.argmin(np.abs(values)))] += change
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return changed


def with_weight(program: Program, index: int = 0, *, table: bool = False) -> Program:
    """The program with one integer of one constant changed by one."""
    pool = program.tables if table else program.weights
    values = pool[index].values.copy()
    flat = values.reshape(-1)
    flat[1] += 1 if flat[1] < 100 else -1
    values.setflags(write=False)
    old = pool[index]
    new = Constant(name=old.name, values=values, width=old.width)
    changed = (*pool[:index], new, *pool[index + 1 :])
    return replace(program, **{"tables" if table else "weights": changed})


def with_clamp(program: Program) -> Program:
    """The program with a first node that clips one integer earlier."""
    node = program.nodes[0]
    requant = replace(node.op.requant, hi=node.op.requant.hi - 1)
    changed = replace(node, op=replace(node.op, requant=requant))
    return replace(program, nodes=(changed, *program.nodes[1:]))


def with_lock_key(lock: Lock, backend: str, **changes: str) -> Lock:
    """The lock with other fields in one key."""
    (model,) = lock.models
    fields = {**model.backends[backend], **changes}
    return Lock(models=(replace(model, backends={**model.backends, backend: fields}),))


def flipped(text: str) -> str:
    """Hex digits with the last one changed."""
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def bad_of(report: AuditReport) -> set[tuple[str, str, str, str]]:
    """What did not pass, without what was not compared: id, status, code, backend."""
    return {
        (item.check.id, item.check.status, item.check.code, item.backend)
        for item in report.bad
        if item.check.status != "skipped"
    }


def ids_of(report: AuditReport) -> set[str]:
    return {item.check.id for item in report.findings}


def found_by(report: AuditReport, check: str) -> str:
    """What the one failed check of this id found."""
    (text,) = [item.check.found for item in report.bad if item.check.id == check]
    return text


def saved(program: Program, folder: Path, name: str) -> Path:
    path = folder / f"{name}.program.onnx"
    verifiable.save_program(program, path)
    return path


def differing(report: AuditReport) -> Iterable[str]:
    return sorted({item.check.id for item in report.bad if item.check.status == "failed"})
