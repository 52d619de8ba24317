"""The page of the gkr protocol lists the messages that the protocol has, and every check."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from sample_models import MODELS, REPOSITORY

import verifiable
from verifiable.backends.gkr.keys import bare_key
from verifiable.backends.gkr.plan import make_plan
from verifiable.backends.gkr.schedule import schedules
from verifiable.backends.gkr.verify import GKR_CHECKS
from verifiable.circuits.samples import SAMPLES, single
from verifiable.program import operators as ops
from verifiable.program.program import Program

FOLDER = REPOSITORY / "docs" / "protocol"
PAGE = (FOLDER / "gkr.md").read_text(encoding="utf-8")
PLACES = {"OP": "[A-Z][A-Za-z]+"} | dict.fromkeys("NTJAI", "[0-9]+")
"""What stands for what in the page's labels."""


def section(number: int) -> str:
    (text,) = re.findall(rf"^## {number}\. .*?(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


def listed(number: int) -> dict[str, set[str]]:
    """Kinds by label of a section's table."""
    found: dict[str, set[str]] = {}
    for labels, kinds in re.findall(r"^\| [0-9] \| (.*?) \| (.*?) \|", section(number), re.M):
        for label in re.findall("`([^`]+)`", labels):
            found[label] = set(kinds.split(", "))
    return found


def pattern(label: str) -> str:
    """The labels that a label of the page stands for."""
    parts = re.split(r"(?<![A-Za-z])(N|OP)(?![A-Za-z])|(?<=[a-z.])([TJAI])(?![A-Za-z])", label)
    return "".join(PLACES.get(part) or re.escape(part) for part in parts if part)


def programs() -> Iterator[Program]:
    """Every operator, small and wide; then a model."""
    for variants in SAMPLES.values():
        yield from variants.values()
    wide = {"lo": -(1 << 30), "hi": 1 << 30}
    step = ops.Requantisation(shift=9, zero_point=3, lo=-100, hi=90)
    two_axes = np.array([[1, 2], [3, 4], [5, 6]])
    yield single(ops.Mul(a_zero_point=0, b_zero_point=0, requant=step), [(3, 2)] * 2, [two_axes])
    wide_add = ops.Add(a_multiplier=3, b_multiplier=5, offset=0, requant=step)
    yield single(wide_add, [(4, 4)] * 2, lo=-(1 << 25), hi=1 << 25)
    table = np.arange(8).reshape(1, 8)
    yield single(ops.LookupTable(x_min=-4), [(3, 4)], [table], **wide)
    pool = ops.MaxPool(kernel=(2, 2), strides=(2, 2), pads=(0, 0, 0, 0), dilations=(1, 1))
    yield single(pool, [(1, 4, 4, 2)], **wide)
    grouped = ops.Conv(
        strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), group=2, x_zero_point=0, requant=step
    )
    yield single(grouped, [(1, 4, 4, 4)], [np.ones((2, 2, 2, 2)), [0, 0], [1]])
    exact = ops.Requantisation(lo=-(1 << 20), hi=1 << 20)  # no shift, and the clamp is idle
    yield single(ops.Add(a_multiplier=1, b_multiplier=1, offset=0, requant=exact), [(3,)] * 2)
    data = MODELS / "digits_calibration.npz"
    yield verifiable.compile(MODELS / "digits_cnn.onnx", calibration=data)


@pytest.fixture(scope="module")
def seen() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Kinds by label, of proofs and of range proofs, over all programs and both modes."""
    kinds: tuple[dict[str, set[str]], dict[str, set[str]]] = ({}, {})
    for program in programs():
        for mode in ("committed", "public"):
            sides = schedules(make_plan(bare_key(program, mode)))
            for side, found in zip(sides, kinds, strict=False):  # no ranges of public weights
                for step in side.schedule:
                    found.setdefault(step.label, set()).add(step.kind)
    return kinds


def assert_agree(told: dict[str, set[str]], seen: dict[str, set[str]]) -> None:
    used = set()
    for label, kinds in seen.items():
        names = [name for name in told if re.fullmatch(pattern(name), label)]
        exact = [name for name in names if kinds <= told[name]]
        assert exact, f"{label} ({kinds}) is not on the page"
        used.update(exact)
    unused = sorted(set(told) - used)
    assert not unused, "no program has these messages"


def test_every_message_of_a_proof_is_on_the_page(seen) -> None:
    assert_agree(listed(4), seen[0])


def test_every_message_of_the_range_proof_is_on_the_page(seen) -> None:
    own = {label: kinds for label, kinds in listed(9).items() if "..." not in label}
    shared = re.compile(r"(lookup|merge|opening)\b")
    assert_agree(own, {label: kinds for label, kinds in seen[1].items() if not shared.match(label)})
    assert {label: kinds for label, kinds in seen[1].items() if shared.match(label)} == {
        label: kinds for label, kinds in seen[0].items() if shared.match(label)
    }


def test_the_page_names_every_check() -> None:
    named = {
        int(number)
        for first, last in re.findall(r"^\| GK-([0-9]+)(?: to GK-([0-9]+))? \|", PAGE, re.M)
        for number in range(int(first), int(last or first) + 1)
    }
    assert {int(spec.id.removeprefix("GK-")) for spec in GKR_CHECKS} <= named


def test_a_label_that_is_not_on_the_page_is_noticed() -> None:
    with pytest.raises(AssertionError, match="not on the page"):
        assert_agree(listed(4), {"0.Conv.hint": {"exts"}})
    with pytest.raises(AssertionError, match="not on the page"):
        assert_agree(listed(4), {"witness": {"challenge"}})


def test_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (FOLDER / target).exists(), target
