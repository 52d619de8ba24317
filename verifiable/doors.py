"""From proof files to the router of a chain: what contracts accept, asked from outside.

A router checks evidence under the key that a record pins by its digest. Evidence brings the key's
preimage, so the key itself may come from anybody: from a lock, from a policy, from what a node
says of a game, or from the proof. Nothing of the chain part is imported before a call is made.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from verifiable.backends.base import (
    Backend,
    ChainJudge,
    DoorEvidence,
    Key,
    KeyInProof,
    Options,
    TimedJudge,
)
from verifiable.backends.registry import get_backend
from verifiable.cache import default_cache_dir
from verifiable.errors import InvalidInput, ProvingError
from verifiable.sources import (
    LockSource,
    PathLike,
    PolicySource,
    ProofSource,
    lock_of,
    policy_of,
    proof_of,
)
from verifiable.statement.hashing import DIGEST_BYTES
from verifiable.statement.proof import Proof
from verifiable.statement.requirement import Requirement, Term
from verifiable.statement.statement import Statement
from verifiable.statement.strict_json import encode_hex
from verifiable.statement.view import backend_selector

if TYPE_CHECKING:
    from verifiable.chain.calls import BlockTag
    from verifiable.chain.contracts.inference_verifier import (
        Clause,
        Evidence,
        InferenceVerifier,
    )
    from verifiable.chain.signing import Signer
    from verifiable.chain.transaction import Receipt, TxOptions

__all__ = ["MAX_CLAUSES", "RouterCall", "clauses_of", "door_evidence", "router_call"]

MAX_CLAUSES = 64
"""A requirement that takes more is refused: each costs gas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterCall:
    """What a router is asked, with all that its doors take.

    Attributes:
        router: on an open chain.
        record_id: name of a record in the router's registry, 32 bytes.
        evidence: of different backends, all of one statement.
        any_of: clauses, one of which has to be met; None: the one piece of evidence is enough.
        simulated: whether simulated evidence counts, for development.
    """

    router: InferenceVerifier
    record_id: bytes
    statement: Statement
    evidence: tuple[Evidence, ...]
    any_of: tuple[Clause, ...] | None
    simulated: bool

    def ask(self, *, block: BlockTag = "latest") -> bytes:
        """Read the router's answer: the statement's digest.

        It is worth what the node is worth that gives it; a contract that calls the router needs no
        such trust.

        Raises:
            Reverted: the evidence does not hold, or the node gave it too little gas.
            ChainError: the node failed.
        """
        router, said = self.router, self.statement
        if self.any_of is None:
            (only,) = self.evidence
            verify = router.verify_simulated if self.simulated else router.verify
            return verify(self.record_id, said, only.backend, only.proof, block=block)
        by_policy = router.verify_policy_simulated if self.simulated else router.verify_policy
        return by_policy(self.record_id, said, self.any_of, self.evidence, block=block)

    def send(self, signer: Signer, *, options: TxOptions | None = None) -> Receipt:
        """Verify in a transaction; it stores nothing.

        Raises:
            Reverted, ChainError, AccountError: as `InferenceVerifier.send`.
        """
        return self.router.send(
            signer,
            self.record_id,
            self.statement,
            self.evidence,
            any_of=self.any_of,
            simulated=self.simulated,
            options=options,
        )


