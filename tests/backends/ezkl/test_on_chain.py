"""ezkl's genuine contract behind our door: honest proofs pass, and each changed part is refused.

Each guard of the door is tried one by one in `contracts/test/inference/EzklDoor.t.sol`; here the
whole is, with real proofs. A verification takes the embedded chain seconds, so most run on anvil.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ezkl_samples import LOCAL, Proven, tiny_program

from verifiable.backends.base import Options
from verifiable.backends.ezkl.backend import EzklBackend
from verifiable.backends.ezkl.child import run_child
from verifiable.backends.ezkl.format import EzklKey, Payload
from verifiable.backends.ezkl.onchain import artifact_words, evidence_of
from verifiable.backends.ezkl.solc import compiler_command
from verifiable.backends.ezkl.srs_file import verifier_srs
from verifiable.backends.ezkl.verifier_contract import CODE_HASH, make_verifier
from verifiable.backends.ezkl.vka import ceremony_digest, vka_job, vka_words
from verifiable.cache import Cache
from verifiable.chain.accounts import KeySigner
from verifiable.chain.anvil import find_anvil
from verifiable.chain.artifact import load_artifact
from verifiable.chain.calls import call, message
from verifiable.chain.client import Chain
from verifiable.chain.contracts.ezkl_door import (
    VERIFIER_CODE_HASH,
    EzklDoor,
    ReusableVerifier,
    verifier_artifact,
)
from verifiable.chain.contracts.model_registry import ModelRegistry
from verifiable.chain.contracts.model_registry import Program as RegistryProgram
from verifiable.chain.endpoint import open_chain
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.errors import ChainError, MissingDependency, ProvingError, Reverted
from verifiable.statement.abi import encode_bytes, encode_struct
from verifiable.statement.commitment import commit_program
from verifiable.statement.hashing import Domain, domain_hash
from verifiable.statement.statement import Statement, statement_of
from verifiable.statement.tensors import pack
from verifiable.statement.view import backend_selector

ALICE = KeySigner(DEV_ACCOUNTS[0].private_key)
SECTIONS = ("key", "schema", "inputs", "outputs", "vka", "proof")


def options(cache: Path) -> Options:
    return Options(cache_dir=cache, settings=LOCAL)


def words_of(case: Proven, cache: Path) -> bytes:
    return artifact_words(case.proof, case.key, options(cache))


def sections(evidence: bytes) -> dict[str, bytes]:
    """The parts of evidence, read another way than they are written."""
    found = {}
    for index, name in enumerate(SECTIONS):
        start = int.from_bytes(evidence[32 * index : 32 * index + 32], "big")
        length = int.from_bytes(evidence[start : start + 32], "big")
        found[name] = evidence[start + 32 : start + 32 + length]
    return found


def assembled(parts: dict[str, bytes]) -> bytes:
    return bytes(encode_struct([encode_bytes(parts[name]) for name in SECTIONS]))


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The contracts on one chain, with the artifact of the tiny program made known."""

    chain: Chain
    verifier: ReusableVerifier
    door: EzklDoor

    def check(
        self,
        case: Proven,
        evidence: bytes,
        statement: Statement | None = None,
        door: EzklDoor | None = None,
    ) -> Any:
        pinned = pinned_by(case)
        said = statement or case.statement
        given = (said.program_root, said.input_root, said.output_root, said.context)
        contract = (door or self.door).contract
        return contract.call("check", pinned, given, said.digest, evidence)

    def refusal(self, *arguments: Any, **more: Any) -> str:
        with pytest.raises(Reverted) as caught:
            self.check(*arguments, **more)
        return caught.value.name


def pinned_by(case: Proven) -> tuple[Any, ...]:
    header = case.proof.program
    schema = domain_hash(Domain.SCHEMA, header.schema.encoded)
    root = case.statement.program_root
    return (bytes(32), root, schema, header.spec_version, header.leaf_log2, case.key.digest)


def made_place(chain: Chain, cache: Path, *cases: Proven) -> Place:
    made = make_verifier(options(cache))
    ceremony = ceremony_digest(Payload.decode(cases[0].proof.payload).s_g2)
    artifact = verifier_artifact(made.creation, made.code)
    verifier = ReusableVerifier.deploy(chain, ALICE, artifact)
    door = EzklDoor.deploy(chain, ALICE, verifier, ceremony=ceremony)
    for case in cases:
        verifier.register_artifact(ALICE, words_of(case, cache))
    return Place(chain=chain, verifier=verifier, door=door)


