"""Quorums: making one, signing what one computed, and putting signatures together.

Each party executes the program on the input itself; nobody's word on the result is taken. Signing
and combining need no connection between the parties: files go from one to the other.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from verifiable.backends.base import Key
from verifiable.backends.quorum.format import BACKEND_ID, VERSION, PartialSignature
from verifiable.backends.quorum.held import read_quorum
from verifiable.backends.quorum.keys import QuorumKey
from verifiable.backends.quorum.keystore import lock_secret, read_keystore, write_private
from verifiable.backends.quorum.members import Member
from verifiable.backends.quorum.signing import (
    combine,
    make_member,
    require_possession,
    sign_statement,
)
from verifiable.errors import InvalidInput, ProvingError
from verifiable.files import read_bytes, write_bytes
from verifiable.program.execute import execute
from verifiable.progress import Cancellation, Progress, silent
from verifiable.sources import InputSource, PathLike, ProgramSource, program_of, quantised_input
from verifiable.statement.commitment import commit_program
from verifiable.statement.header import check_header
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import ZERO_CONTEXT, statement_of

__all__ = [
    "accepting_quorum",
    "combine_signatures",
    "make_keystore",
    "make_quorum",
    "sign_result",
]

QuorumSource: TypeAlias = "QuorumKey | PathLike"

_FILE_BYTES = 4096


def make_keystore(
    name: str, *, keystore: PathLike, public: PathLike, password: str, seed: bytes | None = None
) -> Member:
    """Make a party's secret key, in an encrypted file of its own, and what it shows to others.

    Args:
        name: of the party, for people.
        keystore: where to write the secret key (EIP-2335, mode 0600); must not exist.
        public: where to write name, public key and proof of possession.
        seed: 32 or more random bytes; made here if left out.

    Raises:
        MalformedFile: (code `malformed-member`) the name cannot be written.
        ResourceLimit: a file cannot be written, or the keystore exists.
        MissingDependency: py-ecc is not installed.
    """
    secret, member = make_member(name, secrets.token_bytes(32) if seed is None else seed)
    write_private(Path(keystore), lock_secret(secret, password, name=name))
    write_bytes(public, member.encode())
    return member


def make_quorum(members: Iterable[Member | PathLike], threshold: int) -> QuorumKey:
    """The key of a quorum from its members' public files; each must show that it holds its key.

    Whoever uses the key trusts its maker that the names are those of the parties.

    Raises:
        MalformedFile: a file cannot be read, or the members make no quorum.
        MissingDependency: py-ecc is not installed.
    """
    read = [
        item
        if isinstance(item, Member)
        else Member.decode(read_bytes(item, limit_bytes=_FILE_BYTES))
        for item in members
    ]
    key = QuorumKey.of(read, threshold)
    require_possession(key)
    return key


def sign_result(
    program: ProgramSource,
    input: InputSource,
    *,
    quorum: QuorumSource,
    keystore: PathLike,
    password: str,
    expected: bytes | None = None,
    index: int | None = None,
    saturate: bool = False,
    context: bytes = ZERO_CONTEXT,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> PartialSignature:
    """Execute a program on an input, and sign what came out as a member of a quorum.

    Args:
        expected: digest of a statement that was proposed; another result is not signed.

    Raises:
        ProvingError: (code `statement-differs`) the result is not the proposed one.
        InvalidInput: (code `not-a-member`) the secret key is none of the quorum's; or the input.
        AccountError: the keystore cannot be opened.
        MalformedModel, MalformedInput, MalformedFile, MissingDependency, Cancelled.
    """
    key = _quorum_of(quorum)
    loaded = program_of(program)
    integers, _ = quantised_input(loaded.inputs, input, index=index, saturate=saturate)
    trace = execute(loaded, integers, progress=progress, cancel=cancel)
    statement = statement_of(commit_program(loaded), trace.inputs, trace.outputs, context=context)
    if expected is not None and statement.digest != expected:
        raise ProvingError(
            "this machine computes another statement than the proposed one",
            where=f"0x{statement.digest.hex()}",
            why=f"proposed is 0x{expected.hex()}",
            hint="compare program, input and context with whoever proposed it; nothing was signed",
            code="statement-differs",
        )
    return sign_statement(read_keystore(keystore).unlock(password), key, statement)


def combine_signatures(
    program: ProgramSource,
    input: InputSource,
    signatures: Sequence[PartialSignature | PathLike],
    *,
    quorum: QuorumSource,
    index: int | None = None,
    saturate: bool = False,
    context: bytes = ZERO_CONTEXT,
    visibility: str = "public",
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> Proof:
    """Execute a program once more, and make a proof of the members' signatures of the result.

    Raises:
        ProvingError: a signature does not count, or they are too few; see `signing.combine`.
        MalformedModel, MalformedInput, MalformedFile, InvalidInput, MissingDependency, Cancelled.
    """
    key = _quorum_of(quorum)
    require_possession(key)
    loaded = program_of(program)
    commitment = commit_program(loaded)
    check_header(commitment)
    partials = [
        item
        if isinstance(item, PartialSignature)
        else PartialSignature.decode(read_bytes(item, limit_bytes=_FILE_BYTES))
        for item in signatures
    ]
    integers, saturated = quantised_input(loaded.inputs, input, index=index, saturate=saturate)
    trace = execute(loaded, integers, progress=progress, cancel=cancel)
    statement = statement_of(commitment, trace.inputs, trace.outputs, context=context)
    payload = combine(key, statement, partials)
    return Proof(
        backend=BACKEND_ID,
        backend_version=VERSION,
        statement=statement,
        program=commitment,
        visibility=visibility,
        inputs=trace.inputs if visibility == "public" else None,
        outputs=tuple(trace.outputs[spec.name] for spec in loaded.outputs),
        saturated=saturated,
        payload=payload.encode(),
    )


def accepting_quorum(
    policy: Policy, proof: Proof, quorum: QuorumSource, keys: Mapping[str, Key]
) -> tuple[Policy, Key]:
    """The policy and the key of who names a quorum to trust: its signatures count.

    Raises:
        InvalidInput: `nothing-signed`: the proof is of another kind; `two-quorums`: another key
            is given.
        MalformedFile: the quorum's file cannot be read.
    """
    if proof.backend != BACKEND_ID:
        raise InvalidInput(
            f"a quorum is named, but this proof is of the backend {proof.backend}",
            where="quorum",
            hint="leave --quorum out",
            code="nothing-signed",
        )
    key = _quorum_of(quorum).to_key()
    if BACKEND_ID in keys and keys[BACKEND_ID] != key:
        raise InvalidInput(
            "a quorum is named, and a key of another one is given",
            where="quorum",
            hint="leave one of the two out",
            code="two-quorums",
        )
    return replace(policy, backends={BACKEND_ID: None, **policy.backends}), key


def _quorum_of(source: QuorumSource) -> QuorumKey:
    return source if isinstance(source, QuorumKey) else read_quorum(os.fspath(source))