def router_call(
    proofs: Sequence[ProofSource] | ProofSource,
    router: InferenceVerifier,
    record_id: bytes,
    *,
    require: str | None = None,
    simulated: bool = False,
    lock: LockSource = None,
    policy: PolicySource = None,
    keys: Mapping[str, Key] | None = None,
    settings: Mapping[str, str | bool] | None = None,
    cache_dir: PathLike | None = None,
) -> RouterCall:
    """Make of proof files what a router takes.

    Args:
        proofs: of one statement, and of different backends.
        router: on an open chain; its registry has the record.
        record_id: the record that the relying contract names.
        require: which of them are enough, as in `ezkl or (tee and optimistic)`; the relying
            contract's own. Needed for several proofs.
        simulated: whether simulated evidence counts, for development.
        lock: may hold keys, whoever wrote it.
        policy: may say which code may attest (backend tee), and which registry of keys counts.
        keys: by backend id; they come before all others.
        settings: of the backends, for what their doors need besides.
        cache_dir: where backends find what they keep.

    Raises:
        InvalidInput: `wrong-count`, `statements-differ`, `backend-proven-twice`,
            `requirement-needed`, `proof-not-named`, `key-needed`, `registered-key-differs`,
            `key-not-registered`, `bad-digest`; or the requirement cannot be read.
        ProvingError: (code `not-for-a-chain`) no contract can check a proof.
        Reverted: (`ModelRegistry_UnknownRecord`) the registry has no such record.
        MalformedProof, MalformedFile, ChainError, MissingDependency.
    """
    if len(record_id) != DIGEST_BYTES:
        raise InvalidInput("a record's id is 32 bytes", where="record", code="bad-digest")
    decoded = [proof_of(source) for source in _listed(proofs)]
    any_of = _clauses(decoded, require)
    statement = _one_statement(decoded)
    given = _Given(
        lock=lock,
        policy=policy,
        keys=keys or {},
        options=Options(
            cache_dir=default_cache_dir() if cache_dir is None else Path(cache_dir),
            settings=MappingProxyType(dict(settings or {})),
        ),
    )
    evidence = []
    for proof in decoded:
        key = _key_of(proof, router, given)
        _refuse_other_key(proof.backend, key, router, record_id)
        evidence.append(door_evidence(proof, key, given.options))
    return RouterCall(
        router=router,
        record_id=record_id,
        statement=statement,
        evidence=tuple(evidence),
        any_of=any_of,
        simulated=simulated,
    )


def door_evidence(proof: Proof, key: Key, options: Options) -> Evidence:
    """A proof as the door of its backend takes it.

    Args:
        key: the one that the record pins.
        options: as for the backend's `setup`.

    Raises:
        ProvingError: (code `not-for-a-chain`) no contract can check it.
        MalformedProof, MalformedFile, MissingDependency.
    """
    from verifiable.chain.contracts.inference_verifier import Evidence

    backend = get_backend(proof.backend, cache_dir=options.cache_dir)
    if not isinstance(backend, DoorEvidence):
        raise ProvingError(
            f"evidence of the backend {proof.backend} is checked off chain",
            why="no contract of this release checks it; a record pins its key all the same",
            hint="verify it by `verifiable verify` with --registry and --record",
            code="not-for-a-chain",
        )
    return Evidence(backend=proof.backend, proof=backend.door_evidence(proof, key, options))


def clauses_of(requirement: Requirement) -> tuple[Clause, ...]:
    """A requirement as clauses, one of which has to be met.

    Raises:
        InvalidInput: (code `requirement-too-large`) it takes more than `MAX_CLAUSES`.
    """
    from verifiable.chain.contracts.inference_verifier import Clause

    flat = _flat(requirement.term)
    found = tuple(Clause(threshold=least, backends=names) for least, names in flat)
    _refuse_many(len(found))
    return found


def _flat(term: Term) -> list[tuple[int, tuple[str, ...]]]:
    """Thresholds over names, of which one has to be met."""
    if isinstance(term, str):
        return [(1, (term,))]
    names = tuple(part for part in term.parts if isinstance(part, str))
    if len(names) == len(term.parts):
        return [(term.least, names)]
    if term.least == 1:
        return [found for part in term.parts for found in _flat(part)]
    return [(len(names), names) for names in _sets(term)]


def _sets(term: Term) -> list[tuple[str, ...]]:
    """The smallest sets of backends that meet a term; each backend is named once in it."""
    if isinstance(term, str):
        return [(term,)]
    inner = [_sets(part) for part in term.parts]
    found: list[tuple[str, ...]] = []
    for chosen in combinations(inner, term.least):
        for sets in product(*chosen):
            found.append(tuple(name for names in sets for name in names))
            _refuse_many(len(found))
    return found


