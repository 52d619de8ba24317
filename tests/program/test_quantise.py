"""Quantisation: of every tensor between two operators, deterministic, without litter or noise."""

from __future__ import annotations

import logging
import tempfile
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
import skimage.data
from onnx import TensorProto, helper, numpy_helper
from onnx_samples import FACE_MODELS, MODELS, floats, make_model, node, run
from skimage.transform import resize

from verifiable.errors import Cancelled, MalformedInput, UnsupportedModel
from verifiable.program.arrays import load_npz
from verifiable.program.normalise import normalise
from verifiable.program.quantise import (
    QUANTISED_OPERATORS,
    QuantiseOptions,
    input_shapes,
    is_quantised,
    quantise,
)
from verifiable.program.source import load_model
from verifiable.progress import Cancellation, ProgressEvent

QDQ = ("QuantizeLinear", "DequantizeLinear")


def makers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    return {name: each for each in model.graph.node for name in each.output}


def constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}


def assert_fully_quantised(model: onnx.ModelProto) -> None:
    """Every operator reads dequantised tensors or constants, and its result is quantised."""
    onnx.checker.check_model(model, full_check=True)
    made, stored = makers(model), constants(model)
    quantised = {name for each in model.graph.node if each.op_type == QDQ[0] for name in each.input}
    for each in model.graph.node:
        if each.op_type in QDQ:
            scale = stored[each.input[1]]
            assert np.isfinite(scale).all()
            assert (scale > 0).all()
            continue
        for name in filter(None, each.input):
            assert name in stored or made[name].op_type == "DequantizeLinear", (each.name, name)
        assert each.output[0] in quantised, each.name


@pytest.fixture(scope="module")
def digits() -> dict[str, np.ndarray]:
    return load_npz(MODELS / "digits_calibration.npz")


@pytest.mark.parametrize("activation", ["int8", "uint8", "int16"])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("name", ["digits_cnn", "digits_mlp"])
def test_digits(name: str, per_channel: bool, activation: str, digits: dict) -> None:
    plain = normalise(load_model(MODELS / f"{name}.onnx")).model
    options = QuantiseOptions(per_channel=per_channel, activation=activation)
    model = quantise(plain, digits, options)
    assert_fully_quantised(model)
    assert is_quantised(model)
    assert not is_quantised(plain)
    made, stored = makers(model), constants(model)
    kinds = set()
    for each in model.graph.node:
        if each.op_type in ("Conv", "Gemm"):
            x, weight, bias = (made[input_name].input for input_name in each.input)
            assert stored[weight[0]].dtype == np.int8
            assert not stored[weight[2]].any(), "weights are symmetric"
            assert stored[weight[1]].size == (stored[weight[0]].shape[0] if per_channel else 1)
            assert stored[bias[0]].dtype == np.int32
            np.testing.assert_allclose(stored[bias[1]], stored[x[1]] * stored[weight[1]], rtol=1e-6)
            kinds.add(str(stored[x[2]].dtype))
    assert kinds == {activation}
    assert {item.domain for item in model.opset_import} == {""}
    rows = digits["input"][:100]
    expected = [run(plain, {"input": row[None]})[0].argmax() for row in rows]
    found = [run(model, {"input": row[None]})[0].argmax() for row in rows]
    assert np.mean(np.equal(expected, found)) >= 0.98


@pytest.mark.parametrize("method", ["minmax", "percentile", "entropy"])
def test_equal_arguments_give_equal_bytes(method: str, digits: dict) -> None:
    plain = normalise(load_model(MODELS / "digits_cnn.onnx")).model
    before = plain.SerializeToString()
    options = QuantiseOptions(calibration_method=method)
    rows = {"input": digits["input"][:40]}
    results = [quantise(plain, rows, options).SerializeToString() for _ in range(2)]
    assert results[0] == results[1]
    assert plain.SerializeToString() == before


def test_methods_choose_different_scales(digits: dict) -> None:
    plain = normalise(load_model(MODELS / "digits_cnn.onnx")).model
    scales = {
        method: constants(quantise(plain, digits, QuantiseOptions(calibration_method=method)))[
            "/1/Relu_output_0_scale"
        ].item()
        for method in ("minmax", "percentile", "entropy")
    }
    assert scales["percentile"] < scales["minmax"]
    assert scales["entropy"] <= scales["minmax"]


# each operator


