"""Judging an ezkl proof: the checks EZ-1 to EZ-10.

A Halo2 verifier answers one question: does this proof fit this verification key, this reference
string and these public values? Everything that makes the answer mean something is here: the key and
the string are the ones that belong to the program, and the public values are recomputed from the
statement. Pure functions of bytes; ezkl itself runs in a child process because hostile bytes
may crash native code.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from verifiable.backends.base import Judgement
from verifiable.backends.ezkl.child import Ending, run_child
from verifiable.backends.ezkl.format import EZKL_VERSION, EzklKey, Payload
from verifiable.backends.ezkl.instances import context_limbs, felt, shown_outputs
from verifiable.backends.ezkl.srs_file import verifier_srs
from verifiable.errors import MissingDependency
from verifiable.program.program import IntArray
from verifiable.scratch import scratch_folder, sweep
from verifiable.statement.checks import CheckSpec
from verifiable.statement.policy import Policy
from verifiable.statement.verdict import Check

__all__ = ["EZKL_CHECKS", "SOUNDNESS_BITS", "VERIFY_LIMIT_S", "judge_payload"]

SOUNDNESS_BITS = 100
"""Estimated security of the BN254 curve against discrete logarithms, after exTNFS attacks."""

VERIFY_LIMIT_S = 120.0

_FOLDER_PREFIX = "verifiable-verify-"
_NO_KEY = "give --program, or --lock with a lock that holds its ezkl key"

EZ_1 = CheckSpec(
    id="EZ-1",
    name="ezkl payload",
    codes=("payload-magic",),
    refuses="A payload that breaks its format or a size limit (raised as `MalformedProof`, with "
    "the code of what is wrong).",
)
EZ_2 = CheckSpec(
    id="EZ-2",
    name="ezkl version",
    codes=("wrong-ezkl-version",),
    refuses="A proof of another version of ezkl than the key's, than this release verifies, or "
    "than the proof file says.",
)
EZ_3 = CheckSpec(
    id="EZ-3",
    name="verification key",
    codes=("wrong-verification-key", "no-ezkl-key"),
    refuses="A proof of another circuit: the weights are part of the verification key.",
)
EZ_4 = CheckSpec(
    id="EZ-4",
    name="circuit settings",
    codes=("wrong-settings", "no-ezkl-key"),
    refuses="Settings (rows, columns, range checks) other than those that the circuit was "
    "derived with.",
)
EZ_5 = CheckSpec(
    id="EZ-5",
    name="reference string",
    codes=("wrong-srs", "no-ezkl-key"),
    refuses="A proof under another reference string than the key's.",
)
EZ_6 = CheckSpec(
    id="EZ-6",
    name="reference string trusted",
    codes=("insecure-setup",),
    refuses="A reference string that is not of the public ceremony, unless the policy allows "
    "`local_setup`: whoever made it can forge proofs.",
)
EZ_7 = CheckSpec(
    id="EZ-7",
    name="input visibility",
    codes=("wrong-visibility", "no-ezkl-key"),
    refuses="A proof file whose visibility is not the circuit's: the public values would be "
    "read as something else.",
)
EZ_8 = CheckSpec(
    id="EZ-8",
    name="soundness",
    codes=("soundness-too-low",),
    refuses=f"Any ezkl proof if the policy asks for more than {SOUNDNESS_BITS} bits.",
)
EZ_9 = CheckSpec(
    id="EZ-9",
    name="zero-knowledge proof",
    codes=("proof-rejected", "verifier-stopped", "values-missing"),
    refuses="A proof that does not verify with the public values of the statement (inputs, or "
    "their hashes, context, outputs).",
)
EZ_10 = CheckSpec(
    id="EZ-10",
    name="proof length",
    codes=("wrong-proof-length", "no-ezkl-key"),
    refuses="A proof that is longer or shorter than every proof of the circuit: ezkl and its "
    "contract stop reading where a proof is complete.",
)

EZKL_CHECKS = (EZ_1, EZ_2, EZ_7, EZ_3, EZ_4, EZ_5, EZ_10, EZ_6, EZ_8, EZ_9)
"""All checks of this backend, in the order of the verdict.

