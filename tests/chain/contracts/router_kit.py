"""A router over real contracts: final and pending assertions, and enclaves whose keys count."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from attestation_kit import DAY_S, HOUR_S, Stage
from game_kit import ALICE, Execution, finalise, honest, make_assertion, small_program

from verifiable.backends.base import Key
from verifiable.backends.optimistic.format import OptimisticKey
from verifiable.backends.optimistic.format import Payload as AssertionPayload
from verifiable.backends.optimistic.onchain import evidence_of as evidence_of_game
from verifiable.backends.optimistic.prove import proof_of_assertion
from verifiable.backends.tee.format import VERSION, Payload
from verifiable.backends.tee.keys import TeeKey, simulator_key
from verifiable.backends.tee.onchain import evidence_of as evidence_of_enclave
from verifiable.backends.tee.simulator import builtin
from verifiable.backends.tee.simulator.host import EnclaveProcess
from verifiable.chain.accounts import KeySigner
from verifiable.chain.client import Chain
from verifiable.chain.contracts.attestation_structs import PREFIX_BYTES
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import DEVELOPMENT_PARAMS
from verifiable.chain.contracts.inference_verifier import Evidence, InferenceVerifier
from verifiable.chain.contracts.model_registry import ModelRegistry, Program
from verifiable.chain.contracts.router_release import default_doors
from verifiable.program.onnx_file import dump_program
from verifiable.statement.attestation import KeyRegistry
from verifiable.statement.hashing import keccak
from verifiable.statement.proof import Proof
from verifiable.statement.view import backend_selector, record_id_of

CONTEXT = keccak(b"one use")
RICH_WEI = 10**21
REGISTERS = ("mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3")


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One program, one statement, and evidence of it by two backends.

    Attributes:
        execution: what is asserted, and is final in `game`.
        hardware: an enclave on a machine that the registry's owner admitted as hardware.
        simulated: one on the same machine, admitted as a simulated one.
    """

    chain: Chain
    registry: ModelRegistry
    game: DisputeGame
    stage: Stage
    router: InferenceVerifier
    execution: Execution
    hardware: EnclaveProcess
    simulated: EnclaveProcess
    asserted: Proof

    # --- keys and records

    @property
    def game_key(self) -> OptimisticKey:
        return game_key_of(self.game, self.execution)

    def tee_key(self, **changes: object) -> TeeKey:
        attestations = self.stage.registry
        where = KeyRegistry(
            chain_id=self.chain.chain_id,
            address=attestations.address,
            code_hash=keccak(self.chain.code(attestations.address)),
            hardware_only=True,
        )
        root = self.execution.statement.program_root
        return replace(simulator_key(root), registry=replace(where, **changes))

    def person(self) -> KeySigner:
        signer = KeySigner(secrets.token_bytes(32))
        self.chain._node.ask("anvil_setBalance", [f"0x{signer.address.hex()}", hex(RICH_WEI)])
        return signer

    def record(self, keys: Mapping[str, Key], execution: Execution | None = None) -> bytes:
        """A record of somebody who has none yet."""
        signer = self.person()
        commitment = (execution or self.execution).commitment
        digests = {backend_selector(name): key.digest for name, key in keys.items()}
        self.registry.register_model(signer, Program.of(commitment), keys=digests)
        return record_id_of(signer.address, commitment.program_root)

    @property
    def keys(self) -> dict[str, Key]:
        return {"optimistic": self.game_key.to_key(), "tee": self.tee_key().to_key()}

    # --- evidence

    def by_game(self, key: OptimisticKey | None = None, proof: Proof | None = None) -> Evidence:
        found = evidence_of_game(proof or self.asserted, (key or self.game_key).to_key())
        return Evidence(backend="optimistic", proof=found)

    def attested(self, enclave: EnclaveProcess | None = None) -> Proof:
        """What an enclave answers, by a quote for its key and that key's signature."""
        process, statement = enclave or self.hardware, self.execution.statement
        inputs = named_inputs(self.execution)
        at = datetime.now(UTC)
        signed = process.sign(inputs, statement.context)
        assert signed.statement == statement
        payload = Payload(
            mode="key",
            evidence=process.attest_key(bytes(32), "tdx", at=at),
            key=process.public_key,
            signature=signed.signature,
            challenge=bytes(32),
            at=at,
        )
        return replace(
            self.asserted, backend="tee", backend_version=VERSION, payload=payload.encode()
        )

    def by_enclave(
        self, enclave: EnclaveProcess | None = None, key: TeeKey | None = None
    ) -> Evidence:
        held = (key or self.tee_key()).to_key()
        return Evidence(backend="tee", proof=evidence_of_enclave(self.attested(enclave), held))

    def admit(self, enclave: EnclaveProcess, *, hardware: bool) -> None:
        """Register the enclave's key."""
        platform_id = self.stage.registry.platform_id_of(*machine(), hardware)
        block = self.chain.block()
        deadline = block.time_s + HOUR_S
        found = enclave.register_key(
            block.hash,
            chain_id=self.chain.chain_id,
            registry=self.stage.registry.address,
            platform_id=platform_id,
            deadline=deadline,
        )
        prefix = found.evidence.document[:PREFIX_BYTES]
        self.stage.registry.register_key(
            ALICE, prefix, platform_id, block.number, deadline, found.signature
        )


