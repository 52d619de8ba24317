"""Write down the gas and the sizes of ezkl's proofs on a chain, for the sample models.

    python benchmarks/ezkl_gas.py            # writes results/ezkl_gas.json; needs anvil and solc
    python benchmarks/ezkl_gas.py --show     # the stored figures as markdown

Gas does not depend on the machine. Proofs are blinded, so figures differ a little from run to run:
zero bytes cost less. The reference string is made here, which changes no figure.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "backends" / "ezkl"))

from ezkl_samples import LOCAL, Proven, prove, tiny_program  # noqa: E402

import verifiable  # noqa: E402
from verifiable.backends.base import Options  # noqa: E402
from verifiable.backends.ezkl.format import EzklKey, Payload  # noqa: E402
from verifiable.backends.ezkl.onchain import artifact_words, evidence_of  # noqa: E402
from verifiable.backends.ezkl.solc import SOLC_VERSION  # noqa: E402
from verifiable.backends.ezkl.verifier_contract import CODE_BYTES, make_verifier  # noqa: E402
from verifiable.backends.ezkl.vka import ceremony_digest  # noqa: E402
from verifiable.chain.accounts import KeySigner  # noqa: E402
from verifiable.chain.artifact import load_artifact  # noqa: E402
from verifiable.chain.client import Chain  # noqa: E402
from verifiable.chain.contracts.ezkl_door import (  # noqa: E402
    DOOR_ARTIFACT,
    EzklDoor,
    ReusableVerifier,
    verifier_artifact,
)
from verifiable.chain.contracts.model_registry import (  # noqa: E402
    ModelRegistry,
)
from verifiable.chain.contracts.model_registry import Program as RecordProgram  # noqa: E402
from verifiable.chain.endpoint import open_chain  # noqa: E402
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS  # noqa: E402
from verifiable.program.program import Program  # noqa: E402
from verifiable.statement.view import backend_selector  # noqa: E402

RESULT = HERE / "results" / "ezkl_gas.json"
MODELS = HERE.parent / "models"
ALICE = KeySigner(DEV_ACCOUNTS[0].private_key)
RUNS = 3
MAX_CODE_BYTES = 24_576


def main() -> int:
    """Measure, or show what is stored."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--show", action="store_true", help="show the stored result")
    if parser.parse_args().show:
        result = json.loads(RESULT.read_text(encoding="utf-8"))
    else:
        with tempfile.TemporaryDirectory() as folder:
            result = measure(Path(folder))
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(shown(result))
    return 0


def measure(cache: Path) -> dict[str, Any]:
    """Prove, deploy, register and verify, all on one chain."""
    made = make_verifier(Options(cache_dir=cache))
    artifact = verifier_artifact(made.creation, made.code)
    models = {}
    with open_chain("anvil:") as chain:
        deployment = chain.deploy(ALICE, artifact)
        if deployment.receipt is None:
            sys.exit("the node gave no receipt")
        verifier = ReusableVerifier.at(chain, artifact, deployment.address)
        for name, program in programs().items():
            models[name] = of_model(chain, verifier, program, cache)
    if len(DOOR_ARTIFACT.runtime) > MAX_CODE_BYTES:
        sys.exit("the door is larger than a chain takes")
    return {
        "about": "gas of ezkl's proofs at InferenceVerifier, rules of Osaka, anvil",
        "generator": "benchmarks/ezkl_gas.py",
        "ezkl": version("ezkl"),
        "solc": SOLC_VERSION,
        "runs": RUNS,
        "verifier": {"code_bytes": CODE_BYTES, "deploy_gas": deployment.receipt.gas_used},
        "door": {"code_bytes": len(DOOR_ARTIFACT.runtime)},
        "models": models,
    }


def programs() -> dict[str, Program]:
    """A dense layer of 5 inputs, and the sample models of 64."""
    calibration = MODELS / "digits_calibration.npz"
    names = ("digits_mlp", "digits_cnn")
    return {
        "dense_5x3": tiny_program(),
        **{
            name: verifiable.compile(MODELS / f"{name}.onnx", calibration=calibration)
            for name in names
        },
    }


def of_model(
    chain: Chain, verifier: ReusableVerifier, program: Program, cache: Path
) -> dict[str, Any]:
    """Figures of one model: `RUNS` proofs, each verified by a transaction to a router."""
    cases = [prove(program, cache, seed=seed) for seed in range(RUNS)]
    first = cases[0]
    key = EzklKey.from_fields(first.key.fields)
    words = artifact_words(first.proof, first.key, Options(cache_dir=cache, settings=LOCAL))
    registered = verifier.register_artifact(ALICE, words)
    door = EzklDoor.deploy(chain, ALICE, verifier, ceremony=ceremony_digest(key.s_g2))
    registry = ModelRegistry.deploy(chain, ALICE)
    selector, none = backend_selector("ezkl"), bytes(20)
    record = RecordProgram.of(first.proof.program)
    registry.register_model(ALICE, record, keys={selector: first.key.digest})
    record_id = registry.record_id_of(ALICE.address, first.statement.program_root)
    router = load_artifact("InferenceVerifier")
    place = chain.deploy(ALICE, router, registry.address, door.address, none, none, none)
    contract = chain.contract(router, place.address)
    gas, direct, evidence_bytes, calldata_bytes = [], [], [], []
    for case in cases:
        evidence = evidence_of(case.proof, case.key, words)
        arguments = ("verify", record_id, _words(case), selector, evidence)
        gas.append(contract.send(ALICE, *arguments).gas_used)
        instances = _instances(case)
        parts = [words[i : i + 32] for i in range(0, len(words), 32)]
        halo2 = Payload.decode(case.proof.payload).proof
        alone = verifier.contract.send(ALICE, "verifyProof", halo2, instances, parts)
        direct.append(alone.gas_used)
        evidence_bytes.append(len(evidence))
        calldata_bytes.append(len(contract.encode(*arguments)))
    return {
        "public_values": len(_instances(first)),
        "proof_bytes": key.proof_length,
        "vka_bytes": len(words),
        "evidence_bytes": max(evidence_bytes),
        "calldata_bytes": max(calldata_bytes),
        "register_gas": registered.gas_used,
        "verify_gas": {"median": int(statistics.median(gas)), "most": max(gas)},
        "verifier_alone_gas": {"median": int(statistics.median(direct)), "most": max(direct)},
    }


def _words(case: Proven) -> tuple[bytes, bytes, bytes, bytes]:
    said = case.statement
    return (said.program_root, said.input_root, said.output_root, said.context)


def _instances(case: Proven) -> list[int]:
    modulus = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001
    limbs = np.frombuffer(case.statement.context, ">u2")
    tensors = [*case.trace.inputs, limbs, *(case.proof.outputs or ())]
    return [int(value) % modulus for tensor in tensors for value in tensor.reshape(-1)] + [0]


def shown(result: dict[str, Any]) -> str:
    """The figures as markdown."""
    lines = [
        "| model | public values | proof, bytes | artifact, bytes | calldata, bytes "
        "| gas, once | gas, each proof | of that, ezkl's contract alone |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, model in result["models"].items():
        figures = [
            model[part]
            for part in (
                "public_values",
                "proof_bytes",
                "vka_bytes",
                "calldata_bytes",
                "register_gas",
            )
        ]
        figures += [model[part]["median"] for part in ("verify_gas", "verifier_alone_gas")]
        lines.append(f"| {name} | " + " | ".join(f"{value:,}" for value in figures) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
