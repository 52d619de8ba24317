"""Judging a gkr payload: every check by id, nothing believed because the proof says so.

Uses numpy and plain Python only; no kernel, no witness, no clock, no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from verifiable.argument.rejection import Rejected
from verifiable.argument.soundness import QUERIES, Ledger, Term, ledger
from verifiable.argument.transcript import Transcript
from verifiable.argument.verifier_side import VerifierSide
from verifiable.backends.base import Judgement, Key
from verifiable.backends.gkr.derive import NO_ROOT, bare_key
from verifiable.backends.gkr.format import VERSION, GkrKey, Payload
from verifiable.backends.gkr.plan import Plan, make_plan
from verifiable.backends.gkr.protocol import Public, run
from verifiable.backends.gkr.schedule import SOUNDNESS_TARGET_BITS
from verifiable.backends.gkr.vk import VerificationKey
from verifiable.backends.gkr.weight_ranges import plan_ranges, run_ranges
from verifiable.circuits.site import LARGEST_VALUE
from verifiable.errors import MalformedFile, MalformedModel, UnsupportedModel
from verifiable.program.program import IntArray, Program
from verifiable.statement.checks import CheckSpec
from verifiable.statement.commitment import ProgramCommitment
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.verdict import Check

__all__ = ["GKR_CHECKS", "judge_payload", "verify_payload", "verify_ranges"]

GK_1 = CheckSpec(
    id="GK-1",
    name="key pinned",
    codes=("key-mismatch", "no-gkr-key"),
    refuses="A proof under another verification key than the one that this verifier derived, or "
    "that its lock holds: another model's, other parameters', or a crafted one.",
)
GK_2 = CheckSpec(
    id="GK-2",
    name="key of the program",
    codes=("key-of-another-program", "values-missing"),
    refuses="A key that names another program, that differs from the one which a verifier with the "
    "program derives, or whose inputs and outputs are not the header's; values out of range.",
)
GK_3 = CheckSpec(
    id="GK-3",
    name="weights in range",
    codes=("weights-not-in-range", "weights-missing"),
    refuses="Committed weights that are not the small integers that the key says, with which any "
    "output could be had.",
)
GK_4 = CheckSpec(
    id="GK-4",
    name="soundness",
    codes=("not-sound-enough",),
    refuses="Sizes at which the errors of all random checks add up to more than the policy allows.",
)
GK_5 = CheckSpec(
    id="GK-5",
    name="lookup sum",
    codes=("lookup-sum",),
    refuses="A value that is in no row of its table: a remainder or an activation out of range, a "
    "wrong rounding, a wrong clamp, a maximum that is none; a wrong multiplicity.",
)
GK_6 = CheckSpec(
    id="GK-6",
    name="lookup denominators",
    codes=("lookup-denominator",),
    refuses="A sum of fractions in which a denominator is 0.",
)
GK_7 = CheckSpec(
    id="GK-7",
    name="lookup levels",
    codes=("lookup-level",),
    refuses="A level of the tree of fractions that does not follow from the level below.",
)
GK_8 = CheckSpec(
    id="GK-8",
    name="lookup leaves",
    codes=("lookup-leaves",),
    refuses="Leaves other than those that the committed columns and the tables make up.",
)
GK_9 = CheckSpec(
    id="GK-9",
    name="operators",
    codes=("reduction-false",),
    refuses="A node whose result does not follow from its operands.",
)
GK_14 = CheckSpec(
    id="GK-14",
    name="public values",
    codes=("public-value-false",),
    refuses="Inputs, outputs or public weights other than the verifier's own.",
)
GK_10 = CheckSpec(
    id="GK-10",
    name="merge of claims",
    codes=("merge-false",),
    refuses="A claim on a committed column that the committed values do not fulfil.",
)
GK_11 = CheckSpec(
    id="GK-11",
    name="opening: value",
    codes=("opening-value",),
    refuses="A combined row that does not give the claimed value.",
)
GK_12 = CheckSpec(
    id="GK-12",
    name="opening: paths",
    codes=("opening-path",),
    refuses="Opened columns that are not under the committed roots: another witness, another "
    "model's weights.",
)
GK_13 = CheckSpec(
    id="GK-13",
    name="opening: columns",
    codes=("opening-column",),
    refuses="A combined row that is not the combination of the committed rows.",
)
GK_15 = CheckSpec(
    id="GK-15",
    name="end of the proof",
    codes=("payload-trailing-bytes",),
    refuses="A proof that goes on after its last message, ends before it, or writes a number in "
    "another way than the one canonical one (raised as `MalformedProof`, with the code of what is "
    "wrong).",
)

_ARGUMENT = (GK_5, GK_6, GK_7, GK_8, GK_9, GK_14, GK_10, GK_11, GK_12, GK_13, GK_15)
GKR_CHECKS = (GK_1, GK_2, GK_3, *_ARGUMENT, GK_4)


def judge_payload(
    proof: Proof,
    commitment: ProgramCommitment,
    inputs: Sequence[IntArray] | None,
    outputs: Sequence[IntArray] | None,
    key: Key | None,
    policy: Policy,
    program: Program | None,
) -> Judgement:
    """Judge a payload; see `Backend.judge`.

    Raises:
        MalformedProof: the payload, or the proof in it, cannot be decoded.
    """
    payload = Payload.decode(proof.payload)
    found = GkrKey.of(payload.vk, payload.weights)
    checks: list[Check] = [_examine_key(found, key)]
    if not checks[0].ok:
        return _judgement(checks)
    plan, check = _examine_program(payload.vk, proof, commitment, inputs, outputs, program)
    checks.append(check)
    if plan is None or inputs is None or outputs is None:
        return _judgement(checks)
    constants, check, terms = _examine_weights(plan, found, payload.ranges, program)
    checks.append(check)
    if constants is None:
        return _judgement(checks)
    public = Public(
        key_digest=found.digest,
        statement=proof.statement,
        inputs=inputs,
        outputs=outputs,
        constants=constants,
    )
    side = VerifierSide(payload.proof, Transcript())
    failed = _run(side, plan, public)
    if failed is not None:
        spec = next(spec for spec in _ARGUMENT if spec.id == failed.check)
        checks.append(spec.failed(failed.code, expected="true", found=failed.where))
        return _judgement(checks)
    checks += [spec.ok() for spec in _ARGUMENT]
    budget = ledger([*side.terms, *terms])
    checks.append(_examine_soundness(budget, policy))
    return _judgement(checks, plan=plan, payload=payload, budget=budget)


def verify_payload(proof: bytes, plan: Plan, public: Public) -> Rejected | None:
    """Run the argument's verifier alone; None if it accepts.

    Raises:
        MalformedProof: the proof is not canonical, too short or too long.
    """
    return _run(VerifierSide(proof, Transcript()), plan, public)


def verify_ranges(side: VerifierSide, plan: Plan, key: GkrKey) -> Rejected | None:
    """Run the verifier of the weights' ranges alone; None if it accepts.

    Raises:
        MalformedProof: the proof is not canonical, too short or too long.
    """
    try:
        run_ranges(side, plan, plan_ranges(plan), key.digest, None)
    except Rejected as rejected:
        return rejected
    return None


def _run(side: VerifierSide, plan: Plan, public: Public) -> Rejected | None:
    try:
        run(side, plan, public, None)
    except Rejected as rejected:
        return rejected
    return None


def _examine_key(found: GkrKey, key: Key | None) -> Check:
    # GK-1: nothing of the key that the proof brings is read before its digest is the pinned one.
    if key is None:
        return GK_1.undecided(
            "no-gkr-key",
            found=found.digest.hex(),
            hint="give --program, or --lock with a lock that holds its gkr key",
        )
    if found.digest != key.digest:
        return GK_1.failed(
            expected=key.digest.hex(),
            found=found.digest.hex(),
            hint="the proof is of another program, weight mode or version",
        )
    return GK_1.ok(expected=key.digest.hex(), found=found.digest.hex())


def _examine_program(
    vk: bytes,
    proof: Proof,
    commitment: ProgramCommitment,
    inputs: Sequence[IntArray] | None,
    outputs: Sequence[IntArray] | None,
    program: Program | None,
) -> tuple[Plan | None, Check]:
    # GK-2: the key's program is the statement's, and so are its inputs' and outputs' shapes.
    expected = proof.statement.program_root.hex()
    if inputs is None or outputs is None:
        return None, GK_2.undecided(
            "values-missing", expected=expected, hint="give the input that was proven: --input"
        )
    try:
        key = VerificationKey.decode(vk)
        plan = make_plan(key)
    except (MalformedFile, MalformedModel, UnsupportedModel) as cause:
        return None, GK_2.failed(expected=expected, found=f"no usable key: {cause}"[:400])
    schema = commitment.schema
    if program is not None:
        # With the program in hand, no more than the weights' root is taken from the key's maker.
        derived = bare_key(program, key.weights, key.program_root)
        if replace(key, weight_root=NO_ROOT).encode() != derived.encode():
            return None, GK_2.failed(expected="the program's own key", found="another one")
    if key.program_root != proof.statement.program_root:
        return None, GK_2.failed(expected=expected, found=key.program_root.hex())
    shown_in = tuple((spec.shape, spec.lo, spec.hi) for spec in schema.inputs)
    shown_out = tuple(
        (node, spec.shape) for node, spec in zip(schema.output_nodes, schema.outputs, strict=True)
    )
    if key.inputs != shown_in or key.outputs != shown_out:
        return None, GK_2.failed(expected="the header's inputs and outputs", found="others")
    for values, (shape, lo, hi) in zip(inputs, key.inputs, strict=True):
        if values.shape != shape or int(values.min()) < lo or int(values.max()) > hi:
            return None, GK_2.failed(expected=f"{shape} in [{lo}, {hi}]", found="an input outside")
    for values, (_, shape) in zip(outputs, key.outputs, strict=True):
        if values.shape != shape:
            return None, GK_2.failed(expected=f"outputs {shape}", found=str(values.shape))
        # Two integers that differ by p are one in the field; no node's result is that large.
        if max(-int(values.min()), int(values.max())) > LARGEST_VALUE:
            return None, GK_2.failed(expected="outputs up to 2^61", found="an output outside")
    return plan, GK_2.ok(expected=expected, found=key.program_root.hex())


def _examine_weights(
    plan: Plan, key: GkrKey, ranges: bytes, program: Program | None
) -> tuple[dict[int, IntArray] | None, Check, Sequence[Term]]:
    # GK-3: equations in the field are equations over the integers only for small weights.
    public = {
        index: spec.values
        for index, spec in enumerate(plan.key.constants)
        if spec.values is not None
    }
    if plan.key.weights != key.weights:
        return None, GK_3.failed(expected=f"{plan.key.weights} weights", found=key.weights), []
    if plan.key.weights == "committed":
        if plan.weight_layout is None:
            if ranges:
                return None, GK_3.failed(expected="no proof of ranges", found="one"), []
            return public, GK_3.ok(expected="no committed weights"), []
        side = VerifierSide(ranges, Transcript())
        rejected = verify_ranges(side, plan, key)
        if rejected is not None:
            return None, GK_3.failed(expected="a proof of the ranges", found=str(rejected)), []
        return public, GK_3.ok(expected="a proof of the ranges", found="accepted"), side.terms
    if program is None:
        return (
            None,
            GK_3.undecided(
                "weights-missing",
                expected="the program with its weights",
                hint="the key has public weights, which this verifier must hold: give --program, "
                "or ask for a proof with committed weights",
            ),
            [],
        )
    # GK-2 has found the key to be this program's, so its weights have the bits that the key says.
    constants = {index: constant.values for index, constant in enumerate(program.weights)}
    return constants, GK_3.ok(expected="the verifier's own weights", found="in hand"), []


def _examine_soundness(budget: Ledger, policy: Policy) -> Check:
    # GK-4: counted from what this verifier itself drew and checked.
    least = max(SOUNDNESS_TARGET_BITS, policy.minimum_soundness_bits)
    expected, found = f">= {least} bits", f"{budget.total_bits:.2f} bits"
    if budget.total_bits < least:
        return GK_4.failed(expected=expected, found=found, hint="use a smaller model")
    return GK_4.ok(expected=expected, found=found)


def _judgement(
    checks: list[Check],
    *,
    plan: Plan | None = None,
    payload: Payload | None = None,
    budget: Ledger | None = None,
) -> Judgement:
    done = {check.id for check in checks}
    bad = next((check.id for check in checks if not check.ok), "")
    rest = [spec.skipped(hint=f"{bad} did not pass") for spec in GKR_CHECKS if spec.id not in done]
    order = {spec.id: place for place, spec in enumerate(GKR_CHECKS)}
    every = tuple(sorted([*checks, *rest], key=lambda check: order[check.id]))
    if plan is None or payload is None or budget is None:
        return Judgement(checks=every)
    return Judgement(
        checks=every,
        establishes=(
            f"soundness of {budget.total_bits:.1f} bits, proven in the random oracle model",
        ),
        does_not_establish=(
            "anything against a fault in this implementation: the protocol and its code have not "
            "been audited",
        ),
        reveals=_reveals(plan),
        verified_version=VERSION,
        details=(
            *(f"{row.name}: {row.bits:.1f} bits ({row.count})" for row in budget.rows),
            f"proof {len(payload.proof)} bytes, proof of the weights' ranges "
            f"{len(payload.ranges)} bytes, key {len(payload.vk)} bytes",
        ),
    )


def _reveals(plan: Plan) -> tuple[str, ...]:
    graph = "the graph, shapes, scales and tables of the program: in the key"
    values = "linear combinations of all intermediate values: this proof is not zero-knowledge"
    if plan.weight_layout is None:
        return (graph, values)
    needed = plan.weight_layout.row_length
    # Every proof opens the weights at columns of its own; the range proof is always the same one.
    return (
        graph,
        values,
        f"up to {2 * QUERIES} columns of the encoded weights; any {needed} different ones, from "
        f"this proof or from several, determine all weights",
    )
