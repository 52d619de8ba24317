"""Coins and gas: rows F of the attack matrix, on the deployed contracts, with honest controls.

A row ends in the named error of a check, or in who has which coins.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from attack_kit import SALT, Puppeteer, Table
from attack_rows import (
    EDGES,
    PENDING,
    REJECTED,
    edge_program,
    lie_values,
    lying,
    stands,
    verdict_on,
)
from dispute_kit import ETHER, World
from judge_kit import Committed, Judge, changed, claimed, searched

from verifiable.chain.accounts import KeySigner
from verifiable.chain.artifact import load_artifact
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import DEVELOPMENT_PARAMS
from verifiable.chain.contracts.dispute_structs import (
    CommitKind,
    Header,
    values_of,
)
from verifiable.chain.transaction import TxOptions
from verifiable.dispute.asserter import statement_of_trace
from verifiable.dispute.claimed_trace import output_openings
from verifiable.dispute.material import Material
from verifiable.errors import Reverted
from verifiable.statement.hashing import keccak

REACTIONS = {
    "takes again": "633ccfd60b5f525f5f6004601c5f73{game}5af15000",
    "refuses": "5f5ffd",
    "burns gas": "5b604d56",
}


@pytest.mark.parametrize("reaction", REACTIONS)
def test_f1_a_hostile_receiver_gets_what_is_its_own_once_and_stops_nobody(
    table: Table, right: Committed, alice: KeySigner, mallory: KeySigner, reaction: str
) -> None:
    code = bytes.fromhex(REACTIONS[reaction].format(game=table.game.address.hex()))
    puppet = Puppeteer(table, mallory, code)
    trace = claimed(right)
    said = statement_of_trace(trace)
    digest = table.game.commit_digest(
        CommitKind.RESULT, puppet.address, said.digest, trace.root, SALT
    )
    if not table.game.program_of(said.program_root).node_count:
        table.claim(alice, trace)
    puppet.send("commit", digest)
    receipt = puppet.send(
        "assertResult",
        (said.program_root, said.input_root, said.output_root, said.context),
        trace.root,
        [(opening.root, list(opening.branch)) for opening in output_openings(trace)],
        "",
        SALT,
        value=table.rules.bond_a,
    )
    (event,) = table.game.events_in(receipt)
    assert event.asserter == puppet.address
    own = table.claim(alice, trace)
    stands(table, event.assertion_id, mallory)
    stands(table, own, alice)
    held = table.game.chain.balance(table.game.address)
    if reaction == "takes again":
        puppet.send("withdraw")
        assert table.game.chain.balance(puppet.address) == table.rules.bond_a
        assert table.game.chain.balance(table.game.address) == held - table.rules.bond_a
        assert table.game.credit_of(puppet.address) == 0
    else:
        error = table.refused(lambda: puppet.send("withdraw", gas=400_000))
        assert error == "Game_TransferFailed"
        assert table.game.credit_of(puppet.address) == table.rules.bond_a
        assert table.game.chain.balance(table.game.address) == held
    before = table.game.credit_of(alice.address)
    table.send(alice, "withdraw")
    assert before == table.rules.bond_a
    assert table.game.credit_of(alice.address) == 0
    assert table.balanced()


def test_f2_only_the_exact_bond_comes_in_and_nobody_can_drain_it(
    world: World, table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    trace = claimed(right)
    said = statement_of_trace(trace)
    table.commit(alice, CommitKind.RESULT, said.digest, trace.root)
    sums = table.game.totals()
    for value in (0, 1, table.rules.bond_a - 1, table.rules.bond_a + 1, 2 * table.rules.bond_a):
        attempt = table.refused(lambda v=value: table.claim(alice, trace, value=v, commit=False))
        assert attempt == "Game_WrongBond"
    assertion = table.claim(alice, trace, commit=False)
    for value in (0, table.rules.bond_c - 1, table.rules.bond_c + 1):
        attempt = table.refused(lambda v=value: table.send(carol, "openGame", assertion, value=v))
        assert attempt == "Game_WrongBond"
    assert table.game.totals().deposited == sums.deposited + table.rules.bond_a
    for data in (b"", b"\x01\x02\x03\x04"):
        with pytest.raises(Reverted):
            world.chain.send(
                carol, to=table.game.address, data=data, value=1,
                options=TxOptions(gas_limit=100_000),
            )  # fmt: skip
    assert table.refused(lambda: table.send(carol, "commit", keccak(b"x"), value=1)) == ""
    address = "0x" + table.game.address.hex()
    held = world.chain.balance(table.game.address)
    world.result("anvil_setBalance", address, hex(held + ETHER))  # forced in
    sums = table.game.totals()
    assert table.balanced()
    stands(table, assertion, alice)
    table.send(alice, "withdraw")
    assert table.game.totals().withdrawn == sums.withdrawn + table.rules.bond_a
    assert world.chain.balance(table.game.address) == held + ETHER - table.rules.bond_a
    world.result("anvil_setBalance", address, hex(held - table.rules.bond_a))
    abi = load_artifact("DisputeGame").abi
    functions = [each for each in abi if each["type"] == "function"]
    payable = {each["name"] for each in functions if each["stateMutability"] == "payable"}
    assert payable == {"assertResult", "openGame"}
    assert not [each for each in abi if each["type"] in ("receive", "fallback")]
    word = re.compile("owner|admin|pause|upgrade|govern|sweep|rescue|set[A-Z]", re.IGNORECASE)
    assert not [each["name"] for each in functions if word.search(each["name"])]


def test_f3_gas_of_a_call_does_not_grow_with_what_others_do(
    table: Table, right: Committed, alice: KeySigner, mallory: KeySigner
) -> None:
    trace = claimed(right)
    assertion = table.claim(alice, trace)
    gas = []
    for _ in range(12):
        receipt = table.send(mallory, "openGame", assertion, value=table.rules.bond_c)
        gas.append(receipt.gas_used)
    assert max(gas[1:]) == min(gas[1:])
    asserted = []
    for number in range(6):
        salt = keccak(bytes((number,)))
        table.commit(mallory, CommitKind.ELEMENT, assertion, salt)
        asserted.append(table.claim(mallory, trace))
    first_game = table.game.events_in(receipt)[0].game_id - 11
    row = list(trace.tree(None).descendants(3, 0, 3))
    cost = table.send(alice, "revealNodes", first_game, row).gas_used
    many = table.send(alice, "revealNodes", first_game + 1, row).gas_used
    assert many <= cost
    huge = [bytes(32)] * 1024
    assert table.refused(lambda: table.send(alice, "revealNodes", first_game + 2, huge)) == (
        "Game_BadReveal"
    )
    assert table.refused(lambda: table.claim(alice, trace, uri="x" * 1025)) == "Game_URITooLong"
    header = Header.of(right.material.commitment)
    deep = bytearray(header.schema)
    at = deep.index((5).to_bytes(32, "big") + (2).to_bytes(32, "big")) + 63
    deep[at] = 60  # the largest height
    deeper = replace(header, schema=bytes(deep))
    assert table.refused(lambda: table.send(alice, "admitProgram", values_of(deeper))) == (
        "Game_BadProgram"
    )


def test_f4_no_limit_of_gas_and_no_failing_verifier_decides_anything(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    lie = lying(right, 4, 8)
    good, bad = table.claim(alice, claimed(right)), table.claim(alice, lie)
    proof = searched(right, lie).proof
    honest_proof = right.proof(4, 8).encode()
    needed = 0
    for assertion, content in ((good, honest_proof), (bad, proof)):
        table.commit(carol, CommitKind.ELEMENT, assertion, keccak(content))
        kept = table.world.result("evm_snapshot")
        if assertion == bad:
            needed = table.prove(carol, assertion, content, commit=False).gas_used
            table.world.result("evm_revert", kept)
        for gas in range(120_000, 400_000, 23_000):
            if needed and gas >= needed:
                break
            sums = table.game.totals()
            with pytest.raises(Reverted):
                table.prove(carol, assertion, content, commit=False, gas=gas)
            assert table.game.status(assertion) is PENDING
            assert table.game.totals() == sums
    malformed = changed(lie_values(right, lie).proof(4, 8), witness=b"")
    attempt = table.refused(lambda: table.prove(carol, bad, malformed))
    assert attempt == "Step_MalformedWitness"
    assert table.game.status(bad) is PENDING
    table.prove(carol, bad, proof, commit=False)
    assert table.game.status(bad) is REJECTED
    assert table.game.status(good) is PENDING


def test_f5_signs_and_the_largest_bonds_are_exact(
    world: World, judge: Judge, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    edges = Committed.honest(Material(edge_program(), leaf_log2=5), {"x": np.array([EDGES])})
    # -3 / 2 truncated is -1, shifted is -2, and rounded half up is -1; -5 / 2 tells all apart
    assert [int(v) for v in edges.values[0].flat[4:8]] == [-4, -3, -1, 0]
    for element, truncated in ((4, -5), (5, -2), (6, -2)):
        assert verdict_on(judge, edges, 0, element, truncated) == (0, element)
    top = (1 << 96) - 1
    rules = replace(DEVELOPMENT_PARAMS, bond_a=top, bond_c=top)
    rich = Table(world, DisputeGame.deploy(world.chain, world.person(), rules))
    for person in (alice, carol):
        world.result("anvil_setBalance", f"0x{person.address.hex()}", hex(1 << 100))
    lie = lying(right)
    assertion = rich.claim(alice, lie)
    game_id = rich.open(carol, assertion)
    rich.prove(carol, assertion, searched(right, lie).proof, game_id=game_id)
    reward = top * rules.reward_bps // 10_000
    assert rich.game.credit_of(carol.address) == top + reward
    sums = rich.game.totals()
    assert (sums.deposited, sums.burned) == (2 * top, top - reward)
    rich.send(carol, "withdraw")
    assert rich.balanced()
    assert rich.game.totals().locked == 0
