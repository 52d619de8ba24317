"""A transcript whose challenges depend on nothing that was absorbed, for controls.

A forger who knows every challenge in advance can prove false statements. A forgery that is accepted
under frozen challenges and refused under the live transcript shows that it is the binding of
messages to challenges that refuses it, and not an accident of encoding.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256

from verifiable.argument.goldilocks import Ext

__all__ = ["FrozenTranscript", "frozen_challenge"]


def frozen_challenge(label: str, occurrence: int = 0) -> Ext:
    """The challenge that is drawn under `label` for the time numbered `occurrence`."""
    drawn = sha256(f"{label} {occurrence}".encode()).digest()
    return Ext(int.from_bytes(drawn[:16], "little"), int.from_bytes(drawn[16:], "little"))


class FrozenTranscript:
    """Stands in for `Transcript`: challenges are functions of their label and count alone."""

    def __init__(self) -> None:
        self._drawn: Counter[str] = Counter()

    def absorb(self, label: str, data: bytes) -> None:
        """Forget the message."""

    def challenge(self, label: str) -> Ext:
        """Draw the known challenge."""
        self._drawn[label] += 1
        return frozen_challenge(label, self._drawn[label] - 1)

    def positions(self, label: str, count: int, log_n: int) -> tuple[int, ...]:
        """Draw known positions."""
        return tuple(self.challenge(label).c0 % (1 << log_n) for _ in range(count))
