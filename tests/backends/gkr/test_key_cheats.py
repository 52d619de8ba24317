"""Cheating owners of keys, and provers under keys that are not theirs: GK-1 to GK-4.

Here a payload is judged whole, as the backend judges it. Honest controls come first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from unittest.mock import patch

import numpy as np
import pytest
from gkr_lies import requantised
from gkr_parties import (
    ACCEPTED,
    KERNELS,
    Attempt,
    Case,
    LyingSide,
    honest,
    judged,
    make_case,
    payload_of,
    verdict,
)
from gkr_programs import SINGLES, dense, two_layers

from verifiable.argument.goldilocks import P
from verifiable.argument.stack_commit import commit, fill
from verifiable.argument.tables import Table
from verifiable.argument.transcript import Transcript
from verifiable.backends.gkr import keys as keys_module
from verifiable.backends.gkr.format import GkrKey
from verifiable.backends.gkr.plan import make_plan
from verifiable.backends.gkr.schedule import soundness_of_plan
from verifiable.backends.gkr.vk import VerificationKey
from verifiable.circuits.site import Seen
from verifiable.errors import MalformedProof
from verifiable.program.program import IntArray, Source
from verifiable.statement.hashing import ProgramRoot
from verifiable.statement.policy import Policy

GK_3_RANGE = {"GK-3": "weights-not-in-range"}


@cache
def case_of(mode: str, seed: int = 0) -> Case:
    return make_case(dense(seed), mode, ranges=mode == "committed")


def pinned(vk: bytes, mode: str) -> dict[str, object]:
    """A lock whose author pinned this key, whatever is in it."""
    return {"key": GkrKey.of(vk, mode).to_key()}


def rekeyed(case: Case, key: VerificationKey) -> Case:
    """The case under a crafted key."""
    vk = key.encode()
    plan = replace(case.material.plan, key=key)
    material = replace(case.material, vk=vk, key=GkrKey.of(vk, key.weights), plan=plan)
    return replace(case, material=material)


# --- Honest controls --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["public", "committed"])
@pytest.mark.parametrize("name", ["dense", "two layers", *SINGLES])
def test_an_honest_payload_passes_every_check(name: str, mode: str) -> None:
    program = {"dense": dense(), "two layers": two_layers(), **SINGLES}[name]
    case = make_case(program, mode, ranges=True)
    assert judged(case, payload_of(case, honest(case))) == {}


def test_committed_weights_need_no_program() -> None:
    case = case_of("committed")
    assert judged(case, payload_of(case, honest(case)), program=None) == {}


# --- GK-1: the key is pinned ------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["public", "committed"])
def test_gk_1_refuses_the_key_of_another_model(mode: str) -> None:
    """An honest proof of another model of equal shape."""
    case, other = case_of(mode), case_of(mode, 1)
    found = judged(case, payload_of(other, honest(other)))
    assert found == {"GK-1": "key-mismatch"}


def test_gk_1_refuses_the_other_weight_mode() -> None:
    case, other = case_of("committed"), case_of("public")
    found = judged(case, payload_of(other, honest(other)))
    assert found == {"GK-1": "key-mismatch"}


def test_gk_1_refuses_a_key_with_one_changed_member() -> None:
    """The output's clamp is part of the key, and so is everything else in it."""
    case = case_of("committed")
    vk = case.material.vk
    for old, new in ((b'"hi":127', b'"hi":126'), (b'"shift":4', b'"shift":5')):
        assert old in vk
        crafted = payload_of(case, honest(case), vk=vk.replace(old, new))
        assert judged(case, crafted) == {"GK-1": "key-mismatch"}


def test_gk_1_reads_nothing_of_a_key_that_is_not_pinned() -> None:
    case = case_of("committed")
    crafted = payload_of(case, honest(case), vk=b"no key at all")
    assert judged(case, crafted) == {"GK-1": "key-mismatch"}
    assert judged(case, crafted, key=None) == {"GK-1": "no-gkr-key"}


def test_gk_1_is_undecided_without_a_key() -> None:
    case = case_of("committed")
    found = judged(case, payload_of(case, honest(case)), key=None)
    assert found == {"GK-1": "no-gkr-key"}


# --- GK-2: the key is the program's -----------------------------------------------------------


