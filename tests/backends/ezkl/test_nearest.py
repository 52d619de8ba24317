"""EZ-9: a quotient that is not the nearest integer shows as an excess, and the excess must be 0.

ezkl's own division accepts both neighbours of the exact quotient. An honest library never claims
the wrong one, so these tests feed the circuit's own test of remainders with quotients directly,
and compute it with onnxruntime (everything stays below 2**24, where float32 is exact).
"""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings

from verifiable.backends.ezkl import circuit, graph
from verifiable.backends.ezkl.circuit import CircuitBuilder, Tensor
from verifiable.backends.ezkl.instances import shown_outputs
from verifiable.program.program import Program
from verifiable.testing.strategies import programs

SHIFTS = (1, 2, 7, 12)


def excess(shift: int, values: np.ndarray, off_by: np.ndarray) -> int:
    """The excess that the circuit shows if each quotient of `values` is off by some integer."""
    divisor = 1 << (shift + 1)
    dividends = 2 * values + 1
    quotients = np.floor_divide(dividends + divisor // 2, divisor) + off_by
    builder = CircuitBuilder()
    bound = 1 << 20
    dividend = Tensor(name="dividend", shape=(1, values.size), lo=-bound, hi=bound)
    quotient = Tensor(name="quotient", shape=(1, values.size), lo=-bound, hi=bound)
    builder._show_nearest(dividend, quotient, divisor)
    model = builder.model([dividend, quotient], [builder.total_excess(dividend)])
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    feeds = {
        "dividend": dividends.reshape(1, -1).astype(np.float32),
        "quotient": quotients.reshape(1, -1).astype(np.float32),
    }
    (found,) = session.run(None, feeds)
    return int(found.reshape(()))


@pytest.mark.parametrize("shift", SHIFTS)
def test_honest_quotients_have_no_excess(shift: int) -> None:
    values = np.arange(-3 << shift, (3 << shift) + 1)
    assert excess(shift, values, np.zeros_like(values)) == 0


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("lie", [1, -1, 2, -5])
def test_ez_9_one_wrong_quotient_among_many_shows(shift: int, lie: int) -> None:
    values = np.arange(-3 << shift, (3 << shift) + 1)
    for position in range(0, values.size, max(1, values.size // 64)):
        off_by = np.zeros_like(values)
        off_by[position] = lie
        assert excess(shift, values, off_by) > 0


def test_ez_9_opposite_lies_do_not_cancel() -> None:
    values = np.array([5, 5, -5, -5])
    assert excess(3, values, np.array([1, -1, 1, -1])) > 0


def test_every_division_of_a_circuit_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    watched: list[str] = []
    original = CircuitBuilder._show_nearest

    def note(self: CircuitBuilder, dividend: Tensor, quotient: Tensor, divisor: int) -> None:
        watched.append(dividend.name)
        original(self, dividend, quotient, divisor)

    monkeypatch.setattr(circuit.CircuitBuilder, "_show_nearest", note)
    divisions = 0

    @settings(max_examples=80, deadline=None, database=None, derandomize=True)
    @given(programs())
    def check(program: Program) -> None:
        nonlocal divisions
        if graph.unsupported(program):
            return
        watched.clear()
        model: onnx.ModelProto = graph.build(program).model
        divided = [node.input[0] for node in model.graph.node if node.op_type == "Div"]
        assert divided == watched
        assert len(model.graph.output) == len(program.outputs) + 1
        divisions += len(divided)

    check()
    assert divisions > 5


def test_ez_9_the_verifier_demands_an_excess_of_zero() -> None:
    assert shown_outputs([np.array([[3, -4]])]) == [[3, -4], [0]]
