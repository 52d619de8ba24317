"""What a caller demands of an attestation, put into the policy: nonce, and simulated roots.

The policy holds all of it; these are the parts that change from one proof to the next, or that one
wants to say in one word.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from verifiable.backends.base import Key, TimedJudge
from verifiable.backends.registry import backend_ids, get_backend
from verifiable.errors import InvalidInput, MalformedFile, MissingDependency, SetupError
from verifiable.files import read_bytes
from verifiable.sources import PathLike
from verifiable.statement.attestation import AttestationPolicy
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof

if TYPE_CHECKING:
    from verifiable.backends.base import Judgement
    from verifiable.backends.tee.evidence import Evidence
    from verifiable.backends.tee.judge import Ruling

__all__ = ["attested", "evaluate_evidence", "key_accepted", "root_digest", "timed_judge"]

_MAX_CERTIFICATE_BYTES = 64 << 10
_OF_STATEMENTS = ("program_roots", "context", "statement_digest", "registry")


def timed_judge(proof: Proof) -> TimedJudge | None:
    """The proof's backend, if its evidence has dates and a root of trust."""
    if proof.backend not in backend_ids():
        return None
    try:
        backend = get_backend(proof.backend)
    except MissingDependency:
        return None  # the verifier says so, if the policy accepts it
    return backend if isinstance(backend, TimedJudge) else None


def key_accepted(judge: TimedJudge, program_root: bytes, policy: Policy) -> Key:
    """The key of a program under the policy of who vouches for it.

    Raises:
        SetupError: (code `no-reference-values`) the policy accepts no code.
    """
    key = judge.key_under(program_root, policy)
    if key is None:
        raise SetupError(
            "the policy accepts no code that could attest",
            where="policy.attestation",
            hint="name reference values in it (`verifiable tee policy init` writes them)",
            code="no-reference-values",
        )
    return key


def root_digest(source: bytes | PathLike) -> bytes:
    """What a root certificate is known by: SHA-256 of its DER.

    Args:
        source: the certificate, or the path of its file, PEM or DER.

    Raises:
        MalformedFile: (code `bad-root-certificate`) it is no certificate.
        ResourceLimit: the file is too large.
    """
    data = source
    where = "simulated_roots"
    if not isinstance(data, bytes):
        where = os.fspath(data)
        data = read_bytes(data, limit_bytes=_MAX_CERTIFICATE_BYTES)
    try:
        if data.lstrip().startswith(b"-----"):
            certificate = x509.load_pem_x509_certificate(data)
        else:
            certificate = x509.load_der_x509_certificate(data)
    except ValueError as cause:
        raise MalformedFile(
            "this is no X.509 certificate",
            where=where,
            hint="give the root's certificate, PEM or DER",
            code="bad-root-certificate",
        ) from cause
    return certificate.fingerprint(hashes.SHA256())


def attested(
    policy: Policy,
    proof: Proof,
    *,
    nonce: bytes | None = None,
    allow_simulated: bool = False,
    simulated_roots: Sequence[bytes | PathLike] = (),
) -> Policy:
    """The policy with what the caller demands of this proof's attestation.

    Whoever allows simulated evidence accepts evidence of this kind; who relies on hardware names
    the backend in the policy, with the reference values.

    Raises:
        InvalidInput: the evidence is none that a nonce could be in, or the nonce contradicts the
            policy's.
        MalformedFile: a root is no certificate.
    """
    roots = _listed(simulated_roots)
    if nonce is None and not allow_simulated and not roots:
        return policy
    if timed_judge(proof) is None:
        if nonce is not None or roots:
            raise InvalidInput(
                f"evidence of the backend {proof.backend} attests nothing",
                where="nonce" if nonce is not None else "simulated_roots",
                hint="leave --nonce and --trust-simulated-root out",
                code="nothing-to-attest",
            )
        return policy
    demands = policy.attestation or AttestationPolicy()
    if nonce is not None:
        if demands.nonce not in (None, nonce):
            raise InvalidInput(
                "the policy names another nonce",
                where="nonce",
                hint="leave one of the two out",
                code="two-nonces",
            )
        demands = replace(demands, nonce=nonce)
    demands = _with_roots(demands, roots)
    changed = replace(policy, attestation=demands)
    if allow_simulated or roots:
        changed = replace(changed, backends={proof.backend: None, **policy.backends})
    if allow_simulated:
        changed = replace(changed, allow_insecure=policy.allow_insecure | {"simulated_tee"})
    return changed


def evaluate_evidence(
    evidence: Evidence,
    *,
    policy: Policy,
    now: datetime | None,
    allow_simulated: bool = False,
    simulated_roots: Sequence[bytes | PathLike] = (),
) -> tuple[Ruling, Judgement]:
    """Judge an attestation by itself: by the report data that the policy pins, not by a statement.

    Args:
        policy: its member `attestation` must name reference values and report data.
        now: the time of judging, with a time zone.
        allow_simulated: accept the built-in simulator, whose seed is public.
        simulated_roots: certificates (or their files) of other simulated roots to accept.

    Returns:
        all nineteen checks with the verified report, and what follows from them.

    Raises:
        MissingDependency: a package that this kind of evidence is verified with is not installed.
        MalformedFile: a root is no certificate.
    """
    from verifiable.backends.tee.conclusions import rule

    demands = _with_roots(policy.attestation or AttestationPolicy(), _listed(simulated_roots))
    allowed = frozenset(("simulated_tee",)) if allow_simulated else frozenset()
    demanded = replace(policy, attestation=demands, allow_insecure=policy.allow_insecure | allowed)
    ruling, found = rule(evidence, demanded, answer=None, now=now, key=None)
    unmet = [name for name in _OF_STATEMENTS if getattr(policy, name) is not None]
    if not unmet or not found.establishes:
        return ruling, found
    # a demand that nobody checked must not look as if it were met
    limit = f"what the policy demands of a statement ({', '.join(unmet)}): none was given"
    return ruling, replace(found, does_not_establish=(*found.does_not_establish, limit))


def _listed(roots: Sequence[bytes | PathLike] | bytes | PathLike) -> tuple[bytes | PathLike, ...]:
    return (roots,) if isinstance(roots, bytes | str | os.PathLike) else tuple(roots)


def _with_roots(demands: AttestationPolicy, roots: Sequence[bytes | PathLike]) -> AttestationPolicy:
    digests = frozenset(root_digest(root) for root in roots)
    return replace(demands, simulated_roots=demands.simulated_roots | digests)
