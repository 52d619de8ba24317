"""A minimal assembler, so that tests show instructions and not bytes."""

from __future__ import annotations

_NAMES = {
    0x00: "STOP ADD MUL SUB DIV SDIV MOD SMOD ADDMOD MULMOD EXP SIGNEXTEND",
    0x10: "LT GT SLT SGT EQ ISZERO AND OR XOR NOT BYTE SHL SHR SAR CLZ",
    0x20: "KECCAK256",
    0x30: "ADDRESS BALANCE ORIGIN CALLER CALLVALUE CALLDATALOAD CALLDATASIZE CALLDATACOPY "
    "CODESIZE CODECOPY GASPRICE EXTCODESIZE EXTCODECOPY RETURNDATASIZE RETURNDATACOPY EXTCODEHASH",
    0x40: "BLOCKHASH COINBASE TIMESTAMP NUMBER PREVRANDAO GASLIMIT CHAINID SELFBALANCE BASEFEE "
    "BLOBHASH BLOBBASEFEE",
    0x50: "POP MLOAD MSTORE MSTORE8 SLOAD SSTORE JUMP JUMPI PC MSIZE GAS JUMPDEST TLOAD TSTORE "
    "MCOPY PUSH0",
    0x80: " ".join(f"DUP{n}" for n in range(1, 17)),
    0x90: " ".join(f"SWAP{n}" for n in range(1, 17)),
    0xA0: " ".join(f"LOG{n}" for n in range(5)),
    0xF0: "CREATE CALL CALLCODE RETURN DELEGATECALL CREATE2",
    0xFA: "STATICCALL",
    0xFD: "REVERT INVALID SELFDESTRUCT",
}
OPCODES = {
    name: start + offset
    for start, names in _NAMES.items()
    for offset, name in enumerate(names.split())
}


def assemble(*parts: str | int | bytes) -> bytes:
    """Code of instructions (words of a string), pushes (integers) and raw bytes."""
    code = b""
    for part in parts:
        if isinstance(part, bytes):
            code += part
        elif isinstance(part, int):
            size = (part.bit_length() + 7) // 8
            code += bytes((0x5F + size,)) + part.to_bytes(size, "big")
        else:
            code += bytes(OPCODES[name] for name in part.split())
    return code


def returning(runtime: bytes) -> bytes:
    """Initcode that deploys `runtime`."""
    head = b""
    while True:  # the length of the head is part of the head
        again = assemble(len(runtime), "DUP1", len(head), 0, "CODECOPY", 0, "RETURN")
        if len(again) == len(head):
            return again + runtime
        head = again


def answering(*parts: str | int | bytes) -> bytes:
    """Code that leaves one word on the stack and returns it."""
    return assemble(*parts, 0, "MSTORE", 32, 0, "RETURN")


def writing(*parts: str | int | bytes, slot: int = 0) -> bytes:
    """Code that leaves one word on the stack and stores it in `slot`."""
    return assemble(*parts, slot, "SSTORE STOP")
