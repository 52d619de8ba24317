"""`verifiable compile`: from a model to an integer program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from .console import Console
from .options import FILE, interruptible, output_option, reporting, shape_option, shapes_of

if TYPE_CHECKING:
    from verifiable.program.program import Program

__all__ = ["command"]


@click.command("compile", short_help="Compile an ONNX model to an integer program.")
@click.argument("model", type=FILE)
@click.option("--calibration", type=FILE, help="Typical inputs (.npz), needed for float models.")
@output_option("the program")
@shape_option
@click.option("--cut-output", is_flag=True, help="Leave a final Softmax or Sigmoid to the reader.")
@click.option(
    "--activation",
    type=click.Choice(("int8", "uint8", "int16")),
    default="int8",
    show_default=True,
    help="Integer type of the tensors between operators.",
)
@click.option(
    "--weights",
    type=click.Choice(("int8", "int16")),
    default="int8",
    show_default=True,
    help="Integer type of the weights.",
)
@click.option(
    "--per-channel/--per-tensor",
    default=True,
    show_default=True,
    help="One weight scale per output channel, or one per tensor.",
)
@click.option(
    "--calibration-method",
    type=click.Choice(("minmax", "percentile", "entropy")),
    default="minmax",
    show_default=True,
    help="How the range of a tensor follows from the values seen.",
)
@reporting
def command(
    model: Path,
    calibration: Path | None,
    output: Path,
    shapes: tuple[str, ...],
    cut_output: bool,
    activation: Literal["int8", "uint8", "int16"],
    weights: Literal["int8", "int16"],
    per_channel: bool,
    calibration_method: Literal["minmax", "percentile", "entropy"],
    *,
    console: Console,
) -> None:
    """Compile MODEL (ONNX, float or QDQ) to an integer program, and say how close they are."""
    fixed = shapes_of(shapes)
    from verifiable.api import compile
    from verifiable.statement.commitment import commit_program

    with interruptible(console) as cancel, console.progress() as progress:
        program = compile(
            model,
            calibration=calibration,
            shapes=fixed,
            cut_output=cut_output,
            activation=activation,
            weights=weights,
            per_channel=per_channel,
            calibration_method=calibration_method,
            output=output,
            progress=progress,
            cancel=cancel,
        )
    root = "0x" + commit_program(program).program_root.hex()
    document = _document(program, output, root)
    console.result(document, lambda out: _show(out, program, document))


def _document(program: Program, output: Path, root: str) -> dict[str, object]:
    accuracy = program.metadata.get("accuracy")
    return {
        "program": str(output),
        "program_bytes": output.stat().st_size,
        "program_root": root,
        "nodes": len(program.nodes),
        "parameters": program.parameter_count,
        "accuracy": None if accuracy is None else json.loads(accuracy),
        "notes": json.loads(program.metadata.get("notes", "[]")),
        "inputs": [_tensor(spec.name, spec.shape) for spec in program.inputs],
        "outputs": [_tensor(spec.name, spec.shape) for spec in program.outputs],
    }


def _tensor(name: str, shape: tuple[int, ...]) -> dict[str, object]:
    return {"name": name, "shape": list(shape)}


def _show(out: Console, program: Program, document: dict[str, object]) -> None:
    for note in json.loads(program.metadata.get("notes", "[]")):
        out.line(f"note: {note}")
    show_accuracy(out, program)
    out.line(
        f"{document['program']}: {document['nodes']} nodes, "
        f"{program.parameter_count:,} integer parameters"
    )
    out.line(f"program root {document['program_root']}")


def show_accuracy(out: Console, program: Program) -> None:
    """Write the accuracy report against the float model."""
    text = program.metadata.get("accuracy")
    if text is None:
        out.line("accuracy: not measured (no calibration data were given)")
        return
    accuracy = json.loads(text)
    for item in accuracy["outputs"]:
        agreement = item["label_agreement"]
        labels = "" if agreement is None else f"label agreement {agreement:.2%}, "
        relative = item["mean_relative_error"]
        share = "" if relative is None else f" ({relative:.2%} of the mean magnitude)"
        out.line(
            f"accuracy of {item['name']!r} against the given model on {accuracy['rows']} rows: "
            f"{labels}mean error {item['mean_error']:.3g}{share}, "
            f"max error {item['max_error']:.3g}"
        )
    if accuracy["saturated_rows"]:
        out.line(f"{accuracy['saturated_rows']} rows had values outside the input range")
