"""The checks of a statement itself: header, program, values, context, and the policy's demands.

Pure functions of the decoded proof, the policy and what the verifier holds; the evidence is the
backend's to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from verifiable.errors import InvalidInput
from verifiable.program.program import IntArray
from verifiable.statement import checks as table
from verifiable.statement.checks import CheckSpec
from verifiable.statement.commitment import (
    ProgramCommitment,
    TensorSpec,
    inputs_root,
    outputs_root,
)
from verifiable.statement.hashing import TensorRoot
from verifiable.statement.lock import Lock
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.strict_json import encode_hex
from verifiable.statement.verdict import Check
from verifiable.statement.versions import parse_version

__all__ = ["ASSURANCES", "HeldInputs", "examine_statement", "hold_inputs"]

ASSURANCES = ("hardware", "simulated")
"""What a policy can ask of a root of trust."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldInputs:
    """The input values that a verifier has before it.

    Attributes:
        sets: every full set of values: the proof's own, and the verifier's own, in schema order.
        misfit: why a set does not fit the schema; empty if all do.
    """

    sets: tuple[tuple[IntArray, ...], ...]
    misfit: str

    @property
    def verified(self) -> tuple[IntArray, ...] | None:
        """One set of values, or None; means what its name says once ST-6 and ST-7 are ok."""
        return self.sets[0] if self.sets else None


def hold_inputs(proof: Proof, own: Mapping[str, npt.ArrayLike] | None) -> HeldInputs:
    """Collect the input values: those in the proof and those that the verifier brings.

    Raises:
        InvalidInput: (code `not-integers`) the verifier's own values are not integers.
    """
    specs = proof.program.schema.inputs
    sets: list[Sequence[npt.NDArray[np.integer]]] = []
    if proof.inputs is not None:
        sets.append(proof.inputs)
    misfit = ""
    if own is not None:
        arrays = {name: _integers(name, values) for name, values in own.items()}
        if set(arrays) != {spec.name for spec in specs}:
            misfit = f"inputs named {', '.join(sorted(arrays)) or 'nothing'} were given"
        else:
            sets.append([arrays[spec.name] for spec in specs])
    for values in sets:
        misfit = misfit or _misfit(specs, values)
    if misfit:
        return HeldInputs(sets=(), misfit=misfit)
    return HeldInputs(sets=tuple(tuple(map(_frozen, values)) for values in sets), misfit="")


def _integers(name: str, values: npt.ArrayLike) -> npt.NDArray[np.integer]:
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, OverflowError) as cause:
        raise InvalidInput("not an array", where=name, code="not-integers") from cause
    if array.dtype.kind not in "iu":
        raise InvalidInput(
            f"quantised inputs are integers, not {array.dtype}",
            where=name,
            hint="quantise raw values by the schema's scale and zero point first",
            code="not-integers",
        )
    return array


def _frozen(array: npt.NDArray[np.integer]) -> IntArray:
    copy: IntArray = np.array(array, dtype=np.int64, order="C")
    copy.setflags(write=False)
    return copy


def _misfit(specs: Sequence[TensorSpec], values: Sequence[npt.NDArray[np.integer]]) -> str:
    """Why values do not fit their specs, or an empty string."""
    for spec, array in zip(specs, values, strict=True):
        if array.shape != spec.shape:
            return f"{spec.name} has shape {array.shape} where {spec.shape} is expected"
        low, high = int(array.min()), int(array.max())
        if low < spec.lo or high > spec.hi:
            return f"{spec.name} spans [{low}, {high}]"
    return ""


