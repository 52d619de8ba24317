"""The attestation registry: one method for each function of the contract.

`docs/formats/attestation-registry.md` says what stands in it and what a key has to show. Names are
the contract's in snake case; a test compares them with its ABI both ways. Quotes and signatures
come as bytes: what makes them is another part's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from verifiable.chain.artifact import load_artifact
from verifiable.chain.calls import BlockTag
from verifiable.chain.client import Chain
from verifiable.chain.contract import Contract
from verifiable.chain.contracts.attestation_errors import ERRORS, AttestationError
from verifiable.chain.contracts.attestation_events import EVENTS, AttestationEvent
from verifiable.chain.contracts.attestation_structs import Admission, Fault, Key, PckKey
from verifiable.chain.contracts.genuine import CANONICAL_SALT, check_made
from verifiable.chain.contracts.names import contract_names, snake_case
from verifiable.chain.deployment import DEPLOYMENT_PROXY, create2_address, initcode
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import EventRecord, Receipt, TxOptions
from verifiable.errors import ChainError, Reverted

__all__ = ["ARTIFACT", "CANONICAL_SALT", "AttestationRegistry", "Terms", "error_of"]

ARTIFACT = load_artifact("AttestationRegistry")

_KINDS = MappingProxyType({kind.__name__: kind for kind in EVENTS})

EventT = TypeVar("EventT", bound=AttestationEvent)
StructT = TypeVar("StructT", Key, Admission, PckKey)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a registry is made with; with them its address is known on every chain.

    Attributes:
        owner: who decides what is trusted, at first; 20 bytes.
        delay_s: between what the owner announces and what it does; an hour to 30 days.
        svn: lowest TEE_TCB_SVN, by component; 16 bytes.
        qe_svn: lowest ISVSVN of the quoting enclave.
    """

    owner: bytes
    delay_s: int
    svn: bytes
    qe_svn: int

    @property
    def arguments(self) -> tuple[bytes, int, bytes, int]:
        """Of the constructor."""
        return self.owner, self.delay_s, self.svn, self.qe_svn

    @property
    def address(self) -> bytes:
        """Where the deployment proxy puts a registry of these terms, whoever asks it to."""
        return create2_address(DEPLOYMENT_PROXY, CANONICAL_SALT, initcode(ARTIFACT, self.arguments))


def error_of(refusal: Reverted) -> AttestationError | None:
    """The registry's error behind a revert; None if it is another contract's, or has no data."""
    kind = ERRORS.get(refusal.name)
    return None if kind is None else _built(kind, refusal.arguments)