OPERATORS = {
    "Add": (node("Add", "x v", "y"), {}),
    "Sub": (node("Sub", "x v", "y"), {}),
    "Mul": (node("Mul", "x v", "y"), {}),
    "Div by constant": (node("Div", "x c", "y"), {"c": np.float32(3)}),
    "Add of constant": (node("Add", "x c", "y"), {"c": floats(1, 2, 1, 1)}),
    "Mul by constant": (node("Mul", "x c", "y"), {"c": floats(1, 1, 1, 6)}),
    "Sub from constant": (node("Sub", "c x", "y"), {"c": floats(1, 2, 1, 1)}),
    "Relu": (node("Relu", "x", "y"), {}),
    "Clip": (node("Clip", "x lo hi", "y"), {"lo": np.float32(-0.5), "hi": np.float32(0.7)}),
    "MaxPool": (node("MaxPool", "x", "y", kernel_shape=[2, 2]), {}),
    "AveragePool": (node("AveragePool", "x", "y", kernel_shape=[2, 2]), {}),
    "GlobalAveragePool": (node("GlobalAveragePool", "x", "y"), {}),
    "Flatten": (node("Flatten", "x", "y"), {}),
    "Transpose": (node("Transpose", "x", "y", perm=[0, 2, 3, 1]), {}),
    "Concat": (node("Concat", "x v", "y", axis=1), {}),
    "Pad": (node("Pad", "x p", "y"), {"p": np.array([0, 0, 1, 0, 0, 0, 0, 2])}),
    "Sigmoid": (node("Sigmoid", "x", "y"), {}),
    "Tanh": (node("Tanh", "x", "y"), {}),
    "HardSwish": (node("HardSwish", "x", "y"), {}),
    "HardSigmoid": (node("HardSigmoid", "x", "y"), {}),
    "LeakyRelu": (node("LeakyRelu", "x", "y", alpha=0.1), {}),
    "PRelu": (node("PRelu", "x c", "y"), {"c": floats(1, 2, 1, 1)}),
    "Gelu": (node("Gelu", "x", "y"), {}),
    "Erf": (node("Erf", "x", "y"), {}),
    "MatMul": (node("MatMul", "x c", "y"), {"c": floats(1, 6, 3)}),
    "Conv": (node("Conv", "x c", "y", group=2), {"c": floats(1, 4, 1, 2, 2)}),
}


@pytest.mark.parametrize("kind", OPERATORS)
@pytest.mark.parametrize("place", ["first", "middle"])
@pytest.mark.parametrize("activation", ["int8", "int16"])
def test_each_operator(kind: str, place: str, activation: str) -> None:
    tested, stored = OPERATORS[kind]
    nodes = [tested]
    inputs = {"x": [1, 2, 5, 6]}
    if "v" in tested.input:
        nodes.insert(0, node("Tanh", "x", "v"))
    if place == "middle":
        inputs = {"i": [1, 2, 5, 6]}
        nodes = [node("Mul", "i m", "x"), *nodes]
        stored = {**stored, "m": floats(7, 1, 2, 5, 6)}
    plain = normalise(load_model(make_model(nodes, inputs, "y", stored, opset=20))).model
    (name,) = inputs
    rows = {name: floats(2, 30, 2, 5, 6)}
    model = quantise(plain, rows, QuantiseOptions(activation=activation))
    if not (place == "first" and kind in ("Relu", "Clip")):
        assert_fully_quantised(model)
    worst = 0.0
    for row in rows[name]:
        (before,), (after,) = run(plain, {name: row[None]}), run(model, {name: row[None]})
        worst = max(worst, float(np.abs(before - after).max() / (np.abs(before).max() + 0.5)))
    assert worst < (0.06 if activation == "int8" else 0.03), worst


def test_constants_of_elementwise_operators_stay_exact() -> None:
    slopes = floats(1, 2, 1, 1)
    nodes = [
        node("Relu", "i", "x"),
        node("PRelu", "x c", "a"),
        node("Mul", "a k", "b"),
        node("Add", "b k", "y"),
    ]
    stored = {"c": slopes, "k": floats(2, 1, 1, 3)}
    plain = normalise(make_model(nodes, {"i": [1, 2, 3, 3]}, "y", stored)).model
    kept = constants(quantise(plain, {"i": floats(2, 9, 2, 3, 3)}))
    np.testing.assert_array_equal(kept["c"], slopes)
    np.testing.assert_array_equal(kept["k"], stored["k"])


def test_the_list_of_operators_is_tested_whole() -> None:
    tested = {entry[0].op_type for entry in OPERATORS.values()} | {"Gemm"}
    # written as Reshape by `normalise`
    assert set(QUANTISED_OPERATORS) == tested | {"Reshape", "Squeeze", "Unsqueeze"}


# refusals


def small() -> onnx.ModelProto:
    return normalise(make_model([node("Relu", "x", "y")], {"x": ["n", 3]}, "y")).model


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ({}, "wrong-names"),
        ({"z": np.zeros((2, 3))}, "wrong-names"),
        ({"x": np.zeros((2, 3)), "z": np.zeros((2, 3))}, "wrong-names"),
        ({"x": np.zeros((2, 4))}, "wrong-shape"),
        ({"x": np.zeros((0, 3))}, "wrong-shape"),
        ({"x": np.float32([[1, 2, 3], [1, np.nan, 3]])}, "not-finite"),
        ({"x": np.float32([[1, 2, np.inf]])}, "not-finite"),
        ({"x": np.full((1, 3), 1e300)}, "not-finite"),
        ({"x": np.array([["a", "b", "c"]])}, "not-numeric"),
    ],
)
def test_calibration_data_that_do_not_fit(rows: dict, code: str) -> None:
    with pytest.raises(MalformedInput) as caught:
        quantise(small(), rows)
    assert caught.value.code == code
    assert "calibration data" in str(caught.value)


