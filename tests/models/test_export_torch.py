"""`export_torch`: same function in ONNX, or a typed refusal and no file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from verifiable.errors import MissingDependency, ResourceLimit, UnsupportedModel
from verifiable.export import export_torch


def test_without_torch_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependency) as caught:
        export_torch(object(), (), tmp_path / "model.onnx")
    assert caught.value.code == "missing-dependency"
    assert "verifiable[torch]" in str(caught.value)


class TestWithTorch:
    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        self.torch: Any = pytest.importorskip("torch", reason="torch is an optional extra")
        self.torch.manual_seed(0)

    def network(self) -> Any:
        nn = self.torch.nn
        return nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1),
            nn.BatchNorm2d(3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(),
            nn.Linear(12, 5),
        )

    def refusal(self, module: Any, example: Any, path: Path, **options: Any) -> UnsupportedModel:
        with pytest.raises(UnsupportedModel) as caught:
            export_torch(module, example, path, **options)
        assert not list(path.parent.iterdir()), "a refusal leaves a file behind"
        return caught.value

    def test_same_outputs_as_the_module(self, tmp_path: Path) -> None:
        module = self.network()
        # statistics other than 0 and 1, else folding BatchNorm wrongly would go unseen
        module(self.torch.randn(64, 1, 4, 4) * 3 + 1)
        example = self.torch.randn(1, 1, 4, 4)
        path = export_torch(module, example, tmp_path / "model.onnx")
        assert path == tmp_path / "model.onnx"
        assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]
        session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        assert [(i.name, i.shape) for i in session.get_inputs()] == [("input", [1, 1, 4, 4])]
        fresh = self.torch.randn(1, 1, 4, 4)
        (found,) = session.run(None, {"input": fresh.numpy()})
        with self.torch.no_grad():
            expected = module.eval()(fresh).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        kinds = [node.op_type for node in onnx.load(path).graph.node]
        assert kinds == ["Conv", "Relu", "MaxPool", "Flatten", "Gemm"]

    def test_dynamic_batch(self, tmp_path: Path) -> None:
        module = self.network().eval()
        path = export_torch(
            module, self.torch.randn(1, 1, 4, 4), tmp_path / "model.onnx", dynamic_batch=True
        )
        session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        assert session.get_inputs()[0].shape == ["batch", 1, 4, 4]
        assert session.get_outputs()[0].shape == ["batch", 5]
        rows = self.torch.randn(3, 1, 4, 4)
        (found,) = session.run(None, {"input": rows.numpy()})
        with self.torch.no_grad():
            np.testing.assert_allclose(found, module(rows).numpy(), rtol=1e-5, atol=1e-5)

    def test_several_inputs_and_outputs_keep_their_names(self, tmp_path: Path) -> None:
        class SumAndDifference(self.torch.nn.Module):
            def forward(self, left: Any, right: Any) -> Any:
                return left + right, left - right

        example = (self.torch.ones(1, 4), self.torch.full((1, 4), 3.0))
        path = export_torch(
            SumAndDifference(),
            example,
            tmp_path / "model.onnx",
            input_names=("left", "right"),
            output_names=("sum", "difference"),
            opset=17,
        )
        session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        feeds = {"left": example[0].numpy(), "right": example[1].numpy()}
        assert session.run(["difference"], feeds)[0].tolist() == [[-2.0] * 4]
        assert onnx.load(path).opset_import[0].version == 17

    def test_equal_weights_give_equal_bytes(self, tmp_path: Path) -> None:
        module, example = self.network(), self.torch.randn(1, 1, 4, 4)
        first = export_torch(module, example, tmp_path / "first.onnx").read_bytes()
        second = export_torch(module, example + 1, tmp_path / "second.onnx").read_bytes()
        assert first == second

    def test_training_flags_are_restored(self, tmp_path: Path) -> None:
        module = self.network().train()
        module[1].eval()  # a frozen BatchNorm
        before = [part.training for part in module.modules()]
        export_torch(module, self.torch.randn(1, 1, 4, 4), tmp_path / "model.onnx")
        assert [part.training for part in module.modules()] == before
        with pytest.raises(UnsupportedModel):
            export_torch(module, self.torch.randn(1, 2, 4, 4), tmp_path / "other.onnx")
        assert [part.training for part in module.modules()] == before

    def test_module_that_fails_on_the_example(self, tmp_path: Path) -> None:
        error = self.refusal(self.network(), self.torch.randn(1, 2, 4, 4), tmp_path / "m.onnx")
        assert error.code == "module-failed"
        assert error.where == "Sequential"

    def test_operation_without_onnx_operator(self, tmp_path: Path) -> None:
        torch = self.torch

        class Unusual(torch.nn.Module):
            def forward(self, rows: Any) -> Any:
                return torch.special.bessel_j0(rows)

        error = self.refusal(Unusual(), self.torch.ones(1, 4), tmp_path / "m.onnx")
        assert error.code == "torch-export-failed"
        assert "bessel_j0" in str(error)

    def test_random_module_is_refused(self, tmp_path: Path) -> None:
        torch = self.torch

        class Noise(torch.nn.Module):
            def forward(self, rows: Any) -> Any:
                return rows + torch.rand(1, 4)

        error = self.refusal(Noise(), self.torch.ones(1, 4), tmp_path / "m.onnx")
        assert error.code == "export-differs"

    @pytest.mark.parametrize(
        ("options", "code"),
        [
            ({"input_names": ("a", "b")}, "input-count"),
            ({"output_names": ("a", "b")}, "output-count"),
            ({"input_names": ("same",), "output_names": ("same",)}, "ambiguous-names"),
            ({"opset": 8}, "opset"),
            ({"opset": 21}, "opset"),
        ],
    )
    def test_options_that_do_not_fit(
        self, options: dict[str, Any], code: str, tmp_path: Path
    ) -> None:
        example = self.torch.randn(1, 1, 4, 4)
        assert self.refusal(self.network(), example, tmp_path / "m.onnx", **options).code == code

    def test_all_wrong_arguments_are_named_at_once(self, tmp_path: Path) -> None:
        error = self.refusal(
            object(), [1, 2], tmp_path / "m.onnx", input_names=("a",), output_names=("a",)
        )
        assert [problem.code for problem in error.problems] == [
            "input-count",
            "ambiguous-names",
            "not-a-torch-module",
            "not-a-tensor",
            "not-a-tensor",
        ]

    def test_more_weights_than_one_file_holds(self, tmp_path: Path) -> None:
        module = self.torch.nn.Linear(2**15, 2**14, device="meta")  # 2 GiB, not allocated
        error = self.refusal(module, self.torch.ones(1, 4), tmp_path / "m.onnx")
        assert error.code == "too-large"

    def test_failure_keeps_the_old_file(self, tmp_path: Path) -> None:
        path = tmp_path / "model.onnx"
        path.write_bytes(b"old")
        with pytest.raises(UnsupportedModel):
            export_torch(self.network(), self.torch.randn(1, 2, 4, 4), path)
        assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]
        assert path.read_bytes() == b"old"

    def test_output_that_is_no_tensor(self, tmp_path: Path) -> None:
        class Named(self.torch.nn.Module):
            def forward(self, rows: Any) -> Any:
                return {"rows": rows}

        error = self.refusal(Named(), self.torch.ones(1, 4), tmp_path / "m.onnx")
        assert error.code == "output-type"

    def test_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ResourceLimit) as caught:
            export_torch(
                self.network(), self.torch.randn(1, 1, 4, 4), tmp_path / "no" / "model.onnx"
            )
        assert caught.value.code == "unwritable-file"
