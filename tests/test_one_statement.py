"""One statement, five kinds of evidence for it, one record, two chains: all agree on what is true.

The fast set plays the backends that cost little, on the embedded chain. All five backends, both
models and both chains are the slow set's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sample_models import MODELS

pytest.importorskip("web3", reason="the chain needs the extra `chain`")
pytest.importorskip("cbor2", reason="enclaves need the extra `tee`")

from one_statement_kit import CONTEXT, MALLORY, OTHER_CONTEXT, Stage, rewritten, signed, stage

import verifiable
from verifiable.backends.base import Key
from verifiable.backends.ezkl.format import Payload as EzklPayload
from verifiable.backends.gkr.format import Payload as GkrPayload
from verifiable.backends.optimistic.format import OptimisticKey
from verifiable.backends.optimistic.format import Payload as OptimisticPayload
from verifiable.backends.quorum.format import Payload as QuorumPayload
from verifiable.backends.registry import get_backend
from verifiable.backends.tee.format import Payload as TeePayload
from verifiable.chain.anvil import find_anvil, run_anvil
from verifiable.chain.contracts.inference_verifier import Clause, Evidence
from verifiable.errors import ChainError, Reverted, Undecided, VerificationError
from verifiable.options import backend_options
from verifiable.statement.lock import Lock
from verifiable.statement.proof import Proof
from verifiable.statement.verdict import Verdict

INPUT = MODELS / "digits_input.npz"
ALL = ("gkr", "ezkl", "optimistic", "tee", "quorum")
ON_CHAIN = ("ezkl", "optimistic", "tee", "quorum")
CHEAP = ("gkr", "optimistic", "tee")

CASES = [pytest.param(("digits_mlp", "local:", CHEAP), id="digits_mlp-local-cheap")]
CASES += [
    pytest.param((model, chain, ALL), id=f"{model}-{chain[:-1]}-all", marks=pytest.mark.slow)
    for model in ("digits_mlp", "digits_cnn")
    for chain in ("local:", "anvil:")
]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Proofs of one statement, keys of one program, one record of them."""

    stage: Stage
    proofs: Mapping[str, Proof]
    keys: Mapping[str, Key]
    record: bytes
    lock: Lock

    def verify(self, proof: Proof, **more: Any) -> Verdict:
        given = {"registry": self.stage.url, "record": self.record, "lock": self.lock, **more}
        return verifiable.verify(proof, policy=self.stage.policy, now=datetime.now(UTC), **given)

    def code_of(self, proof: Proof, **more: Any) -> str:
        """Why it is not proven."""
        with pytest.raises((VerificationError, Undecided)) as caught:
            self.verify(proof, **more)
        return caught.value.code

    @property
    def on_chain(self) -> list[Proof]:
        """Proofs whose evidence a contract can check."""
        return [self.proofs[name] for name in ON_CHAIN if name in self.proofs]

    def evidence(self, proof: Proof, key: Key | None = None) -> bytes:
        backend = get_backend(proof.backend)
        return backend.door_evidence(proof, key or self.keys[proof.backend], backend_options())

    def routed(self, proof: Proof, evidence: bytes, *, simulated: bool = True) -> bytes:
        router = self.stage.router
        verify = router.verify_simulated if simulated else router.verify
        return verify(self.record, proof.statement, proof.backend, evidence)

    def refusal(self, proof: Proof, evidence: bytes, *, simulated: bool = True) -> str:
        """The error that the router ends with."""
        with pytest.raises(Reverted) as caught:
            self.routed(proof, evidence, simulated=simulated)
        return caught.value.name


@cache
def program_of(model: str) -> verifiable.Program:
    return verifiable.compile(
        MODELS / f"{model}.onnx", calibration=MODELS / "digits_calibration.npz"
    )


@cache
def proven(model: str, backend: str) -> Proof:
    """By a backend that needs no chain: the same proof on both."""
    if backend == "quorum":
        return signed(proven(model, "gkr"))
    local = {"insecure_local_setup": True} if backend == "ezkl" else {}
    result = verifiable.prove(program_of(model), INPUT, backend=backend, context=CONTEXT, **local)
    return result.proof


