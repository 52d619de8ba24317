"""One protocol text for all who take part in it: the prover, the verifier, and the one who counts.

A function of the protocol is written once, against `Side`. What the prover alone can compute is
handed over as a callable; the prover's side calls it, writes and absorbs the result; the verifier's
side reads and absorbs the same message; the schedule's side counts it. So neither the order of
messages nor what a challenge depends on can differ between them, and no message can be used that
was not absorbed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from verifiable.argument.goldilocks import Ext
from verifiable.argument.merkle import Root
from verifiable.argument.soundness import Term
from verifiable.argument.vectors import Words

if TYPE_CHECKING:
    from verifiable.argument.kernels import Kernels, RoundProver

__all__ = ["Reduced", "Root", "Side"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    """What a sumcheck leaves to show.

    Attributes:
        point: one challenge for each variable, variable 0 first.
        claim: the value that the summand must have at `point`.
        finals: the values of its tables there, not sent yet; of the prover's side only.
    """

    point: tuple[Ext, ...]
    claim: Ext
    finals: tuple[Ext, ...] | None


class Side(Protocol):
    """One party's view of a run. Messages carry short ASCII labels, absorbed with them.

    Arguments called `compute` and `start` are called by the prover's side alone.
    """

    @property
    def proving(self) -> bool:
        """Whether this side computes messages."""

    @property
    def verifying(self) -> bool:
        """Whether this side checks equations that cost something to evaluate.

        Only the verifier's: a prover has its whole proof verified before it hands it out, and who
        counts has no values.
        """

    @property
    def kernels(self) -> Kernels:
        """The prover's heavy operations.

        Raises:
            RuntimeError: This is not the prover's side.
        """

    def absorb(self, label: str, data: bytes) -> None:
        """Absorb what both sides know; it is not part of the proof."""

    def value(self, label: str, compute: Callable[[], Ext]) -> Ext:
        """Send one extension element."""

    def values(
        self, label: str, count: int, compute: Callable[[], tuple[Ext, ...]]
    ) -> tuple[Ext, ...]:
        """Send `count` extension elements as one message."""

    def exts(self, label: str, count: int, compute: Callable[[], Words]) -> Words:
        """Send an array of extension elements: (count, 2)."""

    def words(self, label: str, count: int, compute: Callable[[], Words]) -> Words:
        """Send an array of base field elements: (count,)."""

    def digest(self, label: str, compute: Callable[[], bytes]) -> Root:
        """Send a Merkle root. Its being absorbed is what makes it a commitment."""

    def digests(self, label: str, count: int, compute: Callable[[], bytes]) -> bytes:
        """Send `count` digests of 32 bytes, one after the other."""

    def challenge(self, label: str) -> Ext:
        """Draw one extension element."""

    def challenges(self, label: str, count: int) -> tuple[Ext, ...]:
        """Draw `count` extension elements."""

    def positions(self, label: str, count: int, log_n: int) -> tuple[int, ...]:
        """Draw `count` numbers below 2^log_n, with replacement, in the order drawn."""

    def sumcheck(
        self,
        label: str,
        *,
        rounds: int,
        degree: int,
        claim: Ext,
        start: Callable[[], RoundProver],
    ) -> Reduced:
        """Reduce "the sum over 2^rounds points is `claim`" to one point; see `sumcheck.reduce`."""

    def require(self, check: str, code: str, holds: bool, where: str) -> None:
        """Refuse to go on unless an equation of the protocol holds.

        Args:
            check: id of the check.
            code: stable name of the failure.
            holds: the equation.
            where: the part of the protocol.

        Raises:
            Rejected: on the verifier's side.
            ProvingError: on the prover's side: it was about to send a false proof.
        """

    def note(self, term: Term) -> None:
        """Record a random check, for the soundness ledger."""

    def finish(self) -> None:
        """End the run.

        Raises:
            MalformedProof: on the verifier's side, if the proof goes on.
        """
