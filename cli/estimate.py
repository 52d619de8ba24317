"""`verifiable estimate`: time, memory and sizes, before any work starts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import Console, bytes_text, mebibytes_text, seconds_text
from .doctor import memory_bytes
from .options import FILE, reporting, shape_option, shapes_of

if TYPE_CHECKING:
    from verifiable.survey import Forecast

__all__ = ["command"]


@click.command("estimate", short_help="Say what each backend will need for a model.")
@click.argument("model", type=FILE)
@shape_option
@click.option("--cut-output", is_flag=True, help="Leave out a final Softmax or Sigmoid.")
@reporting
def command(model: Path, shapes: tuple[str, ...], cut_output: bool, *, console: Console) -> None:
    """Say what each backend will need for MODEL, compiled or not."""
    fixed = shapes_of(shapes)
    from verifiable.api import estimate
    from verifiable.sources import is_program

    forecasts = estimate(model, shapes=fixed, cut_output=cut_output)
    _warn_of_memory(console, forecasts)
    compiled = is_program(model)
    document = {**_document(model, forecasts), "compiled": compiled}
    console.result(document, lambda out: _show(out, forecasts, compiled=compiled))


def _document(model: Path, forecasts: dict[str, Forecast]) -> dict[str, object]:
    return {
        "model": str(model),
        "backends": {
            name: {
                "supported": not item.problems,
                "problems": [
                    {
                        "code": problem.code,
                        "node": problem.node,
                        "what": problem.what,
                        "hint": problem.hint,
                    }
                    for problem in item.problems
                ],
                "estimate": None if item.estimate is None else asdict(item.estimate),
            }
            for name, item in forecasts.items()
        },
    }


def _warn_of_memory(console: Console, forecasts: dict[str, Forecast]) -> None:
    """Say where proving would not fit this machine."""
    held = memory_bytes()
    for name, item in forecasts.items():
        needed = None if item.estimate is None else item.estimate.memory_bytes
        if held is not None and needed is not None and needed > held:
            console.warn(
                f"{name} would need about {mebibytes_text(needed)} of memory, and this machine has "
                f"{mebibytes_text(held)}: proving would be killed or crawl"
            )


def _show(out: Console, forecasts: dict[str, Forecast], *, compiled: bool) -> None:
    rows = []
    for name, item in forecasts.items():
        found = item.estimate
        if found is None:
            rows.append((name, *("not supported",) * 7))
            continue
        rows.append(
            (
                name,
                seconds_text(found.setup_s),
                seconds_text(found.prove_s),
                seconds_text(found.verify_s),
                mebibytes_text(found.memory_bytes),
                bytes_text(found.proof_bytes),
                bytes_text(found.proof_file_bytes),
                bytes_text(found.key_bytes),
            )
        )
    columns = ("setup", "prove", "verify", "memory", "bare proof", "proof file", "keys on disk")
    out.table(("backend", *columns), rows, right=columns)
    if any(item.estimate is not None for item in forecasts.values()):
        out.line(
            "The proof file holds the bare proof, what a verifier needs beside it (such as the "
            "verification key), and the values; `proof_bytes` of `prove --json` is its size."
        )
    for name, item in forecasts.items():
        if item.estimate is not None and item.estimate.note:
            out.line(f"{name}: {item.estimate.note}")
        for problem in item.problems:
            out.line(f"{name}: {problem}", style="red")
    out.line("These are orders of magnitude, scaled from measurements on one machine.")
    if not compiled:
        out.line("This model is not compiled: its real scales are unknown, so they are rougher.")
