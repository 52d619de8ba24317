"""Intel quotes: TDX version 4 and 5, SGX version 3, decoded strictly and without judging.

Every offset is fixed by the version, sizes must add up, and only zeros may follow the end. Numbers
are little-endian, signatures raw `r || s`, keys raw `x || y`. Identity never comes from the bytes
of a whole quote, since many of them are signed by nobody: `Quote.signed` is what the key signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NoReturn

from verifiable.errors import MalformedProof

__all__ = [
    "INTEL_QE_VENDOR",
    "MAX_QUOTE_BYTES",
    "CertificationKind",
    "EnclaveReport",
    "Quote",
    "TdReport",
]

MAX_QUOTE_BYTES = 16 * 1024
"""Three times the largest real quote; checked before anything is read."""

INTEL_QE_VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")

CertificationKind = Literal["pck-chain", "ppid"]
"""Whether the quote brings its PCK chain (type 5), or names the platform only (types 1 to 3)."""

_HEADER_BYTES = 48
_SGX_BODY_BYTES = 384
_ECDSA_P256 = 2
_TEE_SGX, _TEE_TDX = 0x00, 0x81
_QE_CERTIFICATION = 6
_PCK_CHAIN = 5
_PPID_BYTES = {1: 36, 2: 404, 3: 404}  # PPID, encrypted or not; then CPUSVN, PCESVN, PCEID
_AUTH_DATA_BYTES = 32
_BODY_BYTES = {2: 584, 3: 648}  # of version 5, by type: TD 1.0, TD 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class EnclaveReport:
    """The body of an SGX quote, and what a quoting enclave says of itself: 384 bytes.

    Attributes:
        raw: all bytes, as signed.
        cpusvn: of the report; a level is matched with the certificate's, not with this one.
        isv_prod_id, isv_svn: of the enclave.
    """

    raw: bytes
    cpusvn: bytes
    miscselect: bytes
    attributes: bytes
    mrenclave: bytes
    mrsigner: bytes
    isv_prod_id: int
    isv_svn: int
    report_data: bytes

    DEBUG: ClassVar[int] = 0x02

    @classmethod
    def parse(cls, data: bytes) -> EnclaveReport:
        """Decode exactly 384 bytes."""
        if len(data) != _SGX_BODY_BYTES:
            _refuse(f"{len(data)} bytes where {_SGX_BODY_BYTES} are expected", "enclave report")
        return cls(
            raw=data,
            cpusvn=data[0:16],
            miscselect=data[16:20],
            attributes=data[48:64],
            mrenclave=data[64:96],
            mrsigner=data[128:160],
            isv_prod_id=int.from_bytes(data[256:258], "little"),
            isv_svn=int.from_bytes(data[258:260], "little"),
            report_data=data[320:384],
        )

    @property
    def debug(self) -> bool:
        """Whether a debugger may read the enclave."""
        return bool(self.attributes[0] & self.DEBUG)

    @property
    def measurements(self) -> dict[str, bytes]:
        """By name what says which enclave this is; numbers as two bytes, big-endian."""
        return {
            "mrenclave": self.mrenclave,
            "mrsigner": self.mrsigner,
            "isv_prod_id": self.isv_prod_id.to_bytes(2, "big"),
            "isv_svn": self.isv_svn.to_bytes(2, "big"),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TdReport:
    """The body of a TDX quote: 584 bytes, 648 where the module is of version 1.5.

    Attributes:
        rtmrs: the four run-time registers.
        tee_tcb_svn2, mrservicetd: of version 1.5 only, else None.
    """

    tee_tcb_svn: bytes
    mrseam: bytes
    mrsignerseam: bytes
    seamattributes: bytes
    tdattributes: bytes
    xfam: bytes
    mrtd: bytes
    mrconfigid: bytes
    mrowner: bytes
    mrownerconfig: bytes
    rtmrs: tuple[bytes, bytes, bytes, bytes]
    report_data: bytes
    tee_tcb_svn2: bytes | None
    mrservicetd: bytes | None

    @classmethod
    def parse(cls, data: bytes) -> TdReport:
        """Decode exactly 584 or 648 bytes."""
        if len(data) not in _BODY_BYTES.values():
            _refuse(f"{len(data)} bytes where 584 or 648 are expected", "TD report")
        extended = len(data) == 648
        return cls(
            tee_tcb_svn=data[0:16],
            mrseam=data[16:64],
            mrsignerseam=data[64:112],
            seamattributes=data[112:120],
            tdattributes=data[120:128],
            xfam=data[128:136],
            mrtd=data[136:184],
            mrconfigid=data[184:232],
            mrowner=data[232:280],
            mrownerconfig=data[280:328],
            rtmrs=(data[328:376], data[376:424], data[424:472], data[472:520]),
            report_data=data[520:584],
            tee_tcb_svn2=data[584:600] if extended else None,
            mrservicetd=data[600:648] if extended else None,
        )

    @property
    def measurements(self) -> dict[str, bytes]:
        """By name what says which workload this is, 48 bytes each."""
        found = {
            "mrtd": self.mrtd,
            **{f"rtmr{index}": register for index, register in enumerate(self.rtmrs)},
            "mrseam": self.mrseam,
            "mrconfigid": self.mrconfigid,
            "mrowner": self.mrowner,
            "mrownerconfig": self.mrownerconfig,
        }
        if self.mrservicetd is not None:
            found["mrservicetd"] = self.mrservicetd
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One decoded quote; nothing in it is verified.

    Attributes:
        version: 3, 4 or 5.
        body_type: of version 5: 2 (TD 1.0) or 3 (TD 1.5); 0 for others.
        qe_vendor: who made the quoting enclave, 16 bytes.
        user_data: 20 bytes of the header: the quoting enclave's id, then zeros.
        body: the workload's report.
        signed: what `signature` is over: header and body.
        attestation_key: the quoting enclave's key, 64 bytes.
        qe_report: the quoting enclave's own report, which the PCK key signed.
        qe_auth_data: bound, with the key, by that report.
        certification: which form `certification_data` has.
        certification_data: PEM of the PCK chain, or what names the platform.
        size: bytes without the zeros at the end.
        trailing_zeros: how many follow.
    """

    version: int
    tee: Literal["tdx", "sgx"]
    body_type: int
    qe_vendor: bytes
    user_data: bytes
    body: TdReport | EnclaveReport
    signed: bytes
    signature: bytes
    attestation_key: bytes
    qe_report: EnclaveReport
    qe_report_signature: bytes
    qe_auth_data: bytes
    certification: CertificationKind
    certification_data: bytes
    size: int
    trailing_zeros: int

    @classmethod
    def parse(cls, data: bytes) -> Quote:
        """Decode a quote.

        Raises:
            MalformedProof: with one of the codes `evidence-too-large`, `unsupported-evidence`,
                `trailing-bytes`, `evidence-malformed`.
        """
        if len(data) > MAX_QUOTE_BYTES:
            raise MalformedProof(
                f"{len(data)} bytes", where="quote", code="evidence-too-large",
                hint=f"a quote has at most {MAX_QUOTE_BYTES} bytes",
            )  # fmt: skip
        reader = _Reader(data, "quote")
        header = reader.take(_HEADER_BYTES, "header")
        version = int.from_bytes(header[0:2], "little")
        tee = _tee_of(header, version)
        body_type, body = _body(reader, version)
        signed = data[: reader.position]
        parsed = TdReport.parse(body) if tee == "tdx" else EnclaveReport.parse(body)
        signature_data = reader.sized(4, "signature data")
        _only_zeros(data, reader.position)

        inner = _Reader(signature_data, "signature data")
        signature = inner.take(64, "signature")
        attestation_key = inner.take(64, "attestation key")
        if version != 3:  # the rest is wrapped once more: certification data of type 6
            kind = inner.number(2, "certification type")
            if kind != _QE_CERTIFICATION:
                _refuse(
                    f"certification type {kind} where 6 is expected",
                    "signature data",
                    code="unsupported-evidence",
                )
            certification = inner.sized(4, "certification data")
            inner.end()
            inner = _Reader(certification, "certification data")
        qe_report = EnclaveReport.parse(inner.take(_SGX_BODY_BYTES, "QE report"))
        qe_report_signature = inner.take(64, "QE report signature")
        qe_auth_data = inner.sized(2, "QE authentication data")
        inner_kind = inner.number(2, "inner certification type")
        certification_data = inner.sized(4, "inner certification data")
        inner.end()
        if len(qe_auth_data) != _AUTH_DATA_BYTES:
            _refuse(
                f"{len(qe_auth_data)} bytes of QE authentication data, where Intel writes "
                f"{_AUTH_DATA_BYTES}",
                "certification data",
                code="unsupported-evidence",
            )
        if any(qe_report.report_data[32:]):
            _refuse("REPORTDATA[32:64] of the quoting enclave is not zero", "QE report")
        return cls(
            version=version,
            tee=tee,
            body_type=body_type,
            qe_vendor=header[12:28],
            user_data=header[28:48],
            body=parsed,
            signed=signed,
            signature=signature,
            attestation_key=attestation_key,
            qe_report=qe_report,
            qe_report_signature=qe_report_signature,
            qe_auth_data=qe_auth_data,
            certification=_certification(inner_kind, certification_data),
            certification_data=certification_data,
            size=reader.position,
            trailing_zeros=len(data) - reader.position,
        )


