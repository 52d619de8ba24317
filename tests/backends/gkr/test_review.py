"""Integers that are too large for the field, and other ways to say something that means nothing.

Everything is shown in a field of p < 2^64 elements. A range check on a number of 64 bits says
nothing, and two integers that differ by p are one. So programs in which a value, or the difference
of two, could be that large are refused, before there is a proof to believe.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from gkr_parties import CONTEXT, Attempt, Case, honest, judged, make_case, payload_of
from gkr_programs import Sketch

from verifiable.argument.goldilocks import P
from verifiable.backends.gkr.format import GkrKey
from verifiable.backends.gkr.keys import bare_key
from verifiable.backends.gkr.plan import make_plan
from verifiable.backends.gkr.vk import VerificationKey
from verifiable.circuits.max_pool import MaxPoolArgument
from verifiable.circuits.site import LARGEST_VALUE
from verifiable.errors import MalformedModel, MalformedProof, UnsupportedModel
from verifiable.program import operators as ops
from verifiable.program.execute import execute
from verifiable.program.program import Program
from verifiable.program.shapes import result_shape
from verifiable.statement.commitment import commit_program
from verifiable.statement.statement import statement_of
from verifiable.statement.strict_json import encode_canonical


def at(case: Case, values: list[int]) -> Case:
    """The key's case on these values of its one input."""
    (spec,) = case.program.inputs
    tensor = np.array(values, dtype=np.int64).reshape(spec.shape)
    return replace(case, trace=execute(case.program, {spec.name: tensor}))


def refused(program: Program, what: str) -> None:
    for mode in ("public", "committed"):
        with pytest.raises(UnsupportedModel, match=what):
            make_plan(bare_key(program, mode))


def max_pool(lo: int, hi: int) -> Program:
    sketch = Sketch((1, 1, 2, 1), lo=lo, hi=hi)
    op = ops.MaxPool(kernel=(1, 2), strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1))
    return sketch.program(sketch.node(op, sketch.input()))


def add(requant: ops.Requantisation, lo: int = -128, hi: int = 127, factor: int = 1) -> Program:
    sketch = Sketch((2,), lo=lo, hi=hi)
    op = ops.Add(a_multiplier=factor, b_multiplier=0, offset=0, requant=requant)
    return sketch.program(sketch.node(op, sketch.input(), sketch.input()))


def table(x_min: int, *values: int) -> Program:
    sketch = Sketch((2,))
    op = ops.LookupTable(x_min=x_min)
    return sketch.program(sketch.node(op, sketch.input(), sketch.table([values])))


@pytest.mark.parametrize("program", [max_pool(-(1 << 62), 1 << 62), max_pool(0, 1 << 62)])
def test_inputs_whose_differences_have_64_bits_are_refused(program: Program) -> None:
    """A range of 2^64 holds every field element: of such inputs any could be the maximum."""
    refused(program, "input 0")


def test_the_widest_maximum_is_not_any_field_element() -> None:
    """At the bound: what the smaller element would need as its rise is in no range."""
    case = at(make_case(max_pool(-LARGEST_VALUE, LARGEST_VALUE)), [5, 3])
    argument = case.material.plan.arguments[0]
    assert isinstance(argument, MaxPoolArgument)
    (clamp,) = argument.stages[0].clamps
    assert clamp.above is None
    assert clamp.below is not None
    assert clamp.over_lo is not None
    assert sum(clamp.below.widths) == sum(clamp.over_lo.widths) == 63
    assert judged(case, payload_of(case, honest(case))) == {}
    lowest = at(case, [-LARGEST_VALUE, LARGEST_VALUE])
    assert judged(lowest, payload_of(lowest, honest(lowest))) == {}


@pytest.mark.parametrize(
    ("program", "what"),
    [
        (add(ops.Requantisation(shift=0, zero_point=(1 << 62), lo=0, hi=1 << 62)), "zero_point"),
        (add(ops.Requantisation(shift=0, lo=(1 << 61) + 1, hi=(1 << 62))), "beyond 2\\^61"),
        (
            add(
                ops.Requantisation(shift=0, lo=-(1 << 63), hi=1 << 62),
                hi=(1 << 40) + 1,
                factor=1 << 21,
            ),
            "beyond 2\\^61",
        ),
        (table(-(1 << 63), 0, 10, 20, 30), "x_min"),
        (table(0, 0, (1 << 62) + 5), "table 0"),
    ],
    ids=["zero point", "clamp", "result", "first entry", "table"],
)
def test_numbers_too_large_for_the_field_are_refused(program: Program, what: str) -> None:
    refused(program, what)


def test_a_clamp_that_no_value_reaches_may_be_of_any_size() -> None:
    case = make_case(add(ops.Requantisation(shift=1, lo=-(1 << 63), hi=(1 << 63) - 1)))
    assert judged(case, payload_of(case, honest(case))) == {}