def examine_statement(
    proof: Proof,
    policy: Policy,
    *,
    held: HeldInputs,
    program: ProgramCommitment | None,
    lock: Lock | None,
    record: Sequence[Check] = (),
    enforced: Set[str] = frozenset(),
    inputs_vouched: bool = False,
) -> tuple[Check, ...]:
    """Run the checks ST-3 to ST-13.

    Args:
        proof: decoded.
        policy: the relying party's.
        held: the input values before the verifier.
        program: commitment to the program that the verifier holds, made by itself.
        lock: the programs that the verifier trusts.
        record: the checks of the record that the policy pins, which pins the program too.
        enforced: the policy's demands that the backend enforces, of `maximum_age_s`, `assurance`.
        inputs_vouched: the evidence itself stands for inputs that nobody shows: their bounds and
            their root.
    """
    header = _examine_header(proof)
    pinned = _examine_program(proof, policy, program, lock, record)
    # Hashing is the costly part, and a header that nobody vouches for sets its price.
    bad = next((check for check in (header, pinned) if not check.ok), None)
    fits, committed = _examine_inputs(proof, held, bad, inputs_vouched)
    output_misfit = _misfit(proof.program.schema.outputs, proof.outputs)
    return (
        _examine_version(proof, policy),
        header,
        pinned,
        fits,
        committed,
        _examine_output_values(proof, output_misfit),
        _examine_output_root(proof, output_misfit, bad),
        _examine_context(proof, policy),
        _examine_saturation(proof, policy),
        _examine_digest(proof, policy),
        _examine_demands(policy, enforced),
    )


def _examine_version(proof: Proof, policy: Policy) -> Check:
    # ST-3: what the proof says of its version; ST-15 compares it with the evidence.
    lowest = policy.backends.get(proof.backend)
    if lowest is None:
        return table.ST_3.ok(expected="any version", found=proof.backend_version)
    have, need = parse_version(proof.backend_version), parse_version(lowest)
    expected = f"{lowest} or later"
    if have is None or need is None or have < need:
        return table.ST_3.failed(
            expected=expected, found=proof.backend_version, hint="have the proof made again"
        )
    return table.ST_3.ok(expected=expected, found=proof.backend_version)


def _compare(spec: CheckSpec, expected: bytes, found: bytes, *, hint: str) -> Check:
    result: Callable[..., Check] = spec.ok if expected == found else spec.failed
    return result(
        expected=encode_hex(expected),
        found=encode_hex(found),
        hint="" if expected == found else hint,
    )


def _examine_header(proof: Proof) -> Check:
    # ST-4: names, shapes, scales and bounds below are read from this header only.
    return _compare(
        table.ST_4,
        proof.statement.program_root,
        proof.program.program_root,
        hint="the header in the proof file was changed, or belongs to another program",
    )


def _examine_program(
    proof: Proof,
    policy: Policy,
    program: ProgramCommitment | None,
    lock: Lock | None,
    record: Sequence[Check],
) -> Check:
    # ST-5: every source that the verifier brings must name this program, and one must.
    root = proof.statement.program_root
    sources: list[tuple[bool, str]] = []
    if program is not None:
        name = f"the given program {encode_hex(program.program_root)}"
        sources.append((program.program_root == root, name))
    if lock is not None:
        sources.append((lock.entry(root) is not None, "a program of the lock"))
    if policy.program_roots is not None:
        sources.append((root in policy.program_roots, "a program of the policy"))
    bad = next((check for check in record if not check.ok), None)
    if record and bad is None:
        sources.append((True, "the program of the pinned record"))  # RG-6 has compared them
    elif bad is not None and not sources:
        return table.ST_5.skipped(hint=f"{bad.id} did not pass, and nothing else names a program")
    found = encode_hex(root)
    if not sources:
        return table.ST_5.undecided(
            "program-not-pinned",
            expected="a program that the verifier names",
            found=found,
            hint="give --program, --lock or --registry, or program_roots in the policy",
        )
    wrong = [name for holds, name in sources if not holds]
    if wrong:
        return table.ST_5.failed(
            "wrong-program",
            expected=wrong[0],
            found=found,
            hint="the proof is about another program",
        )
    return table.ST_5.ok(expected=", ".join(name for _, name in sources), found=found)


