"""Write down the gas of every step of the differential test, as anvil and the embedded chain say.

    python benchmarks/evm_gas.py            # writes results/evm_gas.json; needs anvil
    python benchmarks/evm_gas.py --show     # the stored figures of transactions as markdown

The scenario is that of `tests/chain/differential`. Nothing is written unless both chains agree on
every status, gas, log, return value and account. Gas is exact and does not depend on the machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DIFFERENTIAL = HERE.parent / "tests" / "chain" / "differential"
sys.path[:0] = [str(DIFFERENTIAL), str(DIFFERENTIAL.parent)]

from anvil_chain import anvil_chain  # noqa: E402
from comparison import differences, figures, outcome_of  # noqa: E402
from evm_chapters import PARTS, chapter  # noqa: E402
from watched_chain import watched_chain  # noqa: E402

from verifiable.chain.anvil import ANVIL_FLAGS, find_anvil  # noqa: E402

RESULT = HERE / "results" / "evm_gas.json"


def measure() -> dict[str, Any]:
    """Run the whole scenario on both chains.

    Raises:
        SystemExit: they differ.
    """
    path = find_anvil()
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    chapters = {}
    with anvil_chain(path) as anvil:
        for name in PARTS:
            with watched_chain() as local:
                ours = outcome_of(local, chapter(name))
            with anvil.fresh():
                reference = outcome_of(anvil, chapter(name))
            if found := differences(ours, reference):
                raise SystemExit("\n".join([f"{name}: the chains differ", *found]))
            chapters[name] = figures(reference)
            print(f"{name}: {len(ours.steps)} steps agree")
    return {
        "about": "gas of each step of tests/chain/differential; equal on both chains",
        "generator": "benchmarks/evm_gas.py",
        "rules": "osaka",
        "chains": {
            "anvil": f"{said.split()[2]} {' '.join(ANVIL_FLAGS)}",
            "embedded": f"py-evm {version('py-evm')} with the rules of Osaka",
        },
        "chapters": chapters,
    }


def shown(document: dict[str, Any]) -> str:
    """The stored figures as markdown."""
    lines = [f"Rules: {document['rules']}. Chains: {', '.join(document['chains'].values())}.", ""]
    for name, part in document["chapters"].items():
        lines += [f"## {name}", "", "| step | gas |", "| --- | ---: |"]
        for step in part["steps"]:
            if "gas" in step:
                failed = "" if step["ok"] else " (fails)"
                lines.append(f"| {step['name']}{failed} | {step['gas']:,} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Measure, or show what is stored."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--show", action="store_true", help="print the stored figures")
    if parser.parse_args().show:
        print(shown(json.loads(RESULT.read_text("utf-8"))))
        return
    RESULT.write_text(json.dumps(measure(), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
