"""The scenario: what every engine and node must do alike, chapter by chapter.

Contracts are assembled here, so that a test needs no compiler and a reader sees each instruction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any

import rlp
from eth_account import Account
from evm_assembly import answering, assemble, returning, writing
from evm_scenario import ETHER, MAX_GAS, Chapter, word
from precompile_probe import PROBE_CODE, question
from registry_chapter import add_registry_steps

from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.chain.local.genesis import DEPLOYMENT_PROXY
from verifiable.statement.hashing import keccak

ACCOUNTS = tuple(account.address for account in DEV_ACCOUNTS)
STRANGER, HEIR, ABSENT = (bytes((number,)) * 20 for number in (0x57, 0x4E, 0x5A))
VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors" / "evm_precompiles.json").read_text("utf-8")
)["vectors"]
SLOW_PRECOMPILES = ("BLS12_PAIRING_CHECK", "POINT_EVALUATION")
OTHER_PRECOMPILES = tuple(
    dict.fromkeys(
        vector["precompile"]
        for vector in VECTORS
        if vector["precompile"] not in ("MODEXP", *SLOW_PRECOMPILES)
    )
)
VECTORS_A_TRANSACTION = 7  # a vector that fails uses all the gas that the probe gives it
YEAR_2040 = 2_208_988_800

STOP = assemble("STOP")
FAIL = assemble("INVALID")
INPUT = assemble("CALLDATASIZE", 0, 0, "CALLDATACOPY")
PUT = assemble(32, "CALLDATALOAD", 0, "CALLDATALOAD SSTORE STOP")  # calldata: slot, value
NINE_WORDS = assemble(
    *(part for at in range(9) for part in (32 * at, "CALLDATALOAD", at, "SSTORE")), "STOP"
)
READS = assemble(0, "SLOAD", 1, "SLOAD", "ADD", 0, "MSTORE", 32, 0, "RETURN")
REVERTS = INPUT + assemble("CALLDATASIZE", 0, "REVERT")  # with its calldata
GREETS = assemble(0xCAFE, 0, "MSTORE", 7, "CALLER", 32, 0, "LOG2", 32, 0, "RETURN")
LOGS = assemble(0xAABBCC, 0, "MSTORE") + b"".join(
    assemble(*range(11, 11 + topics), 3, 29, f"LOG{topics}") for topics in range(5)
)


def push(address: bytes) -> int:
    return int.from_bytes(address, "big")


def relaying(kind: str, target: bytes, *, value: bool = False) -> bytes:
    """Code that hands its calldata on, then returns or reverts with what came back."""
    head = INPUT + assemble(0, 0, "CALLDATASIZE", 0)
    head += assemble("CALLVALUE") if value else assemble(0) if kind in ("CALL", "CALLCODE") else b""
    head += assemble(push(target), "GAS", kind, "RETURNDATASIZE", 0, 0, "RETURNDATACOPY")
    failed = assemble("JUMPI RETURNDATASIZE", 0, "REVERT")
    target_of_jump = len(head) + 2 + len(failed)
    passed = assemble("JUMPDEST RETURNDATASIZE", 0, "RETURN")
    return head + bytes((0x60, target_of_jump)) + failed + passed


def trying(target: bytes, *, kind: str = "CALL", gas: int | str = "GAS") -> bytes:
    """Code that calls with its calldata and logs success, size of the answer and gas left."""
    value = (0,) if kind in ("CALL", "CALLCODE") else ()
    return INPUT + assemble(
        *(0, 0, "CALLDATASIZE", 0, *value, push(target), gas, kind, 0, "MSTORE"),
        *("RETURNDATASIZE", 32, "MSTORE GAS", 64, "MSTORE", 96, 0, "LOG0 STOP"),
    )


def making(kind: str, *after: str | int) -> bytes:
    """Code that creates a contract from its calldata, and stores its address in slot 0."""
    salt = (0x5A17,) if kind == "CREATE2" else ()
    return INPUT + assemble(
        *salt, "CALLDATASIZE", 0, "CALLVALUE", kind, "DUP1", 0, "SSTORE", *after, "STOP"
    )


def transactions(part: Chapter) -> None:
    part.send("legacy transfer", STRANGER, value=5, kind=0)
    part.send("transfer of type 1", STRANGER, value=5, kind=1)
    part.send("transfer of type 2", STRANGER, value=5)
    part.send("to an absent account, without value", ABSENT)
    part.send("to oneself", ACCOUNTS[0], value=1)
    part.send("from another account", STRANGER, value=1, sender=3)
    one_slot = ((HEIR, (1,)),)
    part.send("access list of type 1", STRANGER, kind=1, access_list=one_slot)
    part.send("access list of type 2", STRANGER, access_list=one_slot)
    reads = part.deploy("a reader", READS)
    part.send("slots read cold", reads)
    part.send("slots read cold again", reads)
    for kind in (1, 2):
        part.send(f"slots read warm, type {kind}", reads, kind=kind, access_list=((reads, (0, 1)),))
    part.send("one slot read warm", reads, access_list=((reads, (1,)),))
    part.send("a slot listed twice", reads, access_list=((reads, (1, 1)), (reads, ())))
    stops = part.deploy("nothing to do", STOP)
    for name, data in {
        "one zero byte": b"\0",
        "one byte": b"\1",
        "zero bytes": bytes(1000),
        "bytes": b"\1" * 5000,
        "mixed bytes": b"\1\0" * 300,
    }.items():
        part.send(f"calldata floor: {name}", stops, data)
    works = part.deploy("a little work", writing(1) + b"\0")
    part.send("execution above the floor", works, b"\1" * 100)
    part.send("execution below the floor", works, b"\1" * 3000)
    part.send("gas below the intrinsic", STRANGER, gas=20_999, refused=True, preview=False)
    part.send("gas below the floor", STRANGER, b"\1" * 100, gas=23_000, refused=True, preview=False)
    part.send("gas above the cap", STRANGER, gas=MAX_GAS + 1, refused=True, preview=False)
    part.send("gas at the cap", STRANGER, gas=MAX_GAS)
    part.send("too much value", STRANGER, value=20_000 * ETHER, refused=True, preview=False)


def sizes(part: Chapter) -> None:

    def create(name: str, init: bytes, **options: Any) -> None:
        part.send(name, None, init, **{"gas": 16_000_000, **options})

    create("runtime at the limit", assemble(24_576, 0, "RETURN"))
    create("runtime above the limit", assemble(24_577, 0, "RETURN"))
    create("initcode at the limit", bytes(49_152))
    create("initcode above the limit", bytes(49_153), refused=True, preview=False)
    create("code that starts with 0xEF", assemble(0xEF, 0, "MSTORE8", 1, 0, "RETURN"))
    create("code that has 0xEF second", assemble(0xEF, 1, "MSTORE8", 2, 0, "RETURN"))
    create("no code", b"")
    create("constructor that reverts", assemble(0xBAD, 0, "MSTORE", 32, 0, "REVERT"))
    create("constructor that fails", FAIL)
    create("constructor that stores", assemble(1, 0, "SSTORE", 2, 1, "SSTORE STOP"))
    create("value to a constructor", returning(STOP), value=3)
    create("gas for all but the code", returning(bytes(4000)), gas=300_000)
    maker = part.deploy("a maker", making("CREATE"))
    for name, init in {
        "runtime at the limit": assemble(24_576, 0, "RETURN"),
        "runtime above the limit": assemble(24_577, 0, "RETURN"),
        "initcode at the limit": bytes(49_152),
        "initcode above the limit": bytes(49_153),
        "0xEF": assemble(0xEF, 0, "MSTORE8", 1, 0, "RETURN"),
        "a revert": assemble(1, 0, "MSTORE", 32, 0, "REVERT"),
    }.items():
        part.send(f"by a contract: {name}", maker, init, gas=16_000_000)


def storage(part: Chapter) -> None:
    put = part.deploy("one slot", PUT)
    for value in (0, 1, 1, 2, 0, 0, 7, 0):
        part.send(f"one slot to {value}", put, word(3) + word(value))
    nine = part.deploy("nine slots", NINE_WORDS)
    for name, data in {
        "nine slots set": word(1) * 9,
        "nine slots changed": word(2) * 9,
        "nine slots cleared": word(0) * 9,
        "nine slots cleared again": word(0) * 9,
    }.items():
        part.send(name, nine, data)
    part.send("a slot set before its refund", put, word(0) + word(1))
    part.send("a refund below the floor", put, word(0) + word(0) + b"\1" * 400)
    for values in ((1, 0), (1, 0, 1), (0, 1), (1, 2, 3)):
        code = assemble(*(part for value in values for part in (value, 0, "SSTORE")), "STOP")
        name = ", ".join(map(str, values))
        writer = part.deploy(f"a writer of {name}", code)
        part.send(f"written at once: {name}", writer)
        part.send(f"written at once, again: {name}", writer)
    part.send("a store with too little gas left", put, word(9) + word(1), gas=23_900)
    transient = part.deploy(
        "transient storage",
        assemble(1, "TLOAD", 0, "SSTORE", 9, 1, "TSTORE", 1, "TLOAD", 1, "SSTORE STOP"),
    )
    part.send("transient storage", transient)
    part.send("transient storage is gone", transient)
    forgetful = part.deploy(
        "a transient store that reverts", assemble(5, 1, "TSTORE", 0, 0, "REVERT")
    )
    outer = part.deploy(
        "its caller",
        assemble(0, 0, 0, 0, push(forgetful), "GAS DELEGATECALL POP", 1, "TLOAD", 0, "SSTORE")
        + assemble(3, 1, "TSTORE", 1, "TLOAD", 1, "SSTORE STOP"),
    )
    part.send("transient storage of a call that reverts", outer)


def creations(part: Chapter) -> None:
    init = returning(GREETS)
    salted = word(0x5A17) + init
    part.send("through the deployment proxy", DEPLOYMENT_PROXY, salted)
    part.send("through the proxy again", DEPLOYMENT_PROXY, salted)
    part.send("through the proxy, other salt", DEPLOYMENT_PROXY, word(1) + init)
    part.send("through the proxy, no salt", DEPLOYMENT_PROXY, b"\1")
    made = create2_address(DEPLOYMENT_PROXY, word(0x5A17), init)
    part.send("what the proxy made", made)
    for kind in ("CREATE", "CREATE2"):
        maker = part.deploy(f"a maker by {kind}", making(kind))
        for name in ("once", "twice"):
            part.send(f"{kind} {name}", maker, init)
        part.send(f"{kind} with value", maker, init + b"\0", value=2)
        part.send(f"{kind} of code that reverts", maker, REVERTS)
        part.send(f"{kind} of code that fails", maker, FAIL)
        part.send(f"{kind} with too little gas", maker, init, gas=90_000)
    heir = push(HEIR)
    dying = assemble(heir, "SELFDESTRUCT")
    lasting = part.deploy("one to destroy later", dying, value=9)
    part.send("destroyed later: it stays", lasting)
    part.send("destroyed later, again", lasting)
    part.send("destroyed later, with value", lasting, value=4)
    part.send("destroyed in the constructor", None, dying, value=4)
    part.send(
        "destroyed in the constructor, to itself", None, assemble("ADDRESS SELFDESTRUCT"), value=4
    )
    maker = part.deploy(
        "a maker that calls",
        making(
            "CREATE",
            *(
                0,
                0,
                0,
                0,
                0,
                "DUP6 GAS CALL POP DUP1 EXTCODESIZE",
                1,
                "SSTORE BALANCE",
                2,
                "SSTORE",
            ),
        ),
    )
    part.send("destroyed in its first transaction", maker, returning(dying), value=7)
    part.send("destroyed in its first transaction, no balance", maker, returning(dying))
    part.send(
        "destroyed in its first transaction after a store",
        maker,
        returning(assemble(1, 0, "SSTORE") + dying),
        value=1,
    )
    twice = part.deploy(
        "a maker by CREATE2 that calls",
        making("CREATE2", *(0, 0, 0, 0, 0, "DUP6 GAS CALL POP")),
    )
    part.send("destroyed, and made at the same place", twice, returning(dying))
    part.send("made at the same place again", twice, returning(dying))


def calls(part: Chapter) -> None:
    greets = part.deploy("one that greets", GREETS)
    put = part.deploy("one that stores", PUT)
    reverts = part.deploy("one that reverts", REVERTS)
    fails = part.deploy("one that fails", FAIL)
    endless = part.deploy("one that never ends", assemble("JUMPDEST", 0, "JUMP"))
    for kind in ("CALL", "CALLCODE", "DELEGATECALL", "STATICCALL"):
        for name, target, data in (
            ("greets", greets, b""),
            ("stores", put, word(4) + word(5)),
            ("reverts", reverts, b"why"),
            ("fails", fails, b""),
        ):
            relay = part.deploy(f"{kind} to one that {name}", relaying(kind, target))
            part.send(f"{kind}: {name}", relay, data)
            attempt = part.deploy(
                f"{kind} tried on one that {name}", trying(target, kind=kind, gas=60_000)
            )
            part.send(f"{kind} tried: {name}", attempt, data)
    for name, target in (("absent", ABSENT), ("present", STRANGER), ("precompiled", word(4)[12:])):
        relay = part.deploy(f"value to an account: {name}", relaying("CALL", target, value=True))
        part.send(f"value to an account, {name}", relay, value=3)
        part.send(f"value to an account, {name}, again", relay, value=3)
        part.send(f"nothing to an account, {name}", relay)
    spends = part.deploy("all gas but a 64th", trying(endless))
    part.send("all gas but a 64th, in a loop", spends, gas=100_000)
    spends = part.deploy("all gas but a 64th at once", trying(fails))
    for gas in (100_000, 1_000_000, MAX_GAS):
        part.send(f"all gas but a 64th of {gas}", spends, gas=gas)
    deeper = part.deploy("two calls deep", trying(spends))
    part.send("all gas but a 64th, twice", deeper)
    recursion = part.deploy(
        "recursion",
        assemble(0, 0, 0, 0, 0, "ADDRESS GAS CALL POP", 0, "SLOAD", 1, "ADD", 0, "SSTORE STOP"),
    )
    for gas in (200_000, 2_000_000, MAX_GAS):
        part.send(f"recursion with {gas} gas", recursion, gas=gas, preview=False)
    for gas in (21_670, 23_000, 30_000, 60_000):
        part.send(f"a store with {gas} gas", put, word(0) + word(1), gas=gas, preview=False)


def stops(part: Chapter) -> None:
    reverts = part.deploy("one that reverts", REVERTS)
    message = b"not today"
    text = word(32) + word(len(message)) + message.ljust(32, b"\0")
    for name, data in {
        "Error": keccak(b"Error(string)")[:4] + text,
        "Panic": keccak(b"Panic(uint256)")[:4] + word(0x11),
        "a custom error": keccak(b"Sample_TooLate(uint256,address)")[:4] + word(7) + word(8),
        "nothing": b"",
        "a byte": b"\1",
        "much": b"\2" * 3000,
    }.items():
        part.send(f"revert with {name}", reverts, data)
        part.ask(f"call that reverts with {name}", reverts, data)
    part.send("logs", part.deploy("logs", LOGS + STOP))
    part.send(
        "logs of a transaction that reverts",
        part.deploy("logs and a revert", LOGS + assemble(0, 0, "REVERT")),
    )
    for name, code in {
        "a store undone": assemble(1, 0, "SSTORE", 0, 0, "REVERT"),
        "invalid opcode": FAIL,
        "unassigned opcode": b"\x0c",
        "stack underflow": assemble("ADD"),
        "stack overflow": assemble("JUMPDEST PUSH0", 0, "JUMP"),
        "jump to no destination": assemble(1, "JUMP"),
        "jump into data": assemble(4, "JUMP", b"\x61\x00\x5b"),
        "endless loop": assemble("JUMPDEST", 0, "JUMP"),
        "memory beyond the gas": assemble(2**40, "MLOAD"),
        "return data out of bounds": assemble(1, 0, 0, "RETURNDATACOPY"),
    }.items():
        part.send(name, part.deploy(name, code), gas=100_000)


def instructions(part: Chapter) -> None:
    for name, code in {
        "CLZ of 0": writing(0, "CLZ"),
        "CLZ of 1": writing(1, "CLZ"),
        "CLZ of 2^255": writing(2**255, "CLZ"),
        "CLZ of 2^128 - 1": writing(2**128 - 1, "CLZ"),
        "CLZ of nothing": assemble("CLZ"),
        "PUSH0": answering("PUSH0 PUSH0 PUSH0 POP POP"),
        "MCOPY forward": assemble(0xAB, 0, "MSTORE", 32, 0, 7, "MCOPY", 64, 0, "RETURN"),
        "MCOPY backward": assemble(0xAB, 9, "MSTORE", 64, 9, 0, "MCOPY", 96, 0, "RETURN"),
        "MCOPY that extends": assemble(5000, 0, 7000, "MCOPY MSIZE", 0, "MSTORE", 32, 0, "RETURN"),
        "CHAINID": answering("CHAINID"),
        "SELFBALANCE": answering("SELFBALANCE"),
        "BLOBHASH": answering(0, "BLOBHASH"),
        "COINBASE is warm": assemble("COINBASE BALANCE POP GAS", 0, "MSTORE", 32, 0, "LOG0 STOP"),
        "EXTCODEHASH of nobody": answering(push(ABSENT), "EXTCODEHASH"),
        "EXTCODEHASH of an account": answering(push(ACCOUNTS[1]), "EXTCODEHASH"),
        "EXTCODEHASH of a contract": answering(push(DEPLOYMENT_PROXY), "EXTCODEHASH"),
        "EXP": writing(2**200, 3, "EXP"),
        "KECCAK256": writing(100, 30, "KECCAK256"),
        "NUMBER": writing("NUMBER"),
    }.items():
        part.send(name, part.deploy(name, code), value=1)
    hashes = part.deploy("BLOCKHASH", answering(0, "CALLDATALOAD BLOCKHASH"))
    part.past_hashes("BLOCKHASH", hashes)
    for name, distance in {"own": 0, "last": 1, "distant": 300}.items():
        emits = assemble(distance, "NUMBER SUB BLOCKHASH ISZERO", 0, "MSTORE", 32, 0, "LOG0 STOP")
        part.send(f"BLOCKHASH of the {name} block", part.deploy(f"BLOCKHASH, {name}", emits))
    part.control("an empty block", "evm_mine")
    part.past_hashes("BLOCKHASH after an empty block", hashes)


def development(part: Chapter) -> None:
    clock = part.deploy("a clock", writing("TIMESTAMP"))
    hours = part.deploy("hours since", writing(3600, YEAR_2040, "TIMESTAMP SUB DIV"))
    part.control("set the next block's time", "evm_setNextBlockTimestamp", YEAR_2040)
    part.send("a transaction at that time", clock, preview=False)
    part.control("ten hours and a half later", "evm_increaseTime", 37_800)
    part.send("a transaction ten hours later", hours, preview=False)
    put = part.deploy("a store", PUT)
    part.send("before the snapshot", put, word(0) + word(1))
    part.remember("snapshot")
    part.send("to be undone", put, word(0) + word(2))
    part.remember("a snapshot in it")
    part.send("to be undone first", put, word(1) + word(1))
    undone = part.deploy("to be undone first", PUT)
    part.go_back("back to the second")
    part.ask("nothing is there", undone)
    part.send("to be undone, too", put, word(2) + word(1))
    part.go_back("back to the first")
    part.send("after the snapshot", put, word(0) + word(3))
    part.deploy("another where one was undone", READS)
    part.send_estimated("estimated store", put, word(5) + word(1))
    part.send_estimated("estimated store that clears", put, word(5) + word(0))
    part.send_estimated("estimated transfer", STRANGER)
    part.send_estimated("estimated deployment", None, returning(bytes(2000)))
    nine = part.deploy("nine slots", NINE_WORDS)
    part.send_estimated("estimated nine stores", nine, word(1) * 9)
    part.send_estimated("estimated nine stores that clear", nine, word(0) * 9)
    relay = part.deploy("a relay", relaying("CALL", put))
    outer = part.deploy("a relay of the relay", relaying("CALL", relay))
    part.send_estimated("estimated call within a call", outer, word(7) + word(1))


def precompiles(part: Chapter, *, names: Iterable[str]) -> None:
    # the probe's last instruction returns; this one logs instead
    probe = part.deploy("a probe", PROBE_CODE[:-1] + assemble("LOG0 STOP"))
    many = part.deploy("a caller of the probe", many_questions(probe))
    for name in names:
        mine = [vector for vector in VECTORS if vector["precompile"] == name]
        for start in range(0, len(mine), VECTORS_A_TRANSACTION):
            batch = mine[start : start + VECTORS_A_TRANSACTION]
            questions = [
                question(vector["address"], bytes.fromhex(vector["input"][2:])) for vector in batch
            ]
            part.send(
                f"{name}, vectors {start} to {start + len(batch) - 1}",
                many,
                packed(questions),
                gas=MAX_GAS,
                preview=False,
            )


def packed(questions: list[bytes]) -> bytes:
    """Calldata of `many_questions`: each question after its length."""
    return b"".join(word(len(question)) + question for question in questions)


def many_questions(probe: bytes) -> bytes:
    """Code that calls the probe with each of the questions in its calldata."""
    # stack: place in the calldata
    body = assemble("DUP1 CALLDATALOAD DUP1 DUP3", 32, "ADD", 0, "CALLDATACOPY")
    body += assemble(0, 0, "DUP3", 0, 0, push(probe), "GAS CALL POP")  # stack: place, length
    body += assemble("ADD", 32, "ADD DUP1 CALLDATASIZE GT", 1, "JUMPI STOP")
    return assemble("PUSH0 JUMPDEST") + body


def create2_address(deployer: bytes, salt: bytes, init: bytes) -> bytes:
    return keccak(b"\xff" + deployer + salt + keccak(init))[12:]


def created_by(sender: bytes, nonce: int) -> bytes:
    return keccak(rlp.encode([sender, nonce]))[12:]


def sign(transaction: dict[str, Any], account: int) -> bytes:
    key = DEV_ACCOUNTS[account].private_key
    return bytes(Account.sign_transaction(transaction, key).raw_transaction)


PARTS = {
    "transactions of every type": transactions,
    "limits of code": sizes,
    "storage and refunds": storage,
    "contracts made and destroyed by contracts": creations,
    "calls": calls,
    "reverts and stops": stops,
    "instructions of the later forks, and blocks": instructions,
    "time, snapshots and estimates": development,
    "the model registry": add_registry_steps,
    "MODEXP": partial(precompiles, names=("MODEXP",)),
    "other precompiles": partial(precompiles, names=OTHER_PRECOMPILES),
    "precompiles that take long": partial(precompiles, names=SLOW_PRECOMPILES),
}
SLOW_PARTS = ("precompiles that take long",)
"""On an interpreter in Python a pairing takes seconds."""

QUICK_PARTS = tuple(name for name in PARTS if name not in SLOW_PARTS)


@cache
def chapter(name: str) -> Chapter:
    """A part of the scenario, signed once a process."""
    part = Chapter(accounts=ACCOUNTS, sign=sign, created_by=created_by)
    PARTS[name](part)
    return part
