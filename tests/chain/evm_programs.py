"""Small programs, one rule of the EVM each, with the transactions that run them.

They run in order on one chain, from one sender: what a created address or a nonce is depends on
all before. `tests/vectors/evm_programs.json` holds what anvil makes of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from evm_assembly import assemble, returning, writing

from verifiable.chain.engine import AccessList

SENDER = bytes.fromhex("f39fd6e51aad88f6f4ce6ab8827279cfffb92266")
"""The first of the development accounts, which anvil signs for."""

STRANGER = bytes.fromhex("57" * 20)
WORD_MAX = 2**256 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One transaction. `to` None creates; the default is the program's own contract."""

    to: bytes | str | None = "contract"
    data: bytes = b""
    value: int = 0
    gas: int = 1_000_000
    access_list: AccessList = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A contract, others that it uses, and the transactions to it."""

    name: str
    code: bytes = b""
    others: dict[bytes, bytes] = field(default_factory=dict)
    wei: int = 0
    steps: tuple[Step, ...] = (Step(),)


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def helper(number: int) -> bytes:
    """The address of a second contract."""
    return bytes.fromhex("4e" * 18) + number.to_bytes(2, "big")


def call(kind: str, target: bytes, *, value: int | None = None, gas: str | int = "GAS") -> bytes:
    """A call with no data and no place for an answer; leaves success on the stack."""
    with_value = () if value is None else (value,)
    return assemble(0, 0, 0, 0, *with_value, int.from_bytes(target, "big"), gas, kind)


PUT = assemble(32, "CALLDATALOAD", 0, "CALLDATALOAD SSTORE STOP")  # calldata: slot, value
FAILING = assemble(0, 0, "REVERT")


def transfers() -> Iterator[Program]:
    yield Program(name="transfer to a new account", steps=(Step(to=STRANGER, value=5),))
    yield Program(name="transfer to an account", steps=(Step(to=STRANGER, value=5),))
    yield Program(name="nothing to an absent account", steps=(Step(to=helper(99)),))
    yield Program(name="to the sender", steps=(Step(to=SENDER, value=1),))
    yield Program(
        name="calldata below and above the floor",
        code=assemble("STOP"),
        steps=tuple(
            Step(data=data)
            for data in (b"\0", b"\1", bytes(100), b"\1" * 100, b"\1\0" * 300, b"\1" * 5000)
        ),
    )
    yield Program(
        name="execution above the floor",
        code=writing(1) + b"\0",
        steps=(Step(data=b"\1" * 100), Step(data=b"\1" * 3000)),
    )
    yield Program(
        name="refund below the floor",
        code=PUT,
        steps=(Step(data=word(0) + word(1)), Step(data=word(0) + word(0) + b"\1" * 400)),
    )


def access_lists() -> Iterator[Program]:
    code = assemble(0, "SLOAD", 1, "SLOAD STOP")
    own = bytes.fromhex("c0" * 20)
    reads = code
    yield Program(name="slots read cold", code=reads)
    yield Program(
        name="access list of an account", steps=(Step(to=STRANGER, access_list=((own, (1,)),)),)
    )
    yield Program(
        name="access lists of others",
        code=assemble(int.from_bytes(STRANGER, "big"), "BALANCE STOP"),
        steps=(
            Step(),
            Step(access_list=((STRANGER, ()),)),
            Step(access_list=((STRANGER, (0, 0, WORD_MAX)), (STRANGER, ()))),
            Step(access_list=((bytes(19) + b"\1", ()), (SENDER, (1,)))),
        ),
    )


def storage() -> Iterator[Program]:
    def writes(*values: int) -> bytes:
        return assemble(*(part for value in values for part in (value, 0, "SSTORE")), "STOP")

    yield Program(
        name="one slot through its states",
        code=PUT,
        steps=tuple(Step(data=word(3) + word(value)) for value in (0, 1, 1, 2, 0, 0, 7, 0)),
    )
    for values in ((1,), (1, 0), (1, 0, 1), (0,), (0, 1), (1, 2, 3), (1, 1), (0, 0)):
        name = ", ".join(map(str, values))
        yield Program(name=f"written within one transaction: {name}", code=writes(*values))
        yield Program(
            name=f"written twice within one transaction each: {name}",
            code=writes(*values),
            steps=(Step(), Step()),
        )
    clearing = assemble(
        *(part for slot in range(9) for part in ("CALLVALUE", slot, "SSTORE")), "STOP"
    )
    yield Program(
        name="nine slots cleared at once",
        code=clearing,
        steps=(Step(value=1), Step(value=0), Step(value=0)),
    )
    yield Program(
        name="a store with too little gas left", code=writes(1), steps=(Step(gas=23_300),)
    )
    yield Program(
        name="transient storage across transactions",
        code=assemble(1, "TLOAD", 0, "SSTORE", 9, 1, "TSTORE", 1, "TLOAD", 1, "SSTORE STOP"),
        steps=(Step(), Step()),
    )
    inner = assemble(5, 1, "TSTORE") + FAILING
    yield Program(
        name="transient storage of a call that reverts",
        code=call("DELEGATECALL", helper(1)) + writing("POP", 1, "TLOAD", slot=2),
        others={helper(1): inner},
    )


def creations() -> Iterator[Program]:
    def creates(*inits: bytes) -> Program:
        return Program(
            name="", steps=tuple(Step(to=None, data=init, gas=16_000_000) for init in inits)
        )

    cases = {
        "empty": creates(b""),
        "one byte": creates(returning(b"\0")),
        "with value": Program(name="", steps=(Step(to=None, data=returning(b"\0"), value=3),)),
        "reverting": creates(assemble(0xABCD, 0, "MSTORE", 32, 0, "REVERT")),
        "failing": creates(assemble("INVALID")),
        "storing": creates(assemble(1, 0, "SSTORE", 2, 1, "SSTORE STOP")),
        "code at and above the limit": creates(
            assemble(24_576, 0, "RETURN"), assemble(24_577, 0, "RETURN")
        ),
        "code that starts with 0xEF": creates(
            assemble(0xEF, 0, "MSTORE8", 1, 0, "RETURN"),
            assemble(0xEF, 1, "MSTORE8", 2, 0, "RETURN"),
        ),
        "initcode at the limit": creates(bytes(49_152), b"\0" + b"\1" * 49_151),
        "too little gas for the code": Program(
            name="", steps=(Step(to=None, data=returning(bytes(4000)), gas=300_000),)
        ),
    }
    for name, program in cases.items():
        yield Program(name=f"creation: {name}", steps=program.steps)

    init = returning(assemble(7, 0, "SSTORE STOP"))

    def making(kind: str, init: bytes, *, value: int = 0, keep: str = "") -> bytes:
        salt = (0x5A17,) if kind == "CREATE2" else ()
        store = assemble(len(init), b"\x61\x00\x40", 0, "CODECOPY")
        body = store + assemble(*salt, len(init), 0, value, kind) + assemble(keep)
        body += assemble("DUP1 EXTCODESIZE", 1, "SSTORE", 0, "SSTORE")
        body += assemble("RETURNDATASIZE", 2, "SSTORE STOP")
        return body.ljust(0x40, b"\0") + init

    for kind in ("CREATE", "CREATE2"):
        for name, made in {
            "a contract": init,
            "nothing": b"",
            "reverting with data": assemble(0xABCD, 0, "MSTORE", 32, 0, "REVERT"),
            "failing": assemble("INVALID"),
            "code that starts with 0xEF": assemble(0xEF, 0, "MSTORE8", 1, 0, "RETURN"),
        }.items():
            yield Program(name=f"{kind}: {name}", code=making(kind, made), steps=(Step(), Step()))
        yield Program(name=f"{kind}: with value", code=making(kind, init, value=2), wei=3)
        yield Program(
            name=f"{kind}: with more value than there is", code=making(kind, init, value=2)
        )
        yield Program(
            name=f"{kind}: initcode at and above the limit",
            code=assemble(
                *((0,) if kind == "CREATE2" else ()), "CALLVALUE", 0, 0, kind, 0, "SSTORE STOP"
            ),
            steps=(Step(value=49_152), Step(value=49_153)),
        )


def destructions() -> Iterator[Program]:
    heir = int.from_bytes(helper(50), "big")
    dying = assemble(heir, "SELFDESTRUCT")
    yield Program(
        name="self-destruction of a contract that stays", code=dying, wei=9, steps=(Step(), Step())
    )
    yield Program(name="self-destruction without balance", code=dying)
    yield Program(name="self-destruction to itself", code=assemble("ADDRESS SELFDESTRUCT"), wei=9)
    yield Program(
        name="self-destruction in the constructor",
        steps=(
            Step(to=None, data=dying, value=4),
            Step(to=None, data=assemble("ADDRESS SELFDESTRUCT"), value=4),
        ),
    )
    body = assemble(
        len(returning(dying)), 0x60, 0, "CODECOPY", len(returning(dying)), 0, 6, "CREATE"
    )
    body += assemble(
        "DUP1", 0, 0, 0, 0, 0, "SWAP5 GAS CALL", 1, "SSTORE", "EXTCODESIZE", 2, "SSTORE STOP"
    )
    yield Program(
        name="self-destruction in the transaction of the creation",
        code=body.ljust(0x60, b"\0") + returning(dying),
        wei=20,
        steps=(Step(), Step()),
    )


def calls() -> Iterator[Program]:
    keeper = writing("CALLER", slot=4)
    for kind in ("CALL", "CALLCODE", "DELEGATECALL", "STATICCALL"):
        value = 0 if kind in ("CALL", "CALLCODE") else None
        for name, code in {
            "that stores": keeper,
            "that reverts": FAILING,
            "that fails": assemble("INVALID"),
            "that logs": assemble(0, 0, "LOG0 STOP"),
        }.items():
            yield Program(
                name=f"{kind} of a contract {name}",
                code=call(kind, helper(2), value=value, gas=60_000)
                + assemble(0, "SSTORE", "RETURNDATASIZE", 1, "SSTORE STOP"),
                others={helper(2): code},
            )
    for kind in ("CALL", "CALLCODE"):
        for name, target in (("a new account", helper(60)), ("an account", STRANGER)):
            yield Program(
                name=f"{kind} with value to {name}",
                code=call(kind, target, value=1) + writing(),
                wei=5,
            )
        yield Program(
            name=f"{kind} with more value than there is",
            code=call(kind, STRANGER, value=7) + writing(),
        )
    yield Program(
        name="value within a static call",
        code=call("STATICCALL", helper(3), gas=50_000) + writing(),
        others={helper(3): call("CALL", STRANGER, value=1) + assemble("STOP")},
    )
    yield Program(
        name="a stipend pays for a log",
        code=call("CALL", helper(4), value=1, gas=0) + writing(),
        others={helper(4): assemble(0, 0, "LOG0 STOP")},
        wei=1,
    )
    recursion = assemble(
        0, 0, 0, 0, 0, "ADDRESS GAS CALL", "POP", 0, "SLOAD", 1, "ADD", 0, "SSTORE STOP"
    )
    yield Program(
        name="calls as deep as the gas goes", code=recursion, steps=(Step(gas=16_000_000),)
    )
    shallow = assemble(0, 0, 0, 0, 0, "ADDRESS GAS CALL STOP")
    yield Program(
        name="calls as deep as the gas goes, without a store",
        code=shallow,
        steps=(Step(gas=1 << 24),),
    )
    echo = assemble("CALLDATASIZE", 0, 0, "CALLDATACOPY", "CALLDATASIZE", 0, "RETURN")
    yield Program(
        name="output shorter and longer than its place",
        code=assemble(WORD_MAX, 0, "MSTORE", 64, 128, 16, 0, 0, int.from_bytes(helper(5), "big"))
        + assemble("GAS CALL", 0, "SSTORE", 128, "MLOAD", 1, "SSTORE")
        + assemble(
            "RETURNDATASIZE", 2, "SSTORE", 2, 3, 0, "RETURNDATACOPY", 0, "MLOAD", 3, "SSTORE STOP"
        ),
        others={helper(5): echo},
    )


def logs() -> Iterator[Program]:
    every = b"".join(
        assemble(*range(11, 11 + topics), 3, 29, f"LOG{topics}") for topics in range(5)
    )
    yield Program(name="logs", code=assemble(0xAABBCC, 0, "MSTORE") + every + assemble("STOP"))
    yield Program(name="logs of a transaction that reverts", code=every + FAILING)
    yield Program(
        name="logs of a call that reverts, between others",
        code=assemble(1, 0, 0, "LOG1")
        + call("CALL", helper(6), value=0)
        + assemble(2, 0, 0, "LOG1")
        + call("CALL", helper(7), value=0)
        + assemble(3, 0, 0, "LOG1 STOP"),
        others={
            helper(6): assemble(8, 0, 0, "LOG1") + FAILING,
            helper(7): assemble(9, 0, 0, "LOG1 STOP"),
        },
    )


def stops() -> Iterator[Program]:
    for name, code in {
        "revert with data": assemble(0x1234, 0, "MSTORE", 32, 0, "REVERT"),
        "revert after a store": assemble(1, 0, "SSTORE") + FAILING,
        "invalid opcode": assemble("INVALID"),
        "opcode that is none": b"\x0c",
        "stack underflow": assemble("ADD"),
        "stack overflow": assemble("JUMPDEST PUSH0", 0, "JUMP"),
        "jump to no destination": assemble(1, "JUMP"),
        "jump into a push": assemble(4, "JUMP", b"\x61\x00\x5b"),
        "jump beyond the end": assemble(500, "JUMP"),
        "jump to 2 ** 255": assemble(2**255, "JUMP"),
        "jump over a long run of pushes": assemble(20_004, "JUMP") + b"\x60" * 20_000 + b"\x5b",
        "jump into a long run of pushes": assemble(20_005, "JUMP") + b"\x60" * 20_001 + b"\x5b",
        "endless loop": assemble("JUMPDEST", 0, "JUMP"),
        "memory beyond the gas": assemble(2**40, "MLOAD"),
        "memory beyond all": assemble(WORD_MAX, "MLOAD"),
        "return data out of bounds": assemble(1, 0, 0, "RETURNDATACOPY"),
        "empty code": b"",
        "push at the end": b"\x62\x01",
    }.items():
        yield Program(name=name, code=code, steps=(Step(gas=100_000),))


def instructions() -> Iterator[Program]:
    def of_account(name: str, target: int) -> bytes:
        return assemble(target, name, target, name, 0, "SSTORE STOP")

    for name in ("BALANCE", "EXTCODESIZE", "EXTCODEHASH"):
        for what, target in {
            "the zero account, which mines": 0,
            "P256VERIFY": 0x100,
            "the address after it": 0x101,
            "ECRECOVER": 1,
            "point evaluation": 10,
            "the last of BLS12-381": 0x11,
            "the address after that": 0x12,
            "the sender": int.from_bytes(SENDER, "big"),
            "an account": int.from_bytes(STRANGER, "big"),
            "no account": 0xABCDEF << 100,
        }.items():
            if name != "BALANCE" or target not in (0, int.from_bytes(SENDER, "big")):
                yield Program(name=f"{name} of {what}", code=of_account(name, target))
            else:  # fees differ between chains, so the balance is looked at and not kept
                yield Program(name=f"{name} of {what}", code=assemble(target, name, "POP STOP"))
    for name, code in {
        "CLZ of 0": writing(0, "CLZ"),
        "CLZ of 1": writing(1, "CLZ"),
        "CLZ of 2 ** 255": writing(2**255, "CLZ"),
        "CLZ of 2 ** 255 - 1": writing(2**255 - 1, "CLZ"),
        "CLZ of 2 ** 256 - 1": writing(WORD_MAX, "CLZ"),
        "CLZ of 2 ** 128": writing(2**128, "CLZ"),
        "CLZ of nothing": assemble("CLZ"),
        "EXP": writing(2**200, 3, "EXP"),
        "SIGNEXTEND": writing(0x80, 0, "SIGNEXTEND"),
        "SDIV of the least by -1": writing(WORD_MAX, 2**255, "SDIV"),
        "SMOD": writing(WORD_MAX - 2, WORD_MAX - 6, "SMOD"),
        "ADDMOD": writing(7, WORD_MAX, WORD_MAX, "ADDMOD"),
        "MULMOD": writing(7, WORD_MAX, WORD_MAX, "MULMOD"),
        "SAR": writing(2**255, 300, "SAR"),
        "BYTE": writing(0xAB << 240, 1, "BYTE"),
        "KECCAK256": writing(100, 30, "KECCAK256"),
        "MCOPY": assemble(0xAB, 0, "MSTORE", 32, 0, 7, "MCOPY", 7, "MLOAD", 0, "SSTORE STOP"),
        "CODECOPY and EXTCODECOPY": assemble(40, 0, 0, "CODECOPY", 40, 0, 64, "ADDRESS EXTCODECOPY")
        + writing(104, 0, "KECCAK256"),
        "MSIZE": writing(1000, "MLOAD POP MSIZE"),
        "CHAINID": writing("CHAINID"),
        "BLOBBASEFEE": writing("BLOBBASEFEE"),
        "BLOBHASH": writing(0, "BLOBHASH"),
        "ORIGIN": writing("ORIGIN"),
        "CALLVALUE and SELFBALANCE": writing("CALLVALUE SELFBALANCE ADD"),
        "BLOCKHASH of the next block": writing(1, "NUMBER ADD BLOCKHASH"),
        "BLOCKHASH of this block": writing("NUMBER BLOCKHASH"),
        "BLOCKHASH of a distant block": writing(WORD_MAX, "BLOCKHASH"),
        "GAS": writing("GAS"),
        "PC": writing("PC"),
    }.items():
        yield Program(name=name, code=code, steps=(Step(value=1),))


def programs() -> tuple[Program, ...]:
    """All of them, in their order."""
    parts = (
        transfers,
        access_lists,
        storage,
        creations,
        destructions,
        calls,
        logs,
        stops,
        instructions,
    )
    return tuple(program for part in parts for program in part())


def address_of(index: int) -> bytes:
    """Where the contract of the program of this index lies."""
    return bytes.fromhex("c0" * 18) + index.to_bytes(2, "big")
