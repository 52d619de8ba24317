"""Simulated AWS Nitro Enclaves: attestation documents in the hypervisor's form.

The chain is as long as the vendor's (root, region, zone, instance, enclave), every name says
`SIMULATED - NOT A TEE`, and nothing else in a document does. Same seed, arguments and time: same
bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import ModuleType
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from verifiable.backends.tee.cose import ES384
from verifiable.backends.tee.simulator.authority import SIMULATED, Issued, key_usage
from verifiable.backends.tee.simulator.seeds import Seed, sign_raw
from verifiable.errors import InvalidInput, MissingDependency

__all__ = ["LEAF_LIFE", "NitroAuthority", "NitroIssuer"]

LEAF_LIFE = timedelta(hours=3)
"""From the beginning of a leaf to its end, as the vendor does it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_VALID_UNTIL = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
_REGION = "sim-east-1"
_PCR_BYTES = 48
_LOCKED = range(17)
_ROLE_AND_INSTANCE = (3, 4)  # set on each machine, whatever image it runs


class NitroAuthority:
    """The chain above the enclaves of one simulated instance.

    Args:
        seed: that all keys come from.
    """

    def __init__(self, seed: Seed) -> None:
        self.seed = seed
        instance = seed.derive("nitro/instance", 8).hex()
        self.instance_id = f"i-0{instance[:16]}"
        self.module_id = f"{self.instance_id}-enc0{seed.derive('nitro/enclave', 8).hex()}"

    @cached_property
    def authorities(self) -> tuple[Issued, ...]:
        """Root, region, zone, instance: the `cabundle` with its keys."""
        names = (
            "simulated.nitro-enclaves",
            f"{_REGION}.simulated.nitro-enclaves",
            f"zonal.{_REGION}.simulated.nitro-enclaves",
            f"{self.instance_id}.{_REGION}.simulated.nitro-enclaves",
        )
        chain: list[Issued] = []
        for index, name in enumerate(names):
            chain.append(
                self.issue(
                    f"authority/{index}",
                    name,
                    issuer=chain[-1] if chain else None,
                    path_length=len(names) - 1 - index,
                    valid=(_VALID_FROM, _VALID_UNTIL),
                )
            )
        return tuple(chain)

    @property
    def root_der(self) -> bytes:
        """The trust root: the same for every document of the seed."""
        return self.authorities[0].der

    def leaf(self, start: datetime) -> Issued:
        """The certificate of the enclave's key, three hours long.

        Args:
            start: of its validity.
        """
        return self.issue(
            f"leaf/{int(start.timestamp())}",
            f"{self.module_id}.{_REGION}.simulated",
            issuer=self.authorities[-1],
            valid=(start, start + LEAF_LIFE),
        )

    def issue(
        self,
        label: str,
        name: str,
        *,
        issuer: Issued | None,
        path_length: int | None = None,
        valid: tuple[datetime, datetime],
        usage: x509.KeyUsage | None = None,
    ) -> Issued:
        """Issue a certificate; key and serial number come from the label.

        Args:
            label: names the key.
            name: the common name.
            issuer: None: signed by itself.
            path_length: of an authority; None: it is a leaf.
            valid: from, until; both inclusive.
            usage: of the key; None: what an authority, or a leaf, needs.
        """
        key = self.seed.p384(f"nitro/{label}")
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "XX"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, SIMULATED),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        signing = key if issuer is None else issuer.key
        is_ca = path_length is not None
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(self.seed.serial(f"nitro/{label}"))
            .not_valid_before(valid[0])
            .not_valid_after(valid[1])
            .add_extension(x509.BasicConstraints(is_ca, path_length), critical=True)
            .add_extension(key_usage(is_ca) if usage is None else usage, critical=True)
            .sign(signing, hashes.SHA384(), ecdsa_deterministic=True)
        )
        return Issued(certificate, key)


class NitroIssuer:
    """Issues documents for the enclaves of one simulated instance.

    Args:
        seed: that all keys come from.
    """

    def __init__(self, seed: Seed) -> None:
        self.authority = NitroAuthority(seed)
        self._leaf: tuple[datetime, Issued] | None = None

    @property
    def root_der(self) -> bytes:
        """The trust root."""
        return self.authority.root_der

    def registers(self, pcrs: Mapping[int, bytes]) -> dict[int, bytes]:
        """PCR0 to PCR16, all locked: those given, role and instance, and zeros for the rest."""
        found = {}
        for index in _LOCKED:
            value = bytes(_PCR_BYTES)
            if index in _ROLE_AND_INSTANCE:
                value = self.authority.seed.derive(f"nitro/pcr{index}", _PCR_BYTES)
            found[index] = pcrs.get(index, value)
        return found | dict(pcrs)

    def document(
        self,
        *,
        pcrs: Mapping[int, bytes],
        user_data: bytes | None,
        now: datetime,
        nonce: bytes | None = None,
        public_key: bytes | None = None,
        leaf: Issued | None = None,
        **changes: Any,
    ) -> bytes:
        """One document.

        Args:
            pcrs: registers of the image and of the program by index, 48 bytes each.
            user_data, nonce, public_key: what the workload asks for; at most 512, 512 and 1,024
                bytes.
            now: the time of issue, with time zone.
            leaf: whose key signs; None: the one of the hour.
            changes: fields of the payload that are other than that, for tests.

        Raises:
            InvalidInput: (code `naive-time`) `now` has no time zone.
            MissingDependency: `cbor2` is not installed.
        """
        leaf = self.leaf_at(now) if leaf is None else leaf
        payload = {
            "module_id": self.authority.module_id,
            "digest": "SHA384",
            "timestamp": (now - _EPOCH) // timedelta(milliseconds=1),
            "pcrs": self.registers(pcrs),
            "certificate": leaf.der,
            "cabundle": [authority.der for authority in self.authority.authorities],
            "public_key": public_key,
            "user_data": user_data,
            "nonce": nonce,
        } | changes
        return self.sign(_cbor().dumps(payload), leaf.key)

    def sign(
        self,
        payload: bytes,
        key: ec.EllipticCurvePrivateKey,
        *,
        protected: bytes = ES384,
        unprotected: Mapping[int, bytes] | None = None,
    ) -> bytes:
        """The COSE_Sign1 of a payload.

        Args:
            payload: encoded.
            key: on P-384.
            protected: the encoded protected header.
            unprotected: the header that is not signed; None: empty.
        """
        cbor = _cbor()
        signature = sign_raw(key, cbor.dumps(["Signature1", protected, b"", payload]))
        return bytes(cbor.dumps([protected, dict(unprotected or {}), payload, signature]))

    def leaf_at(self, now: datetime) -> Issued:
        """The leaf of the hour that `now` is in: made once, and valid for two hours after it.

        Raises:
            InvalidInput: (code `naive-time`) `now` has no time zone.
        """
        if now.tzinfo is None:
            raise InvalidInput("the time has no time zone", where="now", code="naive-time")
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        if self._leaf is None or self._leaf[0] != hour:
            self._leaf = (hour, self.authority.leaf(hour))
        return self._leaf[1]


def _cbor() -> ModuleType:
    try:
        import cbor2
    except ImportError as cause:
        raise MissingDependency(
            "package cbor2 is not installed",
            where="simulated Nitro enclave",
            hint="pip install 'verifiable[tee]'",
        ) from cause
    return cbor2
