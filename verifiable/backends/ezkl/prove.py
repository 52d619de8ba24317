"""Proving: the executor's trace becomes a payload that this backend's own verifier accepts."""

from __future__ import annotations

import time
from collections.abc import Sequence

from verifiable.backends.base import Evidence, Options, Setup
from verifiable.backends.ezkl.format import EZKL_VERSION, EzklKey, Payload
from verifiable.backends.ezkl.instances import context_limbs, felt, shown_outputs
from verifiable.backends.ezkl.keys import Material, load_material
from verifiable.backends.ezkl.phases import Phases
from verifiable.backends.ezkl.srs import StoredSrs, obtain_srs
from verifiable.backends.ezkl.verify import judge_payload
from verifiable.cache import Cache
from verifiable.errors import ProvingError, ResourceLimit, SetupError
from verifiable.program.execute import Trace
from verifiable.program.program import IntArray, Program
from verifiable.progress import ProgressEvent
from verifiable.statement.policy import INSECURE_ALLOWANCES, Policy
from verifiable.statement.statement import Statement

__all__ = ["prove_trace"]

_SECONDS_PER_CELL_PROVE = 1.5e-4
"""Observed on two shared cores; for the progress bar and the estimate only."""


def prove_trace(
    program: Program, trace: Trace, statement: Statement, setup: Setup, options: Options
) -> Evidence:
    """Prove that the trace's outputs follow from its inputs, bound to the statement's context.

    Raises:
        ProvingError: ezkl failed, disagrees with the trace, or its proof was not accepted.
        SetupError: the reference string that the key was derived with is gone.
        ResourceLimit, MissingDependency, Cancelled.
    """
    material = load_material(setup.folder)
    srs = obtain_srs(material.logrows, options)
    if srs.s_g2 != material.key.s_g2:
        raise SetupError(
            "the reference string is not the one that the key was derived with",
            where=str(srs.path),
            hint="set up again with this reference string",
            code="srs-mismatch",
        )
    inputs = trace.inputs
    outputs = [trace.outputs[spec.name] for spec in program.outputs]
    with Cache(options.cache_dir).work_folder() as folder:
        phases = Phases(folder=folder, options=options, error=ProvingError)
        _witness(phases, material, inputs, outputs, statement.context)
        payload = _prove(phases, material, srs, outputs)
    phases.seconds["verify"] = _verify_own(
        payload, material.key, inputs, outputs, statement, options
    )
    return Evidence(
        payload=payload,
        prove_s=sum(phases.seconds.values()),
        peak_rss_mib=phases.peak_rss_bytes / 2**20,
        phases_s=dict(phases.seconds),
    )


def _witness(
    phases: Phases,
    material: Material,
    inputs: Sequence[IntArray],
    outputs: Sequence[IntArray],
    context: bytes,
) -> None:
    limbs = context_limbs(context)
    rows = [[tensor.reshape(-1).tolist() for tensor in inputs] + [limbs]]
    (found,) = phases.run(
        "witness",
        "computing the witness",
        {
            "job": "witness",
            "rows": rows,
            "circuit": str(material.circuit.resolve()),
            "witness": "witness.json",
        },
        estimate_s=0.5 + material.cells * 1e-6,
    )
    expected = shown_outputs(outputs)
    if found["inputs"] != rows[0] or found["outputs"] != expected:
        raise ProvingError(
            "ezkl computes other values than the executor",
            where="ezkl, phase witness",
            why=f"{found['outputs']!r:.200} instead of {expected!r:.200}",
            hint="this is a fault of this package; report it with the program",
            code="witness-mismatch",
        )


def _prove(
    phases: Phases, material: Material, srs: StoredSrs, outputs: Sequence[IntArray]
) -> bytes:
    found = phases.run(
        "prove",
        "proving",
        {
            "job": "prove",
            "witness": "witness.json",
            "circuit": str(material.circuit.resolve()),
            "pk": str(material.pk.resolve()),
            "proof": "proof.json",
            "srs": str(srs.path.resolve()),
        },
        estimate_s=prove_seconds(material.cells),
    )
    expected = [felt(value) for part in shown_outputs(outputs) for value in part]
    instances = [value for part in found["instances"] for value in part]
    if instances[len(instances) - len(expected) :] != expected:
        raise ProvingError(
            "the proof's public values are not the executor's",
            where="ezkl, phase prove",
            hint="this is a fault of this package; report it with the program",
            code="instances-mismatch",
        )
    return Payload(
        ezkl_version=material.key.ezkl_version,
        s_g2=material.key.s_g2,
        proof=bytes.fromhex(found["proof"]),
        settings=material.settings,
        vk=material.vk,
    ).encode()


def _verify_own(
    payload: bytes,
    key: EzklKey,
    inputs: Sequence[IntArray],
    outputs: Sequence[IntArray],
    statement: Statement,
    options: Options,
) -> float:
    """Judge the payload as a verifier will; only trust in the reference string is left to it."""
    began = time.monotonic()
    options.cancel.check("verify")
    options.progress(ProgressEvent(phase="verify", message="verifying the proof before it is kept"))
    judgement = judge_payload(
        payload,
        visibility=options.visibility,
        backend_version=EZKL_VERSION,
        context=statement.context,
        inputs=inputs,
        outputs=outputs,
        key=key,
        srs_label="unknown",
        policy=Policy(allow_insecure=frozenset(INSECURE_ALLOWANCES), minimum_soundness_bits=0),
    )
    failed = [check for check in judgement.checks if not check.ok]
    if failed and failed[0].status == "undecided":
        raise ResourceLimit(
            "the proof was made but could not be verified here",
            where="ezkl, phase verify",
            why=failed[0].found,
            hint="free memory and disk space, and prove again",
            code=failed[0].code,
        )
    if failed:
        raise ProvingError(
            "the proof was made but does not verify",
            where="ezkl, phase verify",
            why=f"{failed[0].id} {failed[0].name}: {failed[0].found}",
            hint="this is a fault of this package or of ezkl; report it with the program",
            code="own-proof-rejected",
        )
    elapsed = time.monotonic() - began
    options.progress(ProgressEvent(phase="verify", fraction=1.0, elapsed_s=elapsed))
    return elapsed


def prove_seconds(cells: int) -> float:
    """Expected time of the proof itself."""
    return 0.5 + cells * _SECONDS_PER_CELL_PROVE