EZ-7 comes early: with the other visibility, key and settings differ too, and would be taken for
those of another program.
"""


def judge_payload(
    data: bytes,
    *,
    visibility: str,
    backend_version: str,
    context: bytes,
    inputs: Sequence[IntArray] | None,
    outputs: Sequence[IntArray] | None,
    key: EzklKey | None,
    srs_label: str,
    policy: Policy,
) -> Judgement:
    """Check a payload against the values of a statement.

    Args:
        data: the payload.
        visibility, backend_version: as the proof file states them.
        context, inputs, outputs: of the statement; values None if the verifier does not hold them.
        key: the key that the verifier trusts for the program, or None.
        srs_label: what this verifier knows of `s_g2` of the *payload*.

    Raises:
        MalformedProof: the payload cannot be decoded.
        MissingDependency: ezkl is not installed.
    """
    payload = Payload.decode(data)  # EZ-1
    pinned = (
        EZ_1.ok(expected="format version 1", found=f"{len(data)} bytes"),
        _examine_version(payload, backend_version, key),
        _examine_visibility(visibility, key),
        _examine_vk(payload, key),
        _examine_settings(payload, key),
        _examine_srs(payload, key),
        _examine_length(payload, key),
    )
    allowed = (_examine_trust(srs_label, policy), _examine_soundness(policy))
    if not all(check.ok for check in pinned):
        proof = EZ_9.skipped(hint="the proof is run only against pinned material")
    else:
        proof = _examine_proof(payload, visibility, context, inputs, outputs)
    return Judgement(
        checks=(*pinned, *allowed, proof),
        establishes=(
            "nobody had to be honest for it but the makers of the reference string: the evidence "
            "is a Halo2 proof with KZG commitments, bound to the context",
        ),
        does_not_establish=_limits(srs_label),
        reveals=_reveals(visibility),
        verified_version=payload.ezkl_version,
    )


def _examine_version(payload: Payload, stated: str, key: EzklKey | None) -> Check:
    # EZ-2: another version may lay out the same settings as another circuit. What the proof file
    # states is what policies compare.
    expected = {EZKL_VERSION, stated} | ({key.ezkl_version} if key else set())
    if expected == {payload.ezkl_version}:
        return EZ_2.ok(expected=EZKL_VERSION, found=payload.ezkl_version)
    return EZ_2.failed(
        expected=" and ".join(sorted(expected)),
        found=payload.ezkl_version,
        hint="make the proof and the lock again with this release",
    )


def _pin(spec: CheckSpec, expected: bytes | None, found: bytes, hint: str) -> Check:
    shown = found.hex() if len(found) <= 32 else f"{found[:16].hex()}..."
    if expected is None:
        return spec.undecided(
            "no-ezkl-key",
            found=shown,
            hint=_NO_KEY,
        )
    wanted = expected.hex() if len(expected) <= 32 else f"{expected[:16].hex()}..."
    if expected != found:
        return spec.failed(expected=wanted, found=shown, hint=hint)
    return spec.ok(expected=wanted, found=shown)


def _examine_vk(payload: Payload, key: EzklKey | None) -> Check:
    # EZ-3: with fixed parameters the weights are committed in the verification key.
    digest = hashlib.sha256(payload.vk).digest()
    return _pin(
        EZ_3,
        key.vk_sha256 if key else None,
        digest,
        "the proof is of another circuit, or the vk was changed",
    )


def _examine_settings(payload: Payload, key: EzklKey | None) -> Check:
    # EZ-4: ezkl rebuilds the constraint system from these before it reads the key.
    digest = hashlib.sha256(payload.settings).digest()
    return _pin(EZ_4, key.settings_sha256 if key else None, digest, "the settings were changed")


def _examine_srs(payload: Payload, key: EzklKey | None) -> Check:
    # EZ-5: with an `s_g2` of one's own choice any proof can be forged.
    return _pin(
        EZ_5,
        key.s_g2 if key else None,
        payload.s_g2,
        "the proof was made under another reference string",
    )


def _examine_length(payload: Payload, key: EzklKey | None) -> Check:
    # EZ-10: what comes after a proof is not read, so two files could hold one proof.
    found = f"{len(payload.proof)} bytes"
    if key is None:
        return EZ_10.undecided("no-ezkl-key", found=found, hint=_NO_KEY)
    expected = f"{key.proof_length} bytes"
    if len(payload.proof) != key.proof_length:
        return EZ_10.failed(
            expected=expected, found=found, hint="the proof was cut, or bytes were added to it"
        )
    return EZ_10.ok(expected=expected, found=found)


def _examine_trust(label: str, policy: Policy) -> Check:
    # EZ-6: the label is the verifier's own knowledge of the point, not the prover's word.
    if label == "public":
        return EZ_6.ok(expected="public ceremony", found="public ceremony")
    found = {
        "local": "generated on this machine",
        "unsafe": "of unknown origin: others may write to this verifier's cache folder",
    }.get(label, "of unknown origin")
    if "local_setup" in policy.allow_insecure:
        return EZ_6.ok(expected="any (allowed by the policy)", found=found)
    return EZ_6.failed(
        expected="public ceremony",
        found=found,
        hint="prove with the public reference string; if it was, import any file of the ceremony "
        "so that this verifier knows its point; for tests, --allow-insecure-setup accepts it",
    )


def _examine_visibility(visibility: str, key: EzklKey | None) -> Check:
    # EZ-7: hashed and public circuits read the first instances differently.
    if key is None:
        return EZ_7.undecided(
            "no-ezkl-key",
            found=visibility,
            hint=_NO_KEY,
        )
    if key.visibility != visibility:
        return EZ_7.failed(
            expected=key.visibility,
            found=visibility,
            hint="the key was derived for the other visibility",
        )
    return EZ_7.ok(expected=key.visibility, found=visibility)


def _examine_soundness(policy: Policy) -> Check:
    # EZ-8: a fixed property of the curve.
    expected, found = f">= {policy.minimum_soundness_bits} bits", f"{SOUNDNESS_BITS} bits"
    if policy.minimum_soundness_bits > SOUNDNESS_BITS:
        return EZ_8.failed(expected=expected, found=found, hint="use another backend")
    return EZ_8.ok(expected=expected, found=found)


def _examine_proof(
    payload: Payload,
    visibility: str,
    context: bytes,
    inputs: Sequence[IntArray] | None,
    outputs: Sequence[IntArray] | None,
) -> Check:
    # EZ-9: the instances come from the statement's values, never from the proof file's payload.
    expected = "accepted with the statement's values"
    if inputs is None or outputs is None:
        return EZ_9.undecided(
            "values-missing",
            expected=expected,
            hint="give the input that was proven: --input FILE.npz",
        )
    shown = [[felt(int(value)) for value in tensor.reshape(-1)] for tensor in inputs] + [
        [felt(limb) for limb in context_limbs(context)]
    ]
    results = [felt(value) for part in shown_outputs(outputs) for value in part]
    ending = _verify_in_child(payload, shown, visibility, results)
    if ending.status == "missing":
        raise MissingDependency(
            f"the package ezkl {EZKL_VERSION} is needed to verify",
            why=ending.message,
            hint="run pip install 'verifiable[ezkl]'",
        )
    if ending.status in ("timeout", "killed", "storage"):
        return EZ_9.undecided(
            "verifier-stopped",
            expected=expected,
            found=ending.message,
            hint="try again with more free memory and disk space; honest proofs verify in seconds",
        )
    if ending.status != "ok" or ending.value["accepted"] is not True:
        return EZ_9.failed(
            "proof-rejected",
            expected=expected,
            found=ending.message or "rejected",
            hint="the proof is false, or belongs to other values or another context",
        )
    return EZ_9.ok(expected=expected, found="accepted")


def _verify_in_child(
    payload: Payload, shown: list[list[str]], visibility: str, outputs: list[str]
) -> Ending:
    job: dict[str, Any] = {
        "job": "verify",
        "inputs": shown,
        "hashed": visibility == "hashed",
        "outputs": outputs,
        "proof": list(payload.proof),
        "settings": "settings.json",
        "vk": "vk.key",
        "srs": "kzg.srs",
    }
    try:
        parent = Path(tempfile.gettempdir())
        sweep(parent, _FOLDER_PREFIX)
        with scratch_folder(parent, _FOLDER_PREFIX) as folder:
            (folder / "vk.key").write_bytes(payload.vk)
            (folder / "settings.json").write_bytes(payload.settings)
            (folder / "kzg.srs").write_bytes(verifier_srs(payload.s_g2))
            return run_child(job, folder, limit_s=VERIFY_LIMIT_S)
    except OSError as cause:
        return Ending(status="storage", message=cause.strerror or str(cause))


def _limits(srs_label: str) -> tuple[str, ...]:
    found = ["that the ezkl library and Halo2 are free of faults"]
    if srs_label != "public":
        found.append(
            "anything against whoever made the reference string: it is not the public "
            "ceremony's, and its maker can forge proofs"
        )
    else:
        found.append("that at least one participant of the public ceremony was honest")
    return tuple(found)


def _reveals(visibility: str) -> tuple[str, ...]:
    if visibility == "hashed":
        return (
            "hashes of the inputs: a guess of an input can be checked against them",
            "the shape of the circuit: in the settings and the verification key",
        )
    return ("the shape of the circuit: in the settings and the verification key",)
