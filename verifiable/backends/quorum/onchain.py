"""A quorum's proof as the bytes that `QuorumDoor` takes, see `docs/formats/quorum-payload.md`.

Packed and without offsets, so that one proof has one encoding: the key's preimage as it is hashed,
then who signed, then the signature as the precompiles of EIP-2537 read it.
"""

from __future__ import annotations

from verifiable.backends.base import Key
from verifiable.backends.quorum.curve import g2_evm
from verifiable.backends.quorum.format import BACKEND_ID, Payload
from verifiable.backends.quorum.keys import QuorumKey
from verifiable.backends.quorum.members import Member
from verifiable.backends.quorum.points import NotAPoint, g1_evm
from verifiable.errors import ProvingError
from verifiable.statement.proof import Proof

__all__ = ["evidence_of", "membership_of"]


def evidence_of(proof: Proof, key: Key) -> bytes:
    """The evidence of a proof: preimage, bitmap and signature.

    Raises:
        ProvingError: (code `not-for-a-chain`) the proof is of another backend or quorum, or its
            signature is no point.
        MissingDependency: py-ecc is not installed.
    """
    if proof.backend != BACKEND_ID or key.backend != BACKEND_ID:
        raise _refused("this is not a proof by a quorum, with a quorum's key")
    payload, quorum = Payload.decode(proof.payload), QuorumKey.from_fields(key.fields)
    if payload.key_digest != quorum.digest:
        raise _refused("the proof was made by another quorum than the key names")
    try:
        return quorum.preimage + payload.signers + g2_evm(payload.signature)
    except NotAPoint as cause:
        raise _refused(f"its signature is no point: {cause}") from cause


def membership_of(member: Member) -> tuple[bytes, bytes]:
    """Public key and proof of possession, as `QuorumDoor.checkMember` takes them.

    Raises:
        ProvingError: (code `not-for-a-chain`) the proof of possession is no point.
        MissingDependency: py-ecc is not installed.
    """
    try:
        return g1_evm(member.point), g2_evm(member.possession)
    except NotAPoint as cause:
        raise _refused(f"the proof of possession is no point: {cause}") from cause


def _refused(what: str) -> ProvingError:
    return ProvingError(
        what,
        where="quorum proof",
        hint="verify the proof with its key first",
        code="not-for-a-chain",
    )
