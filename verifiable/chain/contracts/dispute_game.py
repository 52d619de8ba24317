"""The dispute game: one method for each function, signed where it changes something.

`contracts/src/optimistic/IDisputeGame.sol` says what each does. Names are the contract's in snake
case; a test compares them with its ABI both ways. Structs, events and errors are in
`dispute_structs` and `dispute_events`, deployment and what makes a game genuine in
`dispute_release`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from verifiable.chain.abi import select as member
from verifiable.chain.artifact import load_artifact
from verifiable.chain.calls import BlockTag
from verifiable.chain.client import Chain
from verifiable.chain.contract import Contract
from verifiable.chain.contracts.dispute_events import ERRORS, EVENTS, GameError, GameEvent
from verifiable.chain.contracts.dispute_release import (
    DEVELOPMENT_PARAMS,
    GAME,
    Release,
    deploy_game,
    read_release,
)
from verifiable.chain.contracts.dispute_structs import (
    Assertion,
    AssertionStatus,
    CommitKind,
    FaultKind,
    Game,
    Header,
    Opening,
    Params,
    ProgramFacts,
    Statement,
    Totals,
    build,
    values_of,
)
from verifiable.chain.contracts.names import contract_names, snake_case
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import EventRecord, Receipt, TxOptions
from verifiable.errors import ChainError, Reverted

__all__ = ["REFUND_GAS", "DisputeGame", "error_of"]

REFUND_GAS = 60_000
"""Units of gas that a reveal takes beyond a node's estimate.

