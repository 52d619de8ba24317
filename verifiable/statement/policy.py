"""The policy: what a relying party demands. Nothing in a proof can weaken it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from types import MappingProxyType

from verifiable.errors import InvalidInput, MalformedFile
from verifiable.files import read_bytes
from verifiable.statement.attestation import AttestationPolicy
from verifiable.statement.attestation_json import (
    attestation_to_json,
    check_attestation,
    read_attestation,
)
from verifiable.statement.hashing import DIGEST_BYTES, ProgramRoot, StatementDigest
from verifiable.statement.requirement import MAX_REQUIREMENT_BYTES, Requirement
from verifiable.statement.strict_json import (
    Field,
    decode_strict,
    encode_canonical,
    encode_hex,
    naming_file,
    read_format,
)
from verifiable.statement.versions import parse_version
from verifiable.statement.view import ADDRESS_BYTES, RegistryPin

__all__ = [
    "DEFAULT_BACKENDS",
    "INSECURE_ALLOWANCES",
    "POLICY_FORMAT",
    "Policy",
]

POLICY_FORMAT = "application/vnd.verifiable.policy.v1+json"
INSECURE_ALLOWANCES = ("local_chain", "local_setup", "simulated_tee")

DEFAULT_BACKENDS: Mapping[str, str | None] = MappingProxyType({"ezkl": None, "gkr": None})
"""Backends that need no honest party: the prover may choose among these, never beyond them."""

_LIMIT_BYTES = 1 << 20
_MAX_CHAIN_ID = (1 << 63) - 1
_OPTIONAL = (
    "backends",
    "program_roots",
    "context",
    "statement_digest",
    "allow_insecure",
    "allow_saturated",
    "minimum_soundness_bits",
    "maximum_age_s",
    "assurance",
    "registry",
    "attestation",
    "require",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What must hold for a proof to count. Every default is the strict choice.

    Attributes:
        backends: accepted backend ids, each with its lowest accepted version or None for any.
        program_roots: the programs that are accepted; None: another source pins the program.
        context: the context that a proof must carry; None: any, reported in the verdict.
        statement_digest: the one statement that is accepted; None: any.
        allow_insecure: weak evidence that is accepted all the same, of `INSECURE_ALLOWANCES`:
            `local_setup` (whoever made the SRS can forge), `simulated_tee`, `local_chain`.
        allow_saturated: accept proofs whose prover clipped raw input values.
        minimum_soundness_bits: for the backends to enforce.
        maximum_age_s: of the evidence, in seconds; refuses evidence of a backend that has no age.
        assurance: kind of root of trust (`hardware`, `simulated`); refuses evidence of a backend
            that has none.
        registry: the record on chain that must name the program and the key; None: none.
        attestation: what must hold for an attestation of hardware; None: the strict defaults,
            under which no code is known.
        require: which backends' proofs are enough together (see `statement.requirement`); None:
            each proof is judged for itself. All that it names must be in `backends`.
    """

    backends: Mapping[str, str | None] = field(default_factory=lambda: DEFAULT_BACKENDS)
    program_roots: frozenset[ProgramRoot] | None = None
    context: bytes | None = None
    statement_digest: StatementDigest | None = None
    allow_insecure: frozenset[str] = frozenset()
    allow_saturated: bool = False
    minimum_soundness_bits: int = 100
    maximum_age_s: int | None = None
    assurance: str | None = None
    registry: RegistryPin | None = None
    attestation: AttestationPolicy | None = None
    require: str | None = None

    def __post_init__(self) -> None:
        _check_types(self)
        object.__setattr__(self, "allow_insecure", frozenset(self.allow_insecure))
        if self.program_roots is not None:
            object.__setattr__(self, "program_roots", frozenset(self.program_roots))
        unknown = sorted(set(self.allow_insecure) - set(INSECURE_ALLOWANCES))
        if unknown:
            raise MalformedFile(
                f"unknown allowance {unknown[0]!r}",
                where="policy.allow_insecure",
                hint=f"use any of: {', '.join(INSECURE_ALLOWANCES)}",
                code="unknown-allowance",
            )
        for name, version in self.backends.items():
            if version is not None and parse_version(version) is None:
                raise MalformedFile(
                    f"version {version!r} is not dotted numbers",
                    where=f"policy.backends.{name}",
                    code="bad-version",
                )
        for digest in (*(self.program_roots or ()), self.context, self.statement_digest):
            if digest is not None and len(digest) != DIGEST_BYTES:
                raise MalformedFile("a digest is not 32 bytes", where="policy", code="bad-digest")
        if self.registry is not None:
            _check_pin(self.registry)
        if self.attestation is not None:
            check_attestation(self.attestation)
        if self.require is not None:
            _check_requirement(self.require, self.backends)

    def encode(self) -> bytes:
        """The policy as the bytes of a file; deterministic, every member written out."""
        roots = None
        if self.program_roots is not None:
            roots = sorted(encode_hex(root) for root in self.program_roots)
        digest = self.statement_digest
        attestation = self.attestation
        return encode_canonical(
            {
                "format": POLICY_FORMAT,
                "backends": dict(self.backends),
                "program_roots": roots,
                "context": None if self.context is None else encode_hex(self.context),
                "statement_digest": None if digest is None else encode_hex(digest),
                "allow_insecure": sorted(self.allow_insecure),
                "allow_saturated": self.allow_saturated,
                "minimum_soundness_bits": self.minimum_soundness_bits,
                "maximum_age_s": self.maximum_age_s,
                "assurance": self.assurance,
                "registry": None if self.registry is None else _pin_to_json(self.registry),
                "attestation": None if attestation is None else attestation_to_json(attestation),
                "require": self.require,
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Policy:
        """Decode a policy file strictly; a member that is left out has its strict default.

        Raises:
            MalformedFile: with the code and the path of what is wrong.
        """
        root = decode_strict(data, limit_bytes=_LIMIT_BYTES, error=MalformedFile, name="policy")
        read_format(root, POLICY_FORMAT)
        found = root.object(("format",), _OPTIONAL)
        del found["format"]
        members: dict[str, object] = {
            name: _READERS[name](item)
            for name, item in found.items()
            if not (item.is_null and name in _NULLABLE)
        }
        # Each reader gives its member's own type, which a mapping of all of them cannot say.
        return cls(**members)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Policy:
        """Read and decode a policy file.

        Raises:
            MalformedFile: it cannot be read or is not a policy.
            ResourceLimit: it is too large.
        """
        data = read_bytes(path, limit_bytes=_LIMIT_BYTES)
        with naming_file(path):
            return cls.decode(data)


def _check_types(policy: Policy) -> None:
    """Refuse members of another type: a policy in memory is checked like one in a file.

    Raises:
        MalformedFile: (code `wrong-type`) naming the member.
    """
    roots = policy.program_roots
    digests = (policy.context, policy.statement_digest)
    fits = {
        "backends": isinstance(policy.backends, Mapping)
        and all(
            isinstance(name, str) and isinstance(version, str | None)
            for name, version in policy.backends.items()
        ),
        "program_roots": roots is None or _is_collection_of(roots, bytes),
        "context": isinstance(digests[0], bytes | None),
        "statement_digest": isinstance(digests[1], bytes | None),
        "allow_insecure": _is_collection_of(policy.allow_insecure, str),
        "allow_saturated": isinstance(policy.allow_saturated, bool),
        "minimum_soundness_bits": type(policy.minimum_soundness_bits) is int,
        "maximum_age_s": policy.maximum_age_s is None or type(policy.maximum_age_s) is int,
        "assurance": isinstance(policy.assurance, str | None),
        "registry": isinstance(policy.registry, RegistryPin | None),
        "attestation": isinstance(policy.attestation, AttestationPolicy | None),
        "require": isinstance(policy.require, str | None),
    }
    wrong = next((name for name, fit in fits.items() if not fit), None)
    if wrong is not None:
        raise MalformedFile(
            f"{type(getattr(policy, wrong)).__name__} is not what this member holds",
            where=f"policy.{wrong}",
            code="wrong-type",
        )


def _is_collection_of(value: object, kind: type) -> bool:
    return isinstance(value, Set | list | tuple) and all(isinstance(item, kind) for item in value)


def _check_requirement(text: str, backends: Mapping[str, str | None]) -> None:
    """Refuse a requirement that cannot be read, or that names what the policy does not accept.

    Raises:
        MalformedFile: with the position.
    """
    try:
        requirement = Requirement.parse(text)
    except InvalidInput as cause:
        raise MalformedFile(
            cause.what, where=f"policy.{cause.where}", hint=cause.hint, code="bad-requirement"
        ) from cause
    refused = [name for name in requirement.names if name not in backends]
    if refused:
        raise MalformedFile(
            f"the requirement names {', '.join(refused)}, which the policy does not accept",
            where="policy.require",
            hint="add it to `backends`, if its trust assumption is acceptable",
            code="requirement-not-accepted",
        )


def _check_pin(pin: RegistryPin) -> None:
    """Refuse a pin in memory that no file could hold.

    Raises:
        MalformedFile: naming the member.
    """
    sizes = {"address": ADDRESS_BYTES, "code_hash": DIGEST_BYTES, "record_id": DIGEST_BYTES}
    for name, size in sizes.items():
        value = getattr(pin, name)
        if not isinstance(value, bytes) or len(value) != size:
            raise MalformedFile(
                f"not {size} bytes", where=f"policy.registry.{name}", code="bad-digest"
            )
    chain_id = pin.chain_id
    if chain_id is not None and (type(chain_id) is not int or not 0 < chain_id <= _MAX_CHAIN_ID):
        raise MalformedFile(
            f"{chain_id!r} is not the id of a chain",
            where="policy.registry.chain_id",
            code="out-of-bounds",
        )
    for name in ("require_frozen", "allow_deprecated"):
        if not isinstance(getattr(pin, name), bool):
            raise MalformedFile(
                "neither true nor false", where=f"policy.registry.{name}", code="wrong-type"
            )


def _pin_to_json(pin: RegistryPin) -> dict[str, object]:
    return {
        "chain_id": pin.chain_id,
        "address": encode_hex(pin.address),
        "code_hash": encode_hex(pin.code_hash),
        "record_id": encode_hex(pin.record_id),
        "require_frozen": pin.require_frozen,
        "allow_deprecated": pin.allow_deprecated,
    }


def _read_pin(item: Field) -> RegistryPin:
    found = item.object(
        ("chain_id", "address", "code_hash", "record_id"), ("require_frozen", "allow_deprecated")
    )
    chain_id = found["chain_id"]
    flags = {
        name: found[name].boolean()
        for name in ("require_frozen", "allow_deprecated")
        if name in found
    }
    return RegistryPin(
        chain_id=None if chain_id.is_null else chain_id.integer(1, _MAX_CHAIN_ID),
        address=found["address"].address(),
        code_hash=found["code_hash"].digest(),
        record_id=found["record_id"].digest(),
        **flags,
    )


def _read_backends(item: Field) -> Mapping[str, str | None]:
    return MappingProxyType(
        {
            name: None if version.is_null else version.text(limit_bytes=64)
            for name, version in item.mapping().items()
        }
    )


def _read_roots(item: Field) -> frozenset[ProgramRoot]:
    return frozenset(ProgramRoot(root.digest()) for root in item.array(limit=1 << 14))


def _read_allowances(item: Field) -> frozenset[str]:
    return frozenset(
        name.choice(INSECURE_ALLOWANCES, code="unknown-allowance")
        for name in item.array(limit=len(INSECURE_ALLOWANCES))
    )


_NULLABLE = frozenset(
    (
        "program_roots",
        "context",
        "statement_digest",
        "maximum_age_s",
        "assurance",
        "registry",
        "attestation",
        "require",
    )
)
_READERS: Mapping[str, Callable[[Field], object]] = {
    "backends": _read_backends,
    "program_roots": _read_roots,
    "context": Field.digest,
    "statement_digest": Field.digest,
    "allow_insecure": _read_allowances,
    "allow_saturated": Field.boolean,
    "minimum_soundness_bits": lambda item: item.integer(0, 256),
    "maximum_age_s": lambda item: item.integer(0, 1 << 40),
    "assurance": Field.text,
    "registry": _read_pin,
    "attestation": read_attestation,
    "require": lambda item: item.text(limit_bytes=MAX_REQUIREMENT_BYTES),
}
