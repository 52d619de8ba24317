"""The log that explains a run-time register, and its replay.

A register holds `SHA384(old || digest)` over all events, from 48 zero bytes. The log is the
attester's word: it counts only where it replays to the register that was signed, every digest
recomputed from its payload, and whatever is decided is read from that same list.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from verifiable.errors import InvalidInput, MalformedProof
from verifiable.statement.strict_json import (
    decode_strict,
    encode_canonical,
    encode_hex,
    read_format,
)

__all__ = [
    "EVENT_LOG_FORMAT",
    "PROGRAM_EVENT",
    "READY_EVENT",
    "REGISTER_BYTES",
    "Event",
    "decode_log",
    "encode_log",
    "program_fault",
    "program_register",
    "replay",
]

EVENT_LOG_FORMAT = "application/vnd.verifiable.tee-events.v1+json"
PROGRAM_EVENT = "verifiable-program"
"""The event that binds a program: its payload is the program's root."""

READY_EVENT = "system-ready"
"""After this one the workload answers requests; nothing may be measured later."""

REGISTER_BYTES = 48

_EVENT_TYPE = (0x08000001).to_bytes(4, "little")
_NAME = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_MAX_EVENTS = 256
_MAX_PAYLOAD_BYTES = 4096
_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event: a name of `[a-z0-9-]{1,64}`, which makes the encoding injective, and bytes."""

    name: str
    payload: bytes

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise InvalidInput(
                f"{self.name[:80]!r} is not the name of an event",
                where="event log",
                hint="use 1 to 64 of a-z, 0-9 and -",
                code="bad-event",
            )
        if len(self.payload) > _MAX_PAYLOAD_BYTES:
            raise InvalidInput(
                f"a payload is at most {_MAX_PAYLOAD_BYTES} bytes",
                where=f"event {self.name}",
                code="bad-event",
            )

    @property
    def digest(self) -> bytes:
        """SHA-384 of `type:name:payload`, 48 bytes."""
        name = self.name.encode("ascii")
        return hashlib.sha384(_EVENT_TYPE + b":" + name + b":" + self.payload).digest()


def replay(events: Iterable[Event]) -> bytes:
    """The register's value after all events, 48 bytes."""
    register = bytes(REGISTER_BYTES)
    for event in events:
        register = hashlib.sha384(register + event.digest).digest()
    return register


def program_register(program_root: bytes) -> bytes:
    """The value of a register that was extended by this program's event and nothing else."""
    return replay((Event(name=PROGRAM_EVENT, payload=program_root),))


def program_fault(events: Sequence[Event], program_root: bytes | None) -> str:
    """Why a log does not say that exactly this program was loaded; empty if it does.

    The program's event comes exactly once and before `system-ready`, after which nothing comes.

    Args:
        events: replayed to a signed register already.
        program_root: which program; None: any.
    """
    names = [event.name for event in events]
    if names.count(PROGRAM_EVENT) != 1:
        return f"{names.count(PROGRAM_EVENT)} events {PROGRAM_EVENT}"
    found = events[names.index(PROGRAM_EVENT)].payload
    if READY_EVENT in names:
        ready = names.index(READY_EVENT)
        if names.index(PROGRAM_EVENT) > ready:
            return f"{PROGRAM_EVENT} after {READY_EVENT}"
        if ready != len(names) - 1:
            return f"{names[ready + 1]} after {READY_EVENT}"
    if program_root is not None and found != program_root:
        return f"program {encode_hex(found[:32])}"
    return ""


def encode_log(events: Iterable[Event]) -> bytes:
    """The log as canonical JSON."""
    return encode_canonical(
        {
            "format": EVENT_LOG_FORMAT,
            "events": [
                {"name": event.name, "payload": encode_hex(event.payload)} for event in events
            ],
        }
    )


def decode_log(data: bytes) -> tuple[Event, ...]:
    """Decode a log strictly.

    Raises:
        MalformedProof: with the code and the path of what is wrong.
    """
    root = decode_strict(data, limit_bytes=_LIMIT_BYTES, error=MalformedProof, name="event log")
    read_format(root, EVENT_LOG_FORMAT)
    found = root.object(("format", "events"))
    events = []
    for item in found["events"].array(limit=_MAX_EVENTS):
        members = item.object(("name", "payload"))
        name = members["name"].text(limit_bytes=64)
        payload = members["payload"].hex(limit_bytes=_MAX_PAYLOAD_BYTES)
        try:
            events.append(Event(name=name, payload=payload))
        except InvalidInput as cause:
            members["name"].refuse(cause.what, code=cause.code)
    return tuple(events)
