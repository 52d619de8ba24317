"""An enclave process and a registry: from its start to an answer that a contract accepts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from attestation_kit import DAY_S, HOUR_S, MALLORY, Stage

from verifiable.backends.tee.simulator import builtin
from verifiable.backends.tee.simulator.host import EnclaveProcess
from verifiable.chain.contracts.attestation_errors import (
    KeyAlreadyRegistered,
    KeyNotValid,
    NotPossessed,
)
from verifiable.chain.contracts.attestation_registry import error_of
from verifiable.chain.contracts.attestation_structs import PREFIX_BYTES, Fault
from verifiable.chain.endpoint import open_chain
from verifiable.chain.transaction import Receipt
from verifiable.errors import Reverted
from verifiable.program.onnx_file import dump_program
from verifiable.statement.hashing import keccak
from verifiable.testing.demo_program import demo_inputs, demo_program

CONTEXT = keccak(b"one use")
REGISTERS = ("mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A registry that trusts the built-in machine and what the enclave measured of itself."""

    stage: Stage
    platform_id: bytes

    def register(self, enclave: EnclaveProcess, *, spoil_deadline: int = 0) -> Receipt:
        chain, registry = self.stage.chain, self.stage.registry
        block = chain.block()
        deadline = block.time_s + HOUR_S
        found = enclave.register_key(
            block.hash,
            chain_id=chain.chain_id,
            registry=registry.address,
            platform_id=self.platform_id,
            deadline=deadline,
        )
        return registry.register_key(
            MALLORY,
            found.evidence.document[:PREFIX_BYTES],
            self.platform_id,
            block.number,
            deadline + spoil_deadline,
            found.signature,
        )


@pytest.fixture(scope="module")
def enclave() -> Iterator[EnclaveProcess]:
    with EnclaveProcess.start(dump_program(demo_program()), limit_s=60) as process:
        yield process


@pytest.fixture(scope="module")
def scene(enclave: EnclaveProcess) -> Iterator[Scene]:
    authority = builtin.authority(datetime.now(UTC))
    numbers = authority.pck.key.public_key().public_numbers()
    x, y = (value.to_bytes(32, "big") for value in (numbers.x, numbers.y))
    ppid = authority.platform.ppid
    with open_chain("local:") as chain:
        stage = Stage(chain)
        until = chain.block().time_s + 20 * DAY_S
        stage.govern("registerPlatform", x, y, ppid, until, False)
        registers = enclave.describe().registers
        workload = keccak(b"".join(registers[f"tdx/{name}"] for name in REGISTERS))
        stage.govern("setWorkload", workload, enclave.program_root)
        platform_id = stage.registry.platform_id_of(x, y, ppid, False)
        yield Scene(stage=stage, platform_id=platform_id)


def test_an_answer_of_a_registered_enclave_is_accepted(
    enclave: EnclaveProcess, scene: Scene
) -> None:
    registry = scene.stage.registry
    signed = enclave.sign(demo_inputs(1), CONTEXT)
    claim = signed.statement
    roots = (claim.program_root, claim.input_root, claim.output_root, claim.context)

    with pytest.raises(Reverted) as early:
        registry.verify_inference(*roots, signed.signature)
    assert error_of(early.value) == KeyNotValid(key=enclave.address, fault=Fault.UNKNOWN)

    # the key signed for one deadline, and nobody can change it
    with pytest.raises(Reverted) as spoiled:
        scene.register(enclave, spoil_deadline=1)
    assert isinstance(error_of(spoiled.value), NotPossessed)

    scene.register(enclave)
    assert registry.fault_of(enclave.address) == Fault.NONE
    assert registry.verify_inference(*roots, signed.signature) == (enclave.address, False)

    other = keccak(b"another")
    for position in (2, 3):  # output root, context
        altered = (*roots[:position], other, *roots[position + 1 :])
        with pytest.raises(Reverted) as refused:
            registry.verify_inference(*altered, signed.signature)
        error = error_of(refused.value)
        # a signature of other words is that of a key which nobody registered
        assert isinstance(error, KeyNotValid)
        assert error.fault == Fault.UNKNOWN
        assert error.key != enclave.address

    with pytest.raises(Reverted) as again:
        scene.register(enclave)
    assert error_of(again.value) == KeyAlreadyRegistered(key=enclave.address)
