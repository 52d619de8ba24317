"""Patch levels of an Intel platform: the signed texts, and which level a platform is at.

`TcbInfo` and `QeIdentity` read the two texts whose signatures are checked elsewhere. `platform_tcb`
chooses a level as Intel's own library does: from high to low, the first whose every number the
platform reaches. Where none is reached it says which component is too old, since "no level" helps
nobody. Levels are ordered here, whatever order the text has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType

from verifiable.backends.tee.pck import PckExtension
from verifiable.errors import MalformedProof
from verifiable.statement.strict_json import Field, decode_strict

__all__ = [
    "STATUSES",
    "Level",
    "NoLevel",
    "QeIdentity",
    "Signed",
    "TcbInfo",
    "TdxModule",
    "enclave_tcb",
    "merge",
    "platform_tcb",
]

STATUSES = (
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
)
"""All states that Intel's texts name, the better ones first."""

_MAX_TEXT_BYTES = 1 << 20
_MAX_LEVELS = 256
_COMPONENTS = 16
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level of a platform, a module or a quoting enclave.

    Attributes:
        sgx, tdx: the sixteen numbers asked of a platform; empty where `isvsvn` counts.
        names: what Intel calls the components of both (`SEAMLDR ACM`); empty where it does not.
        pcesvn: asked of the provisioning enclave.
        isvsvn: asked of a module or an enclave.
        date: up to when all known issues are covered.
        status: one of `STATUSES`, or a text that this release does not know.
    """

    sgx: tuple[int, ...] = ()
    tdx: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    pcesvn: int = 0
    isvsvn: int = 0
    date: datetime
    status: str
    advisories: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoLevel:
    """Why no level is reached.

    Attributes:
        component: what is too old, by number and name.
        value: the platform's.
        asked: by every level, or by the one that comes nearest.
        by_all: whether every level asks for at least that.
    """

    component: str
    value: int
    asked: int
    by_all: bool

    def __str__(self) -> str:
        who = "every level asks" if self.by_all else "the nearest level asks"
        return f"{self.component} is {self.value}, {who} for {self.asked}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TdxModule:
    """What a TDX module must be: its signer, its attributes, and levels by ISVSVN."""

    mrsigner: bytes
    attributes: bytes
    attributes_mask: bytes
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What both texts have.

    Attributes:
        id: `SGX` or `TDX` of TCB info, `QE` or `TD_QE` of an identity.
        issued, next_update: both inclusive.
        evaluation: `tcbEvaluationDataNumber`; a higher one knows of more issues.
        levels: high to low.
    """

    id: str
    version: int
    issued: datetime
    next_update: datetime
    evaluation: int
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TcbInfo:
    """TCB info, version 3.

    Attributes:
        module: what a module of version 0 must be; None for SGX.
        modules: by id (`TDX_01`) the modules of later versions.
    """

    signed: Signed
    fmspc: bytes
    pceid: bytes
    module: TdxModule | None
    modules: Mapping[str, TdxModule]

    @classmethod
    @lru_cache(maxsize=8)  # one text is for many quotes of a platform
    def parse(cls, text: bytes) -> TcbInfo:
        """Decode a text whose signature is checked elsewhere.

        Raises:
            MalformedProof: it breaks the form.
        """
        text_of = _Text(text, "TCB info")
        signed = text_of.signed(versions=(3,), ids=("SGX", "TDX"))
        tdx = signed.id == "TDX"
        modules: dict[str, TdxModule] = {}
        identities = _get(text_of.root, "tdxModuleIdentities") if tdx else None
        for item in identities.array(limit=64) if identities is not None else ():
            name = _key(item, "id").text(limit_bytes=16).upper()
            if name in modules:
                item.refuse(f"module {name} appears twice", code="evidence-malformed")
            modules[name] = _module(item)
        text_of.field("tcbType").integer(0, 0)
        return cls(
            signed=signed,
            fmspc=_hex(text_of.field("fmspc"), 6),
            pceid=_hex(text_of.field("pceId"), 2),
            module=_module(text_of.field("tdxModule")) if tdx else None,
            modules=MappingProxyType(modules),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QeIdentity:
    """Identity of a quoting enclave, version 2 or 3."""

    signed: Signed
    miscselect: bytes
    miscselect_mask: bytes
    attributes: bytes
    attributes_mask: bytes
    mrsigner: bytes
    isv_prod_id: int

    @classmethod
    @lru_cache(maxsize=8)  # one text is for many quotes of a platform
    def parse(cls, text: bytes) -> QeIdentity:
        """Decode a text whose signature is checked elsewhere.

        Raises:
            MalformedProof: it breaks the form.
        """
        text_of = _Text(text, "QE identity")
        return cls(
            signed=text_of.signed(versions=(2, 3), ids=("QE", "TD_QE")),
            miscselect=_hex(text_of.field("miscselect"), 4),
            miscselect_mask=_hex(text_of.field("miscselectMask"), 4),
            attributes=_hex(text_of.field("attributes"), 16),
            attributes_mask=_hex(text_of.field("attributesMask"), 16),
            mrsigner=_hex(text_of.field("mrsigner"), 32),
            isv_prod_id=text_of.field("isvprodid").integer(0, 0xFFFF),
        )


def platform_tcb(
    levels: Sequence[Level], pck: PckExtension, tee_tcb_svn: bytes | None
) -> Level | NoLevel:
    """The level of a platform, or why it has none.

    Args:
        levels: of the TCB info, high to low.
        pck: whose CPUSVN and PCESVN count (not those of a report).
        tee_tcb_svn: of a TD's report; None for SGX. Where its byte 1 (version of the module) is
            not zero, bytes 0 and 1 belong to the module's identity and are not compared.
    """
    found: dict[str, int] = {"PCESVN": pck.pcesvn}
    found |= {_component("CPUSVN", index): svn for index, svn in enumerate(pck.cpusvn)}
    first = 2 if tee_tcb_svn is not None and tee_tcb_svn[1] > 0 else 0
    for index, svn in enumerate(tee_tcb_svn or b""):
        if index >= first:
            found[_component("TEE_TCB_SVN", index)] = svn
    below: list[dict[str, int]] = []  # by level, what it asks for and is not reached
    for level in levels:
        asked = _asked(level)
        missing = {name: asked[name] for name, svn in found.items() if svn < asked.get(name, 0)}
        if not missing:
            return level
        below.append(missing)
    if not below:
        return NoLevel(component="level", value=0, asked=1, by_all=True)
    common = [name for name in found if all(name in missing for missing in below)]
    nearest = min(below, key=len)
    name = common[0] if common else next(iter(nearest))
    asked_for = min(missing[name] for missing in below) if common else nearest[name]
    label = _label(levels, name)
    return NoLevel(component=label, value=found[name], asked=asked_for, by_all=bool(common))


def enclave_tcb(levels: Sequence[Level], isvsvn: int) -> Level | None:
    """The level of a module or quoting enclave; None if it is below all."""
    return next((level for level in levels if isvsvn >= level.isvsvn), None)


def merge(platform: Level, parts: Sequence[Level]) -> tuple[str, tuple[str, ...]]:
    """Status and advisories of a platform with its module and quoting enclave, by Intel's rule.

    A part that is out of date makes the whole so and keeps what is to be configured; a revoked one
    revokes all. A state that the rule does not speak of counts if it is worse.
    """
    status = platform.status
    for part in parts:
        if part.status == "OutOfDate" and status in ("UpToDate", "SWHardeningNeeded"):
            status = "OutOfDate"
        elif part.status == "OutOfDate" and status in (
            "ConfigurationNeeded",
            "ConfigurationAndSWHardeningNeeded",
        ):
            status = "OutOfDateConfigurationNeeded"
        elif _badness(part.status) > _badness(status):
            status = part.status
    advisories = dict.fromkeys(
        advisory for level in (platform, *parts) for advisory in level.advisories
    )
    return status, tuple(advisories)


def _badness(status: str) -> int:
    return STATUSES.index(status) if status in STATUSES else len(STATUSES)


def _component(register: str, index: int) -> str:
    return f"{register} component {index + 1}"


def _asked(level: Level) -> dict[str, int]:
    asked = {"PCESVN": level.pcesvn}
    asked |= {_component("CPUSVN", index): svn for index, svn in enumerate(level.sgx)}
    asked |= {_component("TEE_TCB_SVN", index): svn for index, svn in enumerate(level.tdx)}
    return asked


def _label(levels: Sequence[Level], name: str) -> str:
    """A component's number, and what Intel calls it if any level says so."""
    for level in levels:
        position = list(_asked(level)).index(name) - 1
        if position >= 0 and level.names[position]:
            return f"{name} ({level.names[position]})"
    return name


class _Text:
    """Reads one signed text."""

    def __init__(self, text: bytes, name: str) -> None:
        self.root = decode_strict(
            text, limit_bytes=_MAX_TEXT_BYTES, error=MalformedProof, name=name
        )

    def field(self, key: str) -> Field:
        """A field that must be there."""
        return _key(self.root, key)

    def signed(self, *, versions: tuple[int, ...], ids: tuple[str, ...]) -> Signed:
        """What both texts have."""
        version = self.field("version")
        if version.integer() not in versions:
            version.refuse(f"version {version.value}", code="unsupported-evidence")
        levels = [
            _platform_level(item, tdx=self.field("id").value == "TDX")
            if "TDX" in ids
            else _enclave_level(item)
            for item in self.field("tcbLevels").array(limit=_MAX_LEVELS)
        ]
        return Signed(
            id=self.field("id").choice(ids, code="unsupported-evidence"),
            version=version.integer(),
            issued=_time(self.field("issueDate")),
            next_update=_time(self.field("nextUpdate")),
            evaluation=self.field("tcbEvaluationDataNumber").integer(0, 1 << 31),
            levels=_ordered(levels),
        )


def _get(item: Field, key: str) -> Field | None:
    """One field of an object; Intel adds fields, so that others may be there."""
    if not isinstance(item.value, dict):
        item.refuse("an object is expected", code="wrong-type")
    if key not in item.value:
        return None
    return Field(item.value[key], f"{item.path}.{key}", item.error)


def _key(item: Field, key: str) -> Field:
    found = _get(item, key)
    if found is None:
        item.refuse(f"key {key!r} is missing", code="missing-key")
    return found


def _ordered(levels: Sequence[Level]) -> tuple[Level, ...]:
    return tuple(
        sorted(
            levels,
            key=lambda level: (level.sgx, level.tdx, level.pcesvn, level.isvsvn),
            reverse=True,
        )
    )


def _module(item: Field) -> TdxModule:
    field = _get(item, "tcbLevels")
    levels = field.array(limit=_MAX_LEVELS) if field is not None else []
    return TdxModule(
        mrsigner=_hex(_key(item, "mrsigner"), 48),
        attributes=_hex(_key(item, "attributes"), 8),
        attributes_mask=_hex(_key(item, "attributesMask"), 8),
        levels=_ordered([_enclave_level(level) for level in levels]),
    )


def _enclave_level(item: Field) -> Level:
    return Level(
        isvsvn=_key(_key(item, "tcb"), "isvsvn").integer(0, 0xFFFF),
        date=_time(_key(item, "tcbDate")),
        status=_key(item, "tcbStatus").name(limit_bytes=64),
        advisories=_advisories(item),
    )


def _platform_level(item: Field, *, tdx: bool) -> Level:
    tcb = _key(item, "tcb")
    sgx, names = _components(_key(tcb, "sgxtcbcomponents"))
    tdx_svns, tdx_names = _components(_key(tcb, "tdxtcbcomponents")) if tdx else ((), ())
    return Level(
        sgx=sgx,
        tdx=tdx_svns,
        names=names + tdx_names,
        pcesvn=_key(tcb, "pcesvn").integer(0, 0xFFFF),
        date=_time(_key(item, "tcbDate")),
        status=_key(item, "tcbStatus").name(limit_bytes=64),
        advisories=_advisories(item),
    )


def _components(field: Field) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Numbers and names. A text has hundreds, so that they are read without a `Field` for each."""
    items = field.value
    if not isinstance(items, list) or len(items) != _COMPONENTS:
        field.refuse("an array of 16 components is expected", code="evidence-malformed")
    svns: list[int] = []
    names: list[str] = []
    for item in items:
        svn = item.get("svn") if isinstance(item, dict) else None
        if type(svn) is not int or not 0 <= svn <= 0xFF:
            field.refuse("a component without a number from 0 to 255", code="evidence-malformed")
        svns.append(svn)
        name = _get(Field(item, field.path, field.error), "type") if "type" in item else None
        names.append("" if name is None else name.name(limit_bytes=128))
    return tuple(svns), tuple(names)


def _advisories(item: Field) -> tuple[str, ...]:
    field = _get(item, "advisoryIDs")
    if field is None or field.is_null:
        return ()
    return tuple(entry.name(limit_bytes=64) for entry in field.array(limit=1024))


def _hex(field: Field, size: int) -> bytes:
    text = field.text(limit_bytes=2 * size)
    if len(text) != 2 * size or re.fullmatch(r"[0-9A-Fa-f]+", text, re.ASCII) is None:
        field.refuse(f"not {size} bytes of hex", code="not-hex")
    return bytes.fromhex(text)


def _time(field: Field) -> datetime:
    text = field.text(limit_bytes=32)
    try:
        moment = datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
        if moment is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the form of a time, and none: month 13, the year 0 in UTC
        moment = None
    if moment is None:
        field.refuse("not a time of RFC 3339 with its zone", code="evidence-malformed")
    return moment