@pytest.fixture(scope="module", params=CASES)
def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    model, chain, backends = request.param
    if "ezkl" in backends:
        pytest.importorskip("ezkl", reason="proofs need the extra `ezkl`")
    folder = tmp_path_factory.mktemp("stage")
    with ExitStack() as opened:
        url = f"local:{folder / 'chain.db'}"
        if chain == "anvil:":
            url = opened.enter_context(run_anvil(anvil())).url
        on = opened.enter_context(stage(url, folder, program_of(model), backends))
        make: dict[str, Callable[[], Proof]] = {
            "gkr": lambda: proven(model, "gkr"),
            "ezkl": lambda: proven(model, "ezkl"),
            "quorum": lambda: proven(model, "quorum"),
            "optimistic": lambda: on.asserted(INPUT),
            "tee": lambda: on.attested(proven(model, "gkr")),
        }
        proofs = {name: make[name]() for name in backends}
        keys = {name: on.key_of(name) for name in backends}
        if "ezkl" in proofs:
            on.introduce(proofs["ezkl"], keys["ezkl"])
        record = on.register({name: key.digest for name, key in keys.items()})
        yield Scene(stage=on, proofs=proofs, keys=keys, record=record, lock=on.lock(keys))


def anvil() -> Path:
    try:
        return find_anvil()
    except ChainError as absent:
        pytest.skip(f"on anvil only where it is installed: {absent.what}")


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]


# --- evidence that was tampered with: of each backend what is changed, and how that is told


def other_path(scene: Scene, proof: Proof) -> Proof:
    """The last hash of the last opening."""
    payload = GkrPayload.decode(proof.payload)
    changed = replace(payload, proof=flipped(payload.proof, len(payload.proof) - 1))
    return replace(proof, payload=changed.encode())


