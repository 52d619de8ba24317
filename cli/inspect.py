"""`verifiable inspect`: every operator, and every reason against it, at once.

Of a compiled program it tells besides how sound a proof about it would be, term by term.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import Console, counted
from .options import FILE, reporting, shape_option, shapes_of, weights_option

if TYPE_CHECKING:
    from verifiable.argument.soundness import Ledger
    from verifiable.errors import Problem
    from verifiable.survey import ModelReport, ProgramReport

__all__ = ["command"]

_UNKNOWN = "?"


@click.command("inspect", short_help="List the operators of a model, and what stands in the way.")
@click.argument("model", type=FILE)
@shape_option
@click.option("--cut-output", is_flag=True, help="Leave out a final Softmax or Sigmoid.")
@click.option("--backend", "backends", multiple=True, help="Ask these only; repeatable.")
@weights_option
@reporting
def command(
    model: Path,
    shapes: tuple[str, ...],
    cut_output: bool,
    backends: tuple[str, ...],
    weights: str | None,
    *,
    console: Console,
) -> None:
    """List the operators of MODEL: what each backend supports, what not, why, what to do.

    Of a compiled program it also gives the soundness of a proof, term by term, for backends that
    keep such a ledger.
    """
    fixed = shapes_of(shapes)
    from verifiable.api import inspect, inspect_program
    from verifiable.sources import is_program

    wanted = backends or None
    if is_program(model):
        if fixed or cut_output:
            raise click.UsageError("--shape and --cut-output are for models, not for programs")
        compiled = inspect_program(model, backends=wanted, weights=weights)
        console.result(
            _program_document(model, compiled), lambda out: _show_program(out, model, compiled)
        )
        return
    if weights is not None:
        raise click.UsageError("--weights is for compiled programs")
    report = inspect(model, shapes=fixed, cut_output=cut_output, backends=wanted)
    console.result(_document(model, report), lambda out: _show(out, model, report))


def _document(model: Path, report: ModelReport) -> dict[str, object]:
    found = report.inspection
    return {
        "model": str(model),
        "supported": report.supported,
        "quantised": found.quantised,
        "operators": [
            {
                "name": item.operator.name,
                "op_type": item.operator.op_type,
                "inputs": [_list(shape) for shape in item.operator.inputs],
                "outputs": [_list(shape) for shape in item.operator.outputs],
                "backends": {
                    name: {
                        "supported": None if problems is None else not problems,
                        "problems": _problems(problems or ()),
                    }
                    for name, problems in item.backends.items()
                },
            }
            for item in report.operators
        ],
        "problems": _problems(found.problems),
        "notes": list(found.notes),
        "backends": {
            name: {"supported": not problems, "problems": _problems(problems)}
            for name, problems in report.backends.items()
        },
    }


def _program_document(path: Path, report: ProgramReport) -> dict[str, object]:
    return {
        "program": str(path),
        "supported": report.supported,
        "nodes": [
            {
                "name": item.node.name,
                "operator": item.node.op.name,
                "shape": list(item.node.shape),
                "backends": {
                    name: {"supported": not problems, "problems": _problems(problems)}
                    for name, problems in item.backends.items()
                },
            }
            for item in report.nodes
        ],
        "backends": {
            name: {
                "supported": not problems,
                "problems": _problems(problems),
                "soundness": _ledger_document(report.soundness.get(name)),
            }
            for name, problems in report.backends.items()
        },
    }


def _ledger_document(ledger: Ledger | None) -> dict[str, object] | None:
    if ledger is None:
        return None
    return {
        "total_bits": _finite(ledger.total_bits),
        "worst_round_bits": _finite(ledger.worst_round_bits),
        "terms": [
            {
                "name": row.name,
                "formula": row.formula,
                "count": row.count,
                "bits": _finite(row.bits),
                "reference": row.reference,
            }
            for row in ledger.rows
        ],
    }


def _finite(bits: float) -> float | None:
    """Bits as JSON can write them: None where there is no error at all."""
    return bits if math.isfinite(bits) else None


def _problems(problems: tuple[Problem, ...]) -> list[dict[str, str]]:
    return [
        {"code": item.code, "node": item.node, "what": item.what, "hint": item.hint}
        for item in problems
    ]


def _list(shape: tuple[int, ...] | None) -> list[int] | None:
    return None if shape is None else list(shape)


def _show(out: Console, model: Path, report: ModelReport) -> None:
    names = list(report.backends)
    if report.operators:
        out.table(
            ("operator", "name", "input", "output", *names),
            [
                (
                    item.operator.op_type,
                    item.operator.name,
                    _shape(item.operator.inputs[:1]),
                    _shape(item.operator.outputs[:1]),
                    *(_word(item.backends[name]) for name in names),
                )
                for item in report.operators
            ],
            styles={"yes": "green", "no": "red"},
        )
        if any(None in item.backends.values() for item in report.operators):
            out.line(f"{_UNKNOWN}: not known until the shape is fixed")
    for note in report.inspection.notes:
        out.line(f"note: {note}")
    _show_backends(out, model, report.backends)


def _show_program(out: Console, path: Path, report: ProgramReport) -> None:
    names = list(report.backends)
    out.table(
        ("node", "name", "output", *names),
        [
            (
                item.node.op.name,
                item.node.name,
                _shape((item.node.shape,)),
                *(_word(item.backends[name]) for name in names),
            )
            for item in report.nodes
        ],
        styles={"yes": "green", "no": "red"},
    )
    for name, ledger in report.soundness.items():
        _show_ledger(out, name, ledger)
    _show_backends(out, path, report.backends)


def _show_ledger(out: Console, name: str, ledger: Ledger) -> None:
    """Write how likely a false statement passes; F is the size of the field of challenges."""
    out.line(f"{name}: how likely a false statement is accepted", style="bold")
    rows = [
        (row.name, row.formula, row.count, _bits(row.bits), row.reference) for row in ledger.rows
    ]
    out.table(("term", "error", "count", "bits", "reference"), rows, right=("bits",))
    worst = ledger.worst_round
    out.line(
        f"{name}: {_bits(ledger.total_bits)} bits in all, each single round "
        f"{_bits(ledger.worst_round_bits)} or more"
        + (f" (the weakest: {worst.name})" if worst is not None else "")
    )


def _bits(bits: float) -> str:
    """Bits rounded down: a figure that is shown must not promise more than there is."""
    return f"{math.floor(bits * 100) / 100:.2f}" if math.isfinite(bits) else "no error"


def _show_backends(out: Console, path: Path, backends: Mapping[str, tuple[Problem, ...]]) -> None:
    """Write every problem once, then a line for each backend."""
    seen: set[tuple[str, str]] = set()
    for problems in backends.values():
        for problem in problems:
            if (problem.node, problem.what) in seen:
                continue
            seen.add((problem.node, problem.what))
            place = f"{problem.node}: " if problem.node else ""
            out.line(f"problem [{problem.code}] {place}{problem.what}", style="red")
            if problem.hint:
                out.line(f"  -> {problem.hint}")
    for name, problems in backends.items():
        count = len(problems)
        verdict = (
            "can prove it"
            if not count
            else f"cannot prove it ({counted(count, 'problem', 'problems')})"
        )
        out.line(f"{path.name}: {name} {verdict}", style="green" if not count else "red")


def _word(problems: tuple[Problem, ...] | None) -> str:
    return _UNKNOWN if problems is None else "no" if problems else "yes"


def _shape(shapes: tuple[tuple[int, ...] | None, ...]) -> str:
    if not shapes or shapes[0] is None:
        return "?"
    return "x".join(str(length) for length in shapes[0]) or "scalar"
