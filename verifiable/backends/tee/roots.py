"""Which roots count, and what evidence under them is worth.

A root is known by SHA-256 of its certificate's DER: those of the vendors are in this release, those
of the built-in simulator too, others are named by the verifier's policy. The evidence never brings
its own. Only a vendor's root makes evidence `hardware`; whatever else signs it is `simulated`,
whatever a certificate calls itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

from verifiable.backends.tee.checks import TEE_1, TEE_2
from verifiable.statement.attestation import AttestationKind, AttestationPolicy
from verifiable.statement.verdict import Check

__all__ = [
    "BUILTIN_SIMULATED_ROOTS",
    "NVIDIA_DEVICE_ROOT",
    "VENDOR_ROOTS",
    "known_root",
    "trust",
]

_INTEL = {
    "Intel SGX Root CA": "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3",
}
_AMD = {
    "AMD ARK-Milan": "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
    "AMD ARK-Genoa": "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
    "AMD ARK-Turin": "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a",
}
_AWS = {
    "AWS Nitro Enclaves Root G1": (
        "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"
    ),
}


def _by_digest(roots: Mapping[str, str]) -> Mapping[bytes, str]:
    return MappingProxyType({bytes.fromhex(digest): name for name, digest in roots.items()})


VENDOR_ROOTS: Mapping[AttestationKind, Mapping[bytes, str]] = MappingProxyType(
    {
        "tdx": _by_digest(_INTEL),
        "sgx": _by_digest(_INTEL),
        "snp": _by_digest(_AMD),
        "nitro": _by_digest(_AWS),
    }
)
"""By kind the vendors' roots: SHA-256 of the DER, and a name for people."""

NVIDIA_DEVICE_ROOT = bytes.fromhex(
    "102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48"
)
"""SHA-256 of the DER of NVIDIA's Device Identity CA, which `nvidia` alone asks for."""

_SIMULATED_INTEL = "8ce987105ab0f0f395ffeadfa294ddf887ad8e9ccc63c3172a67b61ebfe0b3be"
_SIMULATED_AWS = "c76943986738d261b1c60a005f7e246cf103527af3803d715ef46a68d5a24521"
_SIMULATED_AMD = "9843488642eec156e5c7f0ecb5975fff0beb4f2bd97e4df0232216496aa7dd3f"

BUILTIN_SIMULATED_ROOTS: Mapping[AttestationKind, bytes] = MappingProxyType(
    {
        "tdx": bytes.fromhex(_SIMULATED_INTEL),
        "sgx": bytes.fromhex(_SIMULATED_INTEL),
        "nitro": bytes.fromhex(_SIMULATED_AWS),
        "snp": bytes.fromhex(_SIMULATED_AMD),
    }
)
"""By kind SHA-256 of the DER of the built-in simulator's root, whose seed is public."""

_BUILTIN_NAME = "the built-in simulator"
_WANTED = "hardware, or a root of the policy"


def known_root(digest: bytes, kind: AttestationKind, policy: AttestationPolicy) -> str:
    """What a root is called here; empty if neither this release nor the policy names it.

    Args:
        digest: SHA-256 of the root's DER.
    """
    if digest in VENDOR_ROOTS[kind]:
        return VENDOR_ROOTS[kind][digest]
    if digest == BUILTIN_SIMULATED_ROOTS.get(kind):
        return _BUILTIN_NAME
    return "a simulated root of the policy" if digest in policy.simulated_roots else ""


def trust(
    der: bytes,
    kind: AttestationKind,
    policy: AttestationPolicy,
    allow_builtin_simulator: bool,
) -> tuple[Check, Check, str]:
    """Judge a root by its bytes: TEE-1, TEE-2, and the assurance of what it signed.

    Args:
        der: the certificate that a chain ends with; it need not be one.
        kind: of the evidence; a root counts for its vendor's kinds only.
        policy: names further roots, all of them simulated.
        allow_builtin_simulator: accept the built-in simulator.

    Returns:
        TEE-1, TEE-2, and `hardware` or `simulated`; the last is empty where either fails.
    """
    digest = hashlib.sha256(der).digest()
    trusted = dict(VENDOR_ROOTS[kind])
    trusted |= dict.fromkeys(policy.simulated_roots, "a simulated root of the policy")
    builtin = BUILTIN_SIMULATED_ROOTS.get(kind)
    if builtin is not None and allow_builtin_simulator:
        trusted[builtin] = _BUILTIN_NAME
    listed = ", ".join(f"{name} {root.hex()}" for root, name in trusted.items())
    name = known_root(digest, kind, policy)
    if not name:
        failed = TEE_1.failed(
            "root-not-trusted",
            expected=f"signed under a trusted root: {listed}",
            found=f"signed under another root: {digest.hex()}",
            hint="evidence cannot bring its own root: if this is a simulated one that you know, "
            "name it in the policy or with --trust-simulated-root",
        )
        return failed, TEE_2.skipped(hint="the root is not trusted"), ""
    root = TEE_1.ok(expected=listed, found=f"{name} {digest.hex()}")
    if digest in VENDOR_ROOTS[kind]:
        return root, TEE_2.ok(expected=_WANTED, found="hardware"), "hardware"
    if digest not in trusted:  # the built-in simulator, unasked
        refused = TEE_2.failed(
            "simulated-evidence",
            expected="evidence of hardware",
            found=f"SIMULATED: signed by {name}, whose seed is public",
            hint="--allow-simulated accepts it, for development: it shows nothing about hardware",
        )
        return root, refused, ""
    accepted = TEE_2.ok(
        expected=_WANTED,
        found=f"SIMULATED: signed by {name}",
        hint="this shows nothing about hardware: whoever has the root's key can sign anything",
    )
    return root, accepted, "simulated"
