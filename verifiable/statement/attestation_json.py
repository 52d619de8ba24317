"""The policy's demands on attestations as JSON, read strictly and checked in memory alike.

`docs/formats/attestation-policy.md` defines the members. One that is left out has its strict
default; an unknown one is refused, so that a misspelt demand never passes unnoticed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import cast

from verifiable.errors import MalformedFile
from verifiable.statement.attestation import (
    AttestationKind,
    AttestationPolicy,
    KeyRegistry,
    Reference,
)
from verifiable.statement.strict_json import Field, encode_hex

__all__ = [
    "ATTESTATION_KINDS",
    "TCB_STATUSES",
    "attestation_to_json",
    "check_attestation",
    "read_attestation",
    "register_bytes",
]

ATTESTATION_KINDS: tuple[AttestationKind, ...] = ("tdx", "sgx", "snp", "nitro")

TCB_STATUSES = (
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "TDRelaunchAdvised",
    "TDRelaunchAdvisedConfigurationNeeded",
)
"""What a policy may accept of an Intel platform; `Revoked` is never acceptable."""

_FLAGS = ("dynamic_platform", "cached_keys", "smt")
_REGISTERS: Mapping[AttestationKind, Mapping[str, int]] = MappingProxyType(
    {
        "tdx": dict.fromkeys(
            (
                "mrtd",
                "rtmr0",
                "rtmr1",
                "rtmr2",
                "rtmr3",
                "mrseam",
                "mrconfigid",
                "mrowner",
                "mrownerconfig",
            ),
            48,
        ),
        "sgx": {"mrenclave": 32, "mrsigner": 32, "isv_prod_id": 2},
        "snp": {
            "measurement": 48,
            "host_data": 32,
            "id_key_digest": 48,
            "author_key_digest": 48,
        },
        "nitro": {f"pcr{number}": 48 for number in range(32)},
    }
)
_MAX_ITEMS = 1024
_MAX_NONCE_BYTES = 512
_MAX_REPORT_DATA_BYTES = 512  # of Nitro, which may have none; others have 64
_MAX_PLATFORM_BYTES = 256
_MAX_AGE_S = 1 << 40
_MAX_REGISTRY_BYTES = 160
_MAX_SVN = (1 << 16) - 1
_ADVISORY = re.compile(r"[A-Z0-9-]{1,40}", re.ASCII)
_WHERE = "policy.attestation"


def register_bytes(kind: AttestationKind) -> Mapping[str, int]:
    """By name the size in bytes of each register that a reference of this kind may hold."""
    return _REGISTERS[kind]


def attestation_to_json(policy: AttestationPolicy) -> dict[str, object]:
    """The demands as JSON-ready objects; every member written out, sets sorted."""
    return {
        "references": [
            {
                "kind": item.kind,
                "values": {name: encode_hex(value) for name, value in item.values.items()},
                "minimum_svn": item.minimum_svn,
            }
            for item in policy.references
        ],
        "simulated_roots": _hex_list(policy.simulated_roots),
        "tcb_statuses": sorted(policy.tcb_statuses),
        "denied_advisories": sorted(policy.denied_advisories),
        "minimum_tcb_evaluation": policy.minimum_tcb_evaluation,
        "grace_s": policy.grace_s,
        "platform_flags": sorted(policy.platform_flags),
        "td_attributes": _hex_list(policy.td_attributes),
        "xfams": _hex_list(policy.xfams),
        "service_tds": _hex_list(policy.service_tds),
        "insecure_allow_debug": policy.insecure_allow_debug,
        "platforms": None if policy.platforms is None else _hex_list(policy.platforms),
        "nonce": None if policy.nonce is None else encode_hex(policy.nonce),
        "require_nonce": policy.require_nonce,
        "maximum_age_s": policy.maximum_age_s,
        "report_data": None if policy.report_data is None else encode_hex(policy.report_data),
        "gpu": policy.gpu,
        "registry": None if policy.registry is None else policy.registry.text,
    }


def read_attestation(item: Field) -> AttestationPolicy:
    """Read the member `attestation` of a policy file.

    Raises:
        MalformedFile: (or the document's subclass) with the code and the path of what is wrong.
    """
    found = item.object((), tuple(_READERS))
    members: dict[str, object] = {
        name: _READERS[name](field)
        for name, field in found.items()
        if not (field.is_null and name in _NULLABLE)
    }
    # Each reader gives its member's own type, which a mapping of all of them cannot say.
    return AttestationPolicy(**members)  # type: ignore[arg-type]


def check_attestation(policy: AttestationPolicy) -> None:
    """Refuse demands in memory that no file could hold.

    Raises:
        MalformedFile: naming the member.
    """
    for index, item in enumerate(policy.references):
        _check_reference(item, f"{_WHERE}.references[{index}]")
    fits = {
        "references": isinstance(policy.references, tuple),
        "simulated_roots": _are_bytes(policy.simulated_roots, 32),
        "tcb_statuses": _are_in(policy.tcb_statuses, TCB_STATUSES),
        "denied_advisories": _are_texts(policy.denied_advisories)
        and all(_ADVISORY.fullmatch(name) for name in policy.denied_advisories),
        "minimum_tcb_evaluation": _is_integer(policy.minimum_tcb_evaluation, (1 << 31) - 1),
        "grace_s": _is_integer(policy.grace_s, _MAX_AGE_S),
        "platform_flags": _are_in(policy.platform_flags, _FLAGS),
        "td_attributes": _are_bytes(policy.td_attributes, 8),
        "xfams": _are_bytes(policy.xfams, 8),
        "service_tds": _are_bytes(policy.service_tds, 48),
        "insecure_allow_debug": isinstance(policy.insecure_allow_debug, bool),
        "platforms": policy.platforms is None
        or (
            isinstance(policy.platforms, frozenset)
            and all(_is_bytes(name, _MAX_PLATFORM_BYTES) and name for name in policy.platforms)
        ),
        "nonce": policy.nonce is None
        or (_is_bytes(policy.nonce, _MAX_NONCE_BYTES) and bool(policy.nonce)),
        "require_nonce": isinstance(policy.require_nonce, bool),
        "maximum_age_s": _is_integer(policy.maximum_age_s, _MAX_AGE_S),
        "report_data": policy.report_data is None
        or _is_bytes(policy.report_data, _MAX_REPORT_DATA_BYTES),
        "gpu": isinstance(policy.gpu, bool),
        "registry": policy.registry is None or _is_registry(policy.registry),
    }
    wrong = next((name for name, fit in fits.items() if not fit), None)
    if wrong is not None:
        raise MalformedFile(
            "not what this member holds", where=f"{_WHERE}.{wrong}", code="bad-attestation-policy"
        )


def _is_registry(value: object) -> bool:
    return isinstance(value, KeyRegistry) and KeyRegistry.of_text(value.text) == value


def _check_reference(item: Reference, where: str) -> None:
    if not isinstance(item, Reference) or item.kind not in ATTESTATION_KINDS:
        raise MalformedFile("not a reference", where=where, code="bad-reference")
    sizes = _REGISTERS[item.kind]
    for name, value in item.values.items():
        if name not in sizes:
            raise MalformedFile(
                f"{item.kind} has no register {name!r:.80}",
                where=where,
                hint=f"use any of: {', '.join(sizes)}",
                code="bad-reference",
            )
        if not isinstance(value, bytes) or len(value) != sizes[name]:
            raise MalformedFile(
                f"{name} is {sizes[name]} bytes", where=f"{where}.values", code="bad-reference"
            )
    if item.minimum_svn is not None and (
        item.kind != "sgx" or not _is_integer(item.minimum_svn, _MAX_SVN)
    ):
        raise MalformedFile(
            f"a lowest ISVSVN is of sgx, from 0 to {_MAX_SVN}", where=where, code="bad-reference"
        )


def _is_integer(value: object, high: int) -> bool:
    return type(value) is int and 0 <= value <= high


def _is_bytes(value: object, limit: int) -> bool:
    return isinstance(value, bytes) and len(value) <= limit


def _are_bytes(values: object, size: int) -> bool:
    return isinstance(values, frozenset) and all(
        isinstance(value, bytes) and len(value) == size for value in values
    )


def _are_texts(values: object) -> bool:
    return isinstance(values, frozenset) and all(isinstance(value, str) for value in values)


def _are_in(values: object, choices: Collection[str]) -> bool:
    return isinstance(values, frozenset) and all(value in choices for value in values)


def _hex_list(values: Collection[bytes]) -> list[str]:
    return sorted(encode_hex(value) for value in values)


def _read_references(item: Field) -> tuple[Reference, ...]:
    return tuple(_read_reference(field) for field in item.array(limit=_MAX_ITEMS))


def _read_reference(item: Field) -> Reference:
    found = item.object(("kind", "values"), ("minimum_svn",))
    kind = cast(AttestationKind, found["kind"].choice(ATTESTATION_KINDS))
    values = {name: field.hex(limit_bytes=48) for name, field in found["values"].mapping().items()}
    svn = found.get("minimum_svn")
    reference = Reference(
        kind=kind,
        values=MappingProxyType(values),
        minimum_svn=None if svn is None or svn.is_null else svn.integer(0, _MAX_SVN),
    )
    try:
        _check_reference(reference, item.path)
    except MalformedFile as cause:
        item.refuse(cause.what, code=cause.code, hint=cause.hint)
    return reference


def _read_hexes(size: int) -> Callable[[Field], frozenset[bytes]]:
    def read(item: Field) -> frozenset[bytes]:
        found = []
        for field in item.array(limit=_MAX_ITEMS):
            value = field.hex(limit_bytes=size)
            if len(value) != size:
                field.refuse(f"{size} bytes are expected", code="out-of-bounds")
            found.append(value)
        return frozenset(found)

    return read


def _read_report_data(item: Field) -> bytes:
    return item.hex(limit_bytes=_MAX_REPORT_DATA_BYTES)


def _read_some(limit_bytes: int) -> Callable[[Field], bytes]:
    def read(item: Field) -> bytes:
        value = item.hex(limit_bytes=limit_bytes)
        if not value:
            item.refuse(f"1 to {limit_bytes} bytes are expected", code="out-of-bounds")
        return value

    return read


def _read_platforms(item: Field) -> frozenset[bytes]:
    read = _read_some(_MAX_PLATFORM_BYTES)
    return frozenset(read(field) for field in item.array(limit=_MAX_ITEMS))


def _read_choices(choices: tuple[str, ...]) -> Callable[[Field], frozenset[str]]:
    return lambda item: frozenset(field.choice(choices) for field in item.array(limit=_MAX_ITEMS))


def _read_advisories(item: Field) -> frozenset[str]:
    names = []
    for field in item.array(limit=_MAX_ITEMS):
        name = field.text(limit_bytes=40)
        if _ADVISORY.fullmatch(name) is None:
            field.refuse("the name of an advisory is expected", code="out-of-bounds")
        names.append(name)
    return frozenset(names)


def _read_registry(item: Field) -> KeyRegistry:
    registry = KeyRegistry.of_text(item.text(limit_bytes=_MAX_REGISTRY_BYTES))
    if registry is None:
        item.refuse(
            "chainId:address:codeHash:hardware or ..:simulated is expected",
            hint="write the address in 40 and the hash in 64 lower-case hex digits",
            code="out-of-bounds",
        )
    return registry


_NULLABLE = frozenset(("platforms", "nonce", "report_data", "registry"))
_READERS: Mapping[str, Callable[[Field], object]] = {
    "references": _read_references,
    "simulated_roots": _read_hexes(32),
    "tcb_statuses": _read_choices(TCB_STATUSES),
    "denied_advisories": _read_advisories,
    "minimum_tcb_evaluation": lambda item: item.integer(0, (1 << 31) - 1),
    "grace_s": lambda item: item.integer(0, _MAX_AGE_S),
    "platform_flags": _read_choices(_FLAGS),
    "td_attributes": _read_hexes(8),
    "xfams": _read_hexes(8),
    "service_tds": _read_hexes(48),
    "insecure_allow_debug": Field.boolean,
    "platforms": _read_platforms,
    "nonce": _read_some(_MAX_NONCE_BYTES),
    "require_nonce": Field.boolean,
    "maximum_age_s": lambda item: item.integer(0, _MAX_AGE_S),
    "report_data": _read_report_data,
    "gpu": Field.boolean,
    "registry": _read_registry,
}
