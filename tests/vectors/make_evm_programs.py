"""Write `evm_programs.json`: what anvil makes of the programs of `tests/chain/evm_programs.py`.

    python tests/vectors/make_evm_programs.py

anvil is an independent implementation, in Rust, here under the rules of Osaka. A diff after a run
with the same anvil and the same programs is a bug.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "chain"))

from evm_programs import programs  # noqa: E402
from program_runs import run_on_anvil  # noqa: E402
from reference_node import anvil_if_any, reference_node  # noqa: E402


def main() -> None:
    binary = anvil_if_any()
    if binary is None:
        raise SystemExit("anvil is needed: set ANVIL to its path")
    version = subprocess.run(
        [binary, "--version"], capture_output=True, text=True, check=True
    ).stdout.split()
    with reference_node(binary) as rpc:
        runs = run_on_anvil(rpc, programs())
    document = {
        "provenance": {
            "generator": "tests/vectors/make_evm_programs.py",
            "results": f"anvil {version[2]} --hardfork osaka",
        },
        "programs": runs,
    }
    (HERE / "evm_programs.json").write_text(json.dumps(document, indent=1) + "\n")
    print(f"{len(runs)} programs")


if __name__ == "__main__":
    main()
