"""Every operator's lowering against onnxruntime running the same quantised graph.

onnxruntime computes a QDQ graph in floats; the program computes it in integers. Where both are
right they differ only by how ties and multipliers round: at most two steps of the output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from verifiable.errors import UnsupportedModel
from verifiable.program.accuracy import run_float
from verifiable.program.border import dequantise, quantise_input
from verifiable.program.execute import execute
from verifiable.program.lowering.context import WeightRule
from verifiable.program.lowering.lower import lower, try_lower
from verifiable.program.normalise import normalise
from verifiable.program.program import Program
from verifiable.program.quantise import QuantiseOptions, quantise
from verifiable.program.scales import extract_scales, insert_scales, scale_of

STEPS = 2
CLIPS_OF_INPUT = ("relu", "clip", "identity_dropout")
ROWS = 24


@dataclass(frozen=True)
class Case:
    """A small float graph: nodes as (op, inputs, outputs, attributes)."""

    name: str
    shape: tuple[int, ...]
    nodes: tuple[tuple[str, list[str], list[str], dict[str, object]], ...]
    constants: Callable[[np.random.Generator], dict[str, np.ndarray]] = lambda rng: {}
    steps: int = STEPS
    outputs: tuple[str, ...] = ("y",)


def f32(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, dtype=np.float32)


def conv_weights(*shape: int) -> Callable[[np.random.Generator], dict[str, np.ndarray]]:
    return lambda rng: {
        "w": f32(rng.normal(size=shape)),
        "b": f32(rng.normal(size=shape[0])),
    }


def one(op: str, inputs: list[str], **attributes: object) -> tuple[object, ...]:
    return ((op, inputs, ["y"], attributes),)


IMAGE = (1, 4, 7, 6)

CASES = [
    Case("matmul", (1, 12), one("MatMul", ["x", "w"]), lambda r: {"w": f32(r.normal(size=(12, 5)))}),
    Case("matmul_rows", (1, 3, 8), one("MatMul", ["x", "w"]), lambda r: {"w": f32(r.normal(size=(8, 4)))}),
    Case("matmul_add", (1, 8), (("MatMul", ["x", "w"], ["t"], {}), ("Add", ["t", "b"], ["y"], {})),
         lambda r: {"w": f32(r.normal(size=(8, 4))), "b": f32(r.normal(size=4))}),
    Case("gemm_trans_b", (1, 9), one("Gemm", ["x", "w", "b"], transB=1), conv_weights(5, 9)),
    Case("gemm_plain", (1, 9), one("Gemm", ["x", "w", "b"]),
         lambda r: {"w": f32(r.normal(size=(9, 5))), "b": f32(r.normal(size=5))}),
    Case("gemm_scaled", (1, 9), one("Gemm", ["x", "w", "b"], alpha=0.5, beta=2.0),
         lambda r: {"w": f32(r.normal(size=(9, 5))), "b": f32(r.normal(size=5))}),
    Case("gemm_relu", (1, 9), (("Gemm", ["x", "w", "b"], ["t"], {"transB": 1}), ("Relu", ["t"], ["y"], {})),
         conv_weights(5, 9)),
    Case("conv", IMAGE, one("Conv", ["x", "w", "b"]), conv_weights(5, 4, 3, 3)),
    Case("conv_pads", IMAGE, one("Conv", ["x", "w", "b"], pads=[1, 2, 0, 1]), conv_weights(5, 4, 3, 2)),
    Case("conv_strides", IMAGE, one("Conv", ["x", "w", "b"], strides=[2, 3], pads=[1, 1, 1, 1]), conv_weights(3, 4, 3, 3)),
    Case("conv_dilations", IMAGE, one("Conv", ["x", "w", "b"], dilations=[2, 1], pads=[2, 1, 2, 1]), conv_weights(3, 4, 3, 3)),
    Case("conv_groups", IMAGE, one("Conv", ["x", "w", "b"], group=2, pads=[1, 1, 1, 1]), conv_weights(6, 2, 3, 3)),
    Case("conv_depthwise", IMAGE, one("Conv", ["x", "w", "b"], group=4), conv_weights(4, 1, 2, 2)),
    Case("conv_same_upper", IMAGE, one("Conv", ["x", "w", "b"], auto_pad="SAME_UPPER", strides=[2, 2]), conv_weights(3, 4, 3, 3)),
    Case("conv_same_lower", IMAGE, one("Conv", ["x", "w", "b"], auto_pad="SAME_LOWER", strides=[2, 2]), conv_weights(3, 4, 2, 3)),
    Case("conv_valid", IMAGE, one("Conv", ["x", "w", "b"], auto_pad="VALID"), conv_weights(3, 4, 2, 3)),
    Case("conv_1d", (1, 3, 11), one("Conv", ["x", "w", "b"], pads=[1, 2], strides=[2]), conv_weights(4, 3, 3)),
    Case("conv_relu_pool_flatten_gemm", (1, 2, 8, 8),
         (("Conv", ["x", "w", "b"], ["c"], {"pads": [1, 1, 1, 1]}), ("Relu", ["c"], ["r"], {}),
          ("MaxPool", ["r"], ["p"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
          ("Flatten", ["p"], ["f"], {}), ("Gemm", ["f", "v", "d"], ["y"], {"transB": 1})),
         lambda r: {"w": f32(r.normal(size=(3, 2, 3, 3))), "b": f32(r.normal(size=3)),
                    "v": f32(r.normal(size=(4, 48))), "d": f32(r.normal(size=4))}, steps=4),
    Case("relu", IMAGE, one("Relu", ["x"])),
    Case("clip", IMAGE, one("Clip", ["x", "lo", "hi"]), lambda r: {"lo": f32(np.array(-0.7)), "hi": f32(np.array(0.9))}),
    Case("max_pool", IMAGE, one("MaxPool", ["x"], kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1])),
    Case("max_pool_dilated", IMAGE, one("MaxPool", ["x"], kernel_shape=[2, 2], strides=[1, 1], dilations=[2, 3])),
    Case("max_pool_ceil", IMAGE, one("MaxPool", ["x"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)),
    Case("average_pool", IMAGE, one("AveragePool", ["x"], kernel_shape=[2, 3], strides=[1, 2])),
    Case("average_pool_pads", IMAGE, one("AveragePool", ["x"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])),
    Case("average_pool_include", IMAGE, one("AveragePool", ["x"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)),
    Case("global_average_pool", IMAGE, one("GlobalAveragePool", ["x"])),
    Case("add_self", IMAGE, (("Relu", ["x"], ["r"], {}), ("Add", ["x", "r"], ["y"], {}))),
    Case("sub_broadcast", IMAGE,
         (("GlobalAveragePool", ["x"], ["g"], {}), ("Sub", ["x", "g"], ["y"], {}))),
    Case("residual", IMAGE,
         (("Conv", ["x", "w", "b"], ["c"], {"pads": [1, 1, 1, 1]}), ("Add", ["c", "x"], ["y"], {})),
         conv_weights(4, 4, 3, 3)),
    Case("add_constant", IMAGE, one("Add", ["x", "k"]), lambda r: {"k": f32(r.normal(size=(4, 1, 1)))}),
    Case("sub_from_constant", IMAGE, one("Sub", ["k", "x"]), lambda r: {"k": f32(np.array(0.3))}),
    Case("mul_scalar", IMAGE, one("Mul", ["x", "k"]), lambda r: {"k": f32(np.array(0.3))}),
    Case("mul_negative", IMAGE, one("Mul", ["x", "k"]), lambda r: {"k": f32(np.array(-1.7))}),
    Case("mul_channels", IMAGE, one("Mul", ["x", "k"]), lambda r: {"k": f32(r.normal(size=(1, 4, 1, 1)))}),
    Case("mul_elements", (1, 12), one("Mul", ["x", "k"]), lambda r: {"k": f32(r.normal(size=(12,)))}),
    Case("mul_after_flatten", (1, 2, 5, 5),
         (("MaxPool", ["x"], ["p"], {"kernel_shape": [2, 2], "strides": [1, 1]}), ("Flatten", ["p"], ["f"], {}),
          ("Mul", ["f", "k"], ["y"], {})), lambda r: {"k": f32(r.normal(size=(32,)))}),
    Case("mul_activations", IMAGE, (("Sigmoid", ["x"], ["s"], {}), ("Mul", ["x", "s"], ["y"], {}))),
    Case("div_constant", IMAGE, one("Div", ["x", "k"]), lambda r: {"k": f32(np.array(3.0))}),
    Case("batch_norm", IMAGE, one("BatchNormalization", ["x", "s", "o", "m", "v"]),
         lambda r: {"s": f32(r.normal(size=4)), "o": f32(r.normal(size=4)), "m": f32(r.normal(size=4)),
                    "v": f32(r.uniform(0.5, 2, size=4))}),
    Case("conv_batch_norm_relu", IMAGE,
         (("Conv", ["x", "w", "b"], ["c"], {}), ("BatchNormalization", ["c", "s", "o", "m", "v"], ["n"], {}),
          ("Relu", ["n"], ["y"], {})),
         lambda r: {"w": f32(r.normal(size=(4, 4, 2, 2))), "b": f32(r.normal(size=4)), "s": f32(r.normal(size=4)),
                    "o": f32(r.normal(size=4)), "m": f32(r.normal(size=4)), "v": f32(r.uniform(0.5, 2, size=4))}),
    Case("sigmoid", IMAGE, one("Sigmoid", ["x"])),
    Case("tanh", IMAGE, one("Tanh", ["x"])),
    Case("hard_swish", IMAGE, one("HardSwish", ["x"])),
    Case("hard_sigmoid", IMAGE, one("HardSigmoid", ["x"], alpha=0.3, beta=0.4)),
    Case("leaky_relu", IMAGE, one("LeakyRelu", ["x"], alpha=0.2)),
    Case("prelu_channels", IMAGE, one("PRelu", ["x", "k"]), lambda r: {"k": f32(r.normal(size=(4, 1, 1)))}),
    Case("prelu_scalar", IMAGE, one("PRelu", ["x", "k"]), lambda r: {"k": f32(np.array([0.25]))}),
    Case("prelu_vector", (1, 6), one("PRelu", ["x", "k"]), lambda r: {"k": f32(r.normal(size=(6,)))}),
    Case("gelu", IMAGE, one("Gelu", ["x"])),
    Case("erf", IMAGE, one("Erf", ["x"])),
    Case("conv_prelu", IMAGE,
         (("Conv", ["x", "w", "b"], ["c"], {}), ("PRelu", ["c", "k"], ["y"], {})),
         lambda r: {"w": f32(r.normal(size=(3, 4, 2, 2))), "b": f32(r.normal(size=3)), "k": f32(r.normal(size=(3, 1, 1)))}),
    Case("transpose", IMAGE, one("Transpose", ["x"], perm=[0, 2, 3, 1])),
    Case("transpose_conv_transpose", (1, 7, 6, 4),
         (("Transpose", ["x"], ["t"], {"perm": [0, 3, 1, 2]}), ("Conv", ["t", "w", "b"], ["c"], {}),
          ("Transpose", ["c"], ["y"], {"perm": [0, 2, 3, 1]})), conv_weights(3, 4, 2, 2)),
    Case("reshape", IMAGE, one("Reshape", ["x", "s"]), lambda r: {"s": np.array([1, 8, 21], dtype=np.int64)}),
    Case("squeeze_unsqueeze", (1, 1, 5, 4),
         (("Squeeze", ["x", "a"], ["t"], {}), ("Unsqueeze", ["t", "b"], ["y"], {})),
         lambda r: {"a": np.array([1], dtype=np.int64), "b": np.array([3], dtype=np.int64)}),
    Case("concat_channels", IMAGE, (("Relu", ["x"], ["r"], {}), ("Concat", ["x", "r"], ["y"], {"axis": 1}))),
    Case("concat_conv", IMAGE,
         (("Conv", ["x", "w", "b"], ["c"], {"pads": [1, 1, 1, 1]}), ("Concat", ["c", "x"], ["y"], {"axis": 1})),
         conv_weights(5, 4, 3, 3)),
    Case("pad", IMAGE, one("Pad", ["x", "p", "v"]),
         lambda r: {"p": np.array([0, 1, 2, 0, 0, 0, 1, 3], dtype=np.int64), "v": f32(np.array(0.25))}),
    Case("pad_conv", IMAGE,
         (("Pad", ["x", "p"], ["t"], {}), ("Conv", ["t", "w", "b"], ["y"], {})),
         lambda r: {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1], dtype=np.int64), "w": f32(r.normal(size=(3, 4, 3, 3))),
                    "b": f32(r.normal(size=3))}),
    Case("identity_dropout", IMAGE,
         (("Identity", ["x"], ["t"], {}), ("Dropout", ["t"], ["u"], {}), ("Relu", ["u"], ["y"], {}))),
    Case("two_outputs", IMAGE,
         (("Conv", ["x", "w", "b"], ["c"], {}), ("Relu", ["c"], ["y"], {}), ("Sigmoid", ["x"], ["z"], {})),
         conv_weights(3, 4, 3, 3), outputs=("y", "z")),
]  # fmt: skip


def build(case: Case, rng: np.random.Generator, opset: int = 20) -> onnx.ModelProto:
    graph = helper.make_graph(
        [
            helper.make_node(op, inputs, outputs, name=f"n{i}", **attributes)
            for i, (op, inputs, outputs, attributes) in enumerate(case.nodes)
        ],
        case.name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, case.shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in case.outputs],
        [numpy_helper.from_array(array, name) for name, array in case.constants(rng).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def program_outputs(program: Program, raw: np.ndarray) -> dict[str, np.ndarray]:
    (spec,) = program.inputs
    integers, _ = quantise_input(spec, raw, saturate=True)
    trace = execute(program, {spec.name: integers}, tier="reference")
    fast = execute(program, {spec.name: integers})
    for left, right in zip(trace.values, fast.values, strict=True):
        assert np.array_equal(left, right)
    return {
        item.name: dequantise(
            trace.outputs[item.name], scale=item.scale, zero_point=item.zero_point
        )
        for item in program.outputs
    }


def assert_close(
    program: Program, reference: onnx.ModelProto, rows: np.ndarray, steps: int
) -> None:
    expected = run_float(reference, {"x": rows})
    seen = set()
    for index, row in enumerate(rows):
        found = program_outputs(program, row)
        for item in program.outputs:
            difference = np.abs(found[item.name] - expected[item.name][index])
            assert difference.max() <= (steps + 0.01) * item.scale, item.name
            seen.update(np.round(found[item.name].ravel(), 9))
    assert len(seen) > 8  # a constant answer would agree with nothing


@pytest.mark.parametrize("per_channel", [True, False], ids=["per_channel", "per_tensor"])
@pytest.mark.parametrize("activation", ["int8", "uint8"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_quantised_graph_keeps_its_meaning(case: Case, activation: str, per_channel: bool) -> None:
    rng = np.random.default_rng(7)
    plain = normalise(build(case, rng)).model
    rows = f32(rng.normal(size=(ROWS, *case.shape)))
    options = QuantiseOptions(activation=activation, per_channel=per_channel)
    quantised = quantise(plain, {"x": rows}, options)
    scales = {"x": scale_of(rows, activation), **extract_scales(quantised)}
    inserted = insert_scales(plain, scales)
    ours = lower(inserted, WeightRule(per_channel=per_channel))  # float weights, scales inserted
    if case.name in CLIPS_OF_INPUT:  # onnxruntime leaves those in floats
        assert_close(ours.program, inserted, rows, case.steps)
        assert "static range" in ours.notes[0]
        return
    assert_close(ours.program, quantised, rows, case.steps + 1)
    assert not ours.notes
    lowered = lower(quantised)  # as it comes from another tool
    assert_close(lowered.program, quantised, rows, case.steps)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_16_bit_activations(case: Case) -> None:
    rng = np.random.default_rng(8)
    plain = normalise(build(case, rng)).model
    rows = f32(rng.normal(size=(3, *case.shape)))
    quantised = quantise(plain, {"x": rows}, QuantiseOptions(activation="int16"))
    scales = {"x": scale_of(rows, "int16"), **extract_scales(quantised)}
    program = lower(insert_scales(plain, scales)).program
    expected = run_float(quantised, {"x": rows})
    for index, row in enumerate(rows):
        for name, found in program_outputs(program, row).items():
            span = np.abs(expected[name]).max() + 1e-9
            assert np.abs(found - expected[name][index]).max() <= 2e-3 * span


def test_every_handler_is_exercised() -> None:
    from verifiable.program.lowering.lower import HANDLERS

    covered = {node[0] for case in CASES for node in case.nodes}
    elementwise = {
        "Abs",
        "Cast",
        "Elu",
        "Exp",
        "Mish",
        "Neg",
        "Pow",
        "Softplus",
        "Softsign",
        "Sqrt",
    }
    assert set(HANDLERS) - covered - elementwise == set()


@pytest.mark.parametrize(
    ("op", "function", "attributes"),
    [
        ("Abs", np.abs, {}),
        ("Elu", lambda x: np.where(x < 0, 0.7 * np.expm1(x), x), {"alpha": 0.7}),
        ("Exp", np.exp, {}),
        ("Neg", np.negative, {}),
        ("Mish", lambda x: x * np.tanh(np.log1p(np.exp(x))), {}),
        ("Softplus", lambda x: np.log1p(np.exp(x)), {}),
        ("Softsign", lambda x: x / (1 + np.abs(x)), {}),
    ],
)
def test_more_functions_become_tables(op: str, function: object, attributes: dict) -> None:
    rng = np.random.default_rng(9)
    case = Case(op, (1, 40), one(op, ["x"], **attributes))
    rows = f32(rng.uniform(-2, 2, size=(4, 1, 40)))
    plain = normalise(build(case, rng)).model
    scales = {"x": scale_of(rows, "int8"), **extract_scales(quantise(plain, {"x": rows}))}
    program = lower(insert_scales(plain, scales)).program
    for row in rows:
        found = program_outputs(program, row)["y"]
        step = program.outputs[0].scale
        slope = np.abs(np.gradient(function(np.linspace(-2, 2, 999)), 4 / 998)).max()
        input_error = program.inputs[0].scale / 2 * max(slope, 1.0)
        assert np.abs(found - function(row)).max() <= step + input_error


def test_unsupported_graph_lists_all_problems_at_once() -> None:
    rng = np.random.default_rng(3)
    case = Case(
        "bad",
        (1, 6),
        (("Softmax", ["x"], ["s"], {}), ("Cos", ["x"], ["c"], {}), ("Add", ["s", "c"], ["y"], {})),
    )
    plain = normalise(build(case, rng)).model
    with pytest.raises(UnsupportedModel) as caught:
        lower(plain)
    assert {problem.node for problem in caught.value.problems} >= {"n0", "n1"}
    assert not any(problem.node == "n2" for problem in caught.value.problems)
    assert try_lower(plain).problems == caught.value.problems
