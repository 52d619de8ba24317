"""Reading models: every kind of bad file ends in a typed error that names the place."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx_samples import FACE_MODELS, MODELS, floats, make_model, node, run

from verifiable.errors import MalformedModel, ResourceLimit, UnsupportedModel, VerifiableError
from verifiable.program.normalise import normalise
from verifiable.program.source import load_model

DIGITS = MODELS / "digits_mlp.onnx"


def sample() -> onnx.ModelProto:
    return make_model([node("MatMul", "x w", "y")], {"x": [1, 3]}, "y", {"w": floats(0, 3, 4)})


def weight(model: onnx.ModelProto) -> onnx.TensorProto:
    return model.graph.initializer[0]


# what is accepted


@pytest.mark.parametrize(
    "path",
    [*sorted(MODELS.glob("*.onnx")), *sorted(FACE_MODELS.glob("*.onnx"))],
    ids=os.path.basename,
)
def test_real_models_from_every_kind_of_source(path: Path) -> None:
    data = path.read_bytes()
    expected = onnx.load_model_from_string(data)
    for source in (path, str(path), data, expected):
        assert load_model(source) == expected
    assert load_model(expected) is not expected


@pytest.mark.parametrize("opset", [9, 13, 21, onnx.defs.onnx_opset_version()])
def test_operator_sets_that_are_read(opset: int) -> None:
    model = make_model([node("Relu", "x", "y")], {"x": [1, 3]}, "y", opset=opset)
    assert load_model(model) == model


def test_other_domains_are_left_to_inspection() -> None:
    model = make_model([node("Magic", "x", "y", domain="acme")], {"x": [1, 3]}, "y")
    model.opset_import.append(helper.make_opsetid("acme", 1))
    assert load_model(model) == model


# what is not a model


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"not a model", b"PK\x03\x04", b"\xff" * 100, DIGITS.read_bytes()[:-1]],
    ids=["empty", "zero", "text", "zip", "ones", "cut_off"],
)
def test_not_onnx(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(data)
    for source in (path, data):
        with pytest.raises(MalformedModel) as caught:
            load_model(source)
        assert caught.value.code == "not-onnx"
    with pytest.raises(MalformedModel, match=re.escape(str(path))):
        load_model(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for place in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(MalformedModel) as caught:
            load_model(place)
        assert caught.value.code == "unreadable-file"


def test_size_limit() -> None:
    data = DIGITS.read_bytes()
    for source in (DIGITS, data, onnx.load(DIGITS)):
        with pytest.raises(ResourceLimit):
            load_model(source, limit_bytes=1000)


# damage by kind: how the sample is spoilt, the error and its code, and a word of the message


def _opset(version: int) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        model.opset_import[0].version = version

    return change


def _raw(data: bytes) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        weight(model).raw_data = data

    return change


def _dims(*dims: int) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        weight(model).dims[:] = dims

    return change


def _constant(**attributes: object) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node.append(node("Constant", "", "c", name="const", **attributes))

    return change


def _array(array: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(array, "value")


def _not_finite(dtype: str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        values = np.zeros((3, 4), dtype)
        values[1, 1] = np.nan
        weight(model).CopyFrom(numpy_helper.from_array(values, "w"))

    return change


def _not_finite_bfloat16(model: onnx.ModelProto) -> None:
    weight(model).CopyFrom(helper.make_tensor("w", TensorProto.BFLOAT16, [1], [np.inf]))


def _typed_values(model: onnx.ModelProto) -> None:
    weight(model).CopyFrom(helper.make_tensor("w", TensorProto.FLOAT, [3, 4], [0.0] * 12))
    del weight(model).float_data[-1]


def _wrong_field(model: onnx.ModelProto) -> None:
    weight(model).ClearField("raw_data")
    weight(model).int64_data.extend([0] * 12)


def _no_type(model: onnx.ModelProto) -> None:
    weight(model).data_type = 99


def _complex(model: onnx.ModelProto) -> None:
    weight(model).CopyFrom(numpy_helper.from_array(np.zeros(3, np.complex64), "w"))


def _cycle(model: onnx.ModelProto) -> None:
    model.graph.node.extend([node("Add", "x b", "a"), node("Relu", "a", "b")])


def _undefined(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[1] = "nowhere"


def _made_twice(model: onnx.ModelProto) -> None:
    model.graph.node.append(node("Relu", "x", "y"))


def _unmade_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1]))


def _same_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(model.graph.output[0])


def _same_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(model.graph.input[0])


def _same_weight(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(model.graph.initializer[0])


def _unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node.append(node("Magic", "x", "z"))


def _unknown_attribute(model: onnx.ModelProto) -> None:
    model.graph.node.append(node("Relu", "x", "z", beta=1.0))


def _two_opsets(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("ai.onnx", 17))


def _bad_attribute(model: onnx.ModelProto) -> None:
    model.graph.node.append(node("LeakyRelu", "x", "z", alpha=float("inf"), name="leaky"))


def _no_input(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(floats(0, 1, 3), "x"))


def _no_output(model: onnx.ModelProto) -> None:
    model.graph.ClearField("output")


def _no_domain(model: onnx.ModelProto) -> None:
    model.opset_import[0].domain = "acme"


def _future_format(model: onnx.ModelProto) -> None:
    model.ir_version = 99


def _branch(model: onnx.ModelProto) -> None:
    graph = helper.make_graph([node("Relu", "x", "r")], "branch", [], [])
    model.graph.node.append(
        node("If", "c", "z", name="choice", then_branch=graph, else_branch=graph)
    )


def _sparse(model: onnx.ModelProto) -> None:
    values = numpy_helper.from_array(floats(0, 1), "sparse_w")
    indices = numpy_helper.from_array(np.array([0]), "i")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [9]))


DAMAGE: dict[str, tuple[Callable[[onnx.ModelProto], None], type, str, str]] = {
    "opset_8": (_opset(8), UnsupportedModel, "unsupported-opset", "9"),
    "opset_0": (_opset(0), UnsupportedModel, "unsupported-opset", "0"),
    "opset_negative": (_opset(-1), UnsupportedModel, "unsupported-opset", "-1"),
    "opset_future": (_opset(1000), UnsupportedModel, "unsupported-opset", "1000"),
    "opset_missing": (_no_domain, UnsupportedModel, "unsupported-opset", ""),
    "opset_twice": (_two_opsets, MalformedModel, "bad-opset", ""),
    "format_future": (_future_format, UnsupportedModel, "unsupported-format-version", "99"),
    "too_few_bytes": (_raw(b"\0" * 47), MalformedModel, "bad-tensor", "tensor w"),
    "too_many_bytes": (_raw(b"\0" * 52), MalformedModel, "bad-tensor", "tensor w"),
    "no_bytes": (_raw(b""), MalformedModel, "bad-tensor", "tensor w"),
    "too_few_values": (_typed_values, MalformedModel, "bad-tensor", "11 values"),
    "wrong_field": (_wrong_field, MalformedModel, "bad-tensor", "tensor w"),
    "dims_negative": (_dims(-3, -4), MalformedModel, "bad-tensor", "tensor w"),
    "dims_other": (_dims(4, 4), MalformedModel, "bad-tensor", "tensor w"),
    "dims_huge": (_dims(1 << 40, 1 << 40), ResourceLimit, "tensor-too-large", "tensor w"),
    # 2^62 * 4 elements of 4 bytes: 0 in 64 bits
    "dims_overflow": (_dims(1 << 62, 4), ResourceLimit, "tensor-too-large", "tensor w"),
    "dims_many": (_dims(*[1] * 99), MalformedModel, "bad-tensor", "tensor w"),
    "type_unknown": (_no_type, MalformedModel, "bad-tensor", "tensor w"),
    "type_complex": (_complex, MalformedModel, "bad-tensor", "tensor w"),
    "nan_float32": (_not_finite("f4"), MalformedModel, "not-finite", "tensor w"),
    "nan_float64": (_not_finite("f8"), MalformedModel, "not-finite", "tensor w"),
    "nan_float16": (_not_finite("f2"), MalformedModel, "not-finite", "tensor w"),
    "inf_bfloat16": (_not_finite_bfloat16, MalformedModel, "not-finite", "tensor w"),
    "nan_constant": (
        _constant(value=_array(np.float32([np.nan]))),
        MalformedModel,
        "not-finite",
        "const",
    ),
    "nan_constant_float": (
        _constant(value_float=float("nan")),
        MalformedModel,
        "not-finite",
        "const",
    ),
    "inf_constant_floats": (
        _constant(value_floats=[1.0, float("inf")]),
        MalformedModel,
        "not-finite",
        "const",
    ),
    "inf_attribute": (_bad_attribute, MalformedModel, "not-finite", "leaky"),
    "cycle": (_cycle, MalformedModel, "bad-graph", ""),
    "undefined": (_undefined, MalformedModel, "bad-graph", "nowhere"),
    "made_twice": (_made_twice, MalformedModel, "bad-graph", "y"),
    "output_unmade": (_unmade_output, MalformedModel, "bad-graph", "output z"),
    "output_twice": (_same_output, MalformedModel, "bad-graph", ""),
    "input_twice": (_same_input, MalformedModel, "bad-graph", ""),
    "weight_twice": (_same_weight, MalformedModel, "bad-graph", ""),
    "operator_unknown": (_unknown_operator, MalformedModel, "bad-graph", "Magic"),
    "attribute_unknown": (_unknown_attribute, MalformedModel, "bad-graph", "beta"),
    "no_input": (_no_input, UnsupportedModel, "no-input", ""),
    "no_output": (_no_output, UnsupportedModel, "no-output", ""),
    "branch": (_branch, UnsupportedModel, "unsupported-model", "choice"),
    "sparse": (_sparse, UnsupportedModel, "unsupported-sparse-tensor", "sparse_w"),
}


def test_the_sample_itself_is_sound() -> None:
    model = sample()
    assert load_model(model) == model


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_refused_naming_the_place(name: str) -> None:
    change, error, code, text = DAMAGE[name]
    model = sample()
    change(model)
    with pytest.raises(error) as caught:
        load_model(model.SerializeToString())
    assert caught.value.code == code
    assert text in str(caught.value)


def test_all_subgraphs_are_named_at_once() -> None:
    model = sample()
    _branch(model)
    with pytest.raises(UnsupportedModel) as caught:
        load_model(model)
    codes = [problem.code for problem in caught.value.problems]
    assert codes == ["unsupported-control-flow"] * 2


# weights in side files


def external(folder: Path, location: str, *, name: str = "model.onnx", **entries: object) -> Path:
    """Write the sample with its weight declared in a side file, which is not written."""
    model = sample()
    tensor = weight(model)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


WEIGHT_BYTES = floats(0, 3, 4).tobytes()


@pytest.mark.parametrize("location", ["weights.bin", "deep/er/weights.bin", "./weights.bin"])
@pytest.mark.parametrize("offset", [0, 8])
def test_side_file_inside_the_folder(tmp_path: Path, location: str, offset: int) -> None:
    path = external(tmp_path, location, offset=offset, length=len(WEIGHT_BYTES))
    side = tmp_path / location
    side.parent.mkdir(parents=True, exist_ok=True)
    side.write_bytes(b"\1" * offset + WEIGHT_BYTES + b"\2" * 5)
    model = load_model(path)
    np.testing.assert_array_equal(numpy_helper.to_array(weight(model)), floats(0, 3, 4))
    assert not weight(model).external_data
    x = floats(1, 1, 3)
    np.testing.assert_allclose(run(normalise(model).model, {"x": x})[0], x @ floats(0, 3, 4), 1e-5)


def test_side_file_of_a_model_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    external(tmp_path, "weights.bin")
    (tmp_path / "weights.bin").write_bytes(WEIGHT_BYTES)
    monkeypatch.chdir(tmp_path)
    assert load_model("model.onnx").graph.initializer[0].raw_data == WEIGHT_BYTES


@pytest.mark.parametrize(
    "location",
    [
        "",
        ".",
        "..",
        "../secret.bin",
        "deep/../../secret.bin",
        "deep/../weights.bin",
        "..\\secret.bin",
        "C:\\secret.bin",
        "\\\\host\\share\\secret.bin",
        "link.bin",
        "linked/secret.bin",
        "weights.bin\0",
        "missing.bin",
        "deep",
        "pipe",
    ],
)
def test_side_file_elsewhere_is_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret.bin").write_bytes(WEIGHT_BYTES)
    folder = tmp_path / "model"
    path = external(folder, location)
    (folder / "deep").mkdir()
    (folder / "weights.bin").write_bytes(WEIGHT_BYTES)
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "linked").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    with pytest.raises(MalformedModel) as caught:
        load_model(path)
    assert caught.value.code == "bad-external-data"
    assert "tensor w" in str(caught.value)
    if location == "pipe":
        assert "not a regular file" in str(caught.value)


def test_absolute_side_file_is_refused_even_inside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(WEIGHT_BYTES)
    with pytest.raises(MalformedModel) as caught:
        load_model(external(tmp_path, str(tmp_path / "weights.bin")))
    assert caught.value.code == "bad-external-data"


@pytest.mark.parametrize(
    "entries",
    [
        {"length": 47},
        {"length": 49},
        {"length": -48},
        {"length": "4_8"},
        {"length": "٤٨"},
        {"offset": 1},
        {"offset": -1},
        {"offset": 1 << 62},
        {"offset": 10**30},
    ],
    ids=str,
)
def test_side_file_with_other_bytes_is_refused(tmp_path: Path, entries: dict) -> None:
    (tmp_path / "weights.bin").write_bytes(WEIGHT_BYTES)
    with pytest.raises(MalformedModel) as caught:
        load_model(external(tmp_path, "weights.bin", **entries))
    assert caught.value.code == "bad-external-data"


def test_nan_in_a_side_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(np.full(12, np.nan, "f4").tobytes())
    with pytest.raises(MalformedModel) as caught:
        load_model(external(tmp_path, "weights.bin"))
    assert caught.value.code == "not-finite"


def test_side_files_count_towards_the_limit(tmp_path: Path) -> None:
    # many weights may share one range of one file: what counts is the memory that they take
    path = external(tmp_path, "weights.bin")
    model = onnx.load(path, load_external_data=False)
    weight(model).dims[:] = [64, 64]
    for number in range(9):
        copied = model.graph.initializer.add()
        copied.CopyFrom(weight(model))
        copied.name = f"w{number}"
    path.write_bytes(model.SerializeToString())
    (tmp_path / "weights.bin").write_bytes(bytes(64 * 64 * 4))
    assert load_model(path, limit_bytes=10 * 64 * 64 * 4) is not None
    with pytest.raises(ResourceLimit):
        load_model(path, limit_bytes=10 * 64 * 64 * 4 - 1)


def test_side_files_need_a_model_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = external(tmp_path, "weights.bin")
    (tmp_path / "weights.bin").write_bytes(WEIGHT_BYTES)
    monkeypatch.chdir(tmp_path)
    for source in (path.read_bytes(), onnx.load(path, load_external_data=False)):
        with pytest.raises(MalformedModel) as caught:
            load_model(source)
        assert caught.value.code == "bad-external-data"
    assert load_model(path) is not None


# fuzzing


FUZZED = {
    "digits_mlp": DIGITS.read_bytes(),
    "sample": sample().SerializeToString(),
    "rnet": (FACE_MODELS / "rnet.onnx").read_bytes(),
}


def read_or_refuse(data: bytes) -> None:
    """Whatever the bytes are, reading and normalising end in a model or in a typed error."""
    try:
        model = load_model(data)
        normalise(model, cut_output=True)
    except VerifiableError:
        return


@pytest.mark.parametrize("name", FUZZED)
def test_every_truncation_is_refused(name: str) -> None:
    data = FUZZED[name]
    step = max(1, len(data) // 150)
    for length in range(0, len(data), step):
        read_or_refuse(data[:length])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_flipped_bits_never_escape_as_another_error(data: st.DataObject) -> None:
    content = bytearray(FUZZED[data.draw(st.sampled_from(list(FUZZED)))])
    # the structure lies at both ends, weights in between
    ends = st.one_of(
        st.integers(0, min(400, len(content) - 1)),
        st.integers(max(0, len(content) - 800), len(content) - 1),
        st.integers(0, len(content) - 1),
    )
    for position in data.draw(st.lists(ends, min_size=1, max_size=6)):
        content[position] ^= 1 << data.draw(st.integers(0, 7))
    read_or_refuse(bytes(content))


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200))
def test_random_bytes_never_escape_as_another_error(data: bytes) -> None:
    read_or_refuse(data)
