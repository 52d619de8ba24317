"""`verifiable estimate`: time, memory and sizes, before any work starts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import Console, bytes_text, seconds_text
from .options import FILE, reporting, shape_option, shapes_of

if TYPE_CHECKING:
    from verifiable.survey import Forecast

__all__ = ["command"]


@click.command("estimate")
@click.argument("model", type=FILE)
@shape_option
@click.option("--cut-output", is_flag=True, help="Leave out a final Softmax or Sigmoid.")
@reporting
def command(model: Path, shapes: tuple[str, ...], cut_output: bool, *, console: Console) -> None:
    """Say what each backend will need for MODEL, compiled or not."""
    fixed = shapes_of(shapes)
    from verifiable.api import estimate

    forecasts = estimate(model, shapes=fixed, cut_output=cut_output)
    console.result(_document(model, forecasts), lambda out: _show(out, forecasts))


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


def _show(out: Console, forecasts: dict[str, Forecast]) -> None:
    rows = []
    for name, item in forecasts.items():
        found = item.estimate
        if found is None:
            rows.append((name, *("not supported",) * 6))
            continue
        rows.append(
            (
                name,
                seconds_text(found.setup_s),
                seconds_text(found.prove_s),
                seconds_text(found.verify_s),
                bytes_text(found.memory_bytes),
                bytes_text(found.proof_bytes),
                bytes_text(found.key_bytes),
            )
        )
    out.table(("backend", "setup", "prove", "verify", "memory", "proof", "keys"), rows)
    for name, item in forecasts.items():
        if item.estimate is not None and item.estimate.note:
            out.line(f"{name}: {item.estimate.note}")
        for problem in item.problems:
            out.line(f"{name}: {problem}", style="red")
    out.line("These are orders of magnitude, scaled from measurements on one machine.")
