"""The committed sample models are what models/README.md and provenance.json say they are."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

MODELS = Path(__file__).resolve().parents[2] / "models"
PROVENANCE: dict[str, Any] = json.loads((MODELS / "provenance.json").read_text("utf-8"))

PARAMETERS = {"digits_cnn": 1_210, "digits_mlp": 2_410, "lenet": 44_426, "mlp_1m": 1_068_810}
INPUT_SHAPES: dict[str, list[str | int]] = {
    "digits_cnn": [1, 1, 8, 8],
    "digits_mlp": ["batch", 1, 8, 8],
    "lenet": [1, 1, 28, 28],
    "mlp_1m": ["batch", 784],
}
OPERATORS = {
    "digits_cnn": "Conv Relu MaxPool Conv Relu MaxPool Flatten Gemm",
    "digits_mlp": "Flatten Gemm Relu Gemm",
    "lenet": "Conv Relu MaxPool Conv Relu MaxPool Flatten Gemm Relu Gemm Relu Gemm",
    "mlp_1m": "Gemm Relu Gemm Relu Gemm",
}
# the prefix of a model's .npz files
DATA = {"digits_cnn": "digits", "digits_mlp": "digits", "lenet": "lenet", "mlp_1m": "mlp_1m"}
NAMES = sorted(PARAMETERS)


def load_arrays(name: str) -> dict[str, np.ndarray[Any, Any]]:
    with np.load(MODELS / name, allow_pickle=False) as archive:
        return dict(archive)


def import_digits() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sample_digits", MODELS / "digits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their own module up
    spec.loader.exec_module(module)
    return module


def session_of(name: str) -> ort.InferenceSession:
    return ort.InferenceSession(MODELS / f"{name}.onnx", providers=["CPUExecutionProvider"])


def correct_rows(name: str, images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> int:
    session = session_of(name)
    scores = [session.run(None, {"input": images[i : i + 1]})[0] for i in range(len(images))]
    return int(np.sum(np.concatenate(scores).argmax(axis=1) == labels))


@pytest.mark.parametrize("name", NAMES)
def test_onnx_file_is_valid_and_self_contained(name: str) -> None:
    model = onnx.load(MODELS / f"{name}.onnx", load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    assert " ".join(node.op_type for node in model.graph.node) == OPERATORS[name]


@pytest.mark.parametrize("name", NAMES)
def test_onnx_file_holds_no_free_text(name: str) -> None:
    model = onnx.load(MODELS / f"{name}.onnx")
    assert not model.doc_string
    assert not model.metadata_props
    assert not any(node.doc_string or node.metadata_props for node in model.graph.node)


@pytest.mark.parametrize("name", NAMES)
def test_parameter_count(name: str) -> None:
    model = onnx.load(MODELS / f"{name}.onnx")
    count = sum(math.prod(tensor.dims) for tensor in model.graph.initializer)
    assert count == PARAMETERS[name] == PROVENANCE["models"][name]["parameters"]


@pytest.mark.parametrize("name", NAMES)
def test_interface(name: str) -> None:
    session = session_of(name)
    (source,), (result,) = session.get_inputs(), session.get_outputs()
    assert (source.name, source.type) == ("input", "tensor(float)")
    assert source.shape == INPUT_SHAPES[name] == PROVENANCE["models"][name]["input_shape"]
    assert (result.name, result.shape) == ("output", [INPUT_SHAPES[name][0], 10])


@pytest.mark.parametrize("kind", ["calibration", "input"])
@pytest.mark.parametrize("name", NAMES)
def test_data_fit_the_model(name: str, kind: str) -> None:
    arrays = load_arrays(f"{DATA[name]}_{kind}.npz")
    session = session_of(name)
    assert list(arrays) == [entry.name for entry in session.get_inputs()]
    rows = arrays["input"]
    assert rows.dtype == np.float32
    assert rows.shape[1:] == tuple(INPUT_SHAPES[name][1:])
    assert len(rows) == 1 if kind == "input" else 128 <= len(rows) <= 256
    assert 0.0 <= rows.min() < rows.max() <= 1.0
    (scores,) = session.run(None, {"input": rows[:1]})
    assert scores.shape == (1, 10)
    assert np.isfinite(scores).all()


def test_open_batch_axis_takes_several_rows() -> None:
    rows = load_arrays("digits_test.npz")["input"][:7]
    session = session_of("digits_mlp")
    (together,) = session.run(None, {"input": rows})
    alone = [session.run(None, {"input": rows[i : i + 1]})[0] for i in range(len(rows))]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_accuracy_on_the_test_split(name: str) -> None:
    test = load_arrays("digits_test.npz")
    images = test["input"]
    if not name.startswith("digits"):
        images = import_digits().upscale(images).reshape(-1, *INPUT_SHAPES[name][1:])
    facts = PROVENANCE["models"][name]
    correct = correct_rows(name, images, test["labels"])
    assert correct / len(images) >= 0.96
    assert facts["test_rows"] == len(images) == 450
    # one row may sit on the edge between two classes on another processor
    assert abs(correct - facts["test_correct"]) <= 1


def test_no_test_row_is_a_calibration_row() -> None:
    seen = {row.tobytes() for row in load_arrays("digits_calibration.npz")["input"]}
    assert len(seen) > 200
    assert not any(row.tobytes() in seen for row in load_arrays("digits_test.npz")["input"])


def test_split_is_the_one_of_the_scripts() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn holds the data set")
    data = import_digits().load()
    test = load_arrays("digits_test.npz")
    np.testing.assert_array_equal(data.test, test["input"])
    np.testing.assert_array_equal(data.test_labels, test["labels"])
    np.testing.assert_array_equal(data.train[:256], load_arrays("digits_calibration.npz")["input"])


def test_upscale_interpolates_between_pixel_centres() -> None:
    upscale = import_digits().upscale
    constant = np.full((2, 1, 8, 8), 0.25, dtype=np.float32)
    np.testing.assert_array_equal(upscale(constant), np.full((2, 1, 28, 28), 0.25))
    ramp = np.broadcast_to(np.arange(8, dtype=np.float32), (1, 1, 8, 8))
    expected = np.clip((np.arange(28) + 0.5) * 8 / 28 - 0.5, 0, 7)
    np.testing.assert_allclose(upscale(ramp)[0, 0], np.broadcast_to(expected, (28, 28)), rtol=1e-6)


def test_provenance_names_every_file() -> None:
    files = {path.name for pattern in ("*.onnx", "*.npz") for path in MODELS.glob(pattern)}
    programs = {name for name in files if name.endswith(".program.onnx")}  # made by the tutorial
    assert files - programs == set(PROVENANCE["files"])
    assert sorted(PROVENANCE["models"]) == NAMES


@pytest.mark.parametrize("file", sorted(PROVENANCE["files"]))
def test_digest(file: str) -> None:
    data = (MODELS / file).read_bytes()
    entry = PROVENANCE["files"][file]
    assert hashlib.sha256(data).hexdigest() == entry["sha256"]
    assert len(data) == entry["bytes"]
    assert f"| `{file}` | {len(data):,} | `{entry['sha256']}` |" in (
        MODELS / "README.md"
    ).read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_readme_quotes_the_measured_accuracy(name: str) -> None:
    facts = PROVENANCE["models"][name]
    line = next(
        line
        for line in (MODELS / "README.md").read_text("utf-8").splitlines()
        if line.startswith(f"| `{name}` |")
    )
    assert f"{facts['test_correct']} of {facts['test_rows']}" in line
    assert facts["test_accuracy"] == facts["test_correct"] / facts["test_rows"]
