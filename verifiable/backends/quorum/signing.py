"""What a member signs, and how signatures become evidence.

A member signs the statement that it computed itself: the functions here take statements, and their
callers execute the program.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifiable.backends.quorum.curve import (
    aggregate_signatures,
    derive_secret,
    is_signed,
    possession_of,
    possessions_hold,
    public_key_of,
    sign,
)
from verifiable.backends.quorum.format import PartialSignature, Payload, bitmap_of, message_of
from verifiable.backends.quorum.keys import QuorumKey
from verifiable.backends.quorum.members import Member
from verifiable.backends.quorum.points import NotAPoint
from verifiable.errors import InvalidInput, MalformedFile, ProvingError
from verifiable.statement.statement import Statement

__all__ = ["combine", "make_member", "require_possession", "sign_statement"]


def make_member(name: str, seed: bytes) -> tuple[int, Member]:
    """A new secret key, and what its holder shows of it.

    Args:
        seed: 32 or more random bytes, forgotten afterwards.

    Raises:
        MalformedFile: (code `malformed-member`) the name cannot be written.
    """
    secret = derive_secret(seed)
    return secret, Member(
        name=name, public_key=public_key_of(secret), possession=possession_of(secret)
    )


def require_possession(key: QuorumKey) -> None:
    """Refuse a quorum with a member that does not show that it holds its key.

    Raises:
        MalformedFile: (code `possession-not-proven`) naming the first of them.
    """
    if possessions_hold(tuple((item.public_key, item.possession) for item in key.members)):
        return
    bad = next(
        (
            item.name
            for item in key.members
            if not possessions_hold(((item.public_key, item.possession),))
        ),
        "one of them",
    )
    raise MalformedFile(
        "a member does not show that it holds its key",
        where=f"quorum member {bad!r}",
        why="its proof of possession is none",
        hint="ask the member for its file again; without that proof a key may be made from others'",
        code="possession-not-proven",
    )


def sign_statement(secret: int, key: QuorumKey, statement: Statement) -> PartialSignature:
    """Sign a statement as a member of a quorum.

    Raises:
        InvalidInput: (code `not-a-member`) the secret key is none of the quorum's.
    """
    public_key = public_key_of(secret)
    if key.index_of(public_key) is None:
        raise InvalidInput(
            "this secret key is none of the quorum's",
            where=f"key {public_key.hex()[:16]}...",
            hint="sign with a member's key, or make the quorum with this one in it",
            code="not-a-member",
        )
    return PartialSignature(
        key_digest=key.digest,
        statement=statement,
        public_key=public_key,
        signature=sign(secret, message_of(key.digest, statement.digest)),
    )


def combine(key: QuorumKey, statement: Statement, partials: Sequence[PartialSignature]) -> Payload:
    """Add up members' signatures of one statement. Each is checked by itself, a second each.

    Raises:
        ProvingError: `wrong-quorum`, `statement-differs`, `not-a-member`, `signer-twice`,
            `bad-partial-signature`; `threshold-not-met` if they are too few.
    """
    message = message_of(key.digest, statement.digest)
    signers: list[int] = []
    for partial in partials:
        index = key.index_of(partial.public_key)
        who = "key " + partial.public_key.hex() if index is None else key.members[index].name
        if partial.key_digest != key.digest:
            raise _refused("made for another quorum", who, "wrong-quorum")
        if partial.statement != statement:
            raise _refused(
                "made for another statement: its signer computed something else, or on something "
                "else",
                who,
                "statement-differs",
            )
        if index is None:
            raise _refused("made by somebody who is no member", who, "not-a-member")
        if index in signers:
            raise _refused("the second one by this member", who, "signer-twice")
        if not is_signed(partial.public_key, message, partial.signature):
            raise _refused("not this member's signature", who, "bad-partial-signature")
        signers.append(index)
    if len(signers) < key.threshold:
        raise ProvingError(
            f"{len(signers)} members signed, and {key.threshold} are needed",
            hint="ask more members to execute the program and to sign",
            code="threshold-not-met",
        )
    try:
        total = aggregate_signatures([partial.signature for partial in partials])
    except NotAPoint:  # each has been checked
        total = None
    if total is None:
        raise _refused("cancelled out by the others", "all", "bad-partial-signature")
    return Payload(
        key_digest=key.digest, signers=bitmap_of(signers, len(key.members)), signature=total
    )


def _refused(what: str, who: str, code: str) -> ProvingError:
    return ProvingError(
        f"a signature is {what}", where=who, hint="leave it out, or ask for a new one", code=code
    )
