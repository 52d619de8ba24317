"""One statement, proven by every backend, and one chain on which all of it can be checked.

Everything is real but the vendors of the enclave and the ceremony of ezkl's reference string: both
are made on this machine, so their evidence counts where simulated evidence is allowed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType

import verifiable
from verifiable.backends.base import Key
from verifiable.backends.ezkl.onchain import artifact_words
from verifiable.backends.ezkl.verifier_contract import make_verifier
from verifiable.backends.quorum.keys import QuorumKey
from verifiable.backends.quorum.signing import combine, make_member, sign_statement
from verifiable.backends.registry import get_backend
from verifiable.backends.tee.format import Payload as TeePayload
from verifiable.backends.tee.simulator import builtin
from verifiable.backends.tee.simulator.host import EnclaveProcess
from verifiable.chain.accounts import KeySigner
from verifiable.chain.client import Chain
from verifiable.chain.contracts.attestation_registry import AttestationRegistry, Terms
from verifiable.chain.contracts.attestation_structs import PREFIX_BYTES
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.ezkl_door import EzklDoor, ReusableVerifier, verifier_artifact
from verifiable.chain.contracts.inference_verifier import InferenceVerifier
from verifiable.chain.contracts.model_registry import ModelRegistry, Program
from verifiable.chain.contracts.router_release import default_doors, door_part
from verifiable.chain.endpoint import open_chain
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.options import backend_options
from verifiable.program.onnx_file import dump_program
from verifiable.statement.attestation import AttestationPolicy, KeyRegistry
from verifiable.statement.commitment import commit_program
from verifiable.statement.hashing import keccak
from verifiable.statement.lock import Lock, LockedModel
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import Statement
from verifiable.statement.view import backend_selector

ALICE, MALLORY = (KeySigner(account.private_key) for account in DEV_ACCOUNTS[:2])
HOUR_S = 3600
CONTEXT = hashlib.sha256(b"one use").digest()
OTHER_CONTEXT = hashlib.sha256(b"another use").digest()
TERMS = Terms(owner=ALICE.address, delay_s=HOUR_S, svn=bytes(16), qe_svn=0)
REGISTERS = ("mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3")
SEEDS = [hashlib.sha256(f"member {index}".encode()).digest() for index in range(3)]
NO_CEREMONY = bytes(32)
"""No reference string counts as real: who made ours is known, so its proofs are simulations."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A chain with every contract of a release, an enclave that is registered there, a quorum."""

    url: str
    chain: Chain
    folder: Path
    program: verifiable.Program
    backends: Sequence[str]
    registry: ModelRegistry
    game: DisputeGame
    attestations: AttestationRegistry
    enclave: EnclaveProcess

    @cached_property
    def commitment(self):
        return commit_program(self.program)

    @cached_property
    def policy(self) -> Policy:
        """Accepts every kind of evidence, simulated and local ones too."""
        place = KeyRegistry(
            chain_id=self.chain.chain_id,
            address=self.attestations.address,
            code_hash=keccak(self.chain.code(self.attestations.address)),
            hardware_only=False,
        )
        return Policy(
            backends=dict.fromkeys(("gkr", "ezkl", "optimistic", "tee", "quorum")),
            allow_insecure=frozenset({"local_chain", "simulated_tee", "local_setup"}),
            attestation=AttestationPolicy(registry=place),
        )

    # --- what is proven here

    def asserted(self, source: Path) -> Proof:
        """The result, asserted under a bond, and not disputed till its window has closed."""
        proof = verifiable.prove(
            self.program,
            source,
            backend="optimistic",
            context=CONTEXT,
            rpc_url=self.url,
            game=self.game.address,
            account=ALICE,
            journal=self.folder / "journal",
        ).proof
        place = get_backend("optimistic").place(proof.payload)
        pass_time(self.chain, self.game.release.params.window + 1)
        self.game.finalize(ALICE, place.assertion_id)
        return proof

    def attested(self, proof: Proof) -> Proof:
        """The registered enclave's answer to the same input, for the same use."""
        names = [spec.name for spec in self.program.inputs]
        inputs = dict(zip(names, proof.inputs, strict=True))
        at = datetime.now(UTC)
        challenge = bytes(32)
        signed = self.enclave.sign(inputs, proof.statement.context)
        payload = TeePayload(
            mode="key",
            evidence=self.enclave.attest_key(challenge, "tdx", at=at),
            key=self.enclave.public_key,
            signature=signed.signature,
            challenge=challenge,
            at=at,
        )
        return rewritten(proof, "tee", signed.statement, payload.encode())

    # --- on the chain

    @cached_property
    def router(self) -> InferenceVerifier:
        """With a door for each backend of this stage whose evidence a contract can check."""
        doors = {name: part for name, part in default_doors().items() if name in self.backends}
        if "ezkl" in self.backends:
            code = make_verifier(backend_options())
            verifier = ReusableVerifier.deploy(
                self.chain, ALICE, verifier_artifact(code.creation, code.code)
            )
            doors["ezkl"] = door_part(
                "ezkl", verifier.address, verifier.contract.artifact.code_hash, NO_CEREMONY
            )
        return InferenceVerifier.deploy(self.chain, ALICE, self.registry.address, doors)

    def introduce(self, proof: Proof, key: Key) -> None:
        """Tell ezkl's verifier of a verification key artifact; anybody may, once."""
        door = EzklDoor.at(self.chain, self.router.door_of("ezkl"))
        code = make_verifier(backend_options())
        artifact = verifier_artifact(code.creation, code.code)
        words = artifact_words(proof, key, backend_options())
        ReusableVerifier.at(self.chain, artifact, door.verifier()).register_artifact(ALICE, words)

    # --- keys

    def key_of(self, backend: str) -> Key:
        """The program's key, as whoever registers it derives it."""
        if backend == "tee":
            key = get_backend("tee").key_under(self.commitment.program_root, self.policy)
            assert key is not None
            return key
        if backend == "quorum":
            return quorum()[1].to_key()
        if backend == "optimistic":
            lock = verifiable.make_lock(
                self.program, backends=(backend,), rpc_url=self.url, game=self.game.address
            )
            return get_backend(backend).decode_key(lock.models[0].backends[backend])
        local = {"insecure_local_setup": True} if backend == "ezkl" else {}
        return verifiable.setup(self.program, backend=backend, **local).key

    def register(self, digests: Mapping[str, bytes], signer: KeySigner = ALICE) -> bytes:
        """Put the program and keys, by their digests, on record."""
        keys = {backend_selector(name): digest for name, digest in digests.items()}
        program = Program.of(self.commitment)
        self.registry.register_model(signer, program, keys=keys, freeze_now=True)
        return self.registry.record_id_of(signer.address, self.commitment.program_root)

    def lock(self, keys: Mapping[str, Key]) -> Lock:
        """The same keys in a file."""
        fields = {name: key.fields for name, key in keys.items()}
        model = LockedModel(
            name="digits", program=self.commitment, backends=MappingProxyType(fields)
        )
        return Lock(models=(model,))


