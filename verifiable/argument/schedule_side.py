"""The side that counts: which messages a protocol has, how long they are, how sound it is.

It runs the protocol's text without a proof: messages are zeros, challenges come from a transcript
of those zeros, and no check is made. The key alone determines the result, which is how inspection
knows the soundness of a program and the size of its proofs before there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from verifiable.argument.goldilocks import ZERO, Ext
from verifiable.argument.proof_stream import DIGEST_BYTES, EXT_BYTES, WORD_BYTES
from verifiable.argument.public_side import PublicSide
from verifiable.argument.side import Root
from verifiable.argument.transcript import Transcript
from verifiable.argument.vectors import Words

__all__ = ["ScheduleSide", "ScheduledStep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledStep:
    """One message or draw.

    Attributes:
        label: what it is called.
        kind: "absorb", "exts", "words", "digests", "challenge" or "positions".
        count: of bytes absorbed, elements sent, or things drawn.
    """

    label: str
    kind: str
    count: int


class ScheduleSide(PublicSide):
    """See `Side`.

    Attributes:
        schedule: all steps, in order.
        proof_bytes: what the messages before the first draw of positions take; always the same.
        drawn_bytes: what the later ones take here. How much of a tree has to be shown depends on
            the positions drawn, so this part of a proof varies a little.
    """

    def __init__(self) -> None:
        super().__init__(Transcript())
        self.schedule: list[ScheduledStep] = []
        self.proof_bytes = 0
        self.drawn_bytes = 0
        self._drawn = False

    def values(
        self, label: str, count: int, compute: Callable[[], tuple[Ext, ...]]
    ) -> tuple[Ext, ...]:
        """Count extension elements; see `Side.values`."""
        self._message(label, "exts", count, EXT_BYTES)
        return (ZERO,) * count

    def exts(self, label: str, count: int, compute: Callable[[], Words]) -> Words:
        """Count an array of extension elements; see `Side.exts`."""
        self._message(label, "exts", count, EXT_BYTES)
        return np.zeros((count, 2), np.uint64)

    def words(self, label: str, count: int, compute: Callable[[], Words]) -> Words:
        """Count an array of base field elements; see `Side.words`."""
        self._message(label, "words", count, WORD_BYTES)
        return np.zeros(count, np.uint64)

    def digest(self, label: str, compute: Callable[[], bytes]) -> Root:
        """Count a Merkle root; see `Side.digest`."""
        self._message(label, "digests", 1, DIGEST_BYTES)
        return Root(bytes(DIGEST_BYTES))

    def digests(self, label: str, count: int, compute: Callable[[], bytes]) -> bytes:
        """Count digests; see `Side.digests`."""
        self._message(label, "digests", count, DIGEST_BYTES)
        return bytes(count * DIGEST_BYTES)

    def absorb(self, label: str, data: bytes) -> None:
        """Count public data; see `Side.absorb`."""
        self._step(label, "absorb", len(data))
        super().absorb(label, data)

    def challenge(self, label: str) -> Ext:
        """Count a challenge; see `Side.challenge`."""
        self._step(label, "challenge", 1)
        return super().challenge(label)

    def positions(self, label: str, count: int, log_n: int) -> tuple[int, ...]:
        """Count positions; see `Side.positions`."""
        self._step(label, "positions", count)
        self._drawn = True
        return super().positions(label, count, log_n)

    def require(self, check: str, code: str, holds: bool, where: str) -> None:
        """Nothing is claimed, so nothing is checked."""

    def finish(self) -> None:
        """Nothing to check: there is no proof."""

    def _message(self, label: str, kind: str, count: int, size: int) -> None:
        self._step(label, kind, count)
        if self._drawn:
            self.drawn_bytes += count * size
        else:
            self.proof_bytes += count * size
        self._transcript.absorb(label, bytes(count * size))

    def _step(self, label: str, kind: str, count: int) -> None:
        self.schedule.append(ScheduledStep(label=label, kind=kind, count=count))
