"""A program with a node that no transaction could judge is neither asserted nor challenged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dispute_kit import World, honest, journal_in

from verifiable.dispute.asserter import Asserter
from verifiable.dispute.challenger import Challenger
from verifiable.dispute.judged_nodes import check_nodes
from verifiable.dispute.material import Material
from verifiable.errors import UnsupportedModel
from verifiable.program import operators as ops
from verifiable.program.program import Constant, Input, Node, Operand, Output, Program, Source


def dense(length: int) -> Program:
    """One dot product."""
    shapes = ((length,), (1, length), (1,), ())
    sources = (Source.INPUT, Source.WEIGHT, Source.WEIGHT, Source.WEIGHT)
    wide = ops.Requantisation(shift=0, zero_point=0, lo=-(1 << 31), hi=(1 << 31) - 1)
    return Program(
        inputs=(Input(name="x", shape=(length,), lo=-128, hi=127, scale=1.0, zero_point=0),),
        outputs=(Output(name="y", node=0, shape=(1,), scale=1.0, zero_point=0),),
        nodes=(
            Node(
                op=ops.MatMul(requant=wide),
                operands=tuple(
                    Operand(source=source, index=max(0, place - 1), shape=shape)
                    for place, (source, shape) in enumerate(zip(sources, shapes, strict=True))
                ),
                shape=(1,),
                width=4,
            ),
        ),
        weights=(
            Constant.of("w", np.full((1, length), -77)),
            Constant.of("b", np.zeros(1, dtype=np.int64)),
            Constant.of("one", 1),
        ),
    )


@pytest.fixture(scope="module")
def longest() -> Material:
    return Material(dense(53_249))


@pytest.fixture(scope="module")
def longer() -> Material:
    return Material(dense(54_275))


def test_the_longest_dot_product_is_judged(world: World, longest: Material) -> None:
    check_nodes(world.game, longest)


def test_one_that_is_longer_is_refused_in_words(world: World, longer: Material) -> None:
    with pytest.raises(UnsupportedModel) as refused:
        check_nodes(world.game, longer)
    (problem,) = refused.value.problems
    assert problem.code == "node-not-judged"
    assert problem.node == "node 0 (MatMul)"
    assert problem.what.endswith("too large for one transaction")


def test_agents_stop_before_anything_is_bonded(
    world: World, longer: Material, tmp_path: Path
) -> None:
    inputs = {"x": np.arange(54_275) % 100}
    person = world.person()
    before = world.chain.balance(person.address)
    agents = (
        Asserter(world.game, person, journal_in(tmp_path), honest(longer, inputs)),
        Challenger(world.game, person, journal_in(tmp_path), longer, [inputs]),
    )
    for agent in agents:
        with pytest.raises(UnsupportedModel):
            agent.step()
        assert agent.moves == []
    assert world.chain.balance(person.address) == before