class AttestationRegistry:
    """An attestation registry on a chain. Made by `at`, `of` or `deploy`.

    Reading methods take the block at which they read. Those that change something sign a
    transaction and wait for it; they raise what `Contract.send` raises, and for a refusal
    `Reverted`, whose cause `error_of` gives. What adds trust has to be announced first: `schedule`
    with what `action` makes of the call, then the call, as soon as the delay is over.

    Attributes:
        contract: the same contract without types.
    """

    artifact: ClassVar = ARTIFACT

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    def __repr__(self) -> str:
        return f"AttestationRegistry(0x{self.address.hex()} on {self.chain.source})"

    @classmethod
    def at(cls, chain: Chain, address: bytes, *, block: BlockTag = "latest") -> AttestationRegistry:
        """The registry at an address, if its code is what this release's constructor leaves.

        The code says how keys are judged. What the registry trusts is its owner's choice, and what
        was in its storage from the start only the address shows: compare it with that of `Terms`,
        or use `of`.

        Raises:
            ChainError: `no-code`, `other-code`, or the node failed.
        """
        contract = chain.contract(ARTIFACT, address)
        # Code depends on the delay alone, not on the other arguments.
        delay_s = contract.call("delay", block=block)
        arguments = (DEPLOYMENT_PROXY, delay_s, bytes(16), 0)
        check_made(chain, ARTIFACT, arguments, address, chain.code(address, block), block)
        return cls(contract)

    @classmethod
    def of(cls, chain: Chain, terms: Terms, *, block: BlockTag = "latest") -> AttestationRegistry:
        """The registry of these terms: nothing was in it when it was made.

        Raises:
            ChainError: as `at`.
        """
        return cls.at(chain, terms.address, block=block)

    @classmethod
    def deploy(
        cls, chain: Chain, signer: Signer, terms: Terms, *, options: TxOptions | None = None
    ) -> AttestationRegistry:
        """Deploy the registry of these terms, unless it stands there already.

        Args:
            options: must wait for the transaction.

        Raises:
            Reverted: `PrecompileMissing`, `ZeroOwner`, `BadDelay`.
            ChainError: as `Chain.deploy_deterministic`.
        """
        chain.deploy_deterministic(
            signer, ARTIFACT, *terms.arguments, salt=CANONICAL_SALT, options=options
        )
        return cls.of(chain, terms)

    @property
    def chain(self) -> Chain:
        """Where it stands."""
        return self.contract.chain

    @property
    def address(self) -> bytes:
        """Its address, 20 bytes."""
        return self.contract.address

    # --- keys

    def register_key(
        self,
        signer: Signer,
        quote_prefix: bytes,
        platform_id: bytes,
        challenge_block: int,
        deadline: int,
        pop: bytes,
        *,
        options: TxOptions | None = None,
    ) -> Receipt:
        """Register the key of an enclave; anyone may send it.

        Args:
            quote_prefix: first `PREFIX_BYTES` of a TDX quote of version 4.
            platform_id: of the machine that made it.
            challenge_block: number of one of the last 256 blocks, whose hash the quote binds.
            deadline: last second in which the proof of possession counts.
            pop: the key's signature of EIP-712 `RegisterKey`, 65 bytes `r s v`.

        Raises:
            Reverted: the quote, the proof or what they rest on is refused.
        """
        return self._send(
            signer,
            "registerKey",
            quote_prefix,
            platform_id,
            challenge_block,
            deadline,
            pop,
            options=options,
        )

    def invalidate(
        self, signer: Signer, key: bytes, *, options: TxOptions | None = None
    ) -> Receipt:
        """Mark a key as revoked because something that it rests on no longer holds.

        Raises:
            Reverted: `KeyStillValid`, `UnknownKey`, `KeyNotValid` (it is revoked already).
        """
        return self._send(signer, "invalidate", key, options=options)

    def revoke_key(
        self, signer: Signer, key: bytes, *, options: TxOptions | None = None
    ) -> Receipt:
        """Revoke a key, at once and for ever.

        Raises:
            Reverted: `NotOwner`, `UnknownKey`, `KeyNotValid` (it is revoked already).
        """
        return self._send(signer, "revokeKey", key, options=options)

    def verify_inference(
        self,
        program_root: bytes,
        input_root: bytes,
        output_root: bytes,
        context: bytes,
        sig: bytes,
        *,
        block: BlockTag = "latest",
    ) -> tuple[bytes, bool]:
        """Who answered, if all that its key rests on holds now.

        Args:
            sig: the key's signature of the statement's inference digest, 65 bytes `r s v`.

        Returns:
            The key's address; whether its platform is hardware, not a simulated one.

        Raises:
            Reverted: `KeyNotValid`, `WrongProgram`, or the signature is none.
        """
        key, hardware = self.contract.call(
            "verifyInference", program_root, input_root, output_root, context, sig, block=block
        )
        return key, hardware

    def fault_of(self, key: bytes, *, block: BlockTag = "latest") -> Fault:
        """What is wrong with a key now; `Fault.NONE` if it counts."""
        return _fault(self.contract.call("faultOf", key, block=block))

    def key_of(self, key: bytes, *, block: BlockTag = "latest") -> Key:
        """What stands here of a key; zeros if it was never registered."""
        return _struct(Key, self.contract.call("keyOf", key, block=block))

    def binding_of(self, key: bytes, challenge: bytes, *, block: BlockTag = "latest") -> bytes:
        """What the report data of a key quote must end with, for the hash of a block."""
        binding: bytes = self.contract.call("bindingOf", key, challenge, block=block)
        return binding

    def domain_separator(self, *, block: BlockTag = "latest") -> bytes:
        """Domain of `RegisterKey`, as EIP-712 has it."""
        separator: bytes = self.contract.call("domainSeparator", block=block)
        return separator

    # --- what is trusted

    def register_platform(
        self,
        signer: Signer,
        pck_x: bytes,
        pck_y: bytes,
        ppid: bytes,
        until: int,
        hardware: bool,
        *,
        options: TxOptions | None = None,
    ) -> Receipt:
        """Admit a platform, or renew its collateral; to be announced.

        Whoever does so has verified its certificates and TCB elsewhere.

        Args:
            pck_x, pck_y: coordinates of the PCK key, 32 bytes each.
            ppid: the platform's name by Intel, 16 bytes.
            until: last second of its collateral, at most 30 days ahead.
            hardware: False if its certificates are under a simulated root.

        Raises:
            Reverted: `NotOwner`, `NotScheduled`, `TooEarly`, `TooLate`, `BadPlatformLife`.
        """
        return self._send(
            signer, "registerPlatform", pck_x, pck_y, ppid, until, hardware, options=options
        )

    def revoke_platform(
        self, signer: Signer, platform_id: bytes, *, options: TxOptions | None = None
    ) -> Receipt:
        """Distrust a platform and its keys, at once.

        Raises:
            Reverted: `NotOwner`, `UnknownPlatform`, `AlreadyRevoked`.
        """
        return self._send(signer, "revokePlatform", platform_id, options=options)

    def set_workload(
        self,
        signer: Signer,
        workload: bytes,
        program_root: bytes,
        *,
        options: TxOptions | None = None,
    ) -> Receipt:
        """Allow a workload; to be announced. Keys of an earlier version are cut.

        Raises:
            Reverted: `NotOwner`, `NotScheduled`, `TooEarly`, `TooLate`, `ZeroProgram`,
                `WorkloadUnchanged`.
        """
        return self._send(signer, "setWorkload", workload, program_root, options=options)

    def drop_workload(
        self, signer: Signer, workload: bytes, *, options: TxOptions | None = None
    ) -> Receipt:
        """Distrust a workload and its keys, at once.

        Raises:
            Reverted: `NotOwner`, `UnknownWorkload`.
        """
        return self._send(signer, "dropWorkload", workload, options=options)

    def allow_features(
        self, signer: Signer, features: bytes, *, options: TxOptions | None = None
    ) -> Receipt:
        """Allow attributes and features of TDs (TDATTRIBUTES and XFAM); to be announced.

        Raises:
            Reverted: `NotOwner`, `NotScheduled`, `TooEarly`, `TooLate`, `DebugFeatures`,
                `FeaturesUnchanged`, `TooManyFeatures`.
        """
        return self._send(signer, "allowFeatures", features, options=options)

    def drop_features(
        self, signer: Signer, features: bytes, *, options: TxOptions | None = None
    ) -> Receipt:
        """Distrust attributes and features, and keys with them, at once.

        Raises:
            Reverted: `NotOwner`, `UnknownFeatures`.
        """
        return self._send(signer, "dropFeatures", features, options=options)

    def set_minimum(
        self, signer: Signer, svn: bytes, qe_svn: int, *, options: TxOptions | None = None
    ) -> Receipt:
        """Set the lowest versions to anything; to be announced.

        Raises:
            Reverted: `NotOwner`, `NotScheduled`, `TooEarly`, `TooLate`.
        """
        return self._send(signer, "setMinimum", svn, qe_svn, options=options)

    def raise_minimum(
        self, signer: Signer, svn: bytes, qe_svn: int, *, options: TxOptions | None = None
    ) -> Receipt:
        """Raise the lowest versions, at once; keys below are cut.

        Raises:
            Reverted: `NotOwner`, `MinimumLowered`.
        """
        return self._send(signer, "raiseMinimum", svn, qe_svn, options=options)

    def platform_id_of(
        self,
        pck_x: bytes,
        pck_y: bytes,
        ppid: bytes,
        hardware: bool,
        *,
        block: BlockTag = "latest",
    ) -> bytes:
        """The id of a platform, admitted or not."""
        platform_id: bytes = self.contract.call(
            "platformIdOf", pck_x, pck_y, ppid, hardware, block=block
        )
        return platform_id

    def platform_of(
        self, platform_id: bytes, *, block: BlockTag = "latest"
    ) -> tuple[Admission, int, PckKey]:
        """The last admission of a platform, its number, and the platform's key.

        Raises:
            Reverted: `UnknownPlatform`.
        """
        admission, number, key = self.contract.call("platformOf", platform_id, block=block)
        return _struct(Admission, admission), number, _struct(PckKey, key)

    def workload_of(self, workload: bytes, *, block: BlockTag = "latest") -> tuple[bytes, int]:
        """The program of a workload (zeros if it is not allowed), and its last version's number."""
        program_root, grant = self.contract.call("workloadOf", workload, block=block)
        return program_root, grant

    def features_of(self, features: bytes, *, block: BlockTag = "latest") -> tuple[bool, int]:
        """Whether attributes and features are allowed, and the number of their last entry."""
        allowed, number = self.contract.call("featuresOf", features, block=block)
        return allowed, number

    def minimum(self, *, block: BlockTag = "latest") -> tuple[bytes, int]:
        """The lowest TEE_TCB_SVN, and the lowest ISVSVN of the quoting enclave."""
        svn, qe_svn = self.contract.call("minimum", block=block)
        return svn, qe_svn

    # --- the owner

    def action(self, name: str, *arguments: Any) -> bytes:
        """A call as `schedule` takes it: function (its name in Solidity) and arguments.

        Raises:
            ChainError: `unknown-member`, `bad-arguments`.
        """
        return self.contract.encode(name, *arguments)

    def schedule(
        self, signer: Signer, action: bytes, *, options: TxOptions | None = None
    ) -> Receipt:
        """Announce a call that adds trust, byte for byte as it will be made.

        Raises:
            Reverted: `NotOwner`, `AlreadyScheduled`.
        """
        return self._send(signer, "schedule", action, options=options)

    def cancel(self, signer: Signer, id: bytes, *, options: TxOptions | None = None) -> Receipt:
        """Take back an announcement, by keccak-256 of the call.

        Raises:
            Reverted: `NotOwner`, `NotScheduled`.
        """
        return self._send(signer, "cancel", id, options=options)

    def transfer_ownership(
        self, signer: Signer, new_owner: bytes, *, options: TxOptions | None = None
    ) -> Receipt:
        """Name another owner, who has to accept; to be announced.

        Raises:
            Reverted: `NotOwner`, `NotScheduled`, `TooEarly`, `TooLate`, `ZeroOwner`.
        """
        return self._send(signer, "transferOwnership", new_owner, options=options)

    def accept_ownership(self, signer: Signer, *, options: TxOptions | None = None) -> Receipt:
        """Become owner, if named.

        Raises:
            Reverted: `NotPendingOwner`.
        """
        return self._send(signer, "acceptOwnership", options=options)

    def owner(self, *, block: BlockTag = "latest") -> bytes:
        """Who decides what is trusted."""
        account: bytes = self.contract.call("owner", block=block)
        return account

    def pending_owner(self, *, block: BlockTag = "latest") -> bytes:
        """Who may become owner; zeros if nobody."""
        account: bytes = self.contract.call("pendingOwner", block=block)
        return account

    def delay(self, *, block: BlockTag = "latest") -> int:
        """Seconds between an announcement and its call."""
        return self._number("delay", block=block)

    def ready_at(self, id: bytes, *, block: BlockTag = "latest") -> int:
        """First second in which an announced call may be made; 0 if it is not announced."""
        return self._number("readyAt", id, block=block)

    def version(self, *, block: BlockTag = "latest") -> str:
        """Semantic version of the contract."""
        number: str = self.contract.call("version", block=block)
        return number

    def min_delay(self, *, block: BlockTag = "latest") -> int:
        """The shortest delay that a registry can have, in seconds."""
        return self._number("MIN_DELAY", block=block)

    def max_delay(self, *, block: BlockTag = "latest") -> int:
        """The longest delay that a registry can have, in seconds."""
        return self._number("MAX_DELAY", block=block)

    def action_life(self, *, block: BlockTag = "latest") -> int:
        """How long after its delay an announced call may be made, in seconds."""
        return self._number("ACTION_LIFE", block=block)

    def max_platform_life(self, *, block: BlockTag = "latest") -> int:
        """How far ahead the collateral of a platform may end, in seconds."""
        return self._number("MAX_PLATFORM_LIFE", block=block)

    def max_key_life(self, *, block: BlockTag = "latest") -> int:
        """How long a key lives at most, in seconds."""
        return self._number("MAX_KEY_LIFE", block=block)

    def max_features(self, *, block: BlockTag = "latest") -> int:
        """How often features can be allowed in all."""
        return self._number("MAX_FEATURES", block=block)

    # --- events

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
            kind: one of `attestation_events.EVENTS`.
            filters: values of indexed fields, by the field's name here.

        Raises:
            ChainError: as `Contract.events`.
        """
        found = self.contract.events(
            kind.__name__,
            from_block=from_block,
            to_block=to_block,
            filters=contract_names(ARTIFACT, "event", kind.__name__, filters or {}),
        )
        return [_event(kind, record) for record in found]

    def events_in(self, receipt: Receipt) -> list[AttestationEvent]:
        """All events of this registry in a receipt, in order.

        Raises:
            ChainError: as `Contract.events_in`.
        """
        return [
            _event(_KINDS[record.name], record)
            for record in self.contract.events_in(receipt, *_KINDS)
        ]

    def _send(
        self, signer: Signer, name: str, *arguments: Any, options: TxOptions | None
    ) -> Receipt:
        return self.contract.send(signer, name, *arguments, options=options)

    def _number(self, name: str, *arguments: Any, block: BlockTag) -> int:
        number: int = self.contract.call(name, *arguments, block=block)
        return number


BuiltT = TypeVar("BuiltT", bound="AttestationEvent | AttestationError")


def _event(kind: type[EventT], record: EventRecord) -> EventT:
    return _built(kind, {"log": record.log, **record.arguments})


def _built(kind: type[BuiltT], arguments: Mapping[str, Any]) -> BuiltT:
    members = {snake_case(name): value for name, value in arguments.items()}
    if "fault" in members:
        members["fault"] = _fault(members["fault"])
    return kind(**members)


def _fault(value: int) -> Fault:
    try:
        return Fault(value)
    except ValueError as cause:
        raise ChainError(
            f"the registry names a fault {value} that this release does not know",
            hint="the contract at this address may be another one",
            code="undecodable",
        ) from cause


def _struct(kind: type[StructT], values: Sequence[Any]) -> StructT:
    names = (field.name for field in fields(kind))
    return kind(**dict(zip(names, values, strict=True)))