def test_gk_2_refuses_a_pinned_key_of_another_program() -> None:
    """A lock that pins the key of one model under the root of another."""
    case, other = case_of("committed"), case_of("committed", 1)
    payload = payload_of(other, honest(other))
    for program in (case.program, None):
        held = pinned(other.material.vk, "committed") | {"program": program}
        assert judged(case, payload, **held) == {"GK-2": "key-of-another-program"}


Change = Callable[[VerificationKey], VerificationKey]


@pytest.mark.parametrize(
    "change",
    [
        lambda key: replace(key, program_root=ProgramRoot(bytes(32))),
        lambda key: replace(key, inputs=(((1, 4), -128, 128),)),
        lambda key: replace(key, inputs=(((4, 1), -128, 127),)),
        lambda key: replace(key, outputs=((0, (3,)),)),
        lambda key: replace(key, outputs=((0, (1, 3)), (0, (1, 3)))),
    ],
    ids=["root", "range", "input shape", "output shape", "outputs"],
)
def test_gk_2_refuses_a_key_that_the_header_does_not_fit(change: Change) -> None:
    case = case_of("committed")
    vk = change(case.material.plan.key).encode()
    payload = payload_of(case, honest(case), vk=vk)
    for program in (case.program, None):
        found = judged(case, payload, **pinned(vk, "committed"), program=program)
        assert found == {"GK-2": "key-of-another-program"}


@pytest.mark.parametrize("kind", ["no JSON", "not canonical", "no program", "not supported"])
def test_gk_2_refuses_a_pinned_key_that_is_none(kind: str) -> None:
    case = case_of("committed")
    vk = case.material.vk
    if kind == "no JSON":
        vk = b"\x00"
    elif kind == "not canonical":
        vk = vk.replace(b'":', b'": ', 1)
    elif kind == "no program":
        vk = vk.replace(b'"index":0', b'"index":9', 1)
    else:
        constants = tuple(
            replace(spec, bits=60) if spec.values is None else spec
            for spec in case.material.plan.key.constants
        )
        vk = replace(case.material.plan.key, constants=constants).encode()
    assert vk != case.material.vk
    payload = payload_of(case, honest(case), vk=vk)
    found = judged(case, payload, **pinned(vk, "committed"))
    assert found == {"GK-2": "key-of-another-program"}


@pytest.mark.parametrize("value", [128, -129, 1 << 40, -(1 << 63), (1 << 63) - 1])
def test_gk_2_refuses_inputs_outside_their_range(value: int) -> None:
    case = case_of("committed")
    inputs = [case.trace.inputs[0].copy()]
    inputs[0][0, 1] = value
    found = judged(case, payload_of(case, honest(case)), inputs=inputs)
    assert found == {"GK-2": "key-of-another-program"}


def test_gk_2_refuses_values_of_other_shapes() -> None:
    case = case_of("committed")
    payload = payload_of(case, honest(case))
    for changed in (
        {"inputs": [case.trace.inputs[0].reshape(4, 1)]},
        {"outputs": [case.outputs[0].reshape(3)]},
    ):
        assert judged(case, payload, **changed) == {"GK-2": "key-of-another-program"}


def test_gk_2_refuses_outputs_that_are_another_number_of_their_residue() -> None:
    """Where an output is large enough, subtracting p from it stays within 64 bits."""
    case = case_of("committed")
    outputs = [case.outputs[0].copy()]
    outputs[0][0, 0] = -(1 << 63)
    found = judged(case, payload_of(case, honest(case)), outputs=outputs)
    assert found == {"GK-2": "key-of-another-program"}


def test_gk_2_is_undecided_without_values() -> None:
    case = case_of("committed")
    found = judged(case, payload_of(case, honest(case)), inputs=None)
    assert found == {"GK-2": "values-missing"}


# --- GK-3: weights in range -------------------------------------------------------------------


