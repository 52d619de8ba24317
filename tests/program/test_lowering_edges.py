"""Graphs whose meaning is easily lost on the way to integers, each by a way that it once was."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from verifiable.errors import MalformedInput, UnsupportedModel
from verifiable.program.accuracy import compare
from verifiable.program.arrays import split_rows
from verifiable.program.compile import Compiled, CompileOptions, compile_model
from verifiable.program.inspect import inspect_model
from verifiable.program.normalise import normalise
from verifiable.program.onnx_file import dump_program
from verifiable.program.quantise import QuantiseOptions, input_shapes
from verifiable.program.scales import decode_scales

Node = tuple[str, list[str], list[str], dict[str, Any]]

IMAGE = (1, 3, 6, 6)
RNG = np.random.default_rng(5)
KERNEL = RNG.normal(size=(4, 3, 3, 3)).astype(np.float32)
SCALE = np.array(0.02, dtype=np.float32)
COARSE = np.array(0.07, dtype=np.float32)


def f32(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float32)


def build(
    nodes: list[Node],
    shape: tuple[int, ...],
    constants: dict[str, np.ndarray] | None = None,
    outputs: tuple[str, ...] = ("y",),
    opset: int = 20,
) -> onnx.ModelProto:
    made = [
        helper.make_node(
            op, inputs, made, name=f"n{i}", domain=attributes.pop("domain", ""), **attributes
        )
        for i, (op, inputs, made, attributes) in enumerate(nodes)
    ]
    graph = helper.make_graph(
        made,
        "edge",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def rows_for(model: onnx.ModelProto, spread: float = 1.0, count: int = 16) -> dict[str, np.ndarray]:
    ((name, shape),) = input_shapes(normalise(model).model).items()
    return {name: f32(np.random.default_rng(1).normal(size=(count, *shape)) * spread)}


def check(
    model: onnx.ModelProto, *, spread: float = 1.0, limit: float = 0.03, **options: Any
) -> Compiled:
    """Compile, and compare with onnxruntime running the given model."""
    rows = rows_for(model, spread)
    compiled = compile_model(model, calibration=rows, options=CompileOptions(**options))
    plain = normalise(model).model
    found = compare(compiled.program, plain, split_rows(rows, input_shapes(plain)))
    for item in found.outputs:
        assert item.mean_relative_error is not None
        assert item.mean_relative_error <= limit, (item.name, item.mean_relative_error)
    return compiled


@pytest.mark.parametrize(
    "factors",
    [(1, 1e-2, 1e-3, 1e-4), (1, 1, 1, 0), (1, 1, 1, 1e-12), (1e3, 1, 1, 1)],
    ids=["spread", "zero", "nearly_dead", "one_large"],
)
def test_a_channel_of_small_weights_keeps_its_bias(factors: tuple[float, ...]) -> None:
    weight = KERNEL * f32(factors)[:, None, None, None]
    constants = {"w": weight, "b": f32([0.1, 3, 3, 3])}
    check(build([("Conv", ["x", "w", "b"], ["y"], {})], IMAGE, constants), limit=0.02)


def test_quantised_channels_of_very_different_scales_keep_their_bias() -> None:
    scales = f32([1e-2, 1e-4, 1e-6, 1e-12])
    constants = {
        "s": SCALE, "z": np.array(0, dtype=np.int8), "ws": scales, "wz": np.zeros(4, np.int8),
        "w": RNG.integers(-127, 128, size=(4, 3, 3, 3)).astype(np.int8),
        "b": f32([0.1, 0.3, -0.3, 0.3]), "t": np.array(0.02, np.float32),
    }  # fmt: skip
    nodes: list[Node] = [
        ("QuantizeLinear", ["x", "s", "z"], ["q"], {}),
        ("DequantizeLinear", ["q", "s", "z"], ["d"], {}),
        ("DequantizeLinear", ["w", "ws", "wz"], ["v"], {"axis": 0}),
        ("Conv", ["d", "v", "b"], ["c"], {}),
        ("QuantizeLinear", ["c", "t", "z"], ["p"], {}),
        ("DequantizeLinear", ["p", "t", "z"], ["y"], {}),
    ]
    check(build(nodes, IMAGE, constants), limit=0.02)


def test_concat_of_different_scales_clips_no_part() -> None:
    nodes: list[Node] = [
        ("Relu", ["x"], ["r"], {}),
        ("Tanh", ["x"], ["t"], {}),
        ("Concat", ["r", "t"], ["y"], {"axis": 1}),
    ]
    check(build(nodes, IMAGE), spread=3.0)


def test_concat_without_a_scale_of_its_own_takes_16_bits_and_says_so() -> None:
    constants = {"s": SCALE, "t": COARSE, "z": np.array(0, dtype=np.int8), "w": f32(np.eye(8))}
    nodes: list[Node] = [
        ("QuantizeLinear", ["x", "s", "z"], ["a"], {}),
        ("DequantizeLinear", ["a", "s", "z"], ["b"], {}),
        ("Relu", ["b"], ["c"], {}),
        ("QuantizeLinear", ["c", "t", "z"], ["d"], {}),
        ("DequantizeLinear", ["d", "t", "z"], ["e"], {}),
        ("Concat", ["b", "e"], ["f"], {"axis": 1}),
        ("MatMul", ["f", "w"], ["y"], {}),
    ]
    compiled = check(build(nodes, (1, 4), constants), limit=0.01)
    assert any("16 bits" in note for note in compiled.notes)


def residual() -> onnx.ModelProto:
    nodes: list[Node] = [
        ("Conv", ["x", "w", "b"], ["zz"], {"pads": [1, 1, 1, 1]}),
        ("Relu", ["zz"], ["aa"], {}),
        ("Conv", ["aa", "v"], ["mm"], {"pads": [1, 1, 1, 1]}),
        ("Sigmoid", ["zz"], ["bb"], {}),
        ("Add", ["mm", "bb"], ["cc"], {}),
        ("GlobalAveragePool", ["cc"], ["y"], {}),
    ]
    kernel = RNG.normal(size=(4, 4, 3, 3)).astype(np.float32)
    return build(nodes, IMAGE, {"w": KERNEL, "b": f32([0, 1, 2, 3]), "v": kernel})


def test_branching_models_compile_to_the_same_program_from_stored_scales() -> None:
    model = residual()
    first = check(model).program
    again = compile_model(model, options=CompileOptions(scales=first.metadata["scales"])).program
    assert first.nodes == again.nodes
    stripped = [
        dump_program(type(program)(inputs=program.inputs, outputs=program.outputs,
                                   nodes=program.nodes, weights=program.weights,
                                   tables=program.tables))
        for program in (first, again)
    ]  # fmt: skip
    assert stripped[0] == stripped[1]


def quantised_pair(between: list[Node], zero: int = 0, kind: type = np.int8) -> onnx.ModelProto:
    constants = {
        "s": SCALE, "t": COARSE, "z": np.array(zero, dtype=kind), "k": np.array(1, dtype=kind),
        "p": np.array([0, 0, 1, 1, 0, 0, 1, 1], dtype=np.int64),
        "lo": np.array(-5, dtype=kind) if kind is np.int8 else np.array(5, dtype=kind),
        "hi": np.array(60, dtype=kind),
    }  # fmt: skip
    nodes: list[Node] = [
        ("QuantizeLinear", ["x", "s", "z"], ["q"], {}),
        *between,
        ("DequantizeLinear", ["m", "s", "z"], ["y"], {}),
    ]
    return build(nodes, IMAGE, constants)


def test_dequantize_says_what_integers_stand_for() -> None:
    model = quantised_pair([("Identity", ["q"], ["m"], {})])
    model.graph.node[-1].input[1] = "t"
    check(model, limit=0.01)


@pytest.mark.parametrize(
    "between",
    [
        [("MaxPool", ["q"], ["m"], {"kernel_shape": [2, 2]})],
        [("Transpose", ["q"], ["m"], {"perm": [0, 2, 3, 1]})],
        [("Concat", ["q", "q"], ["m"], {"axis": 1})],
    ],
    ids=["MaxPool", "Transpose", "Concat"],
)
def test_integers_may_be_moved_between_the_quantisation_nodes(between: list[Node]) -> None:
    check(quantised_pair(between), limit=0.01)


@pytest.mark.parametrize(
    "between",
    [
        [("Pad", ["q", "p"], ["m"], {})],
        [("Clip", ["q", "lo", "hi"], ["m"], {})],
        [("QuantizeLinear", ["x", "t", "z"], ["r"], {}),
         ("Concat", ["q", "r"], ["m"], {"axis": 1})],
    ],
    ids=["Pad", "Clip", "Concat"],
)  # fmt: skip
def test_integers_may_not_be_computed_with_there(between: list[Node]) -> None:
    with pytest.raises(UnsupportedModel):
        compile_model(quantised_pair(between, zero=3))


@pytest.mark.parametrize("shape", [(), (1,), (4,), (1, 1), (1, 4), (4, 1), (4, 4)])
def test_gemm_adds_its_bias_along_the_right_axis(shape: tuple[int, ...]) -> None:
    constants = {"w": f32(RNG.normal(size=(5, 4))), "c": f32(RNG.normal(size=shape))}
    model = build([("Gemm", ["x", "w", "c"], ["y"], {})], (4, 5), constants)
    try:
        check(model)
    except UnsupportedModel:
        assert shape in ((4, 1), (4, 4))  # refused, but never read along another axis


def test_a_constant_of_higher_rank_adds_axes() -> None:
    nodes: list[Node] = [
        ("Add", ["x", "k"], ["t"], {}),
        ("Relu", ["t"], ["r"], {}),
        ("Concat", ["t", "r"], ["y"], {"axis": 2}),
    ]
    compiled = check(build(nodes, (4, 5), {"k": f32([[[0.5]]])}))
    assert compiled.program.outputs[0].shape == (1, 4, 10)


@pytest.mark.parametrize(
    ("first", "second"), [((0, 9), (-5, -1)), ((0, 6), (8, 10)), ((-1, 1), (0.5, 0.2))]
)
def test_clips_compose_as_onnx_does(
    first: tuple[float, float], second: tuple[float, float]
) -> None:
    bounds = {"a": first[0], "b": first[1], "c": second[0], "d": second[1]}
    nodes: list[Node] = [
        ("Conv", ["x", "w"], ["t"], {}),
        ("Clip", ["t", "a", "b"], ["u"], {}),
        ("Clip", ["u", "c", "d"], ["y"], {}),
    ]
    constants = {"w": KERNEL, **{name: f32(value) for name, value in bounds.items()}}
    check(build(nodes, IMAGE, constants))


def test_an_output_that_a_clip_also_reads_is_not_clipped() -> None:
    nodes: list[Node] = [("Conv", ["x", "w"], ["c"], {}), ("Relu", ["c"], ["y"], {})]
    check(build(nodes, IMAGE, {"w": KERNEL}, outputs=("y", "c")))


def test_wide_accumulators_leave_the_program_unclipped() -> None:
    constants = {
        "s": f32(1e-4), "z": np.array(0, dtype=np.int16), "ws": f32(1e-4),
        "w": np.full((64, 4), 32767, dtype=np.int16),
    }  # fmt: skip
    nodes: list[Node] = [
        ("QuantizeLinear", ["x", "s", "z"], ["q"], {}),
        ("DequantizeLinear", ["q", "s", "z"], ["d"], {}),
        ("DequantizeLinear", ["w", "ws", "z"], ["v"], {}),
        ("MatMul", ["d", "v"], ["y"], {}),
    ]
    compiled = check(build(nodes, (1, 64), constants, opset=21), spread=3.0, limit=1e-3)
    assert compiled.program.nodes[-1].width == 8


def test_an_input_quantised_in_two_ways_is_refused() -> None:
    constants = {"s": SCALE, "t": COARSE, "z": np.array(0, dtype=np.int8)}
    nodes: list[Node] = [
        ("QuantizeLinear", ["x", "t", "z"], ["a"], {}),
        ("DequantizeLinear", ["a", "t", "z"], ["b"], {}),
        ("QuantizeLinear", ["x", "s", "z"], ["c"], {}),
        ("DequantizeLinear", ["c", "s", "z"], ["d"], {}),
        ("Add", ["b", "d"], ["y"], {}),
    ]
    with pytest.raises(UnsupportedModel, match="two ways"):
        compile_model(build(nodes, IMAGE, constants))


@pytest.mark.parametrize("move", ["Transpose", "Reshape"])
def test_moved_weights_keep_the_integers_they_came_with(move: str) -> None:
    integers = np.array([[40, -26, 12, -41], [5, 6, -7, 8]], dtype=np.int8)
    constants = {
        "s": SCALE, "z": np.array(0, dtype=np.int8), "w": integers, "ws": f32(0.01),
        "r": np.array([4, 2], dtype=np.int64),
    }  # fmt: skip
    made: Node = (
        ("Transpose", ["v"], ["u"], {"perm": [1, 0]})
        if move == "Transpose"
        else ("Reshape", ["v", "r"], ["u"], {})
    )
    nodes: list[Node] = [
        ("QuantizeLinear", ["x", "s", "z"], ["q"], {}),
        ("DequantizeLinear", ["q", "s", "z"], ["d"], {}),
        ("DequantizeLinear", ["w", "ws", "z"], ["v"], {}),
        made,
        ("MatMul", ["d", "u"], ["y"], {}),
    ]
    compiled = check(build(nodes, (1, 4), constants))
    expected = integers if move == "Transpose" else integers.reshape(4, 2).T
    assert np.array_equal(compiled.program.weights[0].values, expected)


def test_onnxruntimes_own_quantisation_operators_are_read() -> None:
    constants = {"s": f32(1e-3), "z": np.array(7, dtype=np.int16)}
    nodes: list[Node] = [
        ("QuantizeLinear", ["x", "s", "z"], ["q"], {"domain": "com.microsoft"}),
        ("DequantizeLinear", ["q", "s", "z"], ["d"], {"domain": "com.microsoft"}),
        ("Relu", ["d"], ["r"], {}),
        ("QuantizeLinear", ["r", "s", "z"], ["p"], {"domain": "com.microsoft"}),
        ("DequantizeLinear", ["p", "s", "z"], ["y"], {"domain": "com.microsoft"}),
    ]
    model = build(nodes, IMAGE, constants, opset=17)
    assert compile_model(model).program.inputs[0].zero_point == 7


def test_functions_need_not_be_defined_where_their_operand_never_is() -> None:
    nodes: list[Node] = [("Relu", ["x"], ["r"], {}), ("Pow", ["r", "k"], ["y"], {})]
    check(build(nodes, IMAGE, {"k": f32(0.5)}), limit=0.05)


def test_the_root_of_what_is_never_negative() -> None:
    check(build([("Relu", ["x"], ["r"], {}), ("Sqrt", ["r"], ["y"], {})], IMAGE), limit=0.05)


def test_a_table_that_is_undefined_within_reach_is_refused() -> None:
    constants = {"k": f32(-1.0), "s": SCALE, "z": np.array(0, dtype=np.int8)}
    nodes: list[Node] = [
        ("QuantizeLinear", ["x", "s", "z"], ["q"], {}),
        ("DequantizeLinear", ["q", "s", "z"], ["d"], {}),
        ("Pow", ["d", "k"], ["y"], {}),
    ]
    with pytest.raises(UnsupportedModel, match="infinite or undefined"):
        compile_model(build(nodes, IMAGE, constants))


def test_constant_calibration_data_are_noted() -> None:
    model = build([("Conv", ["x", "w"], ["y"], {})], IMAGE, {"w": KERNEL})
    compiled = compile_model(model, calibration={"x": np.zeros((4, *IMAGE), dtype=np.float32)})
    assert any("constant" in note for note in compiled.notes)
    stored = json.loads(compiled.program.metadata["accuracy"])
    assert stored["outputs"][0]["mean_relative_error"] is None


def test_tiny_and_absurd_scales_are_no_traceback() -> None:
    model = build([("Clip", ["x", "lo", "hi"], ["y"], {})], IMAGE, {"lo": f32(-1), "hi": f32(1)})
    compile_model(model, calibration={"x": np.full((2, *IMAGE), 1e-44, dtype=np.float32)})
    for bad in (
        '{"x":["0x1.0p-3",300,"int8"]}', '{"x":["0x1.0000000000000p-3",0.5,"int8"]}',
        '{"x":["0x1.0000000000000p-3","7","int8"]}', '{"x":["0x1.0000000000000p-3",0,["int8"]]}',
        '{"x":["0x1.0000000000000p-200",0,"int8"]}', "[" * 100_000,
    ):  # fmt: skip
        with pytest.raises(MalformedInput):
            decode_scales(bad)


def test_inspect_reports_no_bound_that_only_made_up_scales_break() -> None:
    nodes: list[Node] = [("Mul", ["x", "k"], ["t"], {}), ("Sigmoid", ["t"], ["y"], {})]
    model = build(nodes, IMAGE, {"k": f32(1e12)})
    assert inspect_model(model).supported


def test_float_casts_at_the_ends_are_dropped() -> None:
    half = int(TensorProto.FLOAT)
    nodes: list[Node] = [("Cast", ["x"], ["h"], {"to": half}), ("Conv", ["h", "w"], ["y"], {})]
    check(build(nodes, IMAGE, {"w": KERNEL}))


def test_16_bit_weights_follow_small_channels_closely() -> None:
    weight = KERNEL * f32([1, 0.3, 0.05, 0.02])[:, None, None, None]
    model = build([("Conv", ["x", "w"], ["y"], {})], IMAGE, {"w": weight})
    options = QuantiseOptions(activation="int16", weights="int16")
    check(model, limit=1e-3, quantisation=options)
