"""A contract that calls a precompile and reports success, gas and output, on any chain."""

from __future__ import annotations

from dataclasses import dataclass

PROBE = bytes.fromhex("70" * 20)
"""Where the probe's code lies."""

PROBE_CODE = bytes.fromhex(
    "60403603806040600037"  # n = size of calldata - 64; memory[0:n] = calldata[64:]
    "5a"  # gas before
    "5f5f835f5f35602035fa"  # staticcall(gas calldata[32:64], to calldata[0:32], memory[0:n])
    "5a8203602052"  # memory[32:64] = gas before - gas after
    "5f52"  # memory[0:32] = success
    "3d5f60403e3d6040015ff3"  # return both, and after them what the precompile returned
)

GIVEN_GAS = 2_000_000
"""What the probe hands on; a failed call uses all of it."""

_OVERHEAD = 122  # of the instructions between the two readings of GAS, a warm call included


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a precompile did: its own gas, and what it returned."""

    ok: bool
    gas: int
    output: bytes


def question(address: int, data: bytes) -> bytes:
    """Calldata that makes the probe call a precompile."""
    return address.to_bytes(32, "big") + GIVEN_GAS.to_bytes(32, "big") + data


def outcome(answer: bytes) -> Outcome:
    """Read what the probe returned."""
    return Outcome(
        ok=bool(int.from_bytes(answer[:32], "big")),
        gas=int.from_bytes(answer[32:64], "big") - _OVERHEAD,
        output=answer[64:],
    )
