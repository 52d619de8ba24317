"""Write `steps.json`: elements of random nodes with the witness that a contract judges them from.

    python tests/vectors/make_steps.py

Forge (`contracts/test/optimistic/Steps.t.sol`) and pytest (`tests/chain/optimistic`) read it. The
value of each element is the reference's; `wrong` are other values that a leaf could hold.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "chain" / "optimistic"))

from step_cases import GENERATORS, case_of, wrong_values  # noqa: E402

from verifiable.backends.optimistic.openings import StepOpener  # noqa: E402

CASES = 6
MAX_WITNESS_BYTES = 2500


def main() -> None:
    """Write the file."""
    cases = [case for name in GENERATORS for case in cases_of(name)]
    content = {
        "about": "elements of random nodes, their values by the reference, and witnesses",
        "generator": "tests/vectors/make_steps.py",
        "count": len(cases),
        "cases": cases,
    }
    (HERE / "steps.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def cases_of(name: str) -> list[dict[str, Any]]:
    """Cases of one operator, small enough to be read by many."""
    rng = np.random.default_rng([31, *name.encode()])
    found: list[dict[str, Any]] = []
    while len(found) < CASES:
        trace = case_of(name, rng)
        leaf_log2 = 8 if len(found) == CASES - 1 else 5
        opener = StepOpener(trace, leaf_log2=leaf_log2)
        node = len(trace.program.nodes) - 1
        opening = opener.open(node, int(rng.integers(trace.values[node].size)))
        if len(opening.witness) > MAX_WITNESS_BYTES:
            continue
        others = wrong_values(opening.claimed, trace.program.nodes[node].width)
        found.append(
            {
                "operator": name,
                "leaf_log2": leaf_log2,
                "desc": _hex(opening.desc),
                "element": opening.element,
                "value": str(opening.claimed),
                "wrong": [str(value) for value in others[:: max(1, len(others) // 6)]],
                "operand_roots": [_hex(root) for root in opening.operand_roots],
                "witness": _hex(opening.witness),
            }
        )
    return found


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


if __name__ == "__main__":
    main()
