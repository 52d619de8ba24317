"""Export of torch modules to the plain, self-contained ONNX files that `compile` reads.

torch's tracing exporter is used on purpose: it keeps `Flatten`, `Gemm` and folded BatchNorm as
single standard operators, needs no package beside torch and onnx, and leaves no file paths or
stack traces in the file, so that equal weights give equal bytes.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import onnx
import onnxruntime as ort

from verifiable.errors import MissingDependency, Problem, UnsupportedModel
from verifiable.files import atomic_path

if TYPE_CHECKING:
    import torch

__all__ = ["export_torch"]

BATCH_AXIS_NAME = "batch"
STANDARD_DOMAINS = ("", "ai.onnx")
OPSETS = range(9, 21)  # from the oldest that `compile` reads to the newest that torch traces to
PROTOBUF_LIMIT_BYTES = 2**31 - 1
# kernels of torch and onnxruntime differ by rounding only; a wrong export differs by far more
RELATIVE_TOLERANCE = 1e-3


def export_torch(
    module: torch.nn.Module,
    example: torch.Tensor | Sequence[torch.Tensor],
    path: str | os.PathLike[str],
    *,
    input_names: Sequence[str] = ("input",),
    output_names: Sequence[str] = ("output",),
    opset: int = 18,
    dynamic_batch: bool = False,
) -> Path:
    """Export a torch module to one ONNX file, ready for `compile`.

    The module is traced in eval mode (dropout removed, BatchNorm folded into the layer before it
    where possible) on the CPU or wherever module and example live. All weights are stored in the
    file. Before anything is written, the file is checked against the ONNX specification, and run
    by onnxruntime on `example`, where it must give what the module gives. It is written
    atomically: a reader of `path` sees the old file or the new one. The training flag of every
    submodule is restored, also on failure. For equal weights, example shapes and package versions
    the bytes are equal.

    Tracing records the operations that the example takes: a branch that depends on the *values*
    of the input is frozen as the example took it. torch warns of it (`TracerWarning`).

    Args:
        module: the module to export; takes as many tensors as `example` holds and returns a
            tensor or a flat tuple or list of tensors.
        example: one input tensor, or a sequence of them, of the shapes that the model takes,
            batch axis first, e.g. (1, 1, 28, 28) float32. The values are used for the comparison
            only.
        path: the file to write; its folder must exist.
        input_names: name of each input, in the order of `example`. These are the array names that
            the `.npz` files for calibration and proving must use.
        output_names: name of each output, in the order in which the module returns them.
        opset: version of the standard ONNX operator set, 9 to 20.
        dynamic_batch: name the first axis of every input and output "batch" and leave its length
            open, instead of fixing it to the example's. `compile` fixes it to 1.

    Returns:
        The path of the written file.

    Raises:
        MissingDependency: torch is not installed.
        UnsupportedModel: the module fails on the example, holds an operation without a standard
            ONNX operator or more weights than one file can, or names and tensors do not match;
            all reasons at once where possible.
        ResourceLimit: the file cannot be written.
    """
    try:
        import torch
    except ImportError as cause:
        raise MissingDependency(
            "exporting a torch module needs torch",
            why=str(cause),
            hint="install it with: pip install 'verifiable[torch]'",
        ) from cause
    where = type(module).__name__
    inputs = (example,) if isinstance(example, torch.Tensor) else tuple(example)
    problems = _name_problems(input_names, output_names, len(inputs))
    if opset not in OPSETS:
        problems.append(
            _problem("opset", f"opset {opset} is not one of {OPSETS[0]} to {OPSETS[-1]}")
        )
    if not isinstance(module, torch.nn.Module):
        problems.append(_problem("not-a-torch-module", "the model is not a torch.nn.Module"))
    elif _weight_bytes(module) > PROTOBUF_LIMIT_BYTES:
        problems.append(_problem("too-large", "the weights do not fit in one ONNX file of 2 GiB"))
    for position, tensor in enumerate(inputs):
        if not isinstance(tensor, torch.Tensor):
            problems.append(_problem("not-a-tensor", f"example {position} is not a torch.Tensor"))
        elif dynamic_batch and tensor.dim() == 0:
            problems.append(_problem("no-batch-axis", f"example {position} has no axis"))
    if problems:
        raise UnsupportedModel(problems, where=where)

    with atomic_path(path) as temporary, _eval_mode(module), torch.no_grad():
        outputs = _run_module(module, inputs, len(output_names), where)
        dynamic_axes = {
            name: {0: BATCH_AXIS_NAME}
            for name, tensor in zip((*input_names, *output_names), (*inputs, *outputs), strict=True)
            if dynamic_batch and tensor.dim() > 0
        }
        with warnings.catch_warnings():
            # that this exporter is the older one; the reason for it is at the top of this module
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                torch.onnx.export(
                    module,
                    inputs,
                    temporary,
                    input_names=list(input_names),
                    output_names=list(output_names),
                    opset_version=opset,
                    dynamic_axes=dynamic_axes,
                    dynamo=False,
                )
            except OSError:
                raise
            except Exception as cause:  # it runs the module's code: any type
                _refuse("torch-export-failed", "torch cannot express it in ONNX", where, cause)
        data = _checked(temporary.read_bytes(), where)
        _compare(data, dict(zip(input_names, inputs, strict=True)), outputs, where)
        temporary.write_bytes(data)
    return Path(path)


def _problem(code: str, what: str, hint: str = "") -> Problem:
    return Problem(code=code, node="", what=what, hint=hint)


def _refuse(code: str, what: str, where: str, cause: Exception) -> NoReturn:
    reason = (str(cause).strip() or type(cause).__name__).splitlines()[0]
    raise UnsupportedModel([_problem(code, f"{what}: {reason}")], where=where) from cause


def _name_problems(
    input_names: Sequence[str], output_names: Sequence[str], input_count: int
) -> list[Problem]:
    problems = []
    names = [*input_names, *output_names]
    if len(input_names) != input_count:
        problems.append(
            _problem(
                "input-count",
                f"{input_count} example tensors but {len(input_names)} input names",
                "give one name per tensor in input_names",
            )
        )
    if len(set(names)) != len(names) or not all(names):
        problems.append(
            _problem("ambiguous-names", "the names of inputs and outputs are empty or not unique")
        )
    return problems


def _weight_bytes(module: torch.nn.Module) -> int:
    return sum(
        tensor.numel() * tensor.element_size()
        for tensors in (module.parameters(), module.buffers())
        for tensor in tensors
    )


@contextmanager
def _eval_mode(module: torch.nn.Module) -> Iterator[None]:
    # per submodule: a frozen BatchNorm inside a training model must stay frozen afterwards
    before = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


def _run_module(
    module: torch.nn.Module, inputs: Sequence[torch.Tensor], output_count: int, where: str
) -> list[torch.Tensor]:
    try:
        result = module(*inputs)
    except Exception as cause:  # the module's own code: any type may come
        _refuse("module-failed", "the module fails on the example", where, cause)
    outputs = list(result) if isinstance(result, (tuple, list)) else [result]
    if not all(hasattr(output, "dim") for output in outputs):
        raise UnsupportedModel(
            [
                _problem(
                    "output-type",
                    "the module returns something other than tensors",
                    "return a tensor or a flat tuple of tensors",
                )
            ],
            where=where,
        )
    if len(outputs) != output_count:
        raise UnsupportedModel(
            [
                _problem(
                    "output-count",
                    f"the module returns {len(outputs)} tensors but there are "
                    f"{output_count} output names",
                    "give one name per tensor in output_names",
                )
            ],
            where=where,
        )
    return outputs


def _checked(data: bytes, where: str) -> bytes:
    """Serialise again without free text; only standard operators may be left."""
    model = onnx.load_from_string(data)
    foreign = sorted(
        {
            f"{node.domain}.{node.op_type}"
            for node in model.graph.node
            if node.domain not in STANDARD_DOMAINS
        }
    )
    if foreign:
        raise UnsupportedModel(
            [
                _problem("foreign-operator", f"no standard ONNX operator: {name}")
                for name in foreign
            ],
            where=where,
        )
    model.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as cause:
        _refuse("invalid-onnx", "torch wrote an invalid ONNX file", where, cause)
    checked: bytes = model.SerializeToString(deterministic=True)
    return checked


def _compare(
    data: bytes,
    inputs: dict[str, torch.Tensor],
    expected: Sequence[torch.Tensor],
    where: str,
) -> None:
    feeds = {name: tensor.detach().cpu().numpy() for name, tensor in inputs.items()}
    try:
        session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
        # an input that the module ignores is no input of the graph
        known = {entry.name for entry in session.get_inputs()}
        found = session.run(None, {name: feeds[name] for name in feeds if name in known})
    except Exception as cause:  # onnxruntime's errors have no common base
        _refuse("onnxruntime-failed", "onnxruntime cannot run the export", where, cause)
    for reference, value in zip(expected, found, strict=True):
        want = reference.detach().cpu().numpy()
        scale = float(np.max(np.abs(want), initial=1.0))
        if want.shape != value.shape or not np.allclose(
            want, value, rtol=RELATIVE_TOLERANCE, atol=RELATIVE_TOLERANCE * scale
        ):
            raise UnsupportedModel(
                [
                    _problem(
                        "export-differs",
                        "the exported file gives other outputs than the module on the example",
                        "look for branches on values and for randomness in eval mode",
                    )
                ],
                where=where,
            )