@pytest.fixture(scope="module")
def compiler() -> None:
    try:
        compiler_command()
    except MissingDependency as absent:
        pytest.skip(f"ezkl's contract must be compiled: {absent.why}")


@pytest.fixture(scope="module", params=["anvil:", pytest.param("local:", marks=pytest.mark.slow)])
def place(
    request: pytest.FixtureRequest,
    compiler: None,
    ezkl_cache: Path,
    proven: Proven,
    other_program: Proven,
) -> Iterator[Place]:
    if request.param == "anvil:":
        try:
            find_anvil()
        except ChainError as absent:
            pytest.skip(f"on anvil only where it is installed: {absent.what}")
    with open_chain(request.param) as chain:
        yield made_place(chain, ezkl_cache, proven, other_program)


@pytest.fixture
def evidence(proven: Proven, ezkl_cache: Path) -> bytes:
    return EzklBackend().door_evidence(proven.proof, proven.key, options(ezkl_cache))


def test_an_honest_proof_is_accepted(place: Place, proven: Proven, evidence: bytes) -> None:
    assert place.check(proven, evidence) is False  # not simulated: it is the ceremony's string
    assert place.door.verifier() == place.verifier.address


def test_the_embedded_chain_agrees(
    compiler: None, proven: Proven, evidence: bytes, ezkl_cache: Path
) -> None:
    with open_chain("local:") as chain:
        place = made_place(chain, ezkl_cache, proven)
        assert place.check(proven, evidence) is False
        parts = sections(evidence)
        changed = assembled({**parts, "proof": flipped(parts["proof"], len(parts["proof"]) - 1)})
        assert place.refusal(proven, changed) == "EzklDoor_NotAccepted"


def test_evidence_follows_from_the_proof_alone(
    proven: Proven, evidence: bytes, tmp_path: Path
) -> None:
    """The artifact is derived again where no setup left one."""
    assert EzklBackend().door_evidence(proven.proof, proven.key, options(tmp_path)) == evidence
    assert assembled(sections(evidence)) == evidence