def test_outputs_that_differ_by_the_modulus_are_not_the_same() -> None:
    """In the field they are, so the argument cannot tell them apart."""
    sketch = Sketch((2,))
    case = make_case(sketch.program(sketch.node(ops.Transpose(perm=(0,)), sketch.input())))
    case = at(case, [-100, 7])
    far = at(make_case(add(ops.Requantisation(lo=-(1 << 63), hi=(1 << 63) - 1))), [-100, 7])
    for honest_case in (case, far):
        outputs = [np.array([-100, 7], dtype=np.int64)]
        assert judged(honest_case, payload_of(honest_case, honest(honest_case))) == {}
        outputs[0][0] = LARGEST_VALUE + 1
        commitment = commit_program(honest_case.program)
        public = replace(
            honest_case.public,
            outputs=outputs,
            statement=statement_of(commitment, honest_case.trace.inputs, outputs, context=CONTEXT),
        )
        proof = Attempt.of(honest_case, public).prove()
        failed = judged(
            honest_case,
            payload_of(honest_case, proof),
            outputs=outputs,
            statement=public.statement,
        )
        assert failed == {"GK-2": "key-of-another-program"}
    assert 2 * LARGEST_VALUE < P


def test_unused_parts_of_a_payload_are_empty() -> None:
    """Else one proof had many encodings."""
    program = add(ops.Requantisation(shift=1, lo=-128, hi=127))
    case = make_case(program)
    with pytest.raises(MalformedProof, match="ranges") as caught:
        judged(case, payload_of(case, honest(case), ranges=b"junk"))
    assert caught.value.code == "payload-size"
    case = make_case(program, "committed")  # without weights
    assert judged(case, payload_of(case, honest(case))) == {}
    assert judged(case, payload_of(case, honest(case), ranges=b"junk")) == {
        "GK-3": "weights-not-in-range"
    }


# --- Crafted keys: refused by name, at once -----------------------------------------------------


def pooled(kernel: int, before: int) -> Callable[[Any], None]:
    def change(key: Any) -> None:
        key["nodes"][0]["attributes"].update(kernel=[1, kernel], pads=[0, before, 0, 0])
        for holder in (*key["nodes"], *key["outputs"]):
            holder["shape"] = [1, 1, 3 + before - kernel, 1]

    return change


def enlarged(key: Any) -> None:
    size = (1 << 28) + 1
    for holder in (*key["inputs"], *key["nodes"], *key["outputs"], *key["nodes"][0]["operands"]):
        holder["shape"] = [size]


def without_multiplier(key: Any) -> None:
    for constant in key["constants"]:
        constant["values"] = None


def with_reach(ends: list[int]) -> Callable[[Any], None]:
    return lambda key: key["nodes"][0].update(product_reach=ends)


def without_operands(key: Any) -> None:
    key["nodes"][0].update(operator="Concat", attributes={"axis": 0}, operands=[])


def moved() -> Program:
    sketch = Sketch((2,))
    return sketch.program(sketch.node(ops.Transpose(perm=(0,)), sketch.input()))


def scaled() -> Program:
    sketch = Sketch((2,))
    op = ops.Mul(
        a_zero_point=0, b_zero_point=0, requant=ops.Requantisation(shift=4, lo=-128, hi=127)
    )
    x = sketch.input()
    return sketch.program(sketch.node(op, x, x, sketch.weight([3])))


@pytest.mark.parametrize(
    ("program", "change", "code"),
    [
        (max_pool(-128, 127), pooled(1 << 60, 1 << 60), "too-large"),
        (max_pool(-128, 127), pooled(1 << 19, (1 << 19) - 1), "too-large"),
        (moved(), enlarged, "too-large"),
        (moved(), without_operands, "malformed-model"),
        (scaled(), without_multiplier, "range-bound"),
        (scaled(), with_reach([]), "out-of-bounds"),
        (scaled(), with_reach([5]), "out-of-bounds"),
        (scaled(), with_reach([5, 4]), "out-of-bounds"),
    ],
    ids=["kernel", "maxima", "tensor", "operands", "multiplier", "no ends", "one end", "empty"],
)
def test_crafted_keys_are_refused_at_once(
    program: Program, change: Callable[[Any], None], code: str
) -> None:
    document = json.loads(bare_key(program, "committed").encode())
    change(document)
    data = encode_canonical(document)
    with pytest.raises((MalformedProof, MalformedModel, UnsupportedModel)) as caught:
        make_plan(VerificationKey.decode(data))
    assert caught.value.code == code


def test_a_pinned_key_of_other_constants_is_refused() -> None:
    """A key over public weights, of which the verifier's program has more."""
    case = make_case(scaled())
    document = json.loads(case.material.vk)
    document["constants"].append({"shape": [1], "bits": 1, "values": None})
    vk = encode_canonical(document)
    key = GkrKey.of(vk, "public").to_key()
    found = judged(case, payload_of(case, honest(case), vk=vk), key=key)
    assert found == {"GK-2": "key-of-another-program"}


def test_windows_that_touch_are_told_without_visiting_them() -> None:
    sizes = product(range(1, 5), range(1, 4), range(1, 4), range(6), range(4), range(1, 7))
    seen = set()
    for size, kernel, stride, before, after, dilation in sizes:
        span = size + before + after - dilation * (kernel - 1) - 1
        if span < 0:
            continue
        starts = range(-before, span // stride * stride - before + 1, stride)
        touch = all(
            any(0 <= start + tap * dilation < size for tap in range(kernel)) for start in starts
        )
        op = ops.MaxPool(
            kernel=(1, kernel),
            strides=(1, stride),
            pads=(0, before, 0, after),
            dilations=(1, dilation),
        )
        try:
            found = result_shape(op, ((1, 1, size, 1),)) == (1, 1, span // stride + 1, 1)
        except ValueError:
            found = False
        assert found == touch
        seen.add((touch, dilation > size))
    assert len(seen) == 4
