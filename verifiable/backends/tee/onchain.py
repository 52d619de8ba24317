"""Evidence as the door of a chain takes it: which registry of enclaves' keys, and one signature.

The quote stays at home: the registry has seen one for the key that signed. So only evidence of mode
`key` will do, and only under a key that names a registry.
"""

from __future__ import annotations

from verifiable.backends.base import Key
from verifiable.backends.tee.format import Payload
from verifiable.backends.tee.keys import TeeKey
from verifiable.errors import ProvingError
from verifiable.statement.abi import Tail, encode_struct, word
from verifiable.statement.hashing import DIGEST_BYTES
from verifiable.statement.proof import Proof

__all__ = ["evidence_of"]


def evidence_of(proof: Proof, key: Key) -> bytes:
    """`abi.encode(baseDigest, chainId, registry, codeHash, hardwareOnly, signature)`.

    Args:
        proof: of this backend, in mode `key`.
        key: as a lock holds it; it names a registry.

    Raises:
        ProvingError: (code `not-for-a-chain`) the proof is a quote for one statement, or the key
            names no registry.
        MalformedProof: the payload cannot be decoded.
        MalformedFile: the key cannot be.
    """
    pinned = TeeKey.from_fields(key.fields)
    payload = Payload.decode(proof.payload)
    registry = pinned.registry
    if registry is None:
        raise ProvingError(
            "the key names no registry of enclaves' keys",
            where="tee key",
            why="a contract judges no quotes: it looks the signing key up",
            hint="write the lock under a policy whose attestation names a `registry`, and "
            "register that key",
            code="not-for-a-chain",
        )
    if payload.mode != "key":
        raise ProvingError(
            "the proof is a quote for one statement",
            where="tee payload, mode",
            why="a contract takes the signature of a key that is registered on its chain",
            hint="prove again in mode `key` (`--tee-mode key`), by an enclave whose key is "
            "registered",
            code="not-for-a-chain",
        )
    signature = payload.signature
    padded = signature + bytes(-len(signature) % DIGEST_BYTES)
    members = (
        pinned.base_digest,
        word(registry.chain_id),
        word(int.from_bytes(registry.address, "big")),
        registry.code_hash,
        word(int(registry.hardware_only)),
        Tail(word(len(signature)) + padded),
    )
    return bytes(encode_struct(members))
