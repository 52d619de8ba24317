"""What all sides do alike: absorb what is public, draw challenges, run sumchecks, note terms."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from verifiable.argument import sumcheck
from verifiable.argument.goldilocks import Ext
from verifiable.argument.side import Reduced, Side
from verifiable.argument.soundness import Term
from verifiable.argument.transcript import AnyTranscript

if TYPE_CHECKING:
    from verifiable.argument.kernels import Kernels, RoundProver

__all__ = ["PublicSide"]


class PublicSide(Side):
    """The part of a side that does not depend on whose it is; the messages are left to others.

    Attributes:
        terms: the random checks noted so far, in order.
    """

    def __init__(self, transcript: AnyTranscript) -> None:
        self.terms: list[Term] = []
        self._transcript = transcript

    @property
    def proving(self) -> bool:
        """Whether this side computes messages."""
        return False

    @property
    def verifying(self) -> bool:
        """Whether this side checks equations; the verifier's does."""
        return False

    @property
    def kernels(self) -> Kernels:
        """The prover's heavy operations; other sides have none."""
        raise RuntimeError(f"a {type(self).__name__} has no kernels")

    def value(self, label: str, compute: Callable[[], Ext]) -> Ext:
        """Send, read or count one extension element; see `Side.value`."""
        return self.values(label, 1, lambda: (compute(),))[0]

    def absorb(self, label: str, data: bytes) -> None:
        """Absorb what both sides know; see `Side.absorb`."""
        self._transcript.absorb(label, data)

    def challenge(self, label: str) -> Ext:
        """Draw one extension element; see `Side.challenge`."""
        return self._transcript.challenge(label)

    def challenges(self, label: str, count: int) -> tuple[Ext, ...]:
        """Draw `count` extension elements; see `Side.challenges`."""
        return tuple(self.challenge(label) for _ in range(count))

    def positions(self, label: str, count: int, log_n: int) -> tuple[int, ...]:
        """Draw positions; see `Side.positions`."""
        return self._transcript.positions(label, count, log_n)

    def sumcheck(
        self,
        label: str,
        *,
        rounds: int,
        degree: int,
        claim: Ext,
        start: Callable[[], RoundProver],
    ) -> Reduced:
        """Reduce a claim on a sum; see `sumcheck.reduce`."""
        return sumcheck.reduce(self, label, rounds=rounds, degree=degree, claim=claim, start=start)

    def note(self, term: Term) -> None:
        """Record a random check; see `Side.note`."""
        self.terms.append(term)