A game notes what a reveal is refunded by its price of gas, and nodes estimate at the price 0.
"""

_KINDS = MappingProxyType({kind.__name__: kind for kind in EVENTS})

EventT = TypeVar("EventT", bound=GameEvent)
BuiltT = TypeVar("BuiltT")


def error_of(refusal: Reverted) -> GameError | None:
    """The game's error behind a revert; None if it is another contract's, or has no data."""
    kind = ERRORS.get(refusal.name)
    if kind is None:
        return None
    return build(kind, {snake_case(name): value for name, value in refusal.arguments.items()})


class DisputeGame:
    """A dispute game on a chain. Made by `at` or `deploy`.

    Reading methods take the block at which they read. Those that change something sign a
    transaction and wait for it; they raise what `Contract.send` raises, and for a refusal
    `Reverted`, whose cause `error_of` gives.

    Attributes:
        contract: the same contract without types.
        release: its rules, and the code that judges for it.
    """

    artifact: ClassVar = GAME

    def __init__(self, contract: Contract, release: Release) -> None:
        self.contract = contract
        self.release = release

    def __repr__(self) -> str:
        return f"DisputeGame(0x{self.address.hex()} on {self.chain.source})"

    @classmethod
    def at(cls, chain: Chain, address: bytes, *, block: BlockTag = "latest") -> DisputeGame:
        """The game at an address.

        Raises:
            ChainError: `no-code`, `other-code`: it, or a contract that judges for it, is not this
                release's; or the node failed.
        """
        release = read_release(chain, address, block)
        for name in ("FaultJudge", "StepRouter"):
            chain.learn_errors(load_artifact(name))
        return cls(chain.contract(GAME, address), release)

    @classmethod
    def deploy(
        cls,
        chain: Chain,
        signer: Signer,
        params: Params = DEVELOPMENT_PARAMS,
        *,
        options: TxOptions | None = None,
    ) -> DisputeGame:
        """Deploy a game and the contracts that judge for it, unless they stand already.

        Each stands where the deployment proxy puts it, so equal rules give one game for all.

        Args:
            params: the rules, for good.
            options: must wait for the transactions.

        Raises:
            Reverted: `BadParams`.
            ChainError: as `Chain.deploy_deterministic`.
        """
        return cls.at(chain, deploy_game(chain, signer, params, options=options))

    @property
    def chain(self) -> Chain:
        """Where it stands."""
        return self.contract.chain

    @property
    def address(self) -> bytes:
        """Its address, 20 bytes."""
        return self.contract.address

    # --- asserting

    def admit_program(
        self, signer: Signer, header: Header, *, options: TxOptions | None = None
    ) -> Receipt:
        """Make a program known, for ever and for everybody.

        Args:
            header: `Header.of` the program's commitment.

        Raises:
            Reverted: `AlreadyAdmitted`, `BadProgram`.
        """
        return self._send(signer, "admitProgram", header, options=options)

    def commit(self, signer: Signer, digest: bytes, *, options: TxOptions | None = None) -> Receipt:
        """Commit to a result or a proof before showing it; see `commit_digest`.

        Raises:
            Reverted: `AlreadyCommitted`.
        """
        return self._send(signer, "commit", digest, options=options)

    def assert_result(
        self,
        signer: Signer,
        statement: Statement,
        trace_root: bytes,
        outputs: Sequence[Opening],
        trace_uri: str,
        salt: bytes,
        *,
        options: TxOptions | None = None,
    ) -> Receipt:
        """Assert a statement under the bond; the event `Asserted` names the assertion.

        Raises:
            Reverted: `NoCommit`, `CommitTooYoung`, `UnknownProgram`, `DataMismatch`,
                `OutputNotBound`, `BranchLength`, `URITooLong`.
        """
        return self._send(
            signer,
            "assertResult",
            statement,
            trace_root,
            outputs,
            trace_uri,
            salt,
            value=self.release.params.bond_a,
            options=options,
        )

    def finalize(
        self, signer: Signer, assertion_id: bytes, *, options: TxOptions | None = None
    ) -> Receipt:
        """Let an assertion stand.

        Raises:
            Reverted: `NotPending`, `NotFinal`.
        """
        return self._send(signer, "finalize", assertion_id, options=options)

    # --- disputing

    def prove_fault(
        self,
        signer: Signer,
        assertion_id: bytes,
        kind: FaultKind,
        proof: bytes,
        salt: bytes,
        *,
        options: TxOptions | None = None,
    ) -> Receipt:
        """Reject an assertion at once, inside its window.

        Args:
            proof: of `ElementProof.encode` or `PaddingProof.encode`.

        Raises:
            Reverted: `NotPending`, `WindowClosed`, `NoCommit`, `CommitTooYoung`, or what is
                wrong with the proof.
        """
        return self._send(signer, "proveFault", assertion_id, kind, proof, salt, options=options)

    def open_game(
        self, signer: Signer, assertion_id: bytes, *, options: TxOptions | None = None
    ) -> Receipt:
        """Make the asserter show its trace under a clock; `GameOpened` names the game.

        Raises:
            Reverted: `NotPending`, `WindowClosed`.
        """
        return self._send(
            signer, "openGame", assertion_id, value=self.release.params.bond_c, options=options
        )

    def reveal_nodes(
        self,
        signer: Signer,
        game_id: int,
        descendants: Sequence[bytes],
        *,
        options: TxOptions | None = None,
    ) -> Receipt:
        """Show all descendants of what is disputed, at the level that comes next.

        Raises:
            Reverted: `BadReveal`, `WrongPhase`, `NotYourTurn`, `ClockExpired`, ...
        """
        return self._reveal(signer, "revealNodes", game_id, descendants, options=options)

    def reveal_tensor(
        self,
        signer: Signer,
        game_id: int,
        tensor_root: bytes,
        desc: bytes,
        desc_branch: Sequence[bytes],
        *,
        options: TxOptions | None = None,
    ) -> Receipt:
        """Show the root of the disputed node's tensor.

        Raises:
            Reverted: `BadReveal`, `BadDescriptor`, `WrongPhase`, `NotYourTurn`, ...
        """
        return self._reveal(
            signer, "revealTensor", game_id, tensor_root, desc, desc_branch, options=options
        )

    def reveal_leaf(
        self, signer: Signer, game_id: int, leaf: bytes, *, options: TxOptions | None = None
    ) -> Receipt:
        """Show the disputed leaf.

        Raises:
            Reverted: `BadReveal`, `WrongPhase`, `NotYourTurn`, `ClockExpired`, ...
        """
        return self._reveal(signer, "revealLeaf", game_id, leaf, options=options)

    def select(
        self,
        signer: Signer,
        game_id: int,
        levels: int,
        index: int,
        hash: bytes,
        siblings: Sequence[bytes],
        *,
        options: TxOptions | None = None,
    ) -> Receipt:
        """Descend to one descendant of what is disputed.

        Raises:
            Reverted: `BadSelection`, `NotChallenger`, `WrongPhase`, `NotYourTurn`, ...
        """
        return self._send(signer, "select", game_id, levels, index, hash, siblings, options=options)

    def prove_step(
        self,
        signer: Signer,
        game_id: int,
        kind: FaultKind,
        proof: bytes,
        salt: bytes,
        *,
        options: TxOptions | None = None,
    ) -> Receipt:
        """Reject the assertion by a proof, for the game's challenger; also after the window.

        Raises:
            Reverted: `ClockExpired`, `NoCommit`, ..., or what is wrong with the proof.
        """
        return self._send(signer, "proveStep", game_id, kind, proof, salt, options=options)

    def claim_timeout(
        self, signer: Signer, game_id: int, *, options: TxOptions | None = None
    ) -> Receipt:
        """Settle a game whose side to move let its clock run out.

        Raises:
            Reverted: `ClockRunning`, `AlreadySettled`, `NotPending`, `UnknownGame`.
        """
        return self._send(signer, "claimTimeout", game_id, options=options)

    def close_game(
        self, signer: Signer, game_id: int, *, options: TxOptions | None = None
    ) -> Receipt:
        """Give a challenger its bond back after the assertion was rejected elsewhere.

        Raises:
            Reverted: `NotRejected`, `AlreadySettled`, `UnknownGame`.
        """
        return self._send(signer, "closeGame", game_id, options=options)

    def withdraw(self, signer: Signer, *, options: TxOptions | None = None) -> Receipt:
        """Take out the signer's credit.

        Raises:
            Reverted: `NothingToWithdraw`, `TransferFailed`.
        """
        return self._send(signer, "withdraw", options=options)

    # --- reading

    def status(self, assertion_id: bytes, *, block: BlockTag = "latest") -> AssertionStatus:
        """State of an assertion; `NONE` if there is none of this name."""
        return AssertionStatus(self._call("status", assertion_id, block=block))

    def assertion_of(self, assertion_id: bytes, *, block: BlockTag = "latest") -> Assertion:
        """All of an assertion; zeros if there is none of this name."""
        return self._struct(Assertion, "assertionOf", assertion_id, block=block)

    def game_of(self, game_id: int, *, block: BlockTag = "latest") -> Game:
        """All of a game; zeros if there is none of this name."""
        return self._struct(Game, "gameOf", game_id, block=block)

    def program_of(self, program_root: bytes, *, block: BlockTag = "latest") -> ProgramFacts:
        """What is kept of a program; zeros if it is not admitted."""
        return self._struct(ProgramFacts, "programOf", program_root, block=block)

    def finalised_statement(self, statement_digest: bytes, *, block: BlockTag = "latest") -> bytes:
        """The first assertion of a statement that became final; zeros if there is none."""
        name: bytes = self._call("finalisedStatement", statement_digest, block=block)
        return name

    def credit_of(self, account: bytes, *, block: BlockTag = "latest") -> int:
        """Wei that an account may withdraw."""
        amount: int = self._call("creditOf", account, block=block)
        return amount

    def committed_at(self, sender: bytes, digest: bytes, *, block: BlockTag = "latest") -> int:
        """Block in which a sender made a commit; 0 if there is none, or if it was used."""
        number: int = self._call("committedAt", sender, digest, block=block)
        return number

    def is_revealed(
        self, assertion_id: bytes, hash: bytes, levels: int, *, block: BlockTag = "latest"
    ) -> bool:
        """Whether something was shown in any game of an assertion; `levels` is 0 for a leaf."""
        shown: bool = self._call("isRevealed", assertion_id, hash, levels, block=block)
        return shown

    def revealed_tensor(
        self, assertion_id: bytes, node: int, *, block: BlockTag = "latest"
    ) -> tuple[bytes, int]:
        """Root of a node's tensor and its leaves, if it was shown in any game; zeros if not."""
        root, leaves = self._call("revealedTensor", assertion_id, node, block=block)
        return root, leaves

    def totals(self, *, block: BlockTag = "latest") -> Totals:
        """Sums over all coins."""
        return self._struct(Totals, "totals", block=block)

    def params(self, *, block: BlockTag = "latest") -> Params:
        """The rules as the contract says them; `release` holds them too."""
        return self._struct(Params, "params", block=block)

    def verifiers(self, *, block: BlockTag = "latest") -> tuple[bytes, bytes]:
        """Addresses of the contracts that judge: of proofs, of steps."""
        judge, router = self._call("verifiers", block=block)
        return judge, router

    def game_key_of(self, program_root: bytes, *, block: BlockTag = "latest") -> bytes:
        """The key as the contract computes it; `statement.game` does without a chain."""
        key: bytes = self._call("gameKeyOf", program_root, block=block)
        return key

    def commit_digest(
        self,
        kind: CommitKind,
        sender: bytes,
        subject: bytes,
        payload: bytes,
        salt: bytes,
        *,
        block: BlockTag = "latest",
    ) -> bytes:
        """The digest to commit to.

        Args:
            subject: digest of the statement, or name of the assertion.
            payload: trace root, or keccak-256 of the proof.
            salt: 32 bytes that others cannot guess.
        """
        digest: bytes = self._call(
            "commitDigest", kind, sender, subject, payload, salt, block=block
        )
        return digest

    def version(self, *, block: BlockTag = "latest") -> str:
        """Semantic version of the contract."""
        number: str = self._call("version", block=block)
        return number

    def max_duration(self, *, block: BlockTag = "latest") -> int:
        """Seconds for which no rules let an assertion stay undecided."""
        seconds: int = self._call("MAX_DURATION", block=block)
        return seconds

    def max_commit_age(self, *, block: BlockTag = "latest") -> int:
        """Most blocks that rules may ask between a commit and its use."""
        blocks: int = self._call("MAX_COMMIT_AGE", block=block)
        return blocks

    def max_uri_bytes(self, *, block: BlockTag = "latest") -> int:
        """Longest hint where a trace may be found."""
        count: int = self._call("MAX_URI_BYTES", block=block)
        return count

    def reveal_gas(self, *, block: BlockTag = "latest") -> int:
        """Units of gas that a reveal is refunded for, beside a descriptor that it shows."""
        gas: int = self._call("REVEAL_GAS", block=block)
        return gas

    def descriptor_gas(self, *, block: BlockTag = "latest") -> int:
        """Units of gas that each byte of a shown descriptor is refunded for."""
        gas: int = self._call("DESCRIPTOR_GAS", block=block)
        return gas

    def max_descriptor_bytes(self, *, block: BlockTag = "latest") -> int:
        """Most bytes of a descriptor that are refunded."""
        count: int = self._call("MAX_DESCRIPTOR_BYTES", block=block)
        return count

    def challenger_gas(self, *, block: BlockTag = "latest") -> int:
        """Units of gas of a challenger in the dearest game."""
        gas: int = self._call("CHALLENGER_GAS", block=block)
        return gas

    def events(
        self,
        kind: type[EventT],
        *,
        from_block: int,
        to_block: BlockTag = "latest",
        filters: Mapping[str, Any] | None = None,
    ) -> list[EventT]:
        """Events of one kind, in order.

        Args:
            kind: one of `dispute_events.EVENTS`.
            filters: values of indexed fields, by the field's name here.

        Raises:
            ChainError: as `Contract.events`.
        """
        found = self.contract.events(
            kind.__name__,
            from_block=from_block,
            to_block=to_block,
            filters=contract_names(GAME, "event", kind.__name__, filters or {}),
        )
        return [_event(kind, record) for record in found]

    def all_events(
        self,
        *,
        from_block: int,
        to_block: BlockTag = "latest",
        kinds: Sequence[type[GameEvent]] = EVENTS,
    ) -> list[GameEvent]:
        """Events of several kinds in the chain's order, by one search.

        Raises:
            ChainError: as `Contract.events`.
        """
        topics = [member(GAME, "event", kind.__name__).topic for kind in kinds]
        logs = self.chain.logs(self.address, [topics], from_block=from_block, to_block=to_block)
        found = (self.contract.event_of(log, _KINDS) for log in logs)
        return [_event(_KINDS[record.name], record) for record in found if record is not None]

    def events_in(self, receipt: Receipt) -> list[GameEvent]:
        """All events of this game in a receipt, in order.

        Raises:
            ChainError: as `Contract.events_in`.
        """
        return [
            _event(_KINDS[record.name], record)
            for record in self.contract.events_in(receipt, *_KINDS)
        ]

    def _send(
        self,
        signer: Signer,
        name: str,
        *arguments: Any,
        value: int = 0,
        options: TxOptions | None,
    ) -> Receipt:
        return self.contract.send(signer, name, *values_of(arguments), value=value, options=options)

    def _reveal(
        self, signer: Signer, name: str, *arguments: Any, options: TxOptions | None
    ) -> Receipt:
        options = options or TxOptions()
        if options.gas_limit is None:
            plan = self.contract.plan(signer.address, name, *values_of(arguments), options=options)
            options = replace(options, gas_limit=plan.gas + REFUND_GAS)
        return self._send(signer, name, *arguments, options=options)

    def _call(self, name: str, *arguments: Any, block: BlockTag) -> Any:
        return self.contract.call(name, *values_of(arguments), block=block)

    def _struct(self, kind: type[BuiltT], name: str, *arguments: Any, block: BlockTag) -> BuiltT:
        return _built(kind, self._call(name, *arguments, block=block), name)


def _event(kind: type[EventT], record: EventRecord) -> EventT:
    arguments = {snake_case(name): value for name, value in record.arguments.items()}
    return _built(kind, {"log": record.log, **arguments}, f"a log of {record.name}")


def _built(kind: type[BuiltT], values: Any, what: str) -> BuiltT:
    """A struct or event of what a node answered.

    Raises:
        ChainError: `undecodable`: an enum has no such value.
    """
    try:
        return build(kind, values)
    except ValueError as cause:
        raise ChainError(
            f"{what} holds a value that the contract does not know",
            why=str(cause),
            hint="the contract at this address may be another one",
            code="undecodable",
        ) from cause
