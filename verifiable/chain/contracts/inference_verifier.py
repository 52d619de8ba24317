"""The router of evidence on a chain: one method for each function of the contract.

`docs/formats/router.md` says what it asks and what each door takes. Names are the contract's in
snake case; a test compares them with its ABI both ways. The functions that verify change nothing,
so they are read like views; `send` makes a transaction of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from verifiable.chain.calls import BlockTag
from verifiable.chain.client import Chain
from verifiable.chain.contract import Contract
from verifiable.chain.contracts.genuine import Part
from verifiable.chain.contracts.router_release import (
    ROUTER,
    Wiring,
    deploy_parts,
    read_wiring,
    router_parts,
)
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import Plan, Receipt, TxOptions
from verifiable.statement.statement import Statement
from verifiable.statement.view import backend_selector

__all__ = ["ARTIFACT", "Clause", "Evidence", "InferenceVerifier"]

ARTIFACT = ROUTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Evidence of one backend, as its door takes it.

    Attributes:
        backend: the backend's id.
    """

    backend: str
    proof: bytes

    @property
    def values(self) -> tuple[bytes, bytes]:
        """As the contract takes it."""
        return backend_selector(self.backend), self.proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A demand: evidence of so many different ones of these backends.

    Attributes:
        threshold: from 1 to the number of backends.
        backends: ids, each once.
    """

    threshold: int
    backends: tuple[str, ...]

    @property
    def values(self) -> tuple[int, list[bytes]]:
        """As the contract takes it."""
        return self.threshold, [backend_selector(name) for name in self.backends]

    @property
    def text(self) -> str:
        """For people: `ezkl`, `tee and optimistic`, `2 of ezkl, tee, quorum`."""
        if self.threshold == len(self.backends):
            return " and ".join(self.backends)
        return f"{self.threshold} of {', '.join(self.backends)}"


class InferenceVerifier:
    """A router on a chain. Made by `at` or `deploy`.

    Attributes:
        contract: the same contract without types.
        wiring: the registry and the doors that it asks, all of them genuine.
    """

    artifact: ClassVar = ARTIFACT

    def __init__(self, contract: Contract, wiring: Wiring) -> None:
        self.contract = contract
        self.wiring = wiring

    def __repr__(self) -> str:
        return f"InferenceVerifier(0x{self.address.hex()} on {self.chain.source})"

    @classmethod
    def at(cls, chain: Chain, address: bytes, *, block: BlockTag = "latest") -> InferenceVerifier:
        """The router at an address, if it and all that it asks is of this release.

        Raises:
            ChainError: `no-code`, `other-code`, or the node failed.
        """
        wiring = read_wiring(chain, address, block)
        return cls(chain.contract(ARTIFACT, address), wiring)

    @classmethod
    def deploy(
        cls,
        chain: Chain,
        signer: Signer,
        registry: bytes,
        doors: dict[str, Part],
        *,
        options: TxOptions | None = None,
    ) -> InferenceVerifier:
        """Deploy a router and its doors, unless they stand there already.

        Args:
            registry: address of a model registry that stands.
            doors: by backend id, see `router_release.default_doors`; a backend that is missing is
                refused by name.
            options: must wait for the transactions.

        Raises:
            InvalidInput: `unknown-door`.
            Reverted, ChainError: as `deploy_parts`.
        """
        address = deploy_parts(chain, signer, router_parts(registry, doors), options=options)
        return cls.at(chain, address)

    @property
    def chain(self) -> Chain:
        """Where it stands."""
        return self.contract.chain

    @property
    def address(self) -> bytes:
        """Its address, 20 bytes."""
        return self.contract.address

    # --- verifying

    def verify(
        self,
        record_id: bytes,
        statement: Statement,
        backend: str,
        proof: bytes,
        *,
        block: BlockTag = "latest",
    ) -> bytes:
        """The statement's digest, if the evidence shows the statement under the record's key.

        Args:
            backend: the backend's id.
            proof: as the backend's door takes it.

        Raises:
            Reverted: it does not, or the router does not take it; also for lack of gas.
        """
        return self._digest("verify", record_id, statement, backend, proof, block=block)

    def verify_simulated(
        self,
        record_id: bytes,
        statement: Statement,
        backend: str,
        proof: bytes,
        *,
        block: BlockTag = "latest",
    ) -> bytes:
        """Like `verify`, but takes simulated evidence too: for development."""
        return self._digest("verifySimulated", record_id, statement, backend, proof, block=block)

    def verify_policy(
        self,
        record_id: bytes,
        statement: Statement,
        any_of: Sequence[Clause],
        evidence: Sequence[Evidence],
        *,
        block: BlockTag = "latest",
    ) -> bytes:
        """The statement's digest, if all of the evidence shows it and meets a clause.

        Raises:
            Reverted: as `verify`; or no clause is met.
        """
        return self._policy_digest("verifyPolicy", record_id, statement, any_of, evidence, block)

    def verify_policy_simulated(
        self,
        record_id: bytes,
        statement: Statement,
        any_of: Sequence[Clause],
        evidence: Sequence[Evidence],
        *,
        block: BlockTag = "latest",
    ) -> bytes:
        """Like `verify_policy`, but takes simulated evidence too: for development."""
        name = "verifyPolicySimulated"
        return self._policy_digest(name, record_id, statement, any_of, evidence, block)

    def send(
        self,
        signer: Signer,
        record_id: bytes,
        statement: Statement,
        evidence: Sequence[Evidence],
        *,
        any_of: Sequence[Clause] | None = None,
        simulated: bool = False,
        options: TxOptions | None = None,
    ) -> Receipt:
        """Verify in a transaction. It stores nothing: contracts call the router themselves.

        Args:
            evidence: one piece, unless there are clauses.
            any_of: clauses, one of which has to be met; None: the one piece is enough.
            simulated: whether simulated evidence counts.

        Raises:
            Reverted: as `verify`.
        """
        call = self.call_of(record_id, statement, evidence, any_of=any_of, simulated=simulated)
        return self.contract.send(signer, *call, options=options)

    def plan(
        self,
        sender: bytes,
        record_id: bytes,
        statement: Statement,
        evidence: Sequence[Evidence],
        *,
        any_of: Sequence[Clause] | None = None,
        simulated: bool = False,
        options: TxOptions | None = None,
    ) -> Plan:
        """What `send` would cost.

        Raises:
            Reverted: as `verify`.
        """
        call = self.call_of(record_id, statement, evidence, any_of=any_of, simulated=simulated)
        return self.contract.plan(sender, *call, options=options)

    @staticmethod
    def call_of(
        record_id: bytes,
        statement: Statement,
        evidence: Sequence[Evidence],
        *,
        any_of: Sequence[Clause] | None = None,
        simulated: bool = False,
    ) -> tuple[Any, ...]:
        """Name and arguments of the call that verifies; see `send`."""
        suffix = "Simulated" if simulated else ""
        said = _values(statement)
        if any_of is None:
            (only,) = evidence
            return (f"verify{suffix}", record_id, said, *only.values)
        clauses = [clause.values for clause in any_of]
        pieces = [piece.values for piece in evidence]
        return (f"verifyPolicy{suffix}", record_id, said, clauses, pieces)

    # --- reading

    def registry(self, *, block: BlockTag = "latest") -> bytes:
        """Address of the model registry whose records count here."""
        address: bytes = self.contract.call("registry", block=block)
        return address

    def door_of(self, backend: str, *, block: BlockTag = "latest") -> bytes:
        """Address of the door of a backend; zeros if there is none."""
        address: bytes = self.contract.call("doorOf", backend_selector(backend), block=block)
        return address

    def version(self, *, block: BlockTag = "latest") -> str:
        """Semantic version of the contract."""
        number: str = self.contract.call("version", block=block)
        return number

    def _digest(
        self,
        name: str,
        record_id: bytes,
        statement: Statement,
        backend: str,
        proof: bytes,
        *,
        block: BlockTag,
    ) -> bytes:
        digest: bytes = self.contract.call(
            name, record_id, _values(statement), backend_selector(backend), proof, block=block
        )
        return digest

    def _policy_digest(
        self,
        name: str,
        record_id: bytes,
        statement: Statement,
        any_of: Sequence[Clause],
        evidence: Sequence[Evidence],
        block: BlockTag,
    ) -> bytes:
        clauses = [clause.values for clause in any_of]
        pieces = [piece.values for piece in evidence]
        digest: bytes = self.contract.call(
            name, record_id, _values(statement), clauses, pieces, block=block
        )
        return digest


def _values(statement: Statement) -> tuple[bytes, bytes, bytes, bytes]:
    """The statement as the contract takes it."""
    return (
        statement.program_root,
        statement.input_root,
        statement.output_root,
        statement.context,
    )
