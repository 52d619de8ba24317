"""`verifiable run`: execute a program exactly, without proving."""

from __future__ import annotations

from pathlib import Path

import click

from .console import Console, seconds_text
from .options import FILE, input_options, interruptible, reporting
from .prove import finite, shown

__all__ = ["command"]


@click.command("run", short_help="Run a program exactly, without proving.")
@click.argument("program", type=FILE)
@input_options
@reporting
def command(
    program: Path, input_path: Path, index: int | None, saturate: bool, *, console: Console
) -> None:
    """Run PROGRAM on an input, exactly as every backend proves it."""
    from verifiable.api import run

    with interruptible(console) as cancel, console.progress() as progress:
        result = run(
            program, input_path, index=index, saturate=saturate, progress=progress, cancel=cancel
        )
    if result.saturated:
        console.warn("input values were clipped to what the program can hold")
    document = {
        "outputs": {name: values.tolist() for name, values in result.outputs.items()},
        "output_values": {
            name: finite(item.tolist()) for name, item in result.output_values.items()
        },
        "saturated": result.saturated,
        "execute_s": result.execute_s,
    }

    def show(out: Console) -> None:
        for name, values in result.outputs.items():
            out.line(f"{name!r} = {shown(values.reshape(-1).tolist())}")
            out.line(f"{name!r} (real) = {shown(result.output_values[name].reshape(-1).tolist())}")
        out.line(f"executed in {seconds_text(result.execute_s)}")

    console.result(document, show)
