"""What the error codes of quorums mean: a part of `codes.CODES`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["QUORUM_CODES"]

_CHECKS = {
    "wrong-quorum": "The signature is of another quorum than the one that you trust. Ask the "
    "members of yours, or look whether its key was made anew.",
    "no-quorum-key": "Nothing says which quorum counts. Give --quorum with its file, or --lock "
    "with a lock that holds it.",
    "member-key-invalid": "A member's public key is no point of the group in which signatures mean "
    "something. Make the quorum anew; whoever made it checked nothing.",
    "possession-not-proven": "A member does not show that it holds its key. Such a key may be made "
    "from the others', and its maker then signs for all of them. Ask the member for its file "
    "again.",
    "signers-malformed": "The bitmap of who signed does not fit the quorum. The file was damaged, "
    "or made for another quorum.",
    "threshold-not-met": "Fewer members signed than the quorum's key demands. Ask more of them to "
    "execute the program and to sign.",
    "signers-cancel-out": "The keys of those who signed add up to nothing, so that anybody can "
    "sign for them: they chose their keys together. Do not trust this quorum.",
    "signature-not-a-point": "The signature is no point of its group, or not in its one encoding. "
    "The file was damaged or made by another program.",
    "quorum-signature-invalid": "The signature is not that of the named signers for this statement "
    "and this quorum. The proof was altered, or put together from signatures of something else.",
}
_MAKING = {
    "quorum-needed": "The backend `quorum` needs to know whose signatures count. Make the quorum's "
    "file by `verifiable quorum key`, and give it by --quorum.",
    "signers-needed": "Proving with a quorum takes secret keys of its members: --quorum-secret for "
    "each, or the commands `verifiable quorum sign` and `combine` where parties keep their own.",
    "malformed-member": "A member's file has a name or a key that is none. Make it by `verifiable "
    "quorum keygen`.",
    "malformed-quorum": "The members make no quorum: two have one name or one key, they are too "
    "many or not in their order, or the threshold does not fit.",
    "not-a-member": "The secret key, or the signature, is of nobody in this quorum.",
    "statement-differs": "A member computed another statement than the one that was proposed or "
    "combined: another program, input, context or result. Compare these; nothing was signed.",
    "signer-twice": "One member's signature was given twice. Leave one out.",
    "bad-partial-signature": "A member's signature does not verify. Leave it out, or ask for a new "
    "one.",
    "nothing-signed": "A quorum is named, but the proof is of another kind. Leave --quorum out.",
    "two-quorums": "A quorum is named, and a key of another one is given. Leave one of the two "
    "out.",
}

QUORUM_CODES: Mapping[str, str] = MappingProxyType({**_CHECKS, **_MAKING})
