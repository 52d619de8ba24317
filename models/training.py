"""Train a sample model, write it with its data files, and record where it comes from."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import sklearn
import torch
from digits import Images, Labels
from torch import nn

from verifiable.export import export_torch
from verifiable.files import write_bytes

MODELS = Path(__file__).resolve().parent
PROVENANCE = MODELS / "provenance.json"
README = MODELS / "README.md"
BATCH_ROWS = 32


def train(
    build: Callable[[], nn.Module],
    images: Images,
    labels: Labels,
    *,
    seed: int,
    epochs: int,
    learning_rate: float = 3e-3,
) -> nn.Module:
    """Train a classifier; the same weights for the same seed, machine and torch version.

    Args:
        build: makes the untrained module; called after seeding.
        images: (rows, ...) float32, in the shape that the module takes.
        labels: (rows,) int64.
        seed: of the initial weights and of the order of the rows.
        epochs: passes over the rows.
        learning_rate: peak of the one-cycle schedule.
    """
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # sums in one order, whatever the number of cores
    module = build()
    inputs, targets = torch.from_numpy(images), torch.from_numpy(labels)
    optimizer = torch.optim.AdamW(module.parameters(), lr=learning_rate, weight_decay=1e-2)
    steps = epochs * -(-len(inputs) // BATCH_ROWS)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    started = time.perf_counter()
    for epoch in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(inputs)).split(BATCH_ROWS):
            optimizer.zero_grad()
            loss = loss_of(module(inputs[rows]), targets[rows])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        if epoch % 10 == 9 or epoch == epochs - 1:
            print(f"  epoch {epoch + 1}/{epochs}  loss {total / len(inputs):.4f}", flush=True)
    print(f"  trained in {time.perf_counter() - started:.1f} s")
    return module.eval()


def save_arrays(name: str, **arrays: np.ndarray[Any, Any]) -> str:
    """Write a compressed .npz beside this script and return its file name."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_bytes(MODELS / name, buffer.getvalue())
    return name


def save_model(
    name: str,
    module: nn.Module,
    test: Images,
    test_labels: Labels,
    *,
    script: str,
    seed: int,
    epochs: int,
    dynamic_batch: bool,
    minimum_accuracy: float,
    data_files: list[str],
) -> None:
    """Export a trained module, measure the file that was written, and record both.

    Raises:
        SystemExit: the accuracy on the test rows is below `minimum_accuracy`.
    """
    path = export_torch(
        module, torch.from_numpy(test[:1]), MODELS / f"{name}.onnx", dynamic_batch=dynamic_batch
    )
    correct = count_correct(path, test, test_labels)
    accuracy = correct / len(test)
    print(f"  {name}: {correct}/{len(test)} test rows correct ({accuracy:.4f})")
    if accuracy < minimum_accuracy:
        raise SystemExit(f"{name}: accuracy {accuracy:.4f} is below {minimum_accuracy}")
    record(
        name,
        {
            "script": script,
            "seed": seed,
            "epochs": epochs,
            "parameters": sum(weights.numel() for weights in module.parameters()),
            "input_shape": ["batch" if dynamic_batch else 1, *test.shape[1:]],
            "test_rows": len(test),
            "test_correct": correct,
            "test_accuracy": accuracy,
            "versions": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                "onnx": onnx.__version__,
                "onnxruntime": ort.__version__,
                "scikit-learn": sklearn.__version__,
                "torch": torch.__version__,
            },
        },
        [f"{name}.onnx", *data_files],
    )


def count_correct(path: Path, images: Images, labels: Labels) -> int:
    """Run an ONNX classifier row by row and count where the largest output is the label."""
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    rows = [session.run(None, {"input": images[row : row + 1]})[0] for row in range(len(images))]
    return int(np.sum(np.concatenate(rows).argmax(axis=1) == labels))


def record(name: str, facts: dict[str, Any], files: list[str]) -> None:
    """Enter a model and the digests of its files in provenance.json and the tables of README.md."""
    known = {"models": {}, "files": {}}
    if PROVENANCE.exists():
        known = json.loads(PROVENANCE.read_text("utf-8"))
    known["models"][name] = facts
    for file in files:
        data = (MODELS / file).read_bytes()
        known["files"][file] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    known = {part: dict(sorted(entries.items())) for part, entries in known.items()}
    write_bytes(PROVENANCE, (json.dumps(known, indent=2) + "\n").encode())
    if README.exists():
        text = README.read_text("utf-8")
        text = _replaced(text, "models", _model_table(known["models"]))
        text = _replaced(text, "files", _file_table(known["files"]))
        write_bytes(README, text.encode())


def _model_table(models: dict[str, Any]) -> str:
    lines = [
        "| model | input | float parameters | test accuracy | seed |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, facts in models.items():
        shape = ", ".join(map(str, facts["input_shape"]))
        lines.append(
            f"| `{name}` | ({shape}) | {facts['parameters']:,} | {facts['test_correct']} of "
            f"{facts['test_rows']} ({100 * facts['test_accuracy']:.1f} %) | {facts['seed']} |"
        )
    return "\n".join(lines)


def _file_table(files: dict[str, Any]) -> str:
    lines = ["| file | bytes | SHA-256 |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {f['bytes']:,} | `{f['sha256']}` |" for name, f in files.items()]
    return "\n".join(lines)


def _replaced(text: str, name: str, body: str) -> str:
    begin, end = f"<!-- {name}: written by the scripts -->\n", f"<!-- end of {name} -->"
    head, rest = text.split(begin)
    return f"{head}{begin}{body}\n{end}{rest.split(end)[1]}"
