"""What a simulated machine measures, and the evidence that it issues of it.

Real machines measure before the workload runs and keep what they measured out of its reach. Here
one process plays all parts; measurements and evidence have the form that each vendor gives them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from verifiable.backends.tee.event_log import PROGRAM_EVENT, Event, encode_log
from verifiable.backends.tee.evidence import Evidence
from verifiable.backends.tee.simulator import builtin
from verifiable.backends.tee.simulator.authority import IntelAuthority
from verifiable.backends.tee.simulator.builtin import SimulatedKind
from verifiable.backends.tee.simulator.collateral_issuer import collateral_json
from verifiable.backends.tee.simulator.seeds import Seed
from verifiable.backends.tee.simulator.tdx import TdxIssuer
from verifiable.errors import InvalidInput
from verifiable.statement.hashing import ProgramRoot

if TYPE_CHECKING:
    from verifiable.backends.tee.simulator.nitro_issuer import NitroIssuer
    from verifiable.backends.tee.simulator.snp_issuer import SnpIssuer

__all__ = ["Machine", "Measurements"]

_VENDORS_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Measurements:
    """What was measured of the enclave's code, and of the program that it loaded.

    The program's event goes into RTMR3 and PCR16, which start from zero; HOST_DATA is its root.
    Nothing may be measured later, so that these are final.
    """

    def __init__(self, program_root: ProgramRoot) -> None:
        self.program_root = program_root
        self.mrtd = builtin.mrtd()
        self.rtmrs = builtin.rtmrs(program_root)
        self.pcrs = builtin.nitro_pcrs(program_root)
        self.snp_measurement = builtin.snp_measurement()
        self.event_log = encode_log((Event(name=PROGRAM_EVENT, payload=program_root),))

    def registers(self, kinds: Iterable[SimulatedKind]) -> Mapping[str, bytes]:
        """By `kind/register` the values, for people and for policies."""
        return MappingProxyType(
            {
                f"{kind}/{name}": value
                for kind in kinds
                for name, value in builtin.reference(kind, self.program_root).values.items()
            }
        )


class Machine:
    """Hardware, hypervisor and quoting enclave in one: issues evidence for one workload.

    Args:
        seed: of the simulated vendors; who has it can make any evidence.
        measurements: of the workload.
        kinds: that are asked for; issuers of the others are not made.

    Raises:
        InvalidInput: (code `kind-not-issued`) SNP evidence is asked for under a seed of one's own.
    """

    def __init__(
        self, seed: Seed, measurements: Measurements, kinds: tuple[SimulatedKind, ...]
    ) -> None:
        if "snp" in kinds and not seed.is_public:
            raise InvalidInput(
                "SNP evidence is issued under the built-in seed only",
                where="seed",
                why="its RSA keys come from a stored file, not from a seed",
                hint="leave out the seed, or snp",
                code="kind-not-issued",
            )
        self._seed = seed
        self._measured = measurements
        self._kinds = kinds
        self._lists: tuple[datetime, bytes] | None = None

    def attest(
        self,
        kind: SimulatedKind,
        report_data: bytes,
        *,
        nonce: bytes,
        public_key: bytes,
        at: datetime,
    ) -> Evidence:
        """Evidence of the workload.

        Args:
            kind: whose format.
            report_data: 64 bytes that the enclave chose.
            nonce, public_key: for a Nitro document's own fields; others have no room for them.
            at: the time on the host; it dates documents and lists, and nothing vouches for it.

        Raises:
            InvalidInput: (code `kind-not-issued`) this enclave was not started for such evidence.
        """
        if kind not in self._kinds:
            raise InvalidInput(
                f"this enclave issues no {kind} evidence",
                where="kind",
                hint=f"start it with kinds={(*self._kinds, kind)}",
                code="kind-not-issued",
            )
        measured = self._measured
        if kind == "tdx":
            document = self._tdx.quote(
                mrtd=measured.mrtd, rtmrs=measured.rtmrs, report_data=report_data
            )
            return Evidence(
                kind=kind,
                document=document,
                collateral=self._collateral(at),
                event_log=measured.event_log,
            )
        if kind == "nitro":
            document = self._nitro.document(
                pcrs=measured.pcrs,
                user_data=report_data,
                nonce=nonce or None,
                public_key=public_key or None,
                now=at,
            )
            return Evidence(kind=kind, document=document, event_log=measured.event_log)
        document = self._snp.report(
            measurement=measured.snp_measurement,
            host_data=measured.program_root,
            report_data=report_data,
        )
        return Evidence(kind=kind, document=document, chain=self._snp.chain)

    @cached_property
    def _tdx(self) -> TdxIssuer:
        # keys and certificates depend on the seed alone, only the lists on the time
        return TdxIssuer(IntelAuthority(self._seed, _VENDORS_BEGAN))

    @cached_property
    def _nitro(self) -> NitroIssuer:
        from verifiable.backends.tee.simulator.nitro_issuer import NitroIssuer

        return NitroIssuer(self._seed)

    @cached_property
    def _snp(self) -> SnpIssuer:
        from verifiable.backends.tee.simulator.snp_issuer import SnpIssuer

        return SnpIssuer()

    def _collateral(self, at: datetime) -> bytes:
        """The lists of the hour that `at` is in: made once, as a vendor's service would."""
        hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        if self._lists is None or self._lists[0] != hour:
            self._lists = (hour, collateral_json(IntelAuthority(self._seed, hour), "tdx"))
        return self._lists[1]
