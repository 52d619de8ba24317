"""Evidence as the door of a chain takes it: which game, with which code and rules.

The door asks the game for the statement, so the assertion need not be named: the first one of the
statement that became final counts.
"""

from __future__ import annotations

from verifiable.backends.base import Key
from verifiable.backends.optimistic.format import VERSION, OptimisticKey, Payload
from verifiable.errors import ProvingError
from verifiable.statement.abi import word
from verifiable.statement.proof import Proof

__all__ = ["evidence_of"]


def evidence_of(proof: Proof, key: Key) -> bytes:
    """`abi.encode(chainId, game, codeHash, gameKey)`: the key's preimage, and nothing else.

    Args:
        proof: of this backend; its payload must name the key's game.
        key: as a lock holds it.

    Raises:
        ProvingError: (code `not-for-a-chain`) the proof is about another game than the key, or the
            key is of another version of the game than the door knows.
        MalformedProof: the payload cannot be decoded.
        MalformedFile: the key cannot be.
    """
    pinned = OptimisticKey.from_fields(key.fields)
    payload = Payload.decode(proof.payload)
    if pinned.version != VERSION:
        raise ProvingError(
            f"the key is of version {pinned.version} of the game",
            why=f"the door asks games of version {VERSION}",
            hint="use a record whose key names a game of this release",
            code="not-for-a-chain",
        )
    if (payload.chain_id, payload.game) != (pinned.chain_id, pinned.game):
        raise ProvingError(
            "the assertion stands in another game than the key names",
            why=f"chain {payload.chain_id}, game 0x{payload.game.hex()}; the key names "
            f"chain {pinned.chain_id}, game 0x{pinned.game.hex()}",
            hint="assert in the game that the record pins",
            code="not-for-a-chain",
        )
    place = word(pinned.chain_id) + word(int.from_bytes(pinned.game, "big"))
    return place + pinned.code_hash + pinned.game_key
