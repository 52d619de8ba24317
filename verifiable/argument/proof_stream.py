"""The bytes of a proof: messages one after the other, without a length or a label among them.

Both sides know how long every message is, from the key and from the positions that were drawn, so
the reader is told how much to take and never allocates what a proof asks for. There is one encoding
of each value: words are eight little-endian bytes below p, extension elements two words, digests 32
bytes. Whatever else the bytes say is refused as malformed.
"""

from __future__ import annotations

import numpy as np

from verifiable.argument.goldilocks import Ext, P
from verifiable.argument.vectors import Words
from verifiable.errors import MalformedProof

__all__ = ["DIGEST_BYTES", "EXT_BYTES", "WORD_BYTES", "ProofReader", "ProofWriter", "encode_words"]

WORD_BYTES = 8
EXT_BYTES = 16
DIGEST_BYTES = 32

_P = np.uint64(P)


def encode_words(words: Words) -> bytes:
    """Lay words of an array of any shape out in its order, eight little-endian bytes each."""
    return words.astype("<u8", copy=False).tobytes()


class ProofWriter:
    """Collects the messages of a proof."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, message: bytes) -> None:
        """Append an encoded message."""
        self._parts.append(message)

    @property
    def proof(self) -> bytes:
        """All messages so far."""
        return b"".join(self._parts)


class ProofReader:
    """Takes a proof apart, strictly. Every method gives the values and the bytes they came from."""

    def __init__(self, proof: bytes) -> None:
        self._proof = proof
        self._at = 0

    def take(self, count: int, label: str) -> bytes:
        """Take the next `count` bytes.

        Raises:
            MalformedProof: The proof ends before.
        """
        end = self._at + count
        if end > len(self._proof):
            raise _malformed(
                label,
                f"the proof ends after {len(self._proof)} bytes, inside this message",
                "payload-truncated",
            )
        taken = self._proof[self._at : end]
        self._at = end
        return taken

    def exts(self, count: int, label: str) -> tuple[tuple[Ext, ...], bytes]:
        """Take extension elements.

        Raises:
            MalformedProof: The proof ends before, or a word is not below p.
        """
        data = self.take(count * EXT_BYTES, label)
        try:
            values = tuple(
                Ext.from_bytes(data[at : at + EXT_BYTES]) for at in range(0, len(data), EXT_BYTES)
            )
        except ValueError as cause:
            raise _not_canonical(label) from cause
        return values, data

    def words(self, count: int, label: str) -> tuple[Words, bytes]:
        """Take base field elements: (count,) uint64, read-only.

        Raises:
            MalformedProof: The proof ends before, or a word is not below p.
        """
        data = self.take(count * WORD_BYTES, label)
        words = np.frombuffer(data, dtype="<u8").astype(np.uint64, copy=False)
        if bool((words >= _P).any()):
            raise _not_canonical(label)
        return words, data

    def finish(self) -> None:
        """Require that nothing is left.

        Raises:
            MalformedProof: The proof goes on.
        """
        rest = len(self._proof) - self._at
        if rest:
            raise _malformed("end", f"{rest} bytes too many", "payload-trailing-bytes")


def _not_canonical(label: str) -> MalformedProof:
    return _malformed(label, "a word is not below the field's modulus", "number-not-canonical")


def _malformed(label: str, what: str, code: str) -> MalformedProof:
    return MalformedProof(
        what,
        where=f"proof.payload, {label}",
        hint="the file was damaged or made by another program",
        code=code,
    )
