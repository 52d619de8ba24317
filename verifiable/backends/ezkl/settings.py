"""Choosing ezkl's parameters from what the range analysis knows, and their canonical form.

ezkl's own calibration runs the circuit on samples, so an unusual input can make proving fail later.
Here the parameters follow from static intervals: whatever input the schema admits, its proof can
be made. They depend on the program alone, so everybody derives the same verification key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import ceil
from typing import Any

from verifiable.backends.ezkl.graph import Circuit

__all__ = ["Plan", "blocks_of", "canonical_settings", "plan_circuit"]

MIN_LOGROWS = 10
MAX_LOGROWS = 22
INNER_COLUMNS = 2
RESERVED_ROWS = 8
"""Rows of a column that ezkl cannot use for a range check's table."""

BLOCK_OVERHEAD_ROWS = 1500
"""What one more block of columns costs beside its rows, in rows."""

_CELLS = {
    # Cells that one element of a step takes, by number of digits (index 0: one digit). Observed
    # in `num_rows` of small circuits; used to choose logrows and to estimate, never for soundness.
    "divide": (44, 50, 62, 74),
    "relu": (14, 16, 20, 24),
    "max": (16, 18, 22, 26),
    "lookup": (5, 5, 5, 5),
    "linear": (1, 1, 1, 1),
    "dot": (1, 1, 1, 1),
}
_POSEIDON_CELLS_PER_VALUE = 84


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The parameters of one circuit.

    Attributes:
        logrows: rows are `2**logrows`.
        base, digits: a value of magnitude up to `base**digits - 1` can be written.
        visibility: of the inputs.
        cells: expected number of advice cells.
    """

    logrows: int
    base: int
    digits: int
    visibility: str
    cells: int

    @property
    def run_args(self) -> dict[str, Any]:
        """ezkl's arguments; everything that the default does not already say."""
        return {
            "input_scale": 0,
            "param_scale": 0,
            "scale_rebase_multiplier": 1,
            "lookup_range": [-2, 2],
            "logrows": self.logrows,
            "decomp_base": self.base,
            "decomp_legs": self.digits,
            "num_inner_cols": INNER_COLUMNS,
            "input_visibility": self.visibility,
            "output_visibility": "public",
            "param_visibility": "fixed",
            "check_mode": "unsafe",
            # The verifier recomputes every public value from small integers itself.
            "ignore_range_check_inputs_outputs": True,
            "disable_freivalds": True,
        }


def plan_circuit(circuit: Circuit, visibility: str = "public") -> Plan:
    """Choose the parameters that prove fastest among those that can never fail."""
    best: Plan | None = None
    for logrows in range(MIN_LOGROWS, MAX_LOGROWS + 1):
        digits, base = _digits(circuit.written_bound, logrows)
        cells = _count_cells(circuit, digits, visibility)
        plan = Plan(logrows=logrows, base=base, digits=digits, visibility=visibility, cells=cells)
        if circuit.table_rows > usable_rows(logrows):
            continue
        if best is None or _cost(plan) < _cost(best):
            best = plan
    if best is None:
        raise ValueError("tables larger than the largest column")  # refused by `unsupported`
    return best


def usable_rows(logrows: int) -> int:
    """Rows of a column that hold values."""
    return (1 << logrows) - RESERVED_ROWS


def _count_cells(circuit: Circuit, digits: int, visibility: str) -> int:
    """Expected advice cells of a circuit."""
    column = min(digits, 4) - 1
    cells = sum(count * _CELLS[kind][column] for kind, count in circuit.cells.items())
    if visibility == "hashed":
        values = sum(_elements(info) for info in circuit.model.graph.input)
        cells += _POSEIDON_CELLS_PER_VALUE * values
    return cells


def _elements(info: Any) -> int:
    count = 1
    for axis in info.type.tensor_type.shape.dim:
        count *= axis.dim_value
    return count


def _digits(bound: int, logrows: int) -> tuple[int, int]:
    """The fewest digits (at least 2), and the largest power of two as base, that hold `bound`."""
    bits = logrows - 1
    digits = max(2, ceil(bound.bit_length() / bits))
    return digits, 1 << min(bits, max(2, ceil(bound.bit_length() / digits)))


def blocks_of(plan: Plan) -> int:
    """How often the circuit wraps into new columns: it may be taller than `2**logrows`."""
    return max(1, ceil(plan.cells / INNER_COLUMNS / usable_rows(plan.logrows)))


def _cost(plan: Plan) -> int:
    """Relative proving time: all rows of all blocks, tables and overheads included.

    Observed: over three values of logrows the time of one circuit varies by a few per cent, so
    what counts is not to leave rows empty, and few columns (a small proof).
    """
    blocks = blocks_of(plan)
    return (blocks + 1) * (1 << plan.logrows) + blocks * BLOCK_OVERHEAD_ROWS


def canonical_settings(settings: dict[str, Any]) -> bytes:
    """ezkl's settings as the one byte string that everybody derives.

    ezkl writes sets in random order, among them the range checks whose order is part of the
    circuit; a timestamp; and a row count that varies with its layout's hash maps. The order is
    fixed here *before* the circuit is compiled, and the verification key follows from it.
    """
    fixed = dict(settings)
    fixed["timestamp"] = 0
    for name in ("required_range_checks", "required_lookups"):
        fixed[name] = sorted(fixed[name], key=lambda item: json.dumps(item, sort_keys=True))
    columns = fixed["run_args"]["num_inner_cols"]
    fixed["num_rows"] = -(-fixed["total_assignments"] // columns)
    equations = fixed.get("einsum_params", {}).get("equations")
    if isinstance(equations, list):
        fixed["einsum_params"] = {
            **fixed["einsum_params"],
            "equations": sorted(equations, key=lambda item: json.dumps(item, sort_keys=True)),
        }
    return json.dumps(fixed, sort_keys=True, separators=(",", ":")).encode("ascii")
