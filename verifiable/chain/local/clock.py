"""The chain's clock: the machine's, shifted by time travel, and never standing still."""

from __future__ import annotations

from dataclasses import replace

from verifiable.chain.local.records import TimeTravel
from verifiable.chain.local.refusals import invalid_parameters

__all__ = ["MAX_TIME_S", "after_block", "forward", "next_time", "set_next"]

MAX_TIME_S = (1 << 62) - 1
"""Later times are refused, so that sums stay in 64 bits."""


def next_time(travel: TimeTravel, *, parent_s: int, now_s: int) -> int:
    """Unix time of the next block: as set, or the clock's, and always after its parent's."""
    wanted = now_s + travel.offset_s if travel.next_s is None else travel.next_s
    return max(parent_s + 1, wanted)


def after_block(travel: TimeTravel, *, time_s: int, now_s: int) -> TimeTravel:
    """The clock after a block: from a time that was set by hand, time runs on."""
    if travel.next_s is None:
        return travel
    return TimeTravel(offset_s=time_s - now_s)


def forward(travel: TimeTravel, seconds: int, *, now_s: int) -> TimeTravel:
    """Shift the clock forward.

    Raises:
        Refusal: (-32602) the time would be out of range.
    """
    _check(now_s + travel.offset_s + seconds)
    return replace(travel, offset_s=travel.offset_s + seconds)


def set_next(travel: TimeTravel, time_s: int, *, parent_s: int) -> TimeTravel:
    """Set the time of the next block.

    Raises:
        Refusal: (-32602) it is not after the newest block's, or out of range.
    """
    if time_s <= parent_s:
        raise invalid_parameters(
            f"Timestamp error: {time_s} is not greater than previous block's timestamp {parent_s}"
        )
    _check(time_s)
    return replace(travel, next_s=time_s)


def _check(time_s: int) -> None:
    if time_s > MAX_TIME_S:
        raise invalid_parameters(f"Timestamp error: {time_s} is out of range")