def _refuse_many(count: int) -> None:
    if count > MAX_CLAUSES:
        raise InvalidInput(
            f"a contract would need more than {MAX_CLAUSES} clauses for this requirement",
            where="require",
            hint="name fewer backends, or nest less",
            code="requirement-too-large",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """Where keys may come from."""

    lock: LockSource
    policy: PolicySource
    keys: Mapping[str, Key]
    options: Options


def _listed(proofs: Sequence[ProofSource] | ProofSource) -> list[ProofSource]:
    """One proof, or several."""
    if isinstance(proofs, Proof | bytes | bytearray | memoryview | str | os.PathLike):
        return [proofs]
    if not proofs:
        raise InvalidInput("there is no proof to bring", where="proofs", code="wrong-count")
    return list(proofs)


def _one_statement(proofs: Sequence[Proof]) -> Statement:
    digests = {proof.statement.digest for proof in proofs}
    if len(digests) > 1:
        raise InvalidInput(
            "the proofs are of different statements",
            where="proofs",
            why=", ".join(sorted(encode_hex(digest) for digest in digests)),
            hint="prove one program on one input, with one context",
            code="statements-differ",
        )
    return proofs[0].statement


def _clauses(proofs: Sequence[Proof], require: str | None) -> tuple[Clause, ...] | None:
    """The clauses of a requirement that names the backend of each proof."""
    names = [proof.backend for proof in proofs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidInput(
            f"two proofs are of the backend {twice}",
            where="proofs",
            hint="give the one that you rely on",
            code="backend-proven-twice",
        )
    if require is None:
        if len(proofs) > 1:
            raise InvalidInput(
                "several proofs are given, but not which of them are enough",
                where="require",
                hint="say so, as in: ezkl or (tee and optimistic)",
                code="requirement-needed",
            )
        return None
    requirement = Requirement.parse(require)
    stray = next((name for name in names if name not in requirement.names), None)
    if stray is not None:
        raise InvalidInput(
            f"the requirement does not name {stray}, of which a proof is given",
            where="require",
            hint="leave the proof out, or name the backend",
            code="proof-not-named",
        )
    return clauses_of(requirement)


def _key_of(proof: Proof, router: InferenceVerifier, given: _Given) -> Key:
    """The key whose digest the record should hold; whoever brings it, the digest decides."""
    backend = get_backend(proof.backend, cache_dir=given.options.cache_dir)
    root = proof.statement.program_root
    if proof.backend in given.keys:
        return given.keys[proof.backend]
    lock = lock_of(given.lock)
    entry = None if lock is None else lock.entry(root)
    fields = None if entry is None else entry.backends.get(proof.backend)
    if fields is not None:
        return backend.decode_key(fields)
    key = _derived(proof, backend, router, given)
    if key is None:
        raise InvalidInput(
            f"the key of {proof.backend} is not at hand",
            where=proof.backend,
            why="the record holds its digest only",
            hint="give a lock that holds the key, whoever wrote it"
            + (
                ", or a policy that says which code may attest"
                if isinstance(backend, TimedJudge)
                else ""
            ),
            code="key-needed",
        )
    return key


def _derived(
    proof: Proof, backend: Backend, router: InferenceVerifier, given: _Given
) -> Key | None:
    """A key from what a policy or a node says, or from the proof itself."""
    root = proof.statement.program_root
    if isinstance(backend, TimedJudge):
        return backend.key_under(root, policy_of(given.policy))
    if isinstance(backend, ChainJudge):
        from verifiable.chain.game_reader import assertion_at

        chain, place = router.chain, backend.place(proof.payload)
        if place.chain_id != chain.chain_id:
            return None
        seen = assertion_at(
            chain, chain.block().number, game=place.game, assertion_id=place.assertion_id
        )
        return backend.key_on_chain(root, chain.chain_id, seen)
    return backend.key_in(proof) if isinstance(backend, KeyInProof) else None


def _refuse_other_key(backend: str, key: Key, router: InferenceVerifier, record_id: bytes) -> None:
    """Say before the router does that the record pins another key, and which."""
    from verifiable.chain.contracts.model_registry import ModelRegistry

    registry = ModelRegistry.at(router.chain, router.wiring.registry)
    pinned = registry.key_of(record_id, backend_selector(backend))
    if not any(pinned):
        raise InvalidInput(
            f"the record holds no key of {backend}",
            where=f"record {encode_hex(record_id)}",
            hint="the registrant adds it by `verifiable registry add-backend`",
            code="key-not-registered",
        )
    if pinned != key.digest:
        raise InvalidInput(
            f"the record holds another key of {backend}",
            where=f"record {encode_hex(record_id)}",
            why=f"it pins {encode_hex(pinned)}, and the key at hand is {encode_hex(key.digest)}",
            hint="give the lock that the record was made from",
            code="registered-key-differs",
        )
