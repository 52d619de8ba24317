"""Evidence and policies as they lie in files: raw bytes, hex, or a bundle."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from .options import FILE, Function

if TYPE_CHECKING:
    from verifiable.backends.tee.bundle import Bundle
    from verifiable.backends.tee.evidence import Evidence
    from verifiable.statement.attestation import AttestationKind
    from verifiable.statement.policy import Policy

__all__ = ["KINDS", "EvidenceFiles", "evidence_options", "read_policy"]

KINDS = ("tdx", "sgx", "nitro", "snp")

_HEX = frozenset(b"0123456789abcdefABCDEF")
_FROM_BUNDLE = ("kind", "collateral", "chain", "event_log")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFiles:
    """Where evidence lies, as a command line names it."""

    document: Path
    kind: str | None
    collateral: Path | None
    chain: tuple[Path, ...]
    event_log: Path | None

    def bundle(self) -> Bundle | None:
        """The bundle, if the document is one.

        Raises:
            MalformedProof: it is a damaged bundle.
            InvalidInput: (code `two-sources`) the command line names a part that is in it.
        """
        from verifiable.backends.tee.bundle import BUNDLE_LIMIT_BYTES, Bundle
        from verifiable.errors import InvalidInput, MalformedProof
        from verifiable.files import read_bytes

        data = read_bytes(self.document, limit_bytes=BUNDLE_LIMIT_BYTES, error=MalformedProof)
        if not data.lstrip().startswith(b"{"):
            return None
        twice = next((name for name in _FROM_BUNDLE[1:] if getattr(self, name)), None)
        found = Bundle.decode(data)
        if twice is not None or self.kind not in (None, found.evidence.kind):
            raise InvalidInput(
                f"the bundle holds {twice or 'the kind of its evidence'}, and the command line "
                "names another",
                where=str(self.document),
                hint="leave one of the two out",
                code="two-sources",
            )
        return found

    def read(self) -> Evidence:
        """The evidence with what lies beside it; nothing is judged.

        Raises:
            MalformedProof, ResourceLimit: a file cannot be read or is too large.
            InvalidInput: the kind is not named, or a bundle's parts are named twice.
        """
        bundle = self.bundle()
        if bundle is not None:
            return bundle.evidence
        from verifiable.backends.tee import evidence_json as limits
        from verifiable.backends.tee.evidence import Evidence
        from verifiable.errors import InvalidInput, MalformedProof
        from verifiable.files import read_bytes

        if self.kind is None:
            raise InvalidInput(
                "the kind of the evidence is not named",
                where=str(self.document),
                hint=f"give --kind {'|'.join(KINDS)}",
                code="kind-needed",
            )

        def read(path: Path, limit_bytes: int) -> bytes:
            return read_bytes(path, limit_bytes=limit_bytes, error=MalformedProof)

        # Twice the size and some white space: it may be hex.
        document = _raw(read(self.document, 2 * limits.MAX_DOCUMENT_BYTES + 1024))
        collateral, log = self.collateral, self.event_log
        found = Evidence(
            kind=cast("AttestationKind", self.kind),  # click has checked the choice
            document=document,
            chain=tuple(
                _der(read(path, 2 * limits.MAX_CERTIFICATE_BYTES), path) for path in self.chain
            ),
        )
        if collateral is not None:
            found = replace(found, collateral=read(collateral, limits.MAX_COLLATERAL_BYTES))
        if log is not None:
            found = replace(found, event_log=read(log, limits.MAX_LOG_BYTES))
        return found


def evidence_options(function: Function) -> Function:
    """Add the options that say what lies beside the argument `evidence`; passes `files`."""

    @click.option(
        "--kind", type=click.Choice(KINDS), help="Whose form it has (a bundle says it itself)."
    )
    @click.option("--collateral", type=FILE, help="Intel's collateral, a JSON file.")
    @click.option(
        "--chain", type=FILE, multiple=True, metavar="CERT", help="Certificates, leaf first (SNP)."
    )
    @click.option("--event-log", type=FILE, help="The log of the run-time register, if any.")
    @functools.wraps(function)
    def wrapper(
        *args: Any,
        evidence: Path,
        kind: str | None,
        collateral: Path | None,
        chain: tuple[Path, ...],
        event_log: Path | None,
        **kw: Any,
    ) -> Any:
        files = EvidenceFiles(
            document=evidence,
            kind=kind,
            collateral=collateral,
            chain=chain,
            event_log=event_log,
        )
        return function(*args, files=files, **kw)

    return wrapper


def read_policy(path: Path) -> Policy:
    """The policy of a file.

    Raises:
        MalformedFile, ResourceLimit: it cannot be read.
    """
    from verifiable.statement.policy import Policy

    return Policy.load(path)


def _raw(data: bytes) -> bytes:
    """The bytes of a file that holds them as they are, or as hex."""
    text = b"".join(data.split()).removeprefix(b"0x")
    if text and len(text) % 2 == 0 and all(char in _HEX for char in text):
        return bytes.fromhex(text.decode("ascii"))
    return data


def _der(data: bytes, path: Path) -> bytes:
    """A certificate's DER, of PEM or DER.

    Raises:
        MalformedProof: (code `bad-certificate`) it is neither.
    """
    if not data.lstrip().startswith(b"-----"):
        return data
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from verifiable.errors import MalformedProof

    try:
        return x509.load_pem_x509_certificate(data).public_bytes(Encoding.DER)
    except ValueError as cause:
        raise MalformedProof(
            "this is no certificate in PEM",
            where=str(path),
            hint="give one certificate a file, PEM or DER",
            code="bad-certificate",
        ) from cause