@cache
def quorum() -> tuple[list[int], QuorumKey]:
    """Three members' secrets, and the key that two of them have to sign under."""
    made = [make_member(f"member {index}", seed) for index, seed in enumerate(SEEDS)]
    return [secret for secret, _ in made], QuorumKey.of([member for _, member in made], 2)


def signed(proof: Proof) -> Proof:
    """Two of three members sign the same statement."""
    secrets, key = quorum()
    parts = [sign_statement(secret, key, proof.statement) for secret in secrets[1:]]
    payload = combine(key, proof.statement, parts)
    return rewritten(proof, "quorum", proof.statement, payload.encode())


def rewritten(proof: Proof, backend: str, statement: Statement, payload: bytes) -> Proof:
    """The proof of another backend about the same values."""
    return Proof(
        backend=backend,
        backend_version=get_backend(backend).version,
        statement=statement,
        program=proof.program,
        inputs=proof.inputs,
        outputs=proof.outputs,
        payload=payload,
    )


def pass_time(chain: Chain, seconds: int) -> None:
    chain._node.ask("evm_setNextBlockTimestamp", [chain.block().time_s + seconds])
    chain._node.ask("evm_mine", [])


def registered(chain: Chain, registry: AttestationRegistry, enclave: EnclaveProcess) -> None:
    """Let the registry trust the built-in machine and this program, and take the enclave's key."""

    def govern(name: str, *arguments: object) -> None:
        registry.schedule(ALICE, registry.action(name, *arguments))
        pass_time(chain, TERMS.delay_s)
        registry.contract.send(ALICE, name, *arguments)

    authority = builtin.authority(datetime.now(UTC))
    numbers = authority.pck.key.public_key().public_numbers()
    x, y = (value.to_bytes(32, "big") for value in (numbers.x, numbers.y))
    ppid = authority.platform.ppid
    until = chain.block().time_s + 20 * 24 * HOUR_S
    govern("registerPlatform", x, y, ppid, until, False)
    measured = enclave.describe().registers
    workload = keccak(b"".join(measured[f"tdx/{name}"] for name in REGISTERS))
    govern("setWorkload", workload, enclave.program_root)
    platform_id = registry.platform_id_of(x, y, ppid, False)
    block = chain.block()
    deadline = block.time_s + HOUR_S
    found = enclave.register_key(
        block.hash,
        chain_id=chain.chain_id,
        registry=registry.address,
        platform_id=platform_id,
        deadline=deadline,
    )
    prefix = found.evidence.document[:PREFIX_BYTES]
    registry.register_key(ALICE, prefix, platform_id, block.number, deadline, found.signature)


@contextmanager
def stage(
    url: str, folder: Path, program: verifiable.Program, backends: Sequence[str]
) -> Iterator[Stage]:
    """Open a chain, and deploy what these backends need."""
    with open_chain(url) as chain, stage_on(chain, url, folder, program, backends) as found:
        yield found


@contextmanager
def stage_on(
    chain: Chain, url: str, folder: Path, program: verifiable.Program, backends: Sequence[str]
) -> Iterator[Stage]:
    """The same on a chain that is open already."""
    with ExitStack() as opened:
        enclave = opened.enter_context(EnclaveProcess.start(dump_program(program), limit_s=60))
        attestations = AttestationRegistry.deploy(chain, ALICE, TERMS)
        registered(chain, attestations, enclave)
        yield Stage(
            url=url,
            chain=chain,
            folder=folder,
            program=program,
            backends=backends,
            registry=ModelRegistry.deploy(chain, ALICE),
            game=DisputeGame.deploy(chain, ALICE),
            attestations=attestations,
            enclave=enclave,
        )
