"""Write the generated pages again: `make docs`. A test compares them with the committed ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import verifiable
from verifiable.argument.soundness import Ledger
from verifiable.backends.base import Options
from verifiable.backends.gkr.survey import soundness_of
from verifiable.backends.gkr.vk import WEIGHT_MODES
from verifiable.backends.registry import backend_ids, get_backend
from verifiable.circuits.catalogue import Refusals, render

ROOT = Path(__file__).resolve().parent.parent

PROTOCOL = "docs/protocol/gkr.md"
MODELS = {"digits_mlp": "digits", "digits_cnn": "digits", "lenet": "lenet", "mlp_1m": "mlp_1m"}
"""The sample models of the ledger, and the name of the data that calibrate each."""

BEGIN = "<!-- ledger: written by docs/generate.py -->\n"
END = "<!-- end of ledger -->\n"


def catalogue() -> str:
    """The operator catalogue, with a column for each backend of this package."""
    backends = {name: get_backend(name) for name in backend_ids()}
    return render(
        {
            name: _refusals(backend.support)
            for name, backend in backends.items()
            if type(backend).__module__.startswith("verifiable.")
        }
    )


def _refusals(support: Callable) -> Refusals:
    return lambda program: [found.why for found in support(program) if not found.supported]


def protocol() -> str:
    """The protocol's page, with the soundness ledger of the sample models written again."""
    head, _, rest = (ROOT / PROTOCOL).read_text(encoding="utf-8").partition(BEGIN)
    _, found, tail = rest.partition(END)
    if not found:
        raise ValueError(f"{PROTOCOL} has no place for the ledger")
    return f"{head}{BEGIN}\n{_ledger_tables()}\n{END}{tail}"


def _ledger_tables() -> str:
    """Bits of each term, then what they were counted from; a column for each model and mode."""
    budgets = {
        (name, mode): soundness_of(program, _options(mode))
        for name, program in ((name, _compiled(name)) for name in MODELS)
        for mode in WEIGHT_MODES
    }
    names = list(dict.fromkeys(row.name for budget in budgets.values() for row in budget.rows))
    found = {key: {row.name: row for row in budget.rows} for key, budget in budgets.items()}
    any_row = {name: next(rows[name] for rows in found.values() if name in rows) for name in names}
    lines = [f"| term | error of one, F the size of the field | {_columns(budgets)} | reference |"]
    lines += [f"| --- | --- | {' | '.join(['---'] * len(budgets))} | --- |"]
    for name in names:
        cells = [_floor(rows[name].bits) if name in rows else "-" for rows in found.values()]
        row = any_row[name]
        lines.append(f"| {name} | {row.formula} | {' | '.join(cells)} | {row.reference} |")
    totals = " | ".join(f"**{_floor(budget.total_bits)}**" for budget in budgets.values())
    worst = " | ".join(_floor(budget.worst_round_bits) for budget in budgets.values())
    lines.append(f"| **total bits** | sum of the errors above | {totals} | |")
    lines.append(f"| worst round | one round alone, for Fiat-Shamir | {worst} | |")
    lines += ["", "What was counted:", "", f"| model | weights | {' | '.join(names)} |"]
    lines += [f"| --- | --- | {' | '.join(['---'] * len(names))} |"]
    for (model, mode), rows in found.items():
        counts = " | ".join(rows[name].count if name in rows else "-" for name in names)
        lines.append(f"| `{model}` | {mode} | {counts} |")
    return "\n".join(lines) + "\n"


def _compiled(name: str) -> verifiable.Program:
    models = ROOT / "models"
    calibration = models / f"{MODELS[name]}_calibration.npz"
    return verifiable.compile(models / f"{name}.onnx", calibration=calibration)


def _options(mode: str) -> Options:
    # Counting writes nothing, so the folder is never made.
    return Options(cache_dir=ROOT / "unused", settings=MappingProxyType({"weights": mode}))


def _columns(budgets: dict[tuple[str, str], Ledger]) -> str:
    return " | ".join(f"`{model}`, {mode}" for model, mode in budgets)


def _floor(bits: float) -> str:
    # Rounded down: a figure that is printed must not promise more than there is.
    return "no error" if math.isinf(bits) else f"{math.floor(bits * 100) / 100:.2f}"


PAGES: dict[str, Callable[[], str]] = {"circuits/catalogue.md": catalogue, PROTOCOL: protocol}
"""Each generated page by its path in the repository."""


if __name__ == "__main__":
    for path, page in PAGES.items():
        (ROOT / path).write_text(page(), encoding="utf-8")
        print(path)