def test_model_that_onnxruntime_cannot_run_is_refused() -> None:
    model = make_model(
        [node("Relu", "x", "a"), node("Magic", "a", "y", domain="acme")], {"x": [1, 3]}, "y"
    )
    model.opset_import.append(helper.make_opsetid("acme", 1))
    with pytest.raises(UnsupportedModel) as caught:
        quantise(model, {"x": np.zeros((1, 3))})
    assert caught.value.code == "quantisation-failed"


# manners


def test_progress_counts_rows_and_cancel_stops() -> None:
    rows = {"x": np.linspace(-1, 1, 15).reshape(5, 3)}
    events: list[ProgressEvent] = []
    quantise(small(), rows, progress=events.append)
    assert [event.fraction for event in events][-1] == 1.0
    assert {event.phase for event in events} == {"quantise"}
    cancel = Cancellation()

    def stop(event: ProgressEvent) -> None:
        if event.fraction and event.fraction > 0.3:
            cancel.cancel()

    with pytest.raises(Cancelled):
        quantise(small(), rows, progress=stop, cancel=cancel)


@pytest.mark.parametrize("method", ["minmax", "percentile", "entropy"])
def test_nothing_is_printed_logged_or_left_behind(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    records: list[logging.LogRecord] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    collector = Collector()
    logging.getLogger().addHandler(collector)
    try:
        quantise(
            small(),
            {"x": np.linspace(-1, 1, 15).reshape(5, 3)},
            QuantiseOptions(calibration_method=method),
        )
        assert not records
        logging.getLogger().warning("of somebody else")
        assert len(records) == 1
    finally:
        logging.getLogger().removeHandler(collector)
    assert list(tmp_path.iterdir()) == []
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def test_threads_do_not_disturb_each_other(
    digits: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = normalise(load_model(MODELS / "digits_mlp.onnx")).model
    rows = {"input": digits["input"][:20]}
    expected = quantise(plain, rows).SerializeToString()
    results: list[bytes] = []

    def work() -> None:
        results.append(quantise(plain, rows).SerializeToString())

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    print("printed by another thread")
    for thread in threads:
        thread.join()
    assert results == [expected] * 3
    assert "printed by another thread" in capsys.readouterr().out


# real models on real images


def patches(size: int, count: int, seed: int) -> np.ndarray:
    """Crops of photographs, scaled as the face detector expects: (count, size, size, 3)."""
    generator = np.random.default_rng(seed)
    images = [skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee()]
    found = []
    for number in range(count):
        image = images[number % len(images)]
        edge = int(generator.integers(size, min(image.shape[:2])))
        top = int(generator.integers(0, image.shape[0] - edge + 1))
        left = int(generator.integers(0, image.shape[1] - edge + 1))
        crop = resize(image[top : top + edge, left : left + edge], (size, size), anti_aliasing=True)
        found.append((crop * 255 - 127.5) / 128)
    return np.stack(found).astype(np.float32)


BITS = {
    "8": (QuantiseOptions(), 0.12),
    "16": (QuantiseOptions(activation="int16", weights="int16"), 0.01),
}


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize(("name", "size"), [("pnet", 48), ("rnet", 24), ("onet", 48)])
def test_face_detection_models_on_photographs(name: str, size: int, bits: str) -> None:
    options, tolerance = BITS[bits]
    source = load_model(FACE_MODELS / f"{name}.onnx")
    input_name = source.graph.input[0].name
    shapes = {input_name: (1, size, size, 3)}
    plain = normalise(source, shapes=shapes, cut_output=True).model
    assert input_shapes(plain) == shapes
    model = quantise(plain, {input_name: patches(size, 60, 0)}, options)
    assert_fully_quantised(model)
    sums = np.zeros((2, len(model.graph.output)))
    for row in patches(size, 20, 1):
        pairs = zip(
            run(plain, {input_name: row[None]}), run(model, {input_name: row[None]}), strict=True
        )
        for number, (before, after) in enumerate(pairs):
            sums[:, number] += np.abs(before - after).sum(), np.abs(before).sum()
    # mean absolute error over mean absolute value, of logits and box offsets
    assert (sums[0] / sums[1] < tolerance).all(), sums[0] / sums[1]
    assert all(
        value.type.tensor_type.elem_type == TensorProto.FLOAT for value in model.graph.output
    )