def _tee_of(header: bytes, version: int) -> Literal["tdx", "sgx"]:
    key_type = int.from_bytes(header[2:4], "little")
    tee_type = int.from_bytes(header[4:8], "little")
    known = {(3, _TEE_SGX): "sgx", (4, _TEE_TDX): "tdx", (5, _TEE_TDX): "tdx"}
    if (version, tee_type) not in known:
        _refuse(
            f"version {version} of TEE type {tee_type:#x}",
            "quote",
            code="unsupported-evidence",
            hint="read are TDX quotes of version 4 and 5 and SGX quotes of version 3",
        )
    if key_type != _ECDSA_P256:
        _refuse(
            f"attestation key type {key_type}",
            "quote",
            code="unsupported-evidence",
            hint="read is type 2, ECDSA on P-256",
        )
    if version != 3 and any(header[8:12]):
        _refuse("reserved bytes of the header are not zero", "quote")
    return "sgx" if tee_type == _TEE_SGX else "tdx"


def _body(reader: _Reader, version: int) -> tuple[int, bytes]:
    """Type (of version 5) and bytes of the body."""
    if version == 3:
        return 0, reader.take(_SGX_BODY_BYTES, "report body")
    if version == 4:
        return 0, reader.take(584, "report body")
    kind = reader.number(2, "body type")
    size = reader.number(4, "body size")
    if kind not in _BODY_BYTES:
        _refuse(
            f"body type {kind}",
            "quote",
            code="unsupported-evidence",
            hint="read are types 2 (TD 1.0) and 3 (TD 1.5)",
        )
    if size != _BODY_BYTES[kind]:
        _refuse(f"a body of {size} bytes where its type has {_BODY_BYTES[kind]}", "quote")
    return kind, reader.take(size, "report body")


