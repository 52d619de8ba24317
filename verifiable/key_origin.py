"""KEY-1: which key the evidence is judged under, and who derived it from the program.

A key counts if this verifier derived it, if a lock that the caller trusts holds it, or if the
registrant of the record that the policy pins vouches for it. In the last case the record holds no
more than a digest; the key itself may come from anybody, the prover included, and RG-9 compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from verifiable.backends.base import Backend, Key, KeyInProof, TimedJudge
from verifiable.errors import MalformedProof, VerifiableError
from verifiable.statement import checks as table
from verifiable.statement.lock import Lock
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.registry import record_of
from verifiable.statement.strict_json import encode_hex
from verifiable.statement.verdict import Check
from verifiable.statement.view import ChainView, backend_selector

__all__ = ["FoundKey", "find_key", "told"]

_EXPECTED = "a key derived from the program by this verifier, the lock's author or the registrant"
_BY_LOCK = "derived by the lock's author"
_NOBODY = "nobody whom the policy names vouches for it"
_BY_REGISTRANT = "vouched for by the registrant of the pinned record"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundKey:
    """The result of KEY-1.

    Attributes:
        key: None if there is none.
        check: KEY-1.
        origin: whom one must believe that the key belongs to the program; empty if this verifier
            derived it itself.
    """

    key: Key | None
    check: Check
    origin: str = ""


def find_key(
    proof: Proof,
    policy: Policy,
    backend: Backend | None,
    *,
    lock: Lock | None,
    keys: Mapping[str, Key] | None,
    claimed: Mapping[str, Mapping[str, str]] | None,
    view: ChainView | None,
) -> FoundKey:
    """Run KEY-1.

    Args:
        backend: the proof's; None if the policy does not accept it, or it is not installed.
        lock: the caller trusts its author.
        keys: by backend id, derived by this verifier.
        claimed: by backend id the fields of a key, from anybody.
        view: shows the record, if the policy pins one.
    """
    # KEY-1: a key counts only if this verifier, the lock's author or the registrant derived it.
    if backend is None:
        return _none(table.KEY_1.skipped(hint="there is no backend to hold a key for"))
    if keys is not None and proof.backend in keys:
        key = keys[proof.backend]
        if key.backend != proof.backend:
            return _of_another(proof, key)
        kept = " (kept in its cache)" if key.from_cache else ""
        return _found(key, f"derived by this verifier{kept}", origin="")
    entry = None if lock is None else lock.entry(proof.statement.program_root)
    fields = None if entry is None else entry.backends.get(proof.backend)
    if fields is not None:
        found = _decoded(proof, backend, fields, "write the lock again")
        return _of_lock(found, policy, view)
    if policy.registry is not None:  # without a record, nobody vouches for such a key
        fields = (claimed or {}).get(proof.backend)
        if fields is None and isinstance(backend, KeyInProof):
            return _vouched_for(_brought(proof, policy, backend), proof, view)
        if fields is not None:
            return _vouched_for(_decoded(proof, backend, fields, "get another lock"), proof, view)
    if isinstance(backend, TimedJudge):
        return _of_policy(proof, policy, backend)
    return _none(
        table.KEY_1.undecided(
            "no-key", expected=_EXPECTED, found="no key", hint=_where_to_get_one(policy)
        )
    )


def told(cause: BaseException) -> str:
    """An error as one bounded line."""
    text = str(cause) if isinstance(cause, VerifiableError) else repr(cause)
    return text[:400]


def _where_to_get_one(policy: Policy) -> str:
    if policy.registry is None:
        return (
            "give --program, so that the key is derived here, or --lock with a lock that holds it"
        )
    return (
        "give --key with a lock that holds it, whoever wrote it: the record holds its digest; or "
        "--program, so that it is derived here"
    )


def _none(check: Check) -> FoundKey:
    return FoundKey(key=None, check=check)


def _found(key: Key, found: str, *, origin: str) -> FoundKey:
    return FoundKey(key=key, check=table.KEY_1.ok(expected=_EXPECTED, found=found), origin=origin)


def _brought(proof: Proof, policy: Policy, backend: KeyInProof) -> Key | FoundKey:
    """The key in the proof itself."""
    try:
        key = backend.key_in(proof)
    except MalformedProof:
        raise
    except Exception as cause:
        return _unreadable(cause, hint=_where_to_get_one(policy))
    return key if key.backend == proof.backend else _of_another(proof, key)


def _decoded(
    proof: Proof, backend: Backend, fields: Mapping[str, str], hint: str
) -> Key | FoundKey:
    """A key that others wrote down: its digest is computed here, from its fields."""
    try:
        key = backend.decode_key(fields)
    except Exception as cause:
        return _unreadable(cause, hint=hint)
    return key if key.backend == proof.backend else _of_another(proof, key)


def _of_lock(found: Key | FoundKey, policy: Policy, view: ChainView | None) -> FoundKey:
    if isinstance(found, FoundKey):
        return found
    record = None if policy.registry is None else record_of(view)
    also = "" if record is None else f" and registered by {encode_hex(record.registrant)}"
    return _found(found, _BY_LOCK, origin=_BY_LOCK + also)


def _vouched_for(found: Key | FoundKey, proof: Proof, view: ChainView | None) -> FoundKey:
    """A key from anybody: it counts if the registrant put its digest on record."""
    if isinstance(found, FoundKey):
        return found
    record = record_of(view)
    if record is None or record.keys.get(backend_selector(proof.backend)) != found.digest:
        hint = "the key is not the record's, so nobody vouches for it (RG-9)"
        return FoundKey(key=found, check=table.KEY_1.skipped(hint=hint), origin=_NOBODY)
    origin = f"{_BY_REGISTRANT}, {encode_hex(record.registrant)}"
    return _found(found, _BY_REGISTRANT, origin=origin)


def _unreadable(cause: BaseException, *, hint: str) -> FoundKey:
    return _none(
        table.KEY_1.undecided("malformed-key", expected=_EXPECTED, found=told(cause), hint=hint)
    )


def _of_another(proof: Proof, key: Key) -> FoundKey:
    return _none(
        table.KEY_1.failed("key-of-another-backend", expected=proof.backend, found=key.backend)
    )


def _of_policy(proof: Proof, policy: Policy, backend: TimedJudge) -> FoundKey:
    """The relying party's policy itself says which code may vouch for a program."""
    key = backend.key_under(proof.statement.program_root, policy)
    if key is not None:
        return _found(key, "derived by this verifier from its policy", origin="")
    told_of_record = "" if policy.registry is None else " (--key, if the record holds it)"
    return _none(
        table.KEY_1.undecided(
            "no-key",
            expected=_EXPECTED,
            found="no key: the policy accepts no code",
            hint="name reference values in the policy, or give --lock with a lock that holds the "
            f"key{told_of_record}",
        )
    )
