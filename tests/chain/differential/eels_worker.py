"""Run steps on the embedded chain over the executable specification.

    python eels_worker.py STEPS OUTCOME

Runs in an environment with `ethereum-execution`. STEPS is a pickle of lists of steps by chapter,
OUTCOME a JSON file of what the steps did and of all accounts at the end.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[2])]

from eels_engine import EelsEngine  # noqa: E402
from scenario_run import comparable, read_state, run_steps  # noqa: E402

from verifiable.chain.local.chain import LocalChain  # noqa: E402


def outcome(steps: list[Any]) -> dict[str, Any]:
    """Run a chapter on a fresh chain."""
    engines: list[EelsEngine] = []

    def make(store: Any) -> EelsEngine:
        engines.append(EelsEngine(store))
        return engines[-1]

    with LocalChain.open(None, engine=make) as chain:

        def node(method: str, *params: Any) -> dict[str, Any]:
            return chain.request(method, list(params))

        seen, fees = run_steps(node, steps)
        node("eth_getBalance", "0x" + "00" * 20, "latest")  # so that the engine is at the head
        state = comparable(read_state(node, engines[-1].written()), fees)
        return {"steps": seen, "state": state}


def main(steps: str, target: str) -> None:
    """Run all chapters."""
    chapters = pickle.loads(Path(steps).read_bytes())  # noqa: S301  # our own, of this moment
    found = {name: outcome(part) for name, part in chapters.items()}
    Path(target).write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
