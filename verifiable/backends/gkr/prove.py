"""Proving: the executor's trace becomes a payload that this backend's own verifier accepts."""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence

from verifiable.argument.goldilocks import Ext
from verifiable.argument.kernels import Kernels, ready_kernels
from verifiable.argument.merkle import Root
from verifiable.argument.prover_side import ProverSide
from verifiable.argument.stack_commit import Committed, commit, fill
from verifiable.argument.transcript import Transcript
from verifiable.argument.vectors import Words
from verifiable.backends.base import Evidence, Options, Setup
from verifiable.backends.gkr.format import Payload
from verifiable.backends.gkr.keys import (
    Material,
    joined,
    load_material,
    load_weights,
    weights_mode,
)
from verifiable.backends.gkr.phases import Phases
from verifiable.backends.gkr.protocol import ProverWork, Public, run
from verifiable.backends.gkr.verify import verify_payload
from verifiable.backends.gkr.witness import build_witness, leaf_tables
from verifiable.circuits.walk import Witness
from verifiable.errors import ProvingError
from verifiable.program.execute import Trace
from verifiable.program.program import Program
from verifiable.statement.statement import Statement

__all__ = ["prove_trace"]


def prove_trace(
    program: Program, trace: Trace, statement: Statement, setup: Setup, options: Options
) -> Evidence:
    """Prove that the trace's outputs follow from its inputs, bound to the statement's context.

    Raises:
        ProvingError: the trace does not fit the key, or the proof was not accepted.
        SetupError: the stored keys are gone or damaged.
        Cancelled: by the caller.
    """
    weights_mode(options)
    phases = Phases(options=options, total=9)
    phases.enter("kernels")  # compiling is no part of proving: `prove_s` leaves it out
    kernels = ready_kernels()
    began = time.perf_counter()
    phases.enter("load")
    material = load_material(setup.folder)
    constants = [constant.values for constant in program.weights]
    weights, lanes = load_weights(kernels, material, constants)
    phases.enter("witness")
    witness = build_witness(material.plan, trace)
    witness.columns.update(lanes)
    public = Public(
        key_digest=material.key.digest,
        statement=statement,
        inputs=trace.inputs,
        outputs=[trace.outputs[spec.name] for spec in program.outputs],
        constants=dict(enumerate(constants)),
    )
    side = ProverSide(kernels, Transcript())
    work = prover_work(kernels, material, witness, weights)
    run(side, material.plan, public, work, enter=phases.enter)
    payload = Payload(
        weights=material.key.weights, vk=material.vk, ranges=material.ranges, proof=side.proof
    )
    phases.enter("verify")
    _verify_own(payload, material, public)
    phases.end()
    return Evidence(
        payload=payload.encode(),
        prove_s=time.perf_counter() - began,
        peak_rss_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        phases_s=dict(phases.seconds),
    )


def prover_work(
    kernels: Kernels, material: Material, witness: Witness, weights: Committed | None
) -> ProverWork:
    """The prover's part of the protocol."""
    plan = material.plan
    numbers = [number for number, _ in plan.lookups]
    stacks: list[Committed] = [] if weights is None else [weights]

    def commit_witness() -> Root:
        own = {column.name: witness.columns[column.name] for column in plan.witness_columns}
        stacks.append(commit(kernels, plan.witness_layout, fill(plan.witness_layout, own)))
        return stacks[-1].root

    def leaves(alpha: Ext, beta: Ext) -> tuple[Words, Words]:
        assert plan.leaves is not None  # noqa: S101 - asked for only then
        counts = [witness.columns[f"multiplicity{n}"] for n in range(len(plan.tables))]
        return leaf_tables(
            kernels, plan.leaves, plan.tables, numbers, witness.looked_up, counts, alpha, beta
        )

    def committed() -> Sequence[Committed]:
        return stacks

    return ProverWork(
        witness=witness,
        commit=commit_witness,
        leaves=leaves,
        stack=lambda: joined([s.layout for s in stacks], [s.rows for s in stacks]),
        committed=committed,
    )


def _verify_own(payload: Payload, material: Material, public: Public) -> None:
    failed = verify_payload(payload.proof, material.plan, public)
    if failed is not None:
        raise ProvingError(
            "the proof is not accepted by this backend's own verifier",
            why=str(failed),
            hint="please report this, with the program",
            code="own-proof-rejected",
        )