def _bounds(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(f"{spec.name} {spec.shape} in [{spec.lo}, {spec.hi}]" for spec in specs)


def _examine_inputs(
    proof: Proof, held: HeldInputs, bad: Check | None, inputs_vouched: bool
) -> tuple[Check, Check]:
    """ST-6 and ST-7; nothing is hashed under a header that check `bad` did not pass."""
    schema = proof.program.schema
    expected = _bounds(schema.inputs)
    root = proof.statement.input_root
    if held.misfit:
        # ST-6: the range analysis, and so every backend, assumes inputs inside these bounds.
        return (
            table.ST_6.failed(expected=expected, found=held.misfit),
            table.ST_7.skipped(hint="ST-6 did not pass"),
        )
    if not held.sets and inputs_vouched:
        return (
            table.ST_6.ok(expected=expected, found="not shown: whoever attests has checked them"),
            table.ST_7.ok(
                expected=encode_hex(root), found="not shown: the evidence is about this root"
            ),
        )
    if not held.sets:
        hint = "the proof does not show the input: give it with --input FILE.npz"
        return (
            table.ST_6.undecided("input-missing", expected=expected, found="none", hint=hint),
            table.ST_7.undecided(
                "input-missing", expected=encode_hex(root), found="none", hint=hint
            ),
        )
    inside = table.ST_6.ok(expected=expected, found="all inside")
    if bad is not None:
        return inside, table.ST_7.skipped(hint=f"{bad.id} did not pass")
    # ST-7: the values, the proof's and the verifier's own alike, are those of the statement.
    roots = [inputs_root(schema, values, leaf_log2=proof.program.leaf_log2) for values in held.sets]
    found = next((other for other in roots if other != root), root)
    return (
        inside,
        _compare(table.ST_7, root, found, hint="the input is not the one that was proven"),
    )


def _examine_output_values(proof: Proof, misfit: str) -> Check:
    # ST-8: a value outside the bounds is one that the program cannot return.
    expected = _bounds(proof.program.schema.outputs)
    if misfit:
        return table.ST_8.failed(expected=expected, found=misfit)
    return table.ST_8.ok(expected=expected, found="all inside")


def _examine_output_root(proof: Proof, misfit: str, bad: Check | None) -> Check:
    # ST-9: the values are those of the statement.
    if misfit or bad is not None:
        earlier = "ST-8" if bad is None else bad.id
        return table.ST_9.skipped(hint=f"{earlier} did not pass")
    found: TensorRoot = outputs_root(
        proof.program.schema, proof.outputs, leaf_log2=proof.program.leaf_log2
    )
    return _compare(
        table.ST_9,
        proof.statement.output_root,
        found,
        hint="the output is not the one that was proven",
    )


def _examine_context(proof: Proof, policy: Policy) -> Check:
    # ST-10: the evidence binds the context; here it is compared with the wanted one.
    context = proof.statement.context
    if policy.context is None:
        return table.ST_10.ok(expected="any context", found=encode_hex(context))
    return _compare(table.ST_10, policy.context, context, hint="the proof was made for another use")


def _examine_saturation(proof: Proof, policy: Policy) -> Check:
    # ST-11: honest provers say when they changed the input to make it fit.
    found = "raw input was clipped" if proof.saturated else "no clipping reported"
    if proof.saturated and not policy.allow_saturated:
        return table.ST_11.failed(
            expected="no clipping",
            found=found,
            hint="set allow_saturated in the policy if clipped input is acceptable",
        )
    expected = "clipping allowed" if policy.allow_saturated else "no clipping"
    return table.ST_11.ok(expected=expected, found=found)


def _examine_digest(proof: Proof, policy: Policy) -> Check:
    # ST-12: a relying party may know beforehand which one statement it waits for.
    digest = proof.statement.digest
    if policy.statement_digest is None:
        return table.ST_12.ok(expected="any statement", found=encode_hex(digest))
    return _compare(
        table.ST_12,
        policy.statement_digest,
        digest,
        hint="the proof is of another statement than the policy names",
    )


def _examine_demands(policy: Policy, enforced: Set[str]) -> Check:
    # ST-13: a demand that nobody checks must not look as if it were met.
    demands = {
        "maximum_age_s": policy.maximum_age_s,
        "assurance": policy.assurance,
        "require": policy.require,
    }
    unmet = [
        f"{name}={value}"
        for name, value in demands.items()
        if value is not None
        and (name not in enforced or (name == "assurance" and value not in ASSURANCES))
    ]
    if unmet:
        return table.ST_13.failed(
            expected="demands that this verifier can check",
            found=", ".join(unmet),
            hint="evidence of this backend cannot show this: leave it out of the policy, or accept "
            f"other backends; an assurance is one of {', '.join(ASSURANCES)}, and a requirement is "
            "met by proofs that are given together",
        )
    return table.ST_13.ok(expected="demands that this verifier can check", found="all of them")