# -- what is changed is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ("key", "EvidenceDoor_WrongKey"),
        ("schema", "EzklDoor_WrongSchema"),
        ("inputs", "EzklDoor_WrongValues"),
        ("outputs", "EzklDoor_WrongValues"),
        ("vka", "EzklDoor_WrongArtifact"),
        ("proof", "EzklDoor_NotAccepted"),
    ],
)
def test_a_changed_part_is_refused(
    part: str, error: str, place: Place, proven: Proven, evidence: bytes
) -> None:
    parts = sections(evidence)
    for at in (0, len(parts[part]) // 2, len(parts[part]) - 1):
        changed = assembled({**parts, part: flipped(parts[part], at)})
        assert place.refusal(proven, changed) == error, at


def test_a_proof_of_other_values_is_refused(place: Place, proven: Proven, evidence: bytes) -> None:
    """The values fit the statement; the proof is of others."""
    header = commit_program(proven.program)
    parts = sections(evidence)
    (x,), (y,) = proven.trace.inputs, proven.proof.outputs
    for inputs, outputs in (
        ((np.where(x == x.flat[0], x - 1, x),), (y,)),
        ((x,), (np.where(y == y.flat[2], np.clip(y + 1, -128, 127) - (y == 127), y),)),
        ((-x,), (y,)),
    ):
        statement = statement_of(header, inputs, outputs, context=proven.statement.context)
        assert statement != proven.statement
        packed = {"inputs": pack(inputs[0], 1), "outputs": pack(outputs[0], 1)}
        told = assembled({**parts, **packed})
        assert place.refusal(proven, told, statement) == "EzklDoor_NotAccepted"


def test_a_proof_for_another_use_is_refused(place: Place, proven: Proven, evidence: bytes) -> None:
    for context in (bytes(32), flipped(proven.statement.context, 31)):
        statement = replace(proven.statement, context=context)
        assert place.refusal(proven, evidence, statement) == "EzklDoor_NotAccepted"


def test_words_after_the_proof_are_refused(
    place: Place, proven: Proven, evidence: bytes, ezkl_cache: Path
) -> None:
    parts = sections(evidence)
    for tail in (bytes(32), parts["proof"]):
        longer = {**parts, "proof": parts["proof"] + tail}
        assert place.refusal(proven, assembled(longer)) == "EzklDoor_WrongProofLength"
    # the contract alone would take them, so the door has to look
    words = words_of(proven, ezkl_cache)
    case = [words[i : i + 32] for i in range(0, len(words), 32)]
    place.verifier.contract.call(
        "verifyProof", parts["proof"] + bytes(32), instances_of(proven), case
    )


def instances_of(case: Proven) -> list[int]:
    """The public values, written out for this program."""
    modulus = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001
    context = case.statement.context
    limbs = [context[2 * i] * 256 + context[2 * i + 1] for i in range(16)]
    values = [*case.trace.inputs[0].flat, *limbs, *case.proof.outputs[0].flat, 0]
    return [int(value) % modulus for value in values]


def test_another_model_of_the_architecture_cannot_cross_verify(
    place: Place, proven: Proven, other_program: Proven, ezkl_cache: Path
) -> None:
    """The true proof of a model with the prover's own weights says nothing of this one."""
    other = sections(
        evidence_of(other_program.proof, other_program.key, words_of(other_program, ezkl_cache))
    )
    own = sections(evidence_of(proven.proof, proven.key, words_of(proven, ezkl_cache)))
    statement = replace(other_program.statement, program_root=proven.statement.program_root)
    assert place.check(other_program, assembled(other)) is False  # the control
    assert other["schema"] == own["schema"]
    for kept, error in (
        ((), "EvidenceDoor_WrongKey"),
        (("key",), "EzklDoor_WrongArtifact"),
        (("key", "vka"), "EzklDoor_NotAccepted"),
    ):
        mixed = assembled({**other, **{name: own[name] for name in kept}})
        assert place.refusal(proven, mixed, statement) == error


def test_an_artifact_of_other_decimals_is_another(
    place: Place, proven: Proven, evidence: bytes, ezkl_cache: Path
) -> None:
    payload = Payload.decode(proven.proof.payload)
    with Cache(ezkl_cache).work_folder() as folder:
        (folder / "vk.key").write_bytes(payload.vk)
        (folder / "settings.json").write_bytes(payload.settings)
        (folder / "kzg.srs").write_bytes(verifier_srs(payload.s_g2))
        job = vka_job(vk="vk.key", settings="settings.json", srs="kzg.srs", vka="vka.bin")
        assert run_child({**job, "decimals": 6}, folder, limit_s=60).status == "ok"
        words = vka_words((folder / "vka.bin").read_bytes())
    parts = sections(evidence)
    assert words[:-32] == parts["vka"][:-32]
    assert words != parts["vka"]
    assert place.refusal(proven, assembled({**parts, "vka": words})) == "EzklDoor_WrongArtifact"


def test_hashed_inputs_are_refused(
    place: Place, proven: Proven, hashed: Proven, ezkl_cache: Path
) -> None:
    with pytest.raises(ProvingError) as caught:
        EzklBackend().door_evidence(hashed.proof, hashed.key, options(ezkl_cache))
    assert caught.value.code == "not-for-a-chain"
    parts = sections(evidence_of(proven.proof, proven.key, words_of(proven, ezkl_cache)))
    key = EzklKey.from_fields(hashed.key.fields)
    told = {**parts, "key": key.preimage, "vka": words_of(hashed, ezkl_cache)}
    told["proof"] = Payload.decode(hashed.proof.payload).proof
    assert place.refusal(hashed, assembled(told)) == "EzklDoor_HashedInputs"


def test_an_artifact_that_nobody_registered_is_named(
    place: Place, hashed: Proven, proven: Proven, evidence: bytes, ezkl_cache: Path
) -> None:
    parts = sections(evidence)
    words = words_of(hashed, ezkl_cache)
    hidden = replace(EzklKey.from_fields(hashed.key.fields), visibility="public", proof_length=3072)
    case = replace(proven, setup=replace(proven.setup, key=hidden.to_key()))
    told = {**parts, "key": hidden.preimage, "vka": words}
    assert place.refusal(case, assembled(told)) == "EzklDoor_NotRegistered"


def test_too_little_gas_is_never_an_answer(place: Place, proven: Proven, evidence: bytes) -> None:
    pinned, said = pinned_by(proven), proven.statement
    given = (said.program_root, said.input_root, said.output_root, said.context)
    arguments = ("check", pinned, given, said.digest, evidence)
    honest = place.door.contract.send(ALICE, *arguments)
    data = place.door.contract.encode(*arguments)

    def answer(gas: int) -> bytes:
        fields = message(sender=ALICE.address, to=place.door.address, data=data, gas=gas)
        node, errors = place.chain._node, place.chain.errors
        return call(node, fields, "latest", errors=errors, what="check")

    assert int.from_bytes(answer(honest.gas_used + 50_000), "big") == 0  # not simulated
    refusals = set()
    for share in (0.55, 0.7, 0.85, 0.95, 0.98):
        with pytest.raises(Reverted) as caught:
            answer(int(honest.gas_used * share))
        refusals.add(caught.value.name)
    assert refusals <= {"EzklDoor_NotAccepted", ""}
    assert "EzklDoor_NotAccepted" in refusals


def test_a_verifier_with_other_code_gets_no_door(place: Place) -> None:
    artifact = load_artifact("EzklDoor")
    code_hash = VERIFIER_CODE_HASH
    assert code_hash == CODE_HASH == place.verifier.contract.artifact.code_hash
    for target in (place.door.address, b"\x11" * 20):
        with pytest.raises(Reverted) as caught:
            place.chain.deploy(ALICE, artifact, target, code_hash, bytes(32))
        assert caught.value.name == "EvidenceDoor_WrongCode"


def test_a_local_reference_string_counts_as_simulated(
    place: Place, proven: Proven, evidence: bytes
) -> None:
    for ceremony in (bytes(32), ceremony_digest(bytes(128))):
        door = EzklDoor.deploy(place.chain, ALICE, place.verifier, ceremony=ceremony)
        assert place.check(proven, evidence, door=door) is True
        assert door.ceremony() == ceremony


# -- through the router --------------------------------------------------------------------------


def test_the_router_takes_it_under_a_record(place: Place, proven: Proven, evidence: bytes) -> None:
    registry = ModelRegistry.deploy(place.chain, ALICE)
    selector = backend_selector("ezkl")
    program = RegistryProgram.of(proven.proof.program)
    registry.register_model(ALICE, program, keys={selector: proven.key.digest})
    record_id = registry.record_id_of(ALICE.address, proven.statement.program_root)
    said = proven.statement
    given = (said.program_root, said.input_root, said.output_root, said.context)

    def router(door: EzklDoor) -> Callable[..., Any]:
        artifact, none = load_artifact("InferenceVerifier"), bytes(20)
        made = place.chain.deploy(ALICE, artifact, registry.address, door.address, none, none, none)
        return place.chain.contract(artifact, made.address).call

    ask = router(place.door)
    assert ask("verify", record_id, given, selector, evidence) == said.digest
    with pytest.raises(Reverted) as caught:
        ask("verify", record_id, given, selector, flipped(evidence, len(evidence) - 1))
    assert caught.value.name == "EzklDoor_NotAccepted"
    development = EzklDoor.deploy(place.chain, ALICE, place.verifier, ceremony=bytes(32))
    ask = router(development)
    with pytest.raises(Reverted) as caught:
        ask("verify", record_id, given, selector, evidence)
    assert caught.value.name == "InferenceVerifier_Simulated"
    assert ask("verifySimulated", record_id, given, selector, evidence) == said.digest


# -- evidence that cannot be made ----------------------------------------------------------------


def test_a_proof_of_another_key_is_no_evidence(
    proven: Proven, other_program: Proven, ezkl_cache: Path
) -> None:
    backend, here = EzklBackend(), options(ezkl_cache)
    for proof, key in (
        (proven.proof, other_program.key),
        (other_program.proof, proven.key),
        (replace(proven.proof, backend="gkr"), proven.key),
        (proven.proof, replace(proven.key, backend="gkr")),
        (replace(proven.proof, inputs=None), proven.key),
    ):
        with pytest.raises(ProvingError) as caught:
            backend.door_evidence(proof, key, here)
        assert caught.value.code == "not-for-a-chain"
    with pytest.raises(ProvingError) as caught:
        evidence_of(proven.proof, proven.key, words_of(other_program, ezkl_cache))
    assert caught.value.code == "not-for-a-chain"


def test_the_program_of_the_samples_has_negative_values(proven: Proven) -> None:
    """Else a wrong encoding of them would not show."""
    assert min(proven.trace.inputs[0].flat) < 0
    assert min(proven.proof.outputs[0].flat) < 0
    assert tiny_program().inputs[0].lo < 0