def malicious_owner(target: int) -> tuple[Case, Attempt, IntArray]:
    """A key over a weight that is a huge field element, and a proof that it makes possible.

    The weight w becomes w + 2^s k / x modulo p, so that the accumulator of output 0 grows by
    2^s k exactly, on this one input.
    """
    case = case_of("committed").on([7, -3, 20, 11])
    shift = requantised(case).step.shift
    honest_output = int(case.trace.values[0][0, 0])
    by = target - honest_output
    weight = int(case.program.weights[0].values[0, 0])
    huge = (weight + (by << shift) * pow(7, -1, P)) % P
    huge = huge - P if huge > P // 2 else huge
    assert abs(huge) > 1 << 40
    lanes = {name: values.copy() for name, values in case.lanes.items()}
    lanes["weight0"][0] = huge
    layout = case.material.plan.weight_layout
    assert layout is not None
    stack = commit(KERNELS, layout, fill(layout, lanes))
    key = replace(case.material.plan.key, weight_root=bytes(stack.root))
    values = case.trace.values[0].copy()
    values[0, 0] = target
    owner = replace(rekeyed(case, key), weights=stack, lanes=lanes).with_values(0, values)

    def products(found: IntArray) -> IntArray:
        grown = found.copy()
        grown[0, 0] += by << shift
        return grown

    attempt = Attempt.of(owner, products=products)
    honest_tensor = attempt.witness.tensor

    def tensor(seen: Seen) -> IntArray:
        found = honest_tensor(seen)
        if seen.operand.source is Source.WEIGHT and seen.operand.index == 0:
            found = found.copy()
            found[0, 0] = huge
        return found

    attempt.witness.tensor = tensor
    return owner, attempt, case.trace.values[0]


def lenient_ranges(owner: Case) -> bytes:
    """The best range proof that can be had for weights out of range."""

    def count_rows(
        tables: tuple[Table, ...],
        numbers: list[int],
        looked_up: list[tuple[IntArray, IntArray | None]],
    ) -> list[IntArray]:
        counts = [np.zeros(1 << table.log_size, dtype=np.int64) for table in tables]
        for number, (a, _) in zip(numbers, looked_up, strict=True):
            inside = a[(a >= 0) & (a < len(counts[number]))]
            counts[number] += np.bincount(inside, minlength=len(counts[number]))
        return counts

    def side(kernels: object, transcript: Transcript) -> LyingSide:
        return LyingSide(transcript, {})

    assert owner.weights is not None
    with (
        patch.object(keys_module, "ProverSide", side),
        patch.object(keys_module, "count_rows", count_rows),
    ):
        return keys_module.prove_ranges(
            KERNELS,
            owner.material.plan,
            owner.weights,
            dict(owner.lanes),
            owner.material.vk,
        )


@pytest.mark.parametrize("target", [100, -77])
def test_gk_3_refuses_an_owner_who_committed_to_a_huge_weight(target: int) -> None:
    owner, attempt, computed = malicious_owner(target)
    proof = attempt.prove()
    # Without the ranges the argument accepts an output that the program does not compute.
    assert owner.outputs[0][0, 0] == target != computed[0, 0]
    assert verdict(owner, proof) == ACCEPTED
    # With them nothing helps: a proof of this key's ranges, of the honest key's, or none.
    ranges = (lenient_ranges(owner), case_of("committed").material.ranges)
    for found in ranges:
        assert judged(owner, payload_of(owner, proof, ranges=found)) == GK_3_RANGE
    with pytest.raises(MalformedProof) as caught:
        judged(owner, payload_of(owner, proof, ranges=b""))
    assert caught.value.code == "payload-truncated"


@pytest.mark.parametrize("value", [20 + 12, -33, 1 << 40, -(1 << 62), (1 << 63) - 1])
def test_gk_3_refuses_a_weight_just_out_of_its_range(value: int) -> None:
    """Six bits hold -32 to 31; honest weights at both ends are the control."""
    case = case_of("committed")
    assert case.material.plan.key.constants[0].bits == 6
    for weight, expected in ((31, {}), (-32, {}), (value, GK_3_RANGE)):
        lanes = {name: values.copy() for name, values in case.lanes.items()}
        lanes["weight0"][5] = weight
        layout = case.material.plan.weight_layout
        assert layout is not None
        stack = commit(KERNELS, layout, fill(layout, lanes))
        key = replace(case.material.plan.key, weight_root=bytes(stack.root))
        owner = replace(rekeyed(case, key), weights=stack, lanes=lanes)
        payload = payload_of(owner, b"\x00", ranges=lenient_ranges(owner))
        found = judged_ranges(owner, payload)
        assert found == expected


def judged_ranges(case: Case, payload: bytes) -> dict[str, str]:
    """What is said up to GK-3 by a verifier without the program: the proof itself is cut off."""
    try:
        return judged(case, payload, program=None)
    except MalformedProof as malformed:
        if malformed.code != "payload-truncated":
            raise
        return {}  # the ranges were accepted


