"""A simulated Intel machine: its platform, TDX module and quoting enclaves, and their TCB levels.

Values have the form of the real ones, and where they are public constants of Intel (the signers of
its enclaves, the shape of the levels) they are the real ones: zeros everywhere would leave the
code that judges them untested. What names one machine (PPID, instance) is derived from the seed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from verifiable.backends.tee.pck import PckExtension, PlatformFlags
from verifiable.backends.tee.simulator.seeds import Seed

__all__ = [
    "MODULE_LEVELS",
    "PLATFORM_LEVELS",
    "QE",
    "QE_LEVELS",
    "TD_QE",
    "PlatformLevel",
    "QuotingEnclave",
    "SvnLevel",
    "TdxModule",
    "simulated_platform",
    "with_level",
]


def simulated_platform(seed: Seed) -> PckExtension:
    """What the PCK certificate says of a seed's machine: a cloud machine, up to date."""
    level = PLATFORM_LEVELS[0]
    return PckExtension(
        ppid=seed.derive("intel/ppid", 16),
        components=level.components,
        cpusvn=bytes(level.components),
        pcesvn=level.pcesvn,
        pceid=bytes(2),
        fmspc=bytes.fromhex("b0c06f000000"),
        sgx_type=1,
        platform_instance_id=seed.derive("intel/instance", 16),
        flags=PlatformFlags(dynamic_platform=True, cached_keys=True, smt=True),
    )


