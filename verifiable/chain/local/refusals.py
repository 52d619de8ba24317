"""What the embedded chain answers when it refuses: a JSON-RPC error as geth words it."""

from __future__ import annotations

from typing import Any

__all__ = [
    "INTERNAL_ERROR",
    "INVALID_PARAMETERS",
    "INVALID_TRANSACTION",
    "METHOD_NOT_FOUND",
    "REVERTED",
    "SERVER_ERROR",
    "Refusal",
    "halted",
    "invalid_parameters",
    "invalid_transaction",
    "reverted",
]

METHOD_NOT_FOUND = -32601
INVALID_PARAMETERS = -32602
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000
INVALID_TRANSACTION = SERVER_ERROR
REVERTED = 3

_ERROR = bytes.fromhex("08c379a0")  # Error(string)
_PANIC = bytes.fromhex("4e487b71")  # Panic(uint256)
_WORD = 32

_PANICS = {
    0x00: "generic panic",
    0x01: "assert(false)",
    0x11: "arithmetic underflow or overflow",
    0x12: "division or modulo by zero",
    0x21: "enum overflow",
    0x22: "invalid encoded storage byte array accessed",
    0x31: "out-of-bounds array access; popping on an empty array",
    0x32: "out-of-bounds access of an array or bytesN",
    0x41: "out of memory",
    0x51: "uninitialized function",
}


class Refusal(Exception):
    """A request that is answered by an error. Never leaves the chain's `request`.

    Attributes:
        code: of JSON-RPC; 3 for a revert.
        message: geth's wording, since clients match on it.
        data: of a revert; None if the error has none.
    """

    def __init__(self, code: int, message: str, *, data: bytes | None = None) -> None:
        self.code = code
        self.message = message
        self.data = data
        super().__init__(message)

    def as_json(self) -> dict[str, Any]:
        """The object under `error` of a JSON-RPC response."""
        answer: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            answer["data"] = "0x" + self.data.hex()
        return answer


def invalid_parameters(message: str) -> Refusal:
    """Parameters that cannot be read, or that mean nothing."""
    return Refusal(INVALID_PARAMETERS, message)


def invalid_transaction(message: str) -> Refusal:
    """A transaction that breaks a rule, so no block can hold it."""
    return Refusal(INVALID_TRANSACTION, message)


def halted(name: str) -> Refusal:
    """A call that stopped without a revert (out of gas, invalid opcode, ...)."""
    return Refusal(SERVER_ERROR, name)


def reverted(data: bytes) -> Refusal:
    """A call that reverted, with its reason in words where Solidity's own errors give one."""
    reason = _reason(data)
    message = f"execution reverted: {reason}" if reason else "execution reverted"
    return Refusal(REVERTED, message, data=data)


def _reason(data: bytes) -> str:
    selector, rest = data[:4], data[4:]
    if selector == _PANIC and len(rest) == _WORD:
        code = int.from_bytes(rest, "big")
        return _PANICS.get(code, f"unknown panic code: {code:#x}")
    if selector == _ERROR:
        start = int.from_bytes(rest[:_WORD], "big")
        size = int.from_bytes(rest[start : start + _WORD], "big")
        text = rest[start + _WORD : start + _WORD + size]
        if start >= _WORD and len(text) == size:
            return text.decode("utf-8", errors="replace")
    return ""