def other_halo2_bytes(scene: Scene, proof: Proof) -> Proof:
    payload = EzklPayload.decode(proof.payload)
    changed = replace(payload, proof=flipped(payload.proof, len(payload.proof) // 2))
    return replace(proof, payload=changed.encode())


def other_trace(scene: Scene, proof: Proof) -> Proof:
    payload = OptimisticPayload.decode(proof.payload)
    changed = replace(payload, trace_root=flipped(payload.trace_root, 0))
    return replace(proof, payload=changed.encode())


def signature_of_another_statement(scene: Scene, proof: Proof) -> Proof:
    payload = TeePayload.decode(proof.payload)
    names = [spec.name for spec in scene.stage.program.inputs]
    inputs = dict(zip(names, proof.inputs, strict=True))
    other = scene.stage.enclave.sign(inputs, OTHER_CONTEXT).signature
    return replace(proof, payload=replace(payload, signature=other).encode())


def other_signers(scene: Scene, proof: Proof) -> Proof:
    payload = QuorumPayload.decode(proof.payload)
    pairs = [bytes(len(payload.signers) - 1) + bytes((bits,)) for bits in (3, 5, 6)]
    other = next(pair for pair in pairs if pair != payload.signers)
    return replace(proof, payload=replace(payload, signers=other).encode())


TAMPERED = {
    "gkr": (other_path, "opening-path"),
    "ezkl": (other_halo2_bytes, "proof-rejected"),
    "optimistic": (other_trace, "assertion-of-another-trace"),
    "tee": (signature_of_another_statement, "signature-mismatch"),
    "quorum": (other_signers, "quorum-signature-invalid"),
}

REFUSED_BY = {
    "ezkl": "EzklDoor_NotAccepted",
    "optimistic": "EvidenceDoor_WrongKey",
    "tee": "AttestationRegistry_KeyNotValid",
    "quorum": "QuorumDoor_NotSigned",
}

IN_ANOTHER_CONTEXT = {
    "gkr": ("lookup-level", "InferenceVerifier_VerifiedOffChain"),
    "ezkl": ("proof-rejected", "EzklDoor_NotAccepted"),
    "optimistic": ("assertion-of-another-statement", "OptimisticDoor_NotFinal"),
    "tee": ("signature-mismatch", "AttestationRegistry_KeyNotValid"),
    "quorum": ("quorum-signature-invalid", "QuorumDoor_NotSigned"),
}


def test_all_prove_one_statement(scene: Scene) -> None:
    digests = {proof.statement.digest for proof in scene.proofs.values()}
    assert len(digests) == 1
    assert {name: proof.backend for name, proof in scene.proofs.items()} == {
        name: name for name in scene.proofs
    }
    assert {proof.statement.context for proof in scene.proofs.values()} == {CONTEXT}


def test_all_are_verified_against_one_record(scene: Scene) -> None:
    for name, proof in scene.proofs.items():
        verdict = scene.verify(proof)
        assert verdict.outcome == "proven", name
        assert int(verdict.outputs["output"].argmax()) == 2
        registered = {check.id: check.status for check in verdict.checks if check.id[:2] == "RG"}
        assert registered["RG-9"] == "ok", name


def test_a_record_of_other_keys_refuses_each(scene: Scene) -> None:
    """Whoever pins a record relies on its registrant, whatever the lock says."""
    digests = {name: flipped(key.digest, 31) for name, key in scene.keys.items()}
    record = scene.stage.register(digests, MALLORY)
    for name, proof in scene.proofs.items():
        assert scene.code_of(proof, record=record) == "registered-key-differs", name
    for proof in scene.on_chain:
        with pytest.raises(Reverted) as caught:
            scene.stage.router.verify_simulated(
                record, proof.statement, proof.backend, scene.evidence(proof)
            )
        assert caught.value.name == "EvidenceDoor_WrongKey", proof.backend


def test_tampered_evidence_is_refused_by_its_code(scene: Scene) -> None:
    for name, proof in scene.proofs.items():
        tamper, code = TAMPERED[name]
        changed = tamper(scene, proof)
        assert changed.payload != proof.payload
        assert scene.code_of(changed) == code, name


def test_another_output_is_refused(scene: Scene) -> None:
    for name, proof in scene.proofs.items():
        output = proof.outputs[0].copy()
        output.flat[0] += 1
        assert scene.code_of(replace(proof, outputs=(output,))) == "output-mismatch", name


def test_the_same_evidence_under_another_context_is_refused(scene: Scene) -> None:
    for name, proof in scene.proofs.items():
        moved = replace(proof, statement=replace(proof.statement, context=OTHER_CONTEXT))
        assert scene.code_of(moved) == IN_ANOTHER_CONTEXT[name][0], name


def test_the_router_accepts_each(scene: Scene) -> None:
    for proof in scene.on_chain:
        found = scene.routed(proof, scene.evidence(proof))
        assert found == proof.statement.digest, proof.backend


def test_the_router_tells_simulations(scene: Scene) -> None:
    for proof in scene.on_chain:
        evidence = scene.evidence(proof)
        if proof.backend in ("ezkl", "tee"):  # both of vendors that this machine made
            why = scene.refusal(proof, evidence, simulated=False)
            assert why == "InferenceVerifier_Simulated", proof.backend
        else:
            assert scene.routed(proof, evidence, simulated=False) == proof.statement.digest


def test_the_router_refuses_tampered_evidence(scene: Scene) -> None:
    for proof in scene.on_chain:
        if proof.backend == "optimistic":  # the evidence is where to ask: another game's rules
            key = OptimisticKey.from_fields(scene.keys["optimistic"].fields)
            other = replace(key, game_key=flipped(key.game_key, 0)).to_key()
            evidence = scene.evidence(proof, other)
        else:
            evidence = scene.evidence(TAMPERED[proof.backend][0](scene, proof))
        assert scene.refusal(proof, evidence) == REFUSED_BY[proof.backend], proof.backend


def test_the_router_refuses_evidence_under_another_context(scene: Scene) -> None:
    for proof in scene.on_chain:
        moved = replace(proof, statement=replace(proof.statement, context=OTHER_CONTEXT))
        why = scene.refusal(moved, scene.evidence(proof))
        assert why == IN_ANOTHER_CONTEXT[proof.backend][1], proof.backend


def test_the_router_says_that_gkr_is_verified_elsewhere(scene: Scene) -> None:
    proof = scene.proofs["gkr"]
    assert scene.refusal(proof, proof.payload) == IN_ANOTHER_CONTEXT["gkr"][1]


def test_evidence_of_one_backend_is_not_anothers(scene: Scene) -> None:
    proofs = scene.on_chain
    for proof, other in zip(proofs, proofs[1:] + proofs[:1], strict=True):
        swapped = rewritten(proof, other.backend, proof.statement, proof.payload)
        assert scene.refusal(swapped, scene.evidence(proof)).startswith("EvidenceDoor_")


def test_a_composite_policy_on_the_chain(scene: Scene) -> None:
    """ "ezkl or (tee and optimistic)", by the second clause."""
    policy = (
        Clause(threshold=1, backends=("ezkl",)),
        Clause(threshold=2, backends=("tee", "optimistic")),
    )
    pieces = {
        name: Evidence(backend=name, proof=scene.evidence(scene.proofs[name]))
        for name in ("tee", "optimistic")
    }
    said = scene.proofs["gkr"].statement
    verify = scene.stage.router.verify_policy_simulated
    assert verify(scene.record, said, policy, list(pieces.values())) == said.digest
    for name, piece in pieces.items():
        with pytest.raises(Reverted) as caught:
            verify(scene.record, said, policy, [piece])
        assert caught.value.name == "InferenceVerifier_PolicyNotMet", name