def with_level(platform: PckExtension, level: PlatformLevel) -> PckExtension:
    """The same machine with the firmware of a level, so that it has that level's status."""
    return replace(
        platform,
        components=level.components,
        cpusvn=bytes(level.components),
        pcesvn=level.pcesvn,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TdxModule:
    """The TDX module that runs the workload.

    Attributes:
        isv_svn: its security version.
        version: picks its identity in the TCB info (`TDX_01`, `TDX_03`).
        late_microcode: security version of microcode loaded after boot.
        mrseam: its measurement, 48 bytes.
        mrsignerseam: its signer, zero for Intel's own.
        attributes: SEAMATTRIBUTES, zero outside of Intel.
    """

    isv_svn: int = 7
    version: int = 1
    late_microcode: int = 3
    mrseam: bytes = hashlib.sha384(b"verifiable: simulated TDX module 1.5").digest()
    mrsignerseam: bytes = bytes(48)
    attributes: bytes = bytes(8)

    @property
    def tee_tcb_svn(self) -> bytes:
        """As quotes report it, 16 bytes."""
        return bytes((self.isv_svn, self.version, self.late_microcode)) + bytes(13)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotingEnclave:
    """The enclave that signs quotes.

    Attributes:
        mrenclave: its measurement, 32 bytes.
        mrsigner: its signer, 32 bytes: Intel's real ones, which are public.
        isv_prod_id: 1 the enclave for SGX, 2 the one for TDX.
        isv_svn: its security version.
        attributes: flags and XFRM, 16 bytes.
        miscselect: 4 bytes.
        cpusvn: of the machine as the enclave saw it; may differ from the certificate's.
        report_data_end: second half of its report data, zero.
    """

    mrenclave: bytes
    mrsigner: bytes
    isv_prod_id: int
    isv_svn: int = 8
    attributes: bytes = bytes.fromhex("1500000000000000e700000000000000")
    miscselect: bytes = bytes(4)
    cpusvn: bytes = bytes.fromhex("0303191b04ff00060000000000000000")
    report_data_end: bytes = bytes(32)


TD_QE = QuotingEnclave(
    mrenclave=hashlib.sha256(b"verifiable: simulated TD quoting enclave").digest(),
    mrsigner=bytes.fromhex("dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5"),
    isv_prod_id=2,
)
"""Signs quotes of TDX workloads."""

QE = QuotingEnclave(
    mrenclave=hashlib.sha256(b"verifiable: simulated SGX quoting enclave").digest(),
    mrsigner=bytes.fromhex("8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff"),
    isv_prod_id=1,
)
"""Signs quotes of SGX enclaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformLevel:
    """A row of TCB info: a machine at least this patched has this status.

    Attributes:
        status: in Intel's words.
        components, pcesvn: lowest SVNs of the firmware and of the provisioning enclave.
        late_microcode: lowest TDX component 2, see `TdxModule`.
        date: when what the row asks for was published, RFC 3339.
        advisories: what a machine of this level is open to.
    """

    status: str
    components: tuple[int, ...]
    pcesvn: int = 13
    late_microcode: int = 3
    date: str
    advisories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SvnLevel:
    """A level of a module or quoting enclave, by its security version alone."""

    isv_svn: int
    status: str
    date: str
    advisories: tuple[str, ...] = ()


def _components(*low: int) -> tuple[int, ...]:
    return low + (0,) * (16 - len(low))


PLATFORM_LEVELS = (
    PlatformLevel(
        status="UpToDate",
        components=_components(3, 3, 2, 2, 4, 1, 0, 5),
        date="2025-05-14T00:00:00Z",
    ),
    PlatformLevel(
        status="SWHardeningNeeded",
        components=_components(3, 3, 2, 2, 4, 1, 0, 4),
        date="2025-05-14T00:00:00Z",
        advisories=("INTEL-SA-00615",),
    ),
    PlatformLevel(
        status="ConfigurationNeeded",
        components=_components(3, 3, 2, 2, 4, 0, 0, 4),
        date="2025-05-14T00:00:00Z",
        advisories=("INTEL-SA-00657",),
    ),
    PlatformLevel(
        status="ConfigurationAndSWHardeningNeeded",
        components=_components(3, 3, 2, 2, 3, 0, 0, 4),
        date="2025-05-14T00:00:00Z",
        advisories=("INTEL-SA-00615", "INTEL-SA-00657"),
    ),
    PlatformLevel(
        status="OutOfDate",
        components=_components(2, 2, 2, 2, 3, 0, 0, 3),
        late_microcode=2,
        date="2024-03-13T00:00:00Z",
        advisories=("INTEL-SA-00960", "INTEL-SA-00982", "INTEL-SA-00986"),
    ),
    PlatformLevel(
        status="OutOfDateConfigurationNeeded",
        components=_components(2, 2, 2, 2, 2, 0, 0, 3),
        pcesvn=11,
        late_microcode=2,
        date="2023-08-09T00:00:00Z",
        advisories=("INTEL-SA-00657", "INTEL-SA-00837", "INTEL-SA-00960"),
    ),
    PlatformLevel(
        status="Revoked",
        components=_components(2, 2, 2, 2, 2, 0, 0, 2),
        pcesvn=5,
        late_microcode=1,
        date="2018-01-04T00:00:00Z",
        advisories=("INTEL-SA-00106", "INTEL-SA-00115", "INTEL-SA-00837"),
    ),
)
"""Every status that Intel gives, from the newest firmware to the oldest."""

MODULE_LEVELS = (
    SvnLevel(isv_svn=6, status="UpToDate", date="2025-05-14T00:00:00Z"),
    SvnLevel(
        isv_svn=4,
        status="OutOfDate",
        date="2024-03-13T00:00:00Z",
        advisories=("INTEL-SA-01036",),
    ),
    SvnLevel(
        isv_svn=2,
        status="Revoked",
        date="2023-08-09T00:00:00Z",
        advisories=("INTEL-SA-01036", "INTEL-SA-01099"),
    ),
)
"""Of each version of the TDX module."""

QE_LEVELS = (
    SvnLevel(isv_svn=8, status="UpToDate", date="2025-05-14T00:00:00Z"),
    SvnLevel(
        isv_svn=6,
        status="OutOfDate",
        date="2024-03-13T00:00:00Z",
        advisories=("INTEL-SA-00615",),
    ),
    SvnLevel(
        isv_svn=1,
        status="Revoked",
        date="2019-05-15T00:00:00Z",
        advisories=("INTEL-SA-00202", "INTEL-SA-00477"),
    ),
)
"""Of both quoting enclaves."""
