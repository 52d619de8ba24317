"""The built-in simulator: a public seed, and what its workloads measure.

Its evidence can be made by anyone, so it convinces nobody; it lets the whole path run without
hardware. As for real enclaves, code identity is a digest of the code: of the files that the
enclave process is made of, as they are installed. Another release has other measurements.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from verifiable.backends.tee.event_log import program_register
from verifiable.backends.tee.simulator.authority import IntelAuthority
from verifiable.backends.tee.simulator.seeds import BUILTIN_SEED
from verifiable.statement.attestation import Reference

__all__ = [
    "RTMR0",
    "RTMR1",
    "RTMR2",
    "SimulatedKind",
    "authority",
    "enclave_sources",
    "mrtd",
    "nitro_pcrs",
    "reference",
    "rtmrs",
    "snp_measurement",
]

SimulatedKind = Literal["tdx", "nitro", "snp"]
"""Attestations that the simulated enclave issues."""

RTMR0 = hashlib.sha384(b"verifiable: simulated virtual firmware and its configuration").digest()
RTMR1 = hashlib.sha384(b"verifiable: simulated boot loader and kernel").digest()
RTMR2 = hashlib.sha384(b"verifiable: simulated kernel command line and initial files").digest()

_PACKAGE = Path(__file__).resolve().parents[3]
_ENCLAVE = ("backends/tee/simulator", "program")


def authority(now: datetime) -> IntelAuthority:
    """The built-in Intel authority, its lists issued for `now` (with time zone)."""
    return IntelAuthority(BUILTIN_SEED, now)


@cache
def enclave_sources() -> tuple[str, ...]:
    """The files that code identity covers, by their path in the package, sorted.

    The enclave process and its issuers, and all that executes programs.
    """
    return tuple(
        sorted(
            path.relative_to(_PACKAGE).as_posix()
            for folder in _ENCLAVE
            for path in (_PACKAGE / folder).rglob("*.py")
        )
    )


@cache
def mrtd() -> bytes:
    """The measurement of the simulated trust domain: SHA-384 over `enclave_sources`.

    Of each file its path and its bytes, each after its length in 8 bytes, little-endian.
    """
    digest = hashlib.sha384()
    for path in enclave_sources():
        for part in (path.encode(), (_PACKAGE / path).read_bytes()):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()


def rtmrs(program_root: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """The run-time registers of a TD that has loaded a program and nothing else."""
    return (RTMR0, RTMR1, RTMR2, program_register(program_root))


def nitro_pcrs(program_root: bytes) -> dict[int, bytes]:
    """The registers that name image, kernel, application and program of a Nitro enclave."""
    pcrs = {number: _register(f"nitro/pcr{number}") for number in range(3)}
    return {**pcrs, 16: program_register(program_root)}


def snp_measurement() -> bytes:
    """The launch measurement of the simulated SNP guest, 48 bytes."""
    return _register("snp/measurement")


def reference(kind: SimulatedKind, program_root: bytes) -> Reference:
    """What evidence of the built-in simulator must report for a program.

    Args:
        kind: of the evidence.
        program_root: 32 bytes.
    """
    values: dict[str, bytes]
    if kind == "tdx":
        registers = rtmrs(program_root)
        values = {"mrtd": mrtd()}
        values |= {f"rtmr{number}": register for number, register in enumerate(registers)}
    elif kind == "nitro":
        values = {f"pcr{number}": value for number, value in nitro_pcrs(program_root).items()}
    else:
        values = {"measurement": snp_measurement(), "host_data": program_root}
    return Reference(kind=kind, values=MappingProxyType(values))


def _register(name: str) -> bytes:
    return hashlib.sha384(name.encode() + b":" + mrtd()).digest()
