"""`verifiable inspect`: every operator, and every reason against it, at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import Console, counted
from .options import FILE, reporting, shape_option, shapes_of

if TYPE_CHECKING:
    from verifiable.errors import Problem
    from verifiable.survey import ModelReport

__all__ = ["command"]

_UNKNOWN = "not known until the shape is fixed"


@click.command("inspect", short_help="List the operators of a model, and what stands in the way.")
@click.argument("model", type=FILE)
@shape_option
@click.option("--cut-output", is_flag=True, help="Leave out a final Softmax or Sigmoid.")
@reporting
def command(model: Path, shapes: tuple[str, ...], cut_output: bool, *, console: Console) -> None:
    """List the operators of MODEL: what each backend supports, what not, why, what to do."""
    fixed = shapes_of(shapes)
    from verifiable.api import inspect

    report = inspect(model, shapes=fixed, cut_output=cut_output)
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
    for note in report.inspection.notes:
        out.line(f"note: {note}")
    seen: set[tuple[str, str]] = set()
    for name in names:
        for problem in report.backends[name]:
            if (problem.node, problem.what) in seen:
                continue
            seen.add((problem.node, problem.what))
            place = f"{problem.node}: " if problem.node else ""
            out.line(f"problem [{problem.code}] {place}{problem.what}", style="red")
            if problem.hint:
                out.line(f"  -> {problem.hint}")
    for name in names:
        count = len(report.backends[name])
        verdict = (
            "can prove it"
            if not count
            else f"cannot prove it ({counted(count, 'problem', 'problems')})"
        )
        out.line(f"{model.name}: {name} {verdict}", style="green" if not count else "red")


def _word(problems: tuple[Problem, ...] | None) -> str:
    return _UNKNOWN if problems is None else "no" if problems else "yes"


def _shape(shapes: tuple[tuple[int, ...] | None, ...]) -> str:
    if not shapes or shapes[0] is None:
        return "?"
    return "x".join(str(length) for length in shapes[0]) or "scalar"