def machine() -> tuple[bytes, bytes, bytes]:
    """Coordinates of the built-in machine's key, and its name."""
    authority = builtin.authority(datetime.now(UTC))
    numbers = authority.pck.key.public_key().public_numbers()
    x, y = (value.to_bytes(32, "big") for value in (numbers.x, numbers.y))
    return x, y, authority.platform.ppid


def named_inputs(execution: Execution) -> dict[str, object]:
    specs = execution.program.inputs
    return {spec.name: value for spec, value in zip(specs, execution.trace.inputs, strict=True)}


def game_key_of(game: DisputeGame, execution: Execution) -> OptimisticKey:
    root = execution.statement.program_root
    return OptimisticKey(
        version="1.0.0",
        chain_id=game.chain.chain_id,
        game=game.address,
        code_hash=game.release.code_hash,
        game_key=game.game_key_of(root),
    )


def assertion(game: DisputeGame, execution: Execution, *, final: bool = True) -> Proof:
    """An assertion as a proof file."""
    said = make_assertion(game, execution)
    if final:
        finalise(game, said.assertion_id)
    payload = AssertionPayload(
        chain_id=game.chain.chain_id,
        game=game.address,
        assertion_id=said.assertion_id,
        trace_root=said.trace_root,
    )
    trace = execution.trace
    return proof_of_assertion(
        execution.commitment, trace.inputs, trace.outputs, execution.statement, payload
    )


@contextmanager
def scene_on(chain: Chain) -> Iterator[Scene]:
    with ExitStack() as stack:
        execution = honest(small_program(), context=CONTEXT)
        binary = dump_program(execution.program)
        hardware, simulated = (
            stack.enter_context(EnclaveProcess.start(binary, limit_s=60)) for _ in range(2)
        )
        registry = ModelRegistry.deploy(chain, ALICE)
        game = DisputeGame.deploy(chain, ALICE, DEVELOPMENT_PARAMS)
        stage = Stage(chain)
        until = chain.block().time_s + 20 * DAY_S
        for real in (True, False):
            stage.govern("registerPlatform", *machine(), until, real)
        registers = hardware.describe().registers
        workload = keccak(b"".join(registers[f"tdx/{name}"] for name in REGISTERS))
        stage.govern("setWorkload", workload, execution.statement.program_root)
        doors = {name: default_doors()[name] for name in ("optimistic", "tee")}
        scene = Scene(
            chain=chain,
            registry=registry,
            game=game,
            stage=stage,
            router=InferenceVerifier.deploy(chain, ALICE, registry.address, doors),
            execution=execution,
            hardware=hardware,
            simulated=simulated,
            asserted=assertion(game, execution),
        )
        scene.admit(hardware, hardware=True)
        scene.admit(simulated, hardware=False)
        yield scene
