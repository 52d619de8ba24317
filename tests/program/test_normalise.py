"""Normalising keeps the function of a model, and brings it into the plain form."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx_samples import FACE_MODELS, MODELS, floats, make_model, node, run

from verifiable.errors import MalformedInput, MalformedModel, UnsupportedModel, VerifiableError
from verifiable.program.normalise import WORKING_OPSET, Normalised, normalise
from verifiable.program.quantise import input_shapes
from verifiable.program.source import load_model


def operators(model: onnx.ModelProto) -> list[str]:
    return [each.op_type for each in model.graph.node]


def the(model: onnx.ModelProto, op_type: str) -> dict:
    """The attributes of the only node of a type."""
    (found,) = [each for each in model.graph.node if each.op_type == op_type]
    return {each.name: helper.get_attribute_value(each) for each in found.attribute}


def check_same(
    model: onnx.ModelProto, *, seed: int = 0, rtol: float = 1e-5, **options: object
) -> Normalised:
    """Normalise, and compare with the original on random inputs; check the plain form."""
    result = normalise(load_model(model), **options)
    plain = result.model
    onnx.checker.check_model(plain, full_check=True)
    for value in (*plain.graph.input, *plain.graph.value_info, *plain.graph.output):
        dims = value.type.tensor_type.shape.dim
        assert all(dim.dim_value > 0 for dim in dims), value
    named = {value.name for value in (*plain.graph.value_info, *plain.graph.output)}
    names = [each.name for each in plain.graph.node]
    assert len(set(names)) == len(names)
    assert all(names)
    for each in plain.graph.node:
        assert named.issuperset(filter(None, each.output))
        assert each.op_type not in ("Identity", "Dropout", "Constant", "BatchNormalization")
        attributes = {item.name: helper.get_attribute_value(item) for item in each.attribute}
        if each.op_type in ("Conv", "MaxPool", "AveragePool"):
            assert {"kernel_shape", "strides", "pads"} <= attributes.keys()
            assert "auto_pad" not in attributes
            assert not attributes.get("ceil_mode")
    assert [value.name for value in plain.graph.output] == [
        value.name for value in model.graph.output
    ]
    for round_seed in (seed, seed + 1):
        generator = np.random.default_rng(round_seed)
        feeds = {
            name: generator.normal(size=shape).astype(np.float32)
            for name, shape in input_shapes(plain).items()
        }
        for before, after in zip(run(model, feeds), run(plain, feeds), strict=True):
            assert before.shape == after.shape
            np.testing.assert_allclose(after, before, rtol=rtol, atol=rtol)
    return result


# shapes


def test_dynamic_batch_becomes_one() -> None:
    model = make_model([node("Relu", "x", "y")], {"x": ["batch", 3]}, "y")
    result = check_same(model)
    assert input_shapes(result.model) == {"x": (1, 3)}
    assert any("batch" in note for note in result.notes)


def test_other_dynamic_axes_are_all_named_with_the_option_that_fixes_them() -> None:
    nodes = [node("Relu", "a", "b"), node("Relu", "c", "d")]
    model = make_model(nodes, {"a": ["n", 3, "h", None], "c": ["n", "k"]}, "b d")
    with pytest.raises(UnsupportedModel) as caught:
        normalise(model)
    assert [(problem.code, problem.node) for problem in caught.value.problems] == [
        ("dynamic-shape", "a"),
        ("dynamic-shape", "c"),
    ]
    assert "--shape a=1,3,?,?" in str(caught.value)
    fixed = check_same(model, shapes={"a": (1, 3, 4, 5), "c": (1, 2)})
    assert input_shapes(fixed.model) == {"a": (1, 3, 4, 5), "c": (1, 2)}


def test_one_axis_name_is_one_size_in_all_inputs() -> None:
    model = make_model([node("Add", "a b", "y")], {"a": ["n", "k"], "b": ["n", "k"]}, "y")
    result = check_same(model, shapes={"a": (2, 7)})
    assert input_shapes(result.model) == {"a": (2, 7), "b": (2, 7)}


@pytest.mark.parametrize(
    ("shapes", "code"),
    [
        ({"z": (1, 3)}, "unknown-input"),
        ({"x": (1, 3, 1)}, "bad-shape"),
        ({"x": (1, 4)}, "bad-shape"),
        ({"x": (0, 3)}, "bad-shape"),
        ({"x": (1 << 40, 3)}, "bad-shape"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(shapes: dict, code: str) -> None:
    model = make_model([node("Relu", "x", "y")], {"x": ["batch", 3]}, "y")
    with pytest.raises(MalformedInput) as caught:
        normalise(model, shapes=shapes)
    assert caught.value.code == code


def test_input_without_a_shape_needs_one() -> None:
    model = make_model([node("Relu", "x", "y")], {"x": None}, "y")
    with pytest.raises(UnsupportedModel, match="--shape x="):
        normalise(model)
    assert input_shapes(check_same(model, shapes={"x": (2, 3)}).model) == {"x": (2, 3)}


def test_shape_that_depends_on_values_is_named() -> None:
    nodes = [node("NonZero", "x", "where"), node("Cast", "where", "y", to=TensorProto.FLOAT)]
    model = make_model(nodes, {"x": [1, 3]}, "y")
    with pytest.raises(UnsupportedModel) as caught:
        normalise(model)
    assert caught.value.problems[0].code == "dynamic-shape"
    assert normalise(model, allow_unresolved=True).problems == caught.value.problems


def test_operator_of_another_domain_is_reported_and_kept() -> None:
    model = make_model(
        [node("Relu", "x", "a"), node("Magic", "a", "b", domain="acme"), node("Relu", "b", "y")],
        {"x": [1, 3]},
        "y",
    )
    model.opset_import.append(helper.make_opsetid("acme", 1))
    with pytest.raises(UnsupportedModel) as caught:
        normalise(model)
    assert [problem.code for problem in caught.value.problems] == ["unsupported-operator"]
    assert operators(normalise(model, allow_unresolved=True).model) == ["Relu", "Magic", "Relu"]


def test_contradicting_shapes_are_malformed() -> None:
    model = make_model([node("Add", "x c", "y")], {"x": [1, 3]}, "y", {"c": floats(0, 4)})
    with pytest.raises(MalformedModel) as caught:
        normalise(model)
    assert caught.value.code == "contradicting-shapes"


def test_negative_size_is_refused_before_onnx_aborts_on_it() -> None:
    nodes = [
        node("Conv", "x w", "a", name="wide", dilations=[7, 1]),
        node("Slice", "a first last first", "y"),
    ]
    constants = {"w": floats(0, 4, 2, 3, 3), "first": np.array([0]), "last": np.array([-2])}
    with pytest.raises(MalformedModel) as caught:
        normalise(make_model(nodes, {"x": [1, 2, 8, 8]}, "y", constants))
    assert caught.value.code == "contradicting-shapes"
    assert "node wide" in str(caught.value)


def test_empty_tensor_read_backwards_is_refused_before_onnx_aborts_on_it() -> None:
    nodes = [
        node("Slice", "x zero zero zero", "a"),
        node("Slice", "a last zero zero last", "y", name="backwards"),
    ]
    constants = {"zero": np.array([0]), "last": np.array([-1])}
    with pytest.raises(MalformedModel, match="node backwards"):
        normalise(make_model(nodes, {"x": [3, 2]}, "y", constants))


ODD_VALUES = (0, -1, 1, 2, 3, 7, -3, 1 << 20, 1 << 31, 1 << 62, -(1 << 63))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_odd_attributes_never_escape_as_another_error(data: st.DataObject) -> None:
    nodes = [
        node("Pad", "x amounts", "p"),
        node("Conv", "p w", "a", strides=[1, 1], dilations=[1, 1], pads=[0, 0, 0, 0], group=1),
        node("MaxPool", "a", "m", kernel_shape=[2, 2], strides=[2, 2], pads=[0] * 4, ceil_mode=1),
        node("AveragePool", "a", "v", kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_LOWER"),
        node("Concat", "m v", "c", axis=1),
        node("Transpose", "c", "t", perm=[0, 2, 3, 1]),
        node("Slice", "t begin end begin", "s"),
        node("Flatten", "s", "f", axis=1),
        node("Softmax", "f", "y", axis=-1),
    ]
    constants = {
        "amounts": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        "w": floats(0, 4, 2, 3, 3),
        "begin": np.array([1]),
        "end": np.array([3]),
    }
    for _ in range(data.draw(st.integers(1, 3))):
        value = data.draw(st.sampled_from(ODD_VALUES))
        changed = data.draw(st.sampled_from([each for each in nodes if each.attribute]))
        attribute = data.draw(st.sampled_from(list(changed.attribute)))
        if attribute.ints:
            attribute.ints[data.draw(st.integers(0, len(attribute.ints) - 1))] = value
        elif attribute.type == attribute.INT:
            attribute.i = value
        else:
            array = constants[data.draw(st.sampled_from(["amounts", "begin", "end"]))]
            array[data.draw(st.integers(0, array.size - 1))] = value
    model = make_model(nodes, {"x": ["n", 2, 8, 8]}, "y", constants)
    try:
        result = normalise(load_model(model), cut_output=True)
    except VerifiableError:
        return
    onnx.checker.check_model(result.model)


def test_initializers_are_no_inputs() -> None:
    model = make_model([node("Add", "x c", "y")], {"x": [1, 3], "c": [3]}, "y", {"c": floats(0, 3)})
    assert list(input_shapes(check_same(model).model)) == ["x"]


# constants and nodes that do nothing


def test_shape_computations_are_folded_into_reshape() -> None:
    nodes = [
        node("Shape", "x", "size"),
        node("Constant", "", "zero", value_int=0),
        node("Gather", "size zero", "batch"),
        node("Constant", "", "axes", value_ints=[0]),
        node("Unsqueeze", "batch axes", "first"),
        node("Constant", "", "rest", value_ints=[-1]),
        node("Concat", "first rest", "target", axis=0),
        node("Reshape", "x target", "y"),
    ]
    result = check_same(make_model(nodes, {"x": ["n", 2, 3]}, "y"))
    assert operators(result.model) == ["Reshape"]
    (target,) = [onnx.numpy_helper.to_array(each) for each in result.model.graph.initializer]
    assert target.tolist() == [1, 6]


def test_flatten_squeeze_and_unsqueeze_become_reshape() -> None:
    nodes = [
        node("Unsqueeze", "x one", "a"),
        node("Squeeze", "a one", "b"),
        node("Flatten", "b", "y", axis=-1),
    ]
    model = make_model(nodes, {"x": [1, 2, 3]}, "y", {"one": np.array([1])})
    assert operators(check_same(model).model) == ["Reshape"] * 3


def test_weights_of_a_quantised_model_stay_quantised() -> None:
    nodes = [
        node("QuantizeLinear", "x s z", "xq"),
        node("DequantizeLinear", "xq s z", "xd"),
        node("QuantizeLinear", "w s z", "wq"),
        node("DequantizeLinear", "wq s z", "wd"),
        node("MatMul", "xd wd", "y"),
    ]
    constants = {"s": np.float32(0.05), "z": np.int8(0), "w": floats(1, 3, 4)}
    result = check_same(make_model(nodes, {"x": ["n", 3]}, "y", constants))
    # rounding the weights is done once and for all, dequantising them is not
    assert sorted(operators(result.model)) == [
        "DequantizeLinear",
        "DequantizeLinear",
        "MatMul",
        "QuantizeLinear",
    ]
    stored = {each.name: each.data_type for each in result.model.graph.initializer}
    assert stored["wq"] == TensorProto.INT8


def test_nodes_that_do_nothing_vanish_and_outputs_keep_their_names() -> None:
    nodes = [
        node("Identity", "x", "a"),
        node("Cast", "a", "b", to=TensorProto.FLOAT),
        node("Dropout", "b", "c"),
        node("Relu", "c", "d"),
        node("Identity", "d", "first"),
        node("Identity", "d", "second"),
        node("Dropout", "d", "third"),
    ]
    model = make_model(nodes, {"x": [1, 3]}, "first second third")
    result = normalise(model).model
    assert operators(result) == ["Relu", "Identity", "Identity"]
    feeds = {"x": floats(0, 1, 3)}
    for before, after in zip(run(model, feeds), run(result, feeds), strict=True):
        np.testing.assert_array_equal(before, after)


def test_training_dropout_is_kept() -> None:
    model = make_model(
        [node("Dropout", "x ratio train", "y")],
        {"x": [1, 3]},
        "y",
        {"ratio": np.float32(0.5), "train": np.array(True)},
    )
    assert operators(normalise(model).model) == ["Dropout"]


def test_a_constant_is_not_made_that_is_too_large() -> None:
    nodes = [
        node("ConstantOfShape", "size", "big"),
        node("ReduceSum", "big", "total", keepdims=0),
        node("Add", "x total", "y"),
    ]
    model = make_model(nodes, {"x": [1, 3]}, "y", {"size": np.array([1 << 20, 1 << 20])})
    with pytest.raises(UnsupportedModel) as caught:
        normalise(model)
    assert caught.value.code == "unusable-shape"


def test_a_constant_of_half_a_gigabyte_stays_a_node() -> None:
    nodes = [
        node("ConstantOfShape", "size", "big"),
        node("ReduceMax", "big", "most", keepdims=0),
        node("Add", "x most", "y"),
    ]
    model = make_model(nodes, {"x": [1, 3]}, "y", {"size": np.array([1 << 14, 1 << 13])})
    assert operators(normalise(model).model) == ["ConstantOfShape", "ReduceMax", "Add"]


# operator sets


@pytest.mark.parametrize("opset", [9, 11, 12, 13, 15, 17, 18, 20, 21])
def test_every_operator_set_is_brought_to_one(opset: int) -> None:
    nodes = [
        node("Conv", "x w", "a", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("Relu", "a", "b"),
        node("MaxPool", "b", "c", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "c", "d"),
        node("Gemm", "d v", "e") if opset >= 11 else node("Gemm", "d v zero", "e"),
        node("Softmax", "e", "y", axis=1),
    ]
    constants = {"w": floats(0, 4, 2, 3, 3), "v": floats(1, 36, 5), "zero": np.zeros(5, np.float32)}
    model = make_model(nodes, {"x": ["n", 2, 6, 6]}, "y", constants, opset=opset, ir_version=7)
    result = check_same(model)
    assert result.model.opset_import[0].version == WORKING_OPSET


def test_local_functions_are_inlined() -> None:
    function = helper.make_function(
        "local",
        "Twice",
        ["x"],
        ["y"],
        [node("Add", "x x", "y")],
        [helper.make_opsetid("", 18)],
    )
    model = make_model(
        [node("Twice", "x", "a", domain="local"), node("Relu", "a", "y")], {"x": [1, 3]}, "y"
    )
    model.opset_import.append(helper.make_opsetid("local", 1))
    model.functions.append(function)
    assert operators(check_same(model).model) == ["Add", "Relu"]


# windows


AUTO_PADS = ("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET")


@pytest.mark.parametrize("auto_pad", AUTO_PADS)
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation"),
    [(7, 3, 1, 1), (7, 3, 2, 1), (8, 3, 2, 1), (8, 2, 1, 1), (9, 4, 3, 1), (9, 1, 2, 1)],
)
def test_auto_pad_of_conv(
    auto_pad: str, size: int, kernel: int, stride: int, dilation: int
) -> None:
    attributes = {
        "auto_pad": auto_pad,
        "strides": [stride, 1],
        "dilations": [dilation, 1],
    }
    model = make_model(
        [node("Conv", "x w", "y", **attributes)],
        {"x": [1, 2, size, 6]},
        "y",
        {"w": floats(2, 3, 2, kernel, 2)},
    )
    plain = check_same(model).model
    assert the(plain, "Conv")["group"] == 1
    if auto_pad.startswith("SAME") and (size, kernel, stride) == (8, 2, 1):
        pads = the(plain, "Conv")["pads"]
        assert pads == ([0, 0, 1, 1] if auto_pad == "SAME_UPPER" else [1, 1, 0, 0])


def test_auto_pad_with_dilation() -> None:
    # onnxruntime cannot run it, so the amounts are compared with those of the definition
    conv = node("Conv", "x w", "y", auto_pad="SAME_UPPER", dilations=[3, 2], strides=[2, 1])
    model = make_model([conv], {"x": [1, 1, 8, 6]}, "y", {"w": floats(0, 1, 1, 3, 2)})
    assert the(normalise(model).model, "Conv")["pads"] == [2, 1, 3, 1]


@pytest.mark.parametrize("op_type", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("auto_pad", AUTO_PADS)
@pytest.mark.parametrize(("size", "kernel", "stride"), [(7, 3, 2), (8, 3, 2), (8, 2, 1), (9, 4, 3)])
def test_auto_pad_of_pools(
    op_type: str, auto_pad: str, size: int, kernel: int, stride: int
) -> None:
    pool = node(op_type, "x", "y", auto_pad=auto_pad, kernel_shape=[kernel, 2], strides=[stride, 1])
    check_same(make_model([pool], {"x": [1, 2, size, 6]}, "y"))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_pools_with_ceil_mode(data: st.DataObject) -> None:
    op_type = data.draw(st.sampled_from(["MaxPool", "AveragePool"]))
    kernel = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    strides = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    pads = [data.draw(st.integers(0, tap - 1)) for tap in (*kernel, *kernel)]
    size = data.draw(st.tuples(st.integers(4, 9), st.integers(4, 9)))
    attributes = {
        "kernel_shape": kernel,
        "strides": strides,
        "pads": pads,
        "ceil_mode": data.draw(st.integers(0, 1)),
    }
    if op_type == "AveragePool":
        attributes["count_include_pad"] = data.draw(st.integers(0, 1))
    opset = data.draw(st.sampled_from([10, 12, 18, 21]))
    pool = node(op_type, "x", "y", **attributes)
    check_same(make_model([pool], {"x": [1, 2, *size]}, "y", opset=opset, ir_version=7))


def test_empty_last_window_does_not_mislead_what_follows() -> None:
    nodes = [
        node("MaxPool", "x", "a", kernel_shape=[1, 1], strides=[2, 2], ceil_mode=1),
        node("AveragePool", "a", "b", kernel_shape=[1, 2], strides=[2, 1], ceil_mode=1),
        node("Flatten", "b", "c"),
        node("Gemm", "c w", "y"),
    ]
    # 8 rows and columns -> 4 -> 2 and 3; counted wrongly 8 -> 5 -> 3 and 4
    old, new = (
        make_model(
            nodes, {"x": [1, 2, 8, 8]}, "y", {"w": floats(0, 12, 3)}, opset=opset, ir_version=10
        )
        for opset in (18, 22)
    )
    # onnxruntime refuses the older one: its loader trusts the wrong inference
    plain = check_same(new).model
    x = {"x": floats(1, 1, 2, 8, 8)}
    np.testing.assert_array_equal(run(normalise(old).model, x)[0], run(plain, x)[0])


def test_pools_over_everything() -> None:
    nodes = [
        node("GlobalMaxPool", "x", "a"),
        node("ReduceMean", "x axes", "b", keepdims=1),
        node("ReduceMean", "x axes", "y", keepdims=0),
        node("Add", "a b", "z"),
    ]
    model = make_model(nodes, {"x": [1, 3, 4, 5]}, "y z", {"axes": np.array([-1, 2])})
    plain = check_same(model).model
    assert sorted(operators(plain)) == [
        "Add",
        "GlobalAveragePool",
        "GlobalAveragePool",
        "MaxPool",
        "Reshape",
    ]


def test_mean_over_other_axes_is_left_alone() -> None:
    model = make_model(
        [node("ReduceMean", "x axes", "y")], {"x": [1, 3, 4, 5]}, "y", {"axes": np.array([1])}
    )
    assert operators(check_same(model).model) == ["ReduceMean"]


def test_pad_amounts_are_written_for_all_axes() -> None:
    model = make_model(
        [node("Pad", "x amounts _ axes", "y")],
        {"x": [1, 3, 4, 5]},
        "y",
        {"amounts": np.array([1, 2, 3, 4]), "axes": np.array([-1, 2])},
    )
    plain = check_same(model).model
    (amounts,) = [onnx.numpy_helper.to_array(each) for each in plain.graph.initializer]
    assert amounts.tolist() == [0, 0, 2, 1, 0, 0, 4, 3]


# linear layers


def batch_norm(channels: int, seed: int = 5) -> dict[str, np.ndarray]:
    return {
        "scale": floats(seed, channels),
        "shift": floats(seed + 1, channels),
        "mean": floats(seed + 2, channels),
        "variance": np.abs(floats(seed + 3, channels)) + np.float32(0.1),
    }


BN = "scale shift mean variance"


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("group", [1, 2])
def test_batch_norm_folds_into_conv(with_bias: bool, group: int) -> None:
    nodes = [
        node("Conv", "x w b" if with_bias else "x w", "a", group=group),
        node("BatchNormalization", f"a {BN}", "b1", epsilon=1e-3),
        node("Relu", "b1", "y"),
    ]
    constants = {"w": floats(0, 6, 4 // group, 3, 3), "b": floats(1, 6), **batch_norm(6)}
    plain = check_same(make_model(nodes, {"x": ["n", 4, 5, 5]}, "y", constants)).model
    assert operators(plain) == ["Conv", "Relu"]


@pytest.mark.parametrize("trans_b", [0, 1])
def test_batch_norm_folds_into_gemm(trans_b: int) -> None:
    weight = floats(0, 4, 6)
    nodes = [
        node("Gemm", "x w b", "a", transB=trans_b),
        node("BatchNormalization", f"a {BN}", "y"),
    ]
    constants = {"w": weight.T.copy() if trans_b else weight, "b": floats(1, 6), **batch_norm(6)}
    plain = check_same(make_model(nodes, {"x": ["n", 4]}, "y", constants)).model
    assert operators(plain) == ["Gemm"]


@pytest.mark.parametrize("swapped", [False, True])
def test_matmul_add_and_batch_norm_become_one_gemm(swapped: bool) -> None:
    nodes = [
        node("MatMul", "x w", "a"),
        node("Add", "b a" if swapped else "a b", "c"),
        node("BatchNormalization", f"c {BN}", "y"),
    ]
    constants = {"w": floats(0, 4, 6), "b": floats(1, 6), **batch_norm(6)}
    plain = check_same(make_model(nodes, {"x": ["n", 4]}, "y", constants)).model
    assert operators(plain) == ["Gemm"]


def test_batch_norm_behind_a_shared_layer_becomes_mul_and_add() -> None:
    nodes = [
        node("Conv", "x w", "a"),
        node("BatchNormalization", f"a {BN}", "y"),
        node("Relu", "a", "z"),
    ]
    constants = {"w": floats(0, 6, 4, 3, 3), **batch_norm(6)}
    plain = check_same(make_model(nodes, {"x": ["n", 4, 5, 5]}, "y z", constants)).model
    assert sorted(operators(plain)) == ["Add", "Conv", "Mul", "Relu"]


@pytest.mark.parametrize("shape", [[1, 6], [1, 6, 4], [1, 6, 3, 3]])
def test_batch_norm_alone_becomes_mul_and_add(shape: list[int]) -> None:
    model = make_model(
        [node("BatchNormalization", f"x {BN}", "y")], {"x": shape}, "y", batch_norm(6)
    )
    assert operators(check_same(model).model) == ["Mul", "Add"]


def test_a_shared_weight_is_scaled_for_one_layer_only() -> None:
    nodes = [
        node("Conv", "x w", "a"),
        node("BatchNormalization", f"a {BN}", "y"),
        node("Conv", "x w", "z"),
    ]
    constants = {"w": floats(0, 6, 4, 3, 3), **batch_norm(6)}
    plain = check_same(make_model(nodes, {"x": ["n", 4, 5, 5]}, "y z", constants)).model
    assert operators(plain) == ["Conv", "Conv"]


@pytest.mark.parametrize("shape", [(6, 1, 1), (1, 6, 1, 1), (1,), ()])
@pytest.mark.parametrize("op_type", ["Add", "Mul", "Sub", "Div"])
def test_constants_per_channel_after_conv(shape: tuple[int, ...], op_type: str) -> None:
    nodes = [node("Conv", "x w", "a"), node(op_type, "a c", "y")]
    constants = {"w": floats(0, 6, 4, 3, 3), "c": np.asarray(floats(1, *shape) + 3, np.float32)}
    plain = check_same(make_model(nodes, {"x": ["n", 4, 5, 5]}, "y", constants)).model
    assert operators(plain) == ["Conv"]


@pytest.mark.parametrize("shape", [(3,), (1, 1, 3, 3), (6, 1, 3), (2, 6, 1, 1), (1, 1, 6, 1, 1)])
def test_constants_of_other_shapes_stay(shape: tuple[int, ...]) -> None:
    nodes = [node("Conv", "x w", "a"), node("Add", "a c", "y")]
    constants = {"w": floats(0, 6, 4, 3, 3), "c": floats(1, *shape)}
    plain = check_same(make_model(nodes, {"x": ["n", 4, 5, 5]}, "y", constants)).model
    assert operators(plain) == ["Conv", "Add"]


@pytest.mark.parametrize("bias", [(), (1,), (6,), (1, 6), (2, 1), (2, 6), None])
@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
def test_gemm_in_every_form(bias: tuple[int, ...] | None, trans_a: int, trans_b: int) -> None:
    gemm = node(
        "Gemm",
        "x w" if bias is None else "x w b",
        "y",
        alpha=0.5,
        beta=-2.0,
        transA=trans_a,
        transB=trans_b,
    )
    constants = {"w": floats(0, 6, 4) if trans_b else floats(0, 4, 6)}
    if bias is not None:
        constants["b"] = np.asarray(floats(1, *bias), np.float32)
    shape = [4, 2] if trans_a else [2, 4]
    plain = check_same(make_model([gemm], {"x": shape}, "y", constants)).model
    attributes = the(plain, "Gemm")
    assert (attributes["alpha"], attributes["beta"], attributes["transA"]) == (1, 1, 0)
    assert operators(plain) == (["Transpose", "Gemm"] if trans_a else ["Gemm"])


def test_gemm_of_two_activations_is_not_broken() -> None:
    gemm = node("Gemm", "x w b", "y", alpha=0.5, beta=3.0)
    check_same(make_model([gemm], {"x": [2, 4], "w": [4, 3], "b": [3]}, "y"))


# elementwise


def gelu(order: str) -> list[onnx.NodeProto]:
    start = [
        node("Mul", "x r", "t") if "m" in order else node("Div", "x q", "t"),
        node("Erf", "t", "e"),
        node("Add", "one e", "p") if "m" in order else node("Add", "e one", "p"),
    ]
    if "f" in order:  # x * 0.5 first
        return [*start, node("Mul", "x half", "h"), node("Mul", "h p", "y")]
    if "b" in order:  # x * (0.5 * (1 + erf))
        return [*start, node("Mul", "half p", "h"), node("Mul", "x h", "y")]
    return [*start, node("Mul", "x p", "h"), node("Mul", "h half", "y")]


GELU_CONSTANTS = {
    "q": np.float32(1.41421356),
    "r": np.float32(0.70710678),
    "one": np.float32(1),
    "half": np.float32(0.5),
}


@pytest.mark.parametrize("order", ["", "m", "f", "b", "mf", "mb"])
def test_gelu_is_put_back_together(order: str) -> None:
    nodes = [node("Relu", "i", "x"), *gelu(order), node("Relu", "y", "o")]
    model = make_model(nodes, {"i": [1, 3]}, "o", GELU_CONSTANTS)
    plain = check_same(model).model
    assert operators(plain) == ["Relu", "Gelu", "Relu"]
    assert the(plain, "Gelu")["approximate"] == b"none"


def test_gelu_by_tanh_is_put_back_together() -> None:
    nodes = [
        node("Pow", "x three", "c"),
        node("Mul", "c k", "d"),
        node("Add", "x d", "e"),
        node("Mul", "e f", "g"),
        node("Tanh", "g", "t"),
        node("Add", "t one", "p"),
        node("Mul", "x half", "h"),
        node("Mul", "h p", "y"),
    ]
    constants = {
        "three": np.float32(3),
        "k": np.float32(0.044715),
        "f": np.float32(np.sqrt(2 / np.pi)),
        **GELU_CONSTANTS,
    }
    plain = check_same(make_model(nodes, {"x": [1, 3]}, "y", constants), rtol=1e-4).model
    assert operators(plain) == ["Gelu"]
    assert the(plain, "Gelu")["approximate"] == b"tanh"


@pytest.mark.parametrize("constant", ["q", "one", "half"])
def test_what_only_looks_like_gelu_is_left_alone(constant: str) -> None:
    constants = GELU_CONSTANTS | {constant: np.float32(1.3)}
    plain = check_same(make_model(gelu(""), {"x": [1, 3]}, "y", constants)).model
    assert "Gelu" not in operators(plain)


def test_gelu_whose_middle_is_used_elsewhere_is_left_alone() -> None:
    nodes = [*gelu(""), node("Relu", "h", "z")]
    plain = check_same(make_model(nodes, {"x": [1, 3]}, "y z", GELU_CONSTANTS)).model
    assert "Gelu" not in operators(plain)


def test_silu_is_left_alone() -> None:
    nodes = [node("Sigmoid", "x", "s"), node("Mul", "x s", "y")]
    assert operators(check_same(make_model(nodes, {"x": [1, 3]}, "y")).model) == ["Sigmoid", "Mul"]


def test_forms_of_clip_and_of_arithmetic_by_constants() -> None:
    nodes = [
        node("Max", "x zero", "a"),
        node("Min", "six a", "b"),
        node("Div", "b c", "d"),
        node("Sub", "d c", "e"),
        node("Neg", "e", "f"),
        node("Sub", "c f", "g"),
        node("Sum", "g x", "y"),
    ]
    constants = {"zero": np.float32(0), "six": np.float32([1.5]), "c": floats(0, 3) + 3}
    plain = check_same(make_model(nodes, {"x": [1, 3]}, "y", constants)).model
    assert operators(plain) == ["Clip", "Clip", "Mul", "Add", "Mul", "Sub", "Add"]


def test_division_by_zero_is_left_alone() -> None:
    model = make_model([node("Div", "x c", "y")], {"x": [1, 2]}, "y", {"c": np.float32([1.0, 0.0])})
    assert operators(normalise(model).model) == ["Div"]


# cutting outputs


@pytest.mark.parametrize("op_type", ["Softmax", "LogSoftmax", "Sigmoid"])
@pytest.mark.parametrize("followed", [False, True])
def test_final_activation_is_cut(op_type: str, followed: bool) -> None:
    tail = [node("Unsqueeze", "s zero", "u"), node("Identity", "u", "y")] if followed else []
    nodes = [node("Gemm", "x w", "a"), node(op_type, "a", "s" if followed else "y"), *tail]
    constants = {"w": floats(0, 4, 3), "zero": np.array([0])}
    model = make_model(nodes, {"x": ["n", 4]}, "y", constants)
    assert op_type in operators(check_same(model).model)
    result = normalise(model, cut_output=True)
    assert operators(result.model) == (["Gemm", "Reshape"] if followed else ["Gemm"])
    assert any(f"final {op_type}" in note for note in result.notes)
    x = floats(9, 1, 4)
    (logits,) = run(result.model, {"x": x})
    np.testing.assert_allclose(logits.reshape(-1), (x @ constants["w"]).reshape(-1), rtol=1e-5)
    assert [value.name for value in result.model.graph.output] == ["y"]


@pytest.mark.parametrize("shifted", [False, True])
def test_softmax_written_out_is_cut(shifted: bool) -> None:
    nodes = [
        node("Gemm", "x w", "a"),
        node("ReduceMax", "a axes", "m", keepdims=1),
        node("Sub", "a m", "d"),
        node("Exp", "d" if shifted else "a", "e"),
        node("ReduceSum", "e axes", "t", keepdims=1),
        node("Div", "e t", "y"),
    ]
    constants = {"w": floats(0, 4, 3), "axes": np.array([1])}
    model = make_model(nodes, {"x": ["n", 4]}, "y", constants)
    assert operators(check_same(model).model)[-1] == "Div"
    result = normalise(model, cut_output=True)
    assert operators(result.model) == ["Gemm"]
    assert any("final softmax" in note for note in result.notes)


def test_each_output_is_cut_or_said_not_to_be() -> None:
    nodes = [
        node("Gemm", "x w", "a"),
        node("Sigmoid", "a", "s"),
        node("Identity", "s", "first"),
        node("Relu", "s", "second"),
        node("Relu", "a", "b"),
        node("Softmax", "b", "third"),
    ]
    model = make_model(nodes, {"x": ["n", 4]}, "first second third", {"w": floats(0, 4, 3)})
    result = normalise(model, cut_output=True)
    assert sorted(operators(result.model)) == ["Gemm", "Relu", "Relu", "Sigmoid"]
    notes = [note for note in result.notes if note.startswith("output")]
    assert [note.endswith("is cut") for note in notes] == [False, False, True]
    assert notes[0] == "output first: nothing to cut"
    feeds = {"x": floats(0, 1, 4)}
    for before, after in zip(run(model, feeds)[:2], run(result.model, feeds)[:2], strict=True):
        np.testing.assert_allclose(before, after, rtol=1e-5)


def test_two_outputs_cut_to_one_tensor() -> None:
    nodes = [
        node("Gemm", "x w", "a"),
        node("Softmax", "a", "first"),
        node("Sigmoid", "a", "second"),
    ]
    model = make_model(nodes, {"x": ["n", 4]}, "first second", {"w": floats(0, 4, 3)})
    result = normalise(model, cut_output=True).model
    assert [value.name for value in result.graph.output] == ["first", "second"]
    first, second = run(result, {"x": floats(0, 1, 4)})
    np.testing.assert_array_equal(first, second)


def test_cut_of_a_quantised_softmax_takes_its_quantisation_along() -> None:
    nodes = [
        node("QuantizeLinear", "x s z", "xq"),
        node("DequantizeLinear", "xq s z", "xd"),
        node("Softmax", "xd", "a"),
        node("QuantizeLinear", "a t z", "aq"),
        node("DequantizeLinear", "aq t z", "y"),
    ]
    constants = {"s": np.float32(0.05), "t": np.float32(1 / 256), "z": np.int8(0)}
    model = make_model(nodes, {"x": ["n", 3]}, "y", constants)
    result = normalise(model, cut_output=True).model
    assert operators(result) == ["QuantizeLinear", "DequantizeLinear"]
    x = floats(0, 1, 3)
    np.testing.assert_allclose(run(result, {"x": x})[0], x, atol=0.026)


# real models


@pytest.mark.parametrize("name", ["digits_cnn", "digits_mlp", "lenet", "mlp_1m"])
def test_sample_models(name: str) -> None:
    check_same(load_model(MODELS / f"{name}.onnx"))


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("pnet", {"input_1": (1, 48, 36, 3)}),
        ("pnet", {"input_1": (1, 12, 12, 3)}),
        ("rnet", {}),
        ("onet", {}),
    ],
)
def test_face_detection_models(name: str, shapes: dict) -> None:
    model = load_model(FACE_MODELS / f"{name}.onnx")
    plain = check_same(model, shapes=shapes).model
    assert not {"MatMul", "Flatten"} & set(operators(plain))
    cut = normalise(model, shapes=shapes, cut_output=True)
    assert "Softmax" not in operators(cut.model)
    assert sum("is cut" in note for note in cut.notes) == 1


def test_face_detection_model_without_shape_says_which() -> None:
    with pytest.raises(UnsupportedModel, match="--shape input_1="):
        normalise(load_model(FACE_MODELS / "pnet.onnx"))


def test_equal_models_give_equal_bytes_and_the_argument_is_not_changed() -> None:
    model = load_model(FACE_MODELS / "rnet.onnx")
    before = model.SerializeToString()
    results = [normalise(model, cut_output=True).model.SerializeToString() for _ in range(2)]
    assert results[0] == results[1]
    assert model.SerializeToString() == before


def test_normalising_twice_changes_nothing() -> None:
    for path in itertools.chain(MODELS.glob("digits_*.onnx"), [FACE_MODELS / "rnet.onnx"]):
        once = normalise(load_model(path)).model
        assert operators(normalise(once).model) == operators(once)
