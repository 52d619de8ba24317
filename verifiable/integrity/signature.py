"""Reading OpenSSF model signatures (`model.sig`) that were made with a plain key.

The file is a sigstore bundle: a DSSE envelope around an in-toto statement that lists the files of a
model with their SHA-256. Read is what `model_signing sign key` writes, version 1.0 of the
predicate, files hashed whole; certificates and the transparency log are not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from verifiable.errors import MalformedFile
from verifiable.files import read_bytes
from verifiable.statement.strict_json import Field, decode_strict, naming_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    PublicKey = EllipticCurvePublicKey | Ed25519PublicKey

__all__ = ["SignedModel", "load_public_key", "load_signature"]

_BUNDLE = re.compile(r"application/vnd\.dev\.sigstore\.bundle(\.v0\.3\+json|\+json;version=0\.3)")
_PAYLOAD = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://model_signing/signature/v1.0"
_LIMIT_BYTES = 16 << 20
_KEY_LIMIT_BYTES = 1 << 16
_MAX_FILES = 1 << 17
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedModel:
    """What a signature claims; nothing of it counts before `signed_by` says yes.

    Attributes:
        signed: the bytes that are signed: the payload in its pre-authentication encoding.
        signature: as the bundle has it.
        digest: of the whole model, as the payload says it.
        files: by path below the model's folder the SHA-256.
    """

    signed: bytes
    signature: bytes
    digest: bytes
    files: Mapping[str, bytes]

    def signed_by(self, key: PublicKey) -> bool:
        """Whether the key signed the payload."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        try:
            if isinstance(key, ec.EllipticCurvePublicKey):
                by_bits: dict[int, hashes.HashAlgorithm] = {
                    256: hashes.SHA256(),
                    384: hashes.SHA384(),
                    521: hashes.SHA512(),
                }
                key.verify(self.signature, self.signed, ec.ECDSA(by_bits[key.curve.key_size]))
            else:
                key.verify(self.signature, self.signed)
        except InvalidSignature:
            return False
        return True

    @property
    def consistent(self) -> bool:
        """Whether the digest of the whole is that of the list of files, in its order."""
        return hashlib.sha256(b"".join(self.files.values())).digest() == self.digest


def load_public_key(path: Path) -> PublicKey:
    """Read a public key in PEM: ECDSA on P-256, P-384 or P-521, or Ed25519.

    Raises:
        MalformedFile: (code `bad-public-key`) it is no such key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    data = read_bytes(path, limit_bytes=_KEY_LIMIT_BYTES)
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as cause:
        raise _bad_key(path, "not a public key in PEM") from cause
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in (
        "secp256r1",
        "secp384r1",
        "secp521r1",
    ):
        return key
    raise _bad_key(path, "a key of another kind than ECDSA (P-256, P-384, P-521) or Ed25519")


def load_signature(path: Path) -> SignedModel:
    """Read a bundle and the statement in it; believes nothing of it.

    Raises:
        MalformedFile: it is no bundle, or one of another kind than this module reads.
    """
    data = read_bytes(path, limit_bytes=_LIMIT_BYTES)
    with naming_file(path):
        root = decode_strict(data, limit_bytes=_LIMIT_BYTES, error=MalformedFile, name="signature")
        bundle = root.mapping()
        if _BUNDLE.fullmatch(_member(root, "mediaType").text()) is None:
            root.refuse("not a sigstore bundle of version 0.3", code="unsupported-signature")
        if "publicKey" not in _member(root, "verificationMaterial").mapping():
            root.refuse(
                "signed by something else than a plain key",
                hint="check it with model_signing, or sign with a key",
                code="unsupported-signature",
            )
        if "dsseEnvelope" not in bundle:
            root.refuse("the bundle holds no DSSE envelope", code="unsupported-signature")
        envelope = bundle["dsseEnvelope"]
        kind = _member(envelope, "payloadType").text()
        if kind != _PAYLOAD:
            envelope.refuse(f"{kind[:80]!r} is no in-toto statement", code="unsupported-signature")
        payload = _member(envelope, "payload").base64(limit_bytes=_LIMIT_BYTES)
        signatures = _member(envelope, "signatures").array(limit=1)
        if not signatures:
            envelope.refuse("no signature", code="wrong-count")
        signature = _member(signatures[0], "sig").base64(limit_bytes=1024)
        digest, files = _read_statement(payload)
    encoded = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    return SignedModel(signed=encoded, signature=signature, digest=digest, files=files)


def _read_statement(payload: bytes) -> tuple[bytes, Mapping[str, bytes]]:
    root = decode_strict(payload, limit_bytes=_LIMIT_BYTES, error=MalformedFile, name="payload")
    _member(root, "_type").choice((_STATEMENT,), code="unsupported-signature")
    _member(root, "predicateType").choice((_PREDICATE,), code="unsupported-signature")
    subjects = _member(root, "subject").array(limit=1)
    if not subjects:
        root.refuse("no subject", code="wrong-count")
    digest = _digest(_member(_member(subjects[0], "digest"), "sha256"))
    predicate = _member(root, "predicate")
    serialization = _member(predicate, "serialization")
    _member(serialization, "method").choice(("files",), code="unsupported-signature")
    _member(serialization, "hash_type").choice(("sha256",), code="unsupported-signature")
    files: dict[str, bytes] = {}
    for item in _member(predicate, "resources").array(limit=_MAX_FILES):
        name = _member(item, "name")
        path = name.name(limit_bytes=4096)
        if path.startswith("/") or any(part in ("", ".", "..") for part in path.split("/")):
            name.refuse("not the path of a file below the model's folder", code="bad-path")
        if path in files:
            name.refuse("this file comes twice", code="duplicate-file")
        _member(item, "algorithm").choice(("sha256",), code="unsupported-signature")
        files[path] = _digest(_member(item, "digest"))
    return digest, MappingProxyType(files)


def _member(field: Field, key: str) -> Field:
    """A member that must be there; verifiers of this format ignore those that they do not know."""
    found = field.mapping()
    if key not in found:
        field.refuse(f"key {key!r} is missing", code="missing-key")
    return found[key]


def _digest(field: Field) -> bytes:
    text = field.text(limit_bytes=64)
    if _HEX_DIGEST.fullmatch(text) is None:
        field.refuse("64 lower-case hex digits are expected", code="not-hex")
    return bytes.fromhex(text)


def _bad_key(path: Path, what: str) -> MalformedFile:
    return MalformedFile(
        what,
        where=str(path),
        hint="give the public key that belongs to the signer's, as PEM",
        code="bad-public-key",
    )
