"""The verifier's side: reads every message, strictly, and absorbs it before anything depends on it.

It imports no kernels and calls nothing that a prover would compute.
"""

from __future__ import annotations

from collections.abc import Callable

from verifiable.argument.goldilocks import Ext
from verifiable.argument.proof_stream import DIGEST_BYTES, ProofReader
from verifiable.argument.public_side import PublicSide
from verifiable.argument.rejection import Rejected
from verifiable.argument.side import Root
from verifiable.argument.transcript import AnyTranscript
from verifiable.argument.vectors import Words

__all__ = ["VerifierSide"]


class VerifierSide(PublicSide):
    """See `Side`. Every method that reads raises `MalformedProof` for bytes it cannot take."""

    def __init__(self, proof: bytes, transcript: AnyTranscript) -> None:
        """Start to read a proof, with a fresh transcript."""
        super().__init__(transcript)
        self._reader = ProofReader(proof)

    @property
    def verifying(self) -> bool:
        """Always: this side checks equations."""
        return True

    def values(
        self, label: str, count: int, compute: Callable[[], tuple[Ext, ...]]
    ) -> tuple[Ext, ...]:
        """Read extension elements; see `Side.values`."""
        values, data = self._reader.exts(count, label)
        self._transcript.absorb(label, data)
        return values

    def exts(self, label: str, count: int, compute: Callable[[], Words]) -> Words:
        """Read an array of extension elements; see `Side.exts`."""
        return self._words(label, 2 * count).reshape(count, 2)

    def words(self, label: str, count: int, compute: Callable[[], Words]) -> Words:
        """Read an array of base field elements; see `Side.words`."""
        return self._words(label, count)

    def digest(self, label: str, compute: Callable[[], bytes]) -> Root:
        """Read a Merkle root; see `Side.digest`."""
        return Root(self._digests(label, 1))

    def digests(self, label: str, count: int, compute: Callable[[], bytes]) -> bytes:
        """Read digests; see `Side.digests`."""
        return self._digests(label, count)

    def require(self, check: str, code: str, holds: bool, where: str) -> None:
        """Reject the proof unless an equation holds; see `Side.require`."""
        if not holds:
            raise Rejected(check=check, code=code, where=where)

    def finish(self) -> None:
        """Require that the proof ends here; see `Side.finish`."""
        # GK-15: a proof has one encoding, so nothing may follow its last message.
        self._reader.finish()

    def _words(self, label: str, count: int) -> Words:
        words, data = self._reader.words(count, label)
        self._transcript.absorb(label, data)
        return words

    def _digests(self, label: str, count: int) -> bytes:
        data = self._reader.take(count * DIGEST_BYTES, label)
        self._transcript.absorb(label, data)
        return data