def test_gk_3_refuses_a_padding_lane_out_of_range() -> None:
    """No equation reads it, and still it is in no range."""
    case = case_of("committed")
    lanes = {name: values.copy() for name, values in case.lanes.items()}
    lanes["weight1"][3] = 1 << 50
    layout = case.material.plan.weight_layout
    assert layout is not None
    stack = commit(KERNELS, layout, fill(layout, lanes))
    key = replace(case.material.plan.key, weight_root=bytes(stack.root))
    owner = replace(rekeyed(case, key), weights=stack, lanes=lanes)
    payload = payload_of(owner, b"\x00", ranges=lenient_ranges(owner))
    assert judged_ranges(owner, payload) == GK_3_RANGE


def test_gk_3_refuses_the_ranges_of_another_key() -> None:
    case, other = case_of("committed"), case_of("committed", 1)
    payload = payload_of(case, honest(case), ranges=other.material.ranges)
    assert judged(case, payload) == GK_3_RANGE


def test_gk_3_refuses_weights_of_one_bit_more_than_the_key_says() -> None:
    """True weights of the model; the key says that they have five bits, and they have six."""
    case = case_of("committed")
    constants = tuple(
        replace(spec, bits=5) if spec.values is None else spec
        for spec in case.material.plan.key.constants
    )
    key = replace(case.material.plan.key, constants=constants)
    owner = rekeyed(case, key)
    plan = make_plan(key)
    owner = replace(owner, material=replace(owner.material, plan=plan))
    payload = payload_of(owner, b"\x00", ranges=lenient_ranges(owner))
    assert judged_ranges(owner, payload) == GK_3_RANGE


def test_gk_3_is_undecided_without_public_weights() -> None:
    case = case_of("public")
    payload = payload_of(case, honest(case))
    assert judged(case, payload, program=None) == {"GK-3": "weights-missing"}


def test_gk_2_refuses_a_key_that_the_verifiers_own_program_does_not_have() -> None:
    """A key that says fewer bits than the program's weights have, other shapes, or more of them."""
    case = case_of("public")
    first, *others = case.material.plan.key.constants
    for constants in (
        (replace(first, bits=5), *others),
        (replace(first, shape=(4, 3)), *others),
        (first, *others, first),
    ):
        vk = replace(case.material.plan.key, constants=constants).encode()
        found = judged(case, payload_of(case, honest(case), vk=vk), **pinned(vk, "public"))
        assert found == {"GK-2": "key-of-another-program"}


def test_gk_3_refuses_a_weight_mode_that_the_key_does_not_say() -> None:
    """A lock that pins a key over committed weights as one over public ones."""
    case = case_of("committed")
    payload = payload_of(case, honest(case), weights="public", ranges=b"")
    found = judged(case, payload, **pinned(case.material.vk, "public"))
    assert found == GK_3_RANGE


def test_gk_3_refuses_ranges_where_no_weight_is_committed() -> None:
    case = make_case(SINGLES["Transpose, plain"], "committed")
    proof = honest(case)
    assert judged(case, payload_of(case, proof)) == {}
    assert judged(case, payload_of(case, proof, ranges=b"\x00")) == GK_3_RANGE


# --- GK-4: soundness --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["public", "committed"])
def test_gk_4_refuses_less_soundness_than_the_policy_asks_for(mode: str) -> None:
    case = case_of(mode)
    payload = payload_of(case, honest(case))
    bits = soundness_of_plan(case.material.plan).total_bits
    assert 100 < bits < 128
    asked = Policy(minimum_soundness_bits=int(bits))
    assert judged(case, payload, policy=asked) == {}
    asked = Policy(minimum_soundness_bits=int(bits) + 1)
    assert judged(case, payload, policy=asked) == {"GK-4": "not-sound-enough"}


def test_gk_4_counts_the_proof_of_the_ranges() -> None:
    """Public weights need no such proof, and leave out its share of the error."""
    # Two openings, each with the error of 152 queries: one bit less than one of them.
    asked = Policy(minimum_soundness_bits=103)
    for mode, expected in (("public", {}), ("committed", {"GK-4": "not-sound-enough"})):
        case = case_of(mode)
        assert judged(case, payload_of(case, honest(case)), policy=asked) == expected