def _certification(kind: int, data: bytes) -> CertificationKind:
    if kind == _PCK_CHAIN:
        return "pck-chain"
    if kind not in _PPID_BYTES:
        _refuse(
            f"inner certification type {kind}",
            "certification data",
            code="unsupported-evidence",
            hint="read are 5 (PCK chain) and, with the chain in the collateral, 1 to 3 (PPID)",
        )
    if len(data) != _PPID_BYTES[kind]:
        _refuse(f"{len(data)} bytes of type {kind} certification data", "certification data")
    return "ppid"


def _only_zeros(data: bytes, end: int) -> None:
    if any(data[end:]):
        _refuse(
            f"{len(data) - end} bytes follow the end, and not all are zero",
            "quote",
            code="trailing-bytes",
        )


class _Reader:
    """Takes parts off the front of bytes, never beyond their end."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data = data
        self._name = name
        self.position = 0

    def take(self, size: int, what: str) -> bytes:
        """The next `size` bytes."""
        left = len(self._data) - self.position
        if size > left:
            _refuse(f"{what} needs {size} bytes, {left} are left", self._name)
        part = self._data[self.position : self.position + size]
        self.position += size
        return part

    def number(self, size: int, what: str) -> int:
        """The next `size` bytes as a number."""
        return int.from_bytes(self.take(size, what), "little")

    def sized(self, size: int, what: str) -> bytes:
        """A part that follows its own length, which has `size` bytes."""
        return self.take(self.number(size, f"length of the {what}"), what)

    def end(self) -> None:
        """Refuse anything that is left."""
        left = len(self._data) - self.position
        if left:
            _refuse(f"{left} bytes are left over", self._name)


def _refuse(what: str, where: str, *, code: str = "evidence-malformed", hint: str = "") -> NoReturn:
    raise MalformedProof(what, where=where, hint=hint, code=code)
