"""Write down the gas of evidence at the router, as transactions of their own, on both chains.

    python benchmarks/router_gas.py                     # all scenarios; needs anvil
    python benchmarks/router_gas.py --only tee          # those whose name has this in it
    python benchmarks/router_gas.py --show              # the stored figures as markdown

A scenario is a function that gets an open, empty chain and gives rows. What is not measured keeps
its stored figures. Gas does not depend on the machine; it differs a little where evidence holds
random bytes, since zero bytes cost less.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE.parent / "tests" / "chain" / "contracts")]

from game_kit import ALICE  # noqa: E402
from one_statement_kit import CONTEXT, signed, stage_on  # noqa: E402
from router_kit import scene_on  # noqa: E402
from sample_models import MODELS  # noqa: E402

import verifiable  # noqa: E402
from verifiable.chain.artifact import artifact_names, load_artifact  # noqa: E402
from verifiable.chain.client import Chain  # noqa: E402
from verifiable.chain.contracts.inference_verifier import (  # noqa: E402
    Clause,
    Evidence,
    InferenceVerifier,
)
from verifiable.chain.contracts.router_release import DOORS, ROUTER  # noqa: E402
from verifiable.chain.endpoint import open_chain  # noqa: E402
from verifiable.doors import door_evidence  # noqa: E402
from verifiable.options import backend_options  # noqa: E402
from verifiable.statement.statement import Statement  # noqa: E402

RESULT = HERE / "results" / "router_gas.json"
FORGE = HERE.parent / "contracts" / "snapshots" / "InferenceVerifier.json"
CHAINS = ("local:", "anvil:")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One transaction to a router.

    Attributes:
        evidence_bytes: what the doors got, in all.
        calldata_bytes: of the whole transaction.
    """

    name: str
    gas: int
    evidence_bytes: int
    calldata_bytes: int


Scenario = Callable[[Chain], Iterator[Row]]


def measured(
    name: str,
    router: InferenceVerifier,
    record_id: bytes,
    statement: Statement,
    evidence: Sequence[Evidence],
    any_of: Sequence[Clause] | None = None,
    *,
    simulated: bool = False,
) -> Row:
    """Verify in a transaction; it reverts if anything does not hold."""
    call = router.call_of(record_id, statement, evidence, any_of=any_of, simulated=simulated)
    receipt = router.contract.send(ALICE, *call)
    return Row(
        name=name,
        gas=receipt.gas_used,
        evidence_bytes=sum(len(piece.proof) for piece in evidence),
        calldata_bytes=len(router.contract.encode(*call)),
    )


def of_games_and_enclaves(chain: Chain) -> Iterator[Row]:
    """A final assertion, an enclave's signature, and both under one policy."""
    with scene_on(chain) as scene:
        record, said = scene.record(scene.keys), scene.execution.statement
        game, enclave = scene.by_game(), scene.by_enclave()
        yield measured("verify, optimistic", scene.router, record, said, [game])
        yield measured("verify, tee", scene.router, record, said, [enclave])
        both = (Clause(threshold=2, backends=("tee", "optimistic")),)
        name = "verifyPolicy, tee and optimistic"
        yield measured(name, scene.router, record, said, [enclave, game], both)
        either = (Clause(threshold=1, backends=("tee", "optimistic")),)
        name = "verifyPolicy, tee or optimistic, by optimistic"
        yield measured(name, scene.router, record, said, [game], either)


def of_proofs_and_quorums(chain: Chain, model: str) -> Iterator[Row]:
    """A sample model's proof by ezkl, under a setup of this machine, and what parties signed."""
    program = verifiable.compile(
        MODELS / f"{model}.onnx", calibration=MODELS / "digits_calibration.npz"
    )
    source = MODELS / "digits_input.npz"
    backends = ("ezkl", "quorum")
    with (
        tempfile.TemporaryDirectory() as folder,
        stage_on(chain, chain.source, Path(folder), program, backends) as stage,
    ):
        proof = verifiable.prove(
            program, source, backend="ezkl", context=CONTEXT, insecure_local_setup=True
        ).proof
        proofs = {"ezkl": proof, "quorum": signed(proof)}
        keys = {name: stage.key_of(name) for name in backends}
        stage.introduce(proof, keys["ezkl"])
        record = stage.register({name: key.digest for name, key in keys.items()})
        options = backend_options()
        pieces = {name: door_evidence(proofs[name], keys[name], options) for name in backends}
        for name, piece in pieces.items():
            what = f"verify, {name}, {model}" if name == "ezkl" else "verify, quorum, 2 of 3"
            if name == "ezkl" or model == "digits_mlp":  # a quorum's signature knows no model
                yield measured(what, stage.router, record, proof.statement, [piece], simulated=True)


def of_small_proofs(chain: Chain) -> Iterator[Row]:
    """A proof of the smaller sample model, and a quorum's signature."""
    yield from of_proofs_and_quorums(chain, "digits_mlp")


def of_larger_proofs(chain: Chain) -> Iterator[Row]:
    """A proof of the larger sample model."""
    yield from of_proofs_and_quorums(chain, "digits_cnn")


SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        "optimistic and tee": of_games_and_enclaves,
        "ezkl and quorum": of_small_proofs,
        "ezkl, larger": of_larger_proofs,
    }
)


def main() -> int:
    """Measure, or show what is stored."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--show", action="store_true", help="show the stored result")
    parser.add_argument("--only", default="", help="scenarios whose name has this in it")
    given = parser.parse_args()
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
    if not given.show:
        result = measure(given.only, result.get("chains", {}))
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(shown(result))
    return 0


def measure(only: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """Run the scenarios on each chain, every one on a chain of its own."""
    chains: dict[str, Any] = {}
    for url in CHAINS:
        found = {name: dict(rows) for name, rows in before.get(url, {}).items()}
        for name, scenario in SCENARIOS.items():
            if only in name:
                with open_chain(url) as chain:
                    rows = list(scenario(chain))
                found[name] = {row.name: _figures(row) for row in rows}
        chains[url] = {name: found[name] for name in SCENARIOS if name in found}
    shipped = set(artifact_names())
    return {
        "about": "gas of transactions to InferenceVerifier, rules of Osaka",
        "generator": "benchmarks/router_gas.py",
        "py_evm": version("py-evm"),
        "code_bytes": {
            name: len(load_artifact(name).runtime)
            for name in (ROUTER.name, *DOORS.values())
            if name in shipped
        },
        "chains": chains,
        "in_forge": json.loads(FORGE.read_text(encoding="utf-8")),
    }


def _figures(row: Row) -> dict[str, int]:
    return {name: value for name, value in asdict(row).items() if name != "name"}


def shown(result: dict[str, Any]) -> str:
    """The figures as markdown."""
    names = list(result["chains"])
    lines = [
        "| transaction | evidence, bytes | calldata, bytes | "
        f"{' | '.join(f'gas, `{name}`' for name in names)} |",
        f"| --- | ---: | ---: |{' ---: |' * len(names)}",
    ]
    for scenario, rows in result["chains"][names[0]].items():
        for row, figures in rows.items():
            gas = [f"{result['chains'][name][scenario][row]['gas']:,}" for name in names]
            sizes = f"{figures['evidence_bytes']:,} | {figures['calldata_bytes']:,}"
            lines.append(f"| {row} | {sizes} | {' | '.join(gas)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
