"""The prover's side: computes every message, writes it, absorbs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from verifiable.argument.goldilocks import Ext
from verifiable.argument.proof_stream import DIGEST_BYTES, ProofWriter, encode_words
from verifiable.argument.public_side import PublicSide
from verifiable.argument.side import Root
from verifiable.argument.transcript import AnyTranscript
from verifiable.argument.vectors import Words
from verifiable.errors import ProvingError

if TYPE_CHECKING:
    from verifiable.argument.kernels import Kernels

__all__ = ["ProverSide"]


class ProverSide(PublicSide):
    """See `Side`. The proof grows with every message.

    A message of another length than the protocol gives it is a bug, of whoever computed it, and
    raises ValueError: the proof could not be read.
    """

    def __init__(
        self, kernels: Kernels, transcript: AnyTranscript, *, lenient: bool = False
    ) -> None:
        """Start a proof.

        Args:
            kernels: the heavy operations.
            transcript: a fresh one.
            lenient: go on after a check that does not hold, as a dishonest prover would.
        """
        super().__init__(transcript)
        self._kernels = kernels
        self._lenient = lenient
        self._writer = ProofWriter()

    @property
    def proving(self) -> bool:
        """Always: this side computes messages."""
        return True

    @property
    def verifying(self) -> bool:
        """Never: the whole proof is verified before it is handed out."""
        return False

    @property
    def kernels(self) -> Kernels:
        """The heavy operations."""
        return self._kernels

    @property
    def proof(self) -> bytes:
        """All messages so far."""
        return self._writer.proof

    def values(
        self, label: str, count: int, compute: Callable[[], tuple[Ext, ...]]
    ) -> tuple[Ext, ...]:
        """Send extension elements; see `Side.values`."""
        values = compute()
        _require_shape(label, (len(values),), (count,))
        self._send(label, b"".join([value.to_bytes() for value in values]))
        return values

    def exts(self, label: str, count: int, compute: Callable[[], Words]) -> Words:
        """Send an array of extension elements; see `Side.exts`."""
        array = compute()
        _require_shape(label, array.shape, (count, 2))
        self._send(label, encode_words(array))
        return array

    def words(self, label: str, count: int, compute: Callable[[], Words]) -> Words:
        """Send an array of base field elements; see `Side.words`."""
        array = compute()
        _require_shape(label, array.shape, (count,))
        self._send(label, encode_words(array))
        return array

    def digest(self, label: str, compute: Callable[[], bytes]) -> Root:
        """Send a Merkle root; see `Side.digest`."""
        return Root(self._digests(label, 1, compute()))

    def digests(self, label: str, count: int, compute: Callable[[], bytes]) -> bytes:
        """Send digests; see `Side.digests`."""
        return self._digests(label, count, compute())

    def require(self, check: str, code: str, holds: bool, where: str) -> None:
        """Stop before a false proof is sent; see `Side.require`."""
        if not holds and not self._lenient:
            raise ProvingError(
                f"check {check} does not hold for the proof that is being made",
                where=where,
                why="the trace, the key or the prover itself is wrong",
                hint="compile and set up again; if that does not help, report it as a bug",
                code=code,
            )

    def finish(self) -> None:
        """Nothing to check: what was sent is the proof."""

    def _digests(self, label: str, count: int, data: bytes) -> bytes:
        _require_shape(label, (len(data),), (count * DIGEST_BYTES,))
        self._send(label, data)
        return data

    def _send(self, label: str, data: bytes) -> None:
        self._writer.write(data)
        self._transcript.absorb(label, data)


def _require_shape(label: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if shape != wanted:
        raise ValueError(f"{label}: a message of shape {shape} where the protocol has {wanted}")
