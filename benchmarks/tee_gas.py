"""Write down the gas of registering an enclave's key, and of an answer, on both chains.

    python benchmarks/tee_gas.py            # writes results/tee_gas.json; needs anvil; a minute
    python benchmarks/tee_gas.py --show     # the stored figures as markdown

Gas does not depend on the machine. It differs a little from quote to quote: signatures and hashes
have zero bytes here and there, which cost less, and each chain has other block hashes to bind.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "chain" / "contracts"))

from attestation_kit import (  # noqa: E402
    CONTEXT,
    INPUT,
    MALLORY,
    OTHER_PROGRAM,
    OUTPUT,
    OWNER,
    PROGRAM,
    TERMS,
    Enclave,
    Stage,
)

from verifiable.chain.contracts.attestation_registry import ARTIFACT  # noqa: E402
from verifiable.chain.deployment import initcode  # noqa: E402
from verifiable.chain.endpoint import open_chain  # noqa: E402
from verifiable.statement.hashing import keccak  # noqa: E402

RESULT = HERE / "results" / "tee_gas.json"
FORGE = HERE.parent / "contracts" / "snapshots" / "AttestationRegistry.json"
RUNS = 20
BARS = {"registerKey": 150_000, "verifyInference": 40_000}
"""Most gas of a transaction."""


def main() -> int:
    """Measure, or show what is stored; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--show", action="store_true", help="show the stored result")
    if parser.parse_args().show:
        result = json.loads(RESULT.read_text(encoding="utf-8"))
    else:
        result = measure()
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(shown(result))
    return 0 if all(bar["holds"] for bar in result["bars"].values()) else 1


def measure() -> dict[str, Any]:
    """Register and answer on each chain."""
    chains = {name: of_chain(name) for name in ("local:", "anvil:")}
    most = {
        name: max(chain["transactions"][name]["most"] for chain in chains.values()) for name in BARS
    }
    return {
        "about": "gas of transactions to AttestationRegistry, rules of Osaka",
        "generator": "benchmarks/tee_gas.py",
        "runs": RUNS,
        "py_evm": version("py-evm"),
        "code_bytes": len(ARTIFACT.runtime),
        "initcode_bytes": len(initcode(ARTIFACT, TERMS.arguments)),
        "bars": {
            name: {"most_gas": bar, "found_gas": most[name], "holds": most[name] <= bar}
            for name, bar in BARS.items()
        },
        "chains": chains,
        "in_forge": json.loads(FORGE.read_text(encoding="utf-8")),
    }


def of_chain(url: str) -> dict[str, Any]:
    """All figures of one chain."""
    found: dict[str, list[int]] = {}
    with open_chain(url) as chain:
        stage = Stage(chain)
        enclaves = []
        for _ in range(RUNS):
            enclave = Enclave()
            enclaves.append(enclave)
            receipt = stage.send(stage.request(enclave))
            found.setdefault("registerKey", []).append(receipt.gas_used)
        for enclave in enclaves:
            receipt = stage.registry.contract.send(
                MALLORY, "verifyInference", PROGRAM, INPUT, OUTPUT, CONTEXT, enclave.answer()
            )
            found.setdefault("verifyInference", []).append(receipt.gas_used)
        for name, change in changes(stage, enclaves):
            found[name] = [change()]
    return {
        "transactions": {
            name: {
                "least": min(figures),
                "median": int(statistics.median(figures)),
                "most": max(figures),
            }
            for name, figures in found.items()
        }
    }


def changes(stage: Stage, enclaves: list[Enclave]) -> list[tuple[str, Callable[[], int]]]:
    """What owner and watchers do, once each, in order."""
    registry = stage.registry
    action = registry.action("setWorkload", keccak(b"another"), OTHER_PROGRAM)
    until = stage.chain.block().time_s + 10 * 24 * 3600
    x, y = stage.pck
    return [
        ("schedule", lambda: registry.schedule(OWNER, action).gas_used),
        ("cancel", lambda: registry.cancel(OWNER, keccak(action)).gas_used),
        (
            "setWorkload",
            lambda: stage.govern("setWorkload", keccak(b"another"), OTHER_PROGRAM).gas_used,
        ),
        (
            "registerPlatform, new",
            lambda: stage.govern("registerPlatform", y, x, bytes(16), until, True).gas_used,
        ),
        (
            "registerPlatform, renewed",
            lambda: stage.govern("registerPlatform", y, x, bytes(16), until + 1, True).gas_used,
        ),
        ("revokeKey", lambda: registry.revoke_key(OWNER, enclaves[0].address).gas_used),
        ("raiseMinimum", lambda: registry.raise_minimum(OWNER, TERMS.svn, 9).gas_used),
        ("invalidate", lambda: registry.invalidate(MALLORY, enclaves[1].address).gas_used),
        ("dropWorkload", lambda: registry.drop_workload(OWNER, stage.workload).gas_used),
        ("revokePlatform", lambda: registry.revoke_platform(OWNER, stage.hardware).gas_used),
    ]


def shown(result: dict[str, Any]) -> str:
    """The figures as markdown."""
    names = list(result["chains"])
    lines = [
        f"{result['about']}; least, median and most of {result['runs']} where it differs.",
        "",
        f"| transaction | {' | '.join(f'`{name}`' for name in names)} |",
        f"| --- |{' ---: |' * len(names)}",
    ]
    for transaction in result["chains"][names[0]]["transactions"]:
        cells = [_cell(result["chains"][name]["transactions"][transaction]) for name in names]
        lines.append(f"| {transaction} | {' | '.join(cells)} |")
    lines.append("")
    for name, bar in result["bars"].items():
        word = "holds" if bar["holds"] else "MISSED"
        lines.append(f"{name}: {bar['found_gas']:,} of {bar['most_gas']:,}: {word}")
    return "\n".join(lines) + "\n"


def _cell(figures: dict[str, int]) -> str:
    values = [figures["least"], figures["median"], figures["most"]]
    if values[0] == values[2]:
        return f"{values[0]:,}"
    return " / ".join(f"{value:,}" for value in values)


if __name__ == "__main__":
    sys.exit(main())
