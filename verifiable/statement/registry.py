"""The checks RG-*: the record on chain that a policy pins, against what a node answered.

Pure functions of the policy's pin, the view and the statement. They show that the record which
the relying party chose names this program and this key; who chose the registrant, and why, is the
relying party's own affair.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifiable.statement.checks import CheckSpec
from verifiable.statement.policy import Policy
from verifiable.statement.statement import Statement
from verifiable.statement.strict_json import encode_hex
from verifiable.statement.verdict import Check
from verifiable.statement.view import (
    DEVELOPMENT_CHAIN_ID,
    ChainView,
    RecordView,
    RegistryPin,
    RegistryView,
    backend_selector,
)

__all__ = [
    "REGISTRY_CHECKS",
    "examine_record",
    "examine_registered_key",
    "limits_of_view",
    "record_established",
    "record_of",
]

RG_1 = CheckSpec(
    id="RG-1",
    name="chain",
    codes=("wrong-chain", "chain-not-read"),
    refuses="A view of another chain than the policy names; undecided if the policy pins a record "
    "and the verifier was given no view.",
)
RG_2 = CheckSpec(
    id="RG-2",
    name="chain not local",
    codes=("local-chain",),
    refuses="A development chain, whose holder can write history, unless the policy allows it.",
)
RG_3 = CheckSpec(
    id="RG-3",
    name="registry contract",
    codes=("wrong-registry", "registry-without-code", "registry-code-mismatch"),
    refuses="A contract at another address than the policy names, or with other code: it could "
    "answer anything.",
)
RG_4 = CheckSpec(
    id="RG-4",
    name="block final",
    codes=("block-not-final",),
    refuses="A view of a block that a reorganisation may still undo.",
)
RG_5 = CheckSpec(
    id="RG-5",
    name="record",
    codes=("wrong-record", "no-record"),
    refuses="A record other than the policy's, or one whose id does not follow from its "
    "registrant and program; undecided if the registry has none of this id.",
)
RG_6 = CheckSpec(
    id="RG-6",
    name="program registered",
    codes=("record-of-another-program",),
    refuses="A statement about another program than the record's.",
)
RG_7 = CheckSpec(
    id="RG-7",
    name="record not deprecated",
    codes=("record-deprecated",),
    refuses="A record that its registrant advises against, unless the policy allows it.",
)
RG_8 = CheckSpec(
    id="RG-8",
    name="record frozen",
    codes=("record-not-frozen",),
    refuses="A record to which keys can still be added, where the policy wants a frozen one.",
)

RG_9 = CheckSpec(
    id="RG-9",
    name="key registered",
    codes=("registered-key-differs", "key-not-registered"),
    refuses="Evidence under a key that the record does not hold for this backend.",
)
REGISTRY_CHECKS = (RG_1, RG_2, RG_3, RG_4, RG_5, RG_6, RG_7, RG_8, RG_9)
"""In the order of the verdict; they stand in it if the policy pins a record."""


def examine_record(
    policy: Policy, view: ChainView | None, statement: Statement
) -> tuple[Check, ...]:
    """Run all checks of the record but RG-9, which needs the key.

    Args:
        policy: its `registry` is the pin; without one there is nothing to check.
        view: what a chain's reader saw, or None.
        statement: its program must be the record's.
    """
    pin = policy.registry
    if pin is None:
        return ()
    if view is None or view.registry is None:
        hint = "read the chain first, or leave the registry out of the policy"
        missing = RG_1.undecided("chain-not-read", expected=_chain(pin), found="none", hint=hint)
        others = (spec for spec in REGISTRY_CHECKS if spec not in (RG_1, RG_9))
        return (missing, *(spec.skipped(hint="RG-1 did not pass") for spec in others))
    registry = view.registry
    where = (
        _examine_chain(pin, view),
        _examine_locality(policy, view),
        _examine_contract(pin, registry),
        _examine_finality(view),
    )
    bad = next((check for check in where if not check.ok), None)
    if bad is not None:
        return (*where, *_skipped(RG_5, RG_6, RG_7, RG_8, hint=f"{bad.id} did not pass"))
    found = _examine_identity(pin, registry.record)
    if registry.record is None or not found.ok:
        return (*where, found, *_skipped(RG_6, RG_7, RG_8, hint="RG-5 did not pass"))
    return (
        *where,
        found,
        _examine_registered_program(registry.record, statement),
        _examine_deprecation(pin, registry.record),
        _examine_freezing(pin, registry.record),
    )


def examine_registered_key(
    backend: str, key_digest: bytes | None, view: ChainView | None, before: Sequence[Check]
) -> Check:
    """Run RG-9: the key that the evidence is judged under is the record's.

    Args:
        backend: id of the proof's backend.
        key_digest: of the key that KEY-1 let through, or None.
        view: the one of `examine_record`.
        before: the result of `examine_record`.
    """
    bad = next((check for check in before if not check.ok), None)
    record = record_of(view)
    if bad is not None or record is None:
        return RG_9.skipped(hint=f"{bad.id if bad else 'RG-5'} did not pass")
    if key_digest is None:
        return RG_9.skipped(hint="KEY-1 did not pass")
    # RG-9: the registrant vouches for one key of each backend, and for no other.
    registered = record.keys.get(backend_selector(backend))
    found = encode_hex(key_digest)
    if registered is None:
        return RG_9.failed(
            "key-not-registered",
            expected=f"a key of {backend} in the record",
            found="none",
            hint="the registrant has vouched for no key of this backend",
        )
    if registered != key_digest:
        return RG_9.failed(
            expected=encode_hex(registered),
            found=found,
            hint="the key was derived with other settings or another version than the record's, "
            "or the record's is not of this program",
        )
    return RG_9.ok(expected=encode_hex(registered), found=found)


def record_of(view: ChainView | None) -> RecordView | None:
    """The record that a view shows, if it shows one."""
    return None if view is None or view.registry is None else view.registry.record


def record_established(view: ChainView | None) -> tuple[str, ...]:
    """What a proven verdict that rests on a view establishes of the record."""
    record = record_of(view)
    if view is None or record is None:
        return ()
    return (
        f"record {encode_hex(record.record_id)} on chain {view.chain_id} names this program and "
        f"this key (registered by {encode_hex(record.registrant)}, seen at block "
        f"{view.block.number})",
    )


def limits_of_view(pin: RegistryPin, view: ChainView) -> tuple[str, ...]:
    """What a verdict that rests on a view does not establish."""
    told = [
        f"that the node told the truth about the chain ({view.source or 'of unknown origin'}, "
        f"block {view.block.number})",
        "that the record still stands as it did at that block",
    ]
    if pin.chain_id is None:
        told.append(f"which chain it is: the policy names none, the node says {view.chain_id}")
    if view.local:
        told.append("that the record is public: whoever holds a local chain can rewrite it (RG-2)")
    return tuple(told)


def _skipped(*specs: CheckSpec, hint: str) -> tuple[Check, ...]:
    return tuple(spec.skipped(hint=hint) for spec in specs)


def _chain(pin: RegistryPin) -> str:
    return "any chain" if pin.chain_id is None else f"chain {pin.chain_id}"


def _examine_chain(pin: RegistryPin, view: ChainView) -> Check:
    # RG-1: one address may hold different records on different chains.
    found = f"chain {view.chain_id}"
    if pin.chain_id is not None and view.chain_id != pin.chain_id:
        return RG_1.failed(
            expected=_chain(pin), found=found, hint="name a node of the chain that you trust"
        )
    return RG_1.ok(expected=_chain(pin), found=found)


def _examine_locality(policy: Policy, view: ChainView) -> Check:
    # RG-2: what a development chain says, its holder says.
    found = f"chain {view.chain_id}"
    if not view.local:
        return RG_2.ok(expected="a chain that nobody can rewrite", found=found)
    if "local_chain" not in policy.allow_insecure:
        return RG_2.failed(
            expected="a chain that nobody can rewrite",
            found=found,
            hint="for tests and demos allow it: --allow-local-chain, or allow_insecure in the "
            "policy",
        )
    return RG_2.ok(expected="local chains allowed", found=found)


def _examine_contract(pin: RegistryPin, view: RegistryView) -> Check:
    # RG-3: records mean something only under the rules of the code that keeps them.
    address = encode_hex(view.address)
    if view.address != pin.address:
        return RG_3.failed(
            expected=encode_hex(pin.address),
            found=address,
            hint="the view was read from another contract than the policy names",
        )
    if view.code_hash is None:
        return RG_3.failed(
            "registry-without-code",
            expected=f"code at {address}",
            found="none",
            hint="no contract stands at this address at that block",
        )
    if view.code_hash != pin.code_hash:
        return RG_3.failed(
            "registry-code-mismatch",
            expected=encode_hex(pin.code_hash),
            found=encode_hex(view.code_hash),
            hint="the contract at this address is not the registry that the policy means",
        )
    return RG_3.ok(expected=encode_hex(pin.code_hash), found=encode_hex(view.code_hash))


def _examine_finality(view: ChainView) -> Check:
    # RG-4: a development chain has no finality, and RG-2 has let it through knowingly.
    found = f"block {view.block.number}, {'final' if view.finalized else 'the latest'}"
    if not view.finalized and view.chain_id != DEVELOPMENT_CHAIN_ID:
        return RG_4.failed(
            expected="a final block", found=found, hint="read the chain by its tag `finalized`"
        )
    return RG_4.ok(expected="a final block, or a local chain's latest", found=found)


def _examine_identity(pin: RegistryPin, record: RecordView | None) -> Check:
    # RG-5: the id holds registrant and program, so that nobody can stand in for another.
    expected = encode_hex(pin.record_id)
    if record is None:
        return RG_5.undecided(
            "no-record",
            expected=expected,
            found="none",
            hint="check the id; a record made lately counts once its block is final",
        )
    if record.record_id != pin.record_id:
        return RG_5.failed(
            expected=expected,
            found=encode_hex(record.record_id),
            hint="the record is not the one that the policy names, or the registry lies",
        )
    return RG_5.ok(expected=expected, found=f"registered by {encode_hex(record.registrant)}")


def _examine_registered_program(record: RecordView, statement: Statement) -> Check:
    # RG-6: the pinned record pins the program.
    expected, found = encode_hex(record.program_root), encode_hex(statement.program_root)
    if expected != found:
        return RG_6.failed(
            expected=expected, found=found, hint="the proof is about another program"
        )
    return RG_6.ok(expected=expected, found=found)


def _examine_deprecation(pin: RegistryPin, record: RecordView) -> Check:
    # RG-7: who made the record no longer stands behind it.
    found = "deprecated" if record.deprecated else "not deprecated"
    if record.deprecated and not pin.allow_deprecated:
        return RG_7.failed(
            expected="not deprecated",
            found=found,
            hint="ask the registrant for the successor, or set allow_deprecated in the policy",
        )
    expected = "deprecation allowed" if pin.allow_deprecated else "not deprecated"
    return RG_7.ok(expected=expected, found=found)


def _examine_freezing(pin: RegistryPin, record: RecordView) -> Check:
    # RG-8: until then the registrant may add the key of a further backend.
    found = "frozen" if record.frozen else "keys can be added"
    if pin.require_frozen and not record.frozen:
        return RG_8.failed(
            expected="frozen", found=found, hint="ask the registrant to freeze the record"
        )
    return RG_8.ok(expected="frozen" if pin.require_frozen else "frozen or not", found=found)
