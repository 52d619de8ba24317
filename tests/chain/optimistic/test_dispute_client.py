"""The typed client of the dispute game against its ABI and on the embedded chain."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from game_kit import (
    ALICE,
    CAROL,
    SALT,
    STRANGER,
    admit,
    finalise,
    honest,
    lying,
    make_assertion,
    outputs_of,
    pass_time,
    reject,
    small_program,
    trace_rows,
)

from verifiable.chain.abi import AbiEntry, Param, encode, entries_of
from verifiable.chain.anvil import find_anvil
from verifiable.chain.artifact import load_artifact
from verifiable.chain.client import Chain
from verifiable.chain.contract import Contract
from verifiable.chain.contracts import dispute_structs as structs
from verifiable.chain.contracts.dispute_events import (
    ERRORS,
    EVENTS,
    AlreadyAdmitted,
    Asserted,
    BadParams,
    Committed,
    Credited,
    FaultProven,
    Finalized,
    GameError,
    GameOpened,
    GameSettled,
    NoCommit,
    NotFinal,
    NothingToWithdraw,
    NotPending,
    Rejected,
    Turn,
    UnknownGame,
    UnknownProgram,
    WindowClosed,
    Withdrawn,
    WrongBond,
)
from verifiable.chain.contracts.dispute_game import DisputeGame, error_of
from verifiable.chain.contracts.dispute_release import (
    DEFAULT_PARAMS,
    DEVELOPMENT_PARAMS,
    GAME,
    read_release,
)
from verifiable.chain.contracts.dispute_structs import (
    AssertionStatus,
    CommitKind,
    GameStatus,
    Header,
    PaddingPlace,
    PaddingProof,
    ParamsRule,
    Phase,
)
from verifiable.chain.deployment import DEPLOYMENT_PROXY, initcode
from verifiable.chain.endpoint import open_chain
from verifiable.errors import ChainError, Reverted
from verifiable.statement.hashing import keccak

JUDGES = ("FaultJudge", "StepRouter", "LinearSteps", "ElementwiseSteps", "WindowSteps")
NOT_FUNCTIONS = {
    "at",
    "deploy",
    "events",
    "events_in",
    "all_events",
    "chain",
    "address",
    "artifact",
}
NOT_ARGUMENTS = {"self", "signer", "options", "block"}


def snake(name: str) -> str:
    """Written again: `traceURI` is `trace_uri`."""
    return "_".join(re.findall("[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)).lower()


def entries(kind: str, *names: str) -> dict[str, AbiEntry]:
    artifacts = [load_artifact(name) for name in names or ("DisputeGame",)]
    return {entry.name: entry for item in artifacts for entry in entries_of(item, kind)}


def test_each_function_has_a_method_and_each_method_a_function() -> None:
    methods = {name for name in vars(DisputeGame) if name[0] != "_"} - NOT_FUNCTIONS
    functions = entries("function")
    assert methods == {snake(name) for name in functions}
    for name, function in functions.items():
        arguments = list(inspect.signature(getattr(DisputeGame, snake(name))).parameters)
        assert [item for item in arguments if item not in NOT_ARGUMENTS] == [
            snake(param.name) for param in function.inputs
        ], name


def test_each_event_has_a_dataclass_with_its_fields() -> None:
    events = entries("event")
    assert {kind.__name__ for kind in EVENTS} == set(events)
    for kind in EVENTS:
        expected = [snake(param.name) for param in events[kind.__name__].inputs]
        assert [field.name for field in fields(kind)] == ["log", *expected], kind


def test_each_error_has_a_dataclass_with_its_fields() -> None:
    errors = entries("error", "DisputeGame", *JUDGES, "MovementSteps")
    assert set(ERRORS) == set(errors)
    for name, kind in ERRORS.items():
        assert [field.name for field in fields(kind)] == [
            snake(param.name) for param in errors[name].inputs
        ], name


def struct_params() -> list[tuple[Param, type]]:
    functions = entries("function")
    asserting = functions["assertResult"].inputs
    return [
        (functions["admitProgram"].inputs[0], Header),
        (asserting[0], structs.Statement),
        (asserting[2], structs.Opening),
        (functions["assertionOf"].outputs[0], structs.Assertion),
        (functions["gameOf"].outputs[0], structs.Game),
        (functions["programOf"].outputs[0], structs.ProgramFacts),
        (functions["totals"].outputs[0], structs.Totals),
        (functions["params"].outputs[0], structs.Params),
    ]


def test_structs_have_the_fields_of_the_contract() -> None:
    for param, kind in struct_params():
        assert [field.name for field in fields(kind)] == [
            snake(part.name) for part in param.components
        ], kind


@pytest.fixture(scope="module", params=["local:", "anvil:"])
def chain(request: pytest.FixtureRequest) -> Iterator[Chain]:
    if request.param == "anvil:":
        try:
            find_anvil()
        except ChainError as absent:
            pytest.skip(f"on anvil only where it is installed: {absent.what}")
    with open_chain(request.param) as opened:
        yield opened


@pytest.fixture(scope="module")
def game(chain: Chain) -> DisputeGame:
    return DisputeGame.deploy(chain, ALICE)


def test_deploying_twice_finds_what_stands(chain: Chain, game: DisputeGame) -> None:
    before = chain.block().number
    again = DisputeGame.deploy(chain, CAROL)
    assert (again.address, again.release) == (game.address, game.release)
    assert chain.block().number == before, "a transaction was sent"


def test_rules_and_key_are_those_of_the_contract(game: DisputeGame) -> None:
    root = keccak(b"a program")
    assert game.params() == game.release.params == DEVELOPMENT_PARAMS
    assert game.game_key_of(root) == game.release.game_key(root)
    assert game.release.code_hash == keccak(game.chain.code(game.address))
    assert game.version() == "1.0.0"
    assert game.max_duration() > DEFAULT_PARAMS.longest_s > DEVELOPMENT_PARAMS.longest_s
    assert game.max_commit_age() >= DEFAULT_PARAMS.min_commit_age
    assert game.max_uri_bytes() == 1024
    assert game.challenger_gas() > game.reveal_gas() > 100_000
    assert 4 * game.reveal_gas() > game.descriptor_gas() * game.max_descriptor_bytes() > 100_000


def test_default_rules_can_be_deployed(chain: Chain) -> None:
    assert DisputeGame.deploy(chain, ALICE, DEFAULT_PARAMS).params() == DEFAULT_PARAMS


def test_rules_that_the_contract_refuses(chain: Chain) -> None:
    with pytest.raises(Reverted) as caught:
        # through the proxy the reason is lost, so the constructor is asked itself
        chain.created_code(
            initcode(
                GAME,
                (
                    *DisputeGame.deploy(chain, ALICE).verifiers(),
                    structs.values_of(replace(DEVELOPMENT_PARAMS, bond_a=1)),
                ),
            )
        )
    assert error_of(caught.value) == BadParams(rule=ParamsRule.BOND_A)


def test_statement_is_asserted_and_becomes_final(game: DisputeGame) -> None:
    execution = honest(small_program(1))
    start = game.chain.block().number + 1
    said = make_assertion(game, execution, uri="https://example.org/trace")
    assert (said.statement, said.trace_root) == (execution.statement, execution.trace_root)
    assert (said.asserter, said.trace_uri) == (ALICE.address, "https://example.org/trace")
    assert said.outputs == tuple(outputs_of(execution))
    assert said.statement_digest == execution.statement.digest
    found = game.assertion_of(said.assertion_id)
    assert found == structs.Assertion(
        asserter=ALICE.address,
        asserted_at=said.asserted_at,
        open_games=0,
        status=AssertionStatus.PENDING,
        program_root=execution.statement.program_root,
        input_root=execution.statement.input_root,
        trace_root=execution.trace_root,
        statement_digest=execution.statement.digest,
    )
    facts = game.program_of(execution.statement.program_root)
    assert (facts.node_count, facts.input_count, facts.output_ids) == (2, 1, (1,))
    with pytest.raises(Reverted) as caught:
        game.finalize(CAROL, said.assertion_id)
    assert error_of(caught.value) == NotFinal(assertion_id=said.assertion_id)

    finalise(game, said.assertion_id)
    assert game.status(said.assertion_id) is AssertionStatus.FINALIZED
    assert game.finalised_statement(execution.statement.digest) == said.assertion_id
    assert game.credit_of(ALICE.address) == DEVELOPMENT_PARAMS.bond_a
    receipt = game.withdraw(ALICE)
    (paid,) = game.events_in(receipt)
    assert paid == Withdrawn(log=paid.log, account=ALICE.address, amount=DEVELOPMENT_PARAMS.bond_a)
    assert game.credit_of(ALICE.address) == 0
    sums = game.totals()
    assert sums.deposited == sums.withdrawn + sums.locked + sums.burned
    kinds = [type(event) for event in game.all_events(from_block=start)]
    assert kinds[1:] == [Committed, Asserted, Finalized, Credited, Withdrawn]
    assert game.events(Asserted, from_block=start, filters={"assertion_id": said.assertion_id}) == [
        said
    ]


def test_false_statement_is_rejected_by_a_proof(game: DisputeGame) -> None:
    execution = lying(honest(small_program(2)))
    said = make_assertion(game, execution)
    start = game.chain.block().number + 1
    game_id = opened(game, said.assertion_id)
    reject(game, said.assertion_id, execution, node=0, element=1)
    assert game.status(said.assertion_id) is AssertionStatus.REJECTED
    (proven,) = game.events(FaultProven, from_block=start)
    assert (proven.prover, proven.kind, proven.node, proven.place) == (
        CAROL.address, structs.FaultKind.ELEMENT, 0, 1,
    )  # fmt: skip
    (rejected,) = game.events(Rejected, from_block=start)
    assert rejected.winner == CAROL.address
    receipt = game.close_game(CAROL, game_id)
    settled = game.events_in(receipt)[0]
    assert isinstance(settled, GameSettled)
    assert settled.status is GameStatus.CLOSED


def opened(game: DisputeGame, assertion_id: bytes) -> int:
    said, turn = game.events_in(game.open_game(CAROL, assertion_id))
    assert isinstance(said, GameOpened)
    assert isinstance(turn, Turn)
    return said.game_id


def test_game_is_read_and_lost_by_the_clock(game: DisputeGame) -> None:
    execution = honest(small_program(3))
    said = make_assertion(game, execution)
    game_id = opened(game, said.assertion_id)
    found = game.game_of(game_id)
    assert (found.assertion_id, found.challenger) == (said.assertion_id, CAROL.address)
    assert (found.status, found.phase, found.asserter_turn) == (GameStatus.OPEN, Phase.TRACE, True)
    rows = trace_rows(execution)
    game.reveal_nodes(ALICE, game_id, rows)
    game.select(CAROL, game_id, 1, 0, rows[0], [rows[1]])
    opening = execution.opener.open(0, 0)
    game.reveal_tensor(ALICE, game_id, opening.out_root, opening.desc, opening.desc_branch)
    assert game.revealed_tensor(said.assertion_id, 0) == (opening.out_root, 1)
    game.reveal_leaf(ALICE, game_id, opening.leaf)
    digest = game.game_of(game_id).cur
    assert game.is_revealed(said.assertion_id, digest, 0)
    assert game.game_of(game_id).phase is Phase.STEP
    pass_time(game.chain, DEVELOPMENT_PARAMS.clock_c)
    settled = game.events_in(game.claim_timeout(ALICE, game_id))[0]
    assert isinstance(settled, GameSettled)
    assert settled.status is GameStatus.LOST


def test_silence_loses(game: DisputeGame) -> None:
    said = make_assertion(game, honest(small_program(7)))
    game_id = opened(game, said.assertion_id)
    pass_time(game.chain, DEVELOPMENT_PARAMS.clock_a)
    game.claim_timeout(CAROL, game_id)
    assert game.game_of(game_id).status is GameStatus.WON
    assert game.status(said.assertion_id) is AssertionStatus.REJECTED


def test_refusals_have_their_reasons(game: DisputeGame) -> None:
    execution = honest(small_program(4))
    unknown = keccak(b"unknown")
    admit(game, execution)
    old = make_assertion(game, honest(small_program(5)))
    pass_time(game.chain, DEVELOPMENT_PARAMS.window)
    commit = game.commit_digest(
        CommitKind.RESULT, CAROL.address, execution.statement.digest, execution.trace_root, SALT
    )
    outputs = outputs_of(execution)
    cases: list[tuple[Any, GameError]] = [
        (
            lambda: game.admit_program(CAROL, Header.of(execution.commitment)),
            AlreadyAdmitted(program_root=execution.statement.program_root),
        ),
        (
            lambda: game.assert_result(
                CAROL, execution.statement, execution.trace_root, outputs, "", SALT
            ),
            NoCommit(digest=commit),
        ),
        (
            lambda: game.finalize(CAROL, unknown),
            NotPending(assertion_id=unknown, status=AssertionStatus.NONE),
        ),
        (lambda: game.claim_timeout(CAROL, 10**6), UnknownGame(game_id=10**6)),
        (
            lambda: game.open_game(CAROL, old.assertion_id),
            WindowClosed(assertion_id=old.assertion_id),
        ),
        (
            lambda: game.contract.send(CAROL, "openGame", old.assertion_id, value=1),
            WrongBond(sent=1, bond=DEVELOPMENT_PARAMS.bond_c),
        ),
        (
            lambda: game.withdraw(STRANGER),
            NothingToWithdraw(account=STRANGER.address),
        ),
    ]
    for attempt, reason in cases:
        with pytest.raises(Reverted) as caught:
            attempt()
        assert error_of(caught.value) == reason
    foreign = honest(small_program(6))
    digest = game.commit_digest(
        CommitKind.RESULT, CAROL.address, foreign.statement.digest, foreign.trace_root, SALT
    )
    game.commit(CAROL, digest)
    assert game.committed_at(CAROL.address, digest) == game.chain.block().number
    pass_time(game.chain, 1)
    with pytest.raises(Reverted) as caught:
        game.assert_result(CAROL, foreign.statement, foreign.trace_root, outputs, "", SALT)
    assert error_of(caught.value) == UnknownProgram(program_root=foreign.statement.program_root)


def test_padding_proof_has_the_bytes_of_the_abi() -> None:
    proof = PaddingProof(place=PaddingPlace.TAIL, node=3, leaf=b"x" * 40, siblings=(SALT,))
    names = [field.name for field in fields(PaddingProof)]
    assert names == [
        "place", "node", "desc", "desc_branch", "out_root", "out_branch", "level", "index", "hash",
        "siblings", "leaf",
    ]  # fmt: skip
    assert proof.encode()[:32] == (32).to_bytes(32, "big")
    assert proof.encode()[32:96] == (2).to_bytes(32, "big") + (3).to_bytes(32, "big")


# --- games that are not genuine


def create(chain: Chain, artifact: str, *arguments: Any) -> bytes:
    return chain.deploy(ALICE, load_artifact(artifact), *arguments).address


def planted(chain: Chain, code: bytes) -> bytes:
    """A contract with any code: initcode that returns what follows it."""
    size = len(code).to_bytes(2, "big")
    maker = bytes.fromhex("61") + size + bytes.fromhex("80600a3d393df3") + code
    receipt = chain.send(ALICE, to=None, data=maker)
    assert receipt.contract_address is not None
    assert chain.code(receipt.contract_address) == code
    return receipt.contract_address


def refused(chain: Chain, address: bytes, code: str = "other-code") -> None:
    with pytest.raises(ChainError) as caught:
        DisputeGame.at(chain, address)
    assert caught.value.code == code


def test_address_without_code_is_no_game(chain: Chain) -> None:
    refused(chain, b"\x77" * 20, "no-code")


def test_other_code_is_no_game(chain: Chain) -> None:
    refused(chain, DEPLOYMENT_PROXY)


def test_game_with_a_judge_of_its_own_is_refused(chain: Chain, game: DisputeGame) -> None:
    judge, router = game.verifiers()
    rules = structs.values_of(DEVELOPMENT_PARAMS)
    mine = planted(chain, chain.code(judge) + b"\x00")
    refused(chain, create(chain, "DisputeGame", mine, router, rules))


def test_game_with_a_family_of_its_own_is_refused(chain: Chain, game: DisputeGame) -> None:
    judge, router = game.verifiers()
    families = list(Contract(chain, load_artifact("StepRouter"), router).call("families"))
    rules = structs.values_of(DEVELOPMENT_PARAMS)
    for place, family in enumerate(families):
        twisted = [*families]
        twisted[place] = planted(chain, chain.code(family) + b"\x00")
        other = create(chain, "StepRouter", *twisted)
        refused(chain, create(chain, "DisputeGame", judge, other, rules))


def test_game_with_a_router_of_its_own_is_refused(chain: Chain, game: DisputeGame) -> None:
    """One that answers every question with a zero, so that nothing is ever a fault."""
    judge, _ = game.verifiers()
    answering_zero = planted(chain, bytes.fromhex("5f5f5260205ff3"))
    rules = structs.values_of(DEVELOPMENT_PARAMS)
    refused(chain, create(chain, "DisputeGame", judge, answering_zero, rules))


def test_game_whose_immutables_disagree_is_refused(chain: Chain, game: DisputeGame) -> None:
    """One immutable stands in several places: a forger could show one value and use another."""
    code = bytearray(chain.code(game.address))
    window = DEVELOPMENT_PARAMS.window.to_bytes(32, "big")
    places = [
        item.start
        for item in GAME.immutable_references
        if code[item.start : item.start + item.length] == window
    ]
    assert len(places) > 1
    for place in places:
        twisted = bytearray(code)
        twisted[place : place + 32] = (1).to_bytes(32, "big")
        assert GAME.matches(bytes(twisted))
        refused(chain, planted(chain, bytes(twisted)))


def test_router_whose_immutables_disagree_is_refused(chain: Chain, game: DisputeGame) -> None:
    judge, router = game.verifiers()
    artifact = load_artifact("StepRouter")
    code = chain.code(router)
    rules = structs.values_of(DEVELOPMENT_PARAMS)
    mine = planted(chain, b"\x00")
    for item in artifact.immutable_references:
        twisted = bytearray(code)
        twisted[item.start : item.start + 32] = bytes(12) + mine
        other = planted(chain, bytes(twisted))
        refused(chain, create(chain, "DisputeGame", judge, other, rules))


def test_release_is_read_at_a_block(chain: Chain, game: DisputeGame) -> None:
    with pytest.raises(ChainError) as caught:
        read_release(chain, game.address, 0)
    assert caught.value.code == "no-code"


def test_arguments_of_another_size_are_refused(game: DisputeGame) -> None:
    with pytest.raises(ChainError) as caught:
        game.commit(ALICE, b"\x01" * 31)
    assert caught.value.code == "bad-arguments"
    with pytest.raises(ChainError):
        encode((Param(name="x", type="uint8"),), (256,), where="x")
