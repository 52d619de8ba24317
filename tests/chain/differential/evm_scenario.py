"""The steps of the differential test: the same signed bytes for every chain.

A chapter starts on a fresh chain, so what it deploys, and where, is known while it is written: a
`Chapter` keeps the senders' nonces and signs. Nothing here asks a chain; `scenario_run` does. The
steps are plain data, which a process without the libraries of this one can run too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import evm_assembly

ETHER = 10**18
GWEI = 10**9
CHAIN_ID = 31337
MAX_GAS = 1 << 24

AccessList = tuple[tuple[bytes, tuple[int, ...]], ...]
Signer = Callable[[dict[str, Any], int], bytes]
"""Signs a transaction of eth-account's form for the development account of this number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A transaction.

    Attributes:
        message: the same as a call, which is made first for its return data; None: it is not.
        raw: signed.
        created: where a contract must appear; empty if none is to be made.
    """

    name: str
    message: dict[str, Any] | None
    raw: str
    created: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A call without a transaction."""

    name: str
    message: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendEstimated:
    """A transaction with the gas that the chain itself estimates: it has to be enough."""

    name: str
    message: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastHashes:
    """Whether a contract that answers BLOCKHASH of its calldata sees the chain's own hashes."""

    name: str
    contract: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A method of development nodes, which changes what comes."""

    name: str
    method: str
    params: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember:
    """Take a snapshot."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GoBack:
    """Go back to the last snapshot; what came after it must be gone."""

    name: str


Step = Send | Ask | SendEstimated | PastHashes | Control | Remember | GoBack


def hexed(data: bytes) -> str:
    return f"0x{data.hex()}"


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def listed(access_list: AccessList) -> list[dict[str, Any]]:
    """An access list in JSON-RPC's form."""
    return [
        {"address": hexed(address), "storageKeys": [hexed(word(slot)) for slot in slots]}
        for address, slots in access_list
    ]


class Chapter:
    """One part of the scenario, which starts on a fresh chain.

    Args:
        accounts: addresses of the development accounts.
        sign: by the keys of these accounts.
        created_by: the address of the contract that an account's transaction of a nonce creates.
    """

    def __init__(
        self,
        *,
        accounts: Sequence[bytes],
        sign: Signer,
        created_by: Callable[[bytes, int], bytes],
    ) -> None:
        self.steps: list[Step] = []
        self.accounts = accounts
        self._sign = sign
        self._created_by = created_by
        self._nonces = dict.fromkeys(range(len(accounts)), 0)
        self._remembered: list[dict[int, int]] = []

    def send(
        self,
        name: str,
        to: bytes | None,
        data: bytes = b"",
        *,
        value: int = 0,
        gas: int = 1_000_000,
        kind: int = 2,
        access_list: AccessList = (),
        sender: int = 0,
        preview: bool = True,
        refused: bool = False,
        creates: bool = False,
    ) -> bytes:
        """Add a transaction.

        Args:
            preview: also make the same call, and compare what it returns.
            refused: it is invalid, so it uses no nonce.
            creates: with `to` None: the contract must appear where it is returned.

        Returns:
            Where the transaction would create a contract.
        """
        nonce = self._nonces[sender]
        place = self._created_by(self.accounts[sender], nonce)
        transaction: dict[str, Any] = {
            "nonce": nonce,
            "chainId": CHAIN_ID,
            "gas": gas,
            "value": value,
            "data": hexed(data),
        }
        if to is not None:
            transaction["to"] = to
        if kind == 2:
            transaction |= {"type": 2, "maxFeePerGas": 100 * GWEI, "maxPriorityFeePerGas": GWEI}
        else:
            transaction |= {"gasPrice": 100 * GWEI} | ({"type": 1} if kind == 1 else {})
        if kind:
            transaction["accessList"] = listed(access_list)
        message = self._message(to, data, value=value, sender=sender) | {"gas": hex(gas)}
        if access_list:
            message["accessList"] = listed(access_list)
        self.steps.append(
            Send(
                name=name,
                message=message if preview else None,
                raw=hexed(self._sign(transaction, sender)),
                created=hexed(place) if creates else "",
            )
        )
        if not refused:
            self._nonces[sender] = nonce + 1
        return place

    def deploy(self, name: str, runtime: bytes, *, value: int = 0) -> bytes:
        """Deploy code without looking at its return data; where it lies."""
        return self.send(
            f"deploy {name}",
            None,
            evm_assembly.returning(runtime),
            value=value,
            gas=6_000_000,
            preview=False,
            creates=True,
        )

    def ask(self, name: str, to: bytes, data: bytes = b"", *, sender: int = 0) -> None:
        """Add a call."""
        self.steps.append(Ask(name=name, message=self._message(to, data, sender=sender)))

    def send_estimated(
        self, name: str, to: bytes | None, data: bytes = b"", *, sender: int = 0
    ) -> bytes:
        """Add a transaction whose gas the chain estimates; where it would create a contract."""
        place = self._created_by(self.accounts[sender], self._nonces[sender])
        self.steps.append(SendEstimated(name=name, message=self._message(to, data, sender=sender)))
        self._nonces[sender] += 1
        return place

    def past_hashes(self, name: str, contract: bytes) -> None:
        """Compare BLOCKHASH, as a contract returns it, with the chain's blocks."""
        self.steps.append(PastHashes(name=name, contract=hexed(contract)))

    def control(self, name: str, method: str, *params: Any) -> None:
        """Add a method of development nodes."""
        self.steps.append(Control(name=name, method=method, params=params))

    def remember(self, name: str) -> None:
        """Take a snapshot."""
        self.steps.append(Remember(name=name))
        self._remembered.append(dict(self._nonces))

    def go_back(self, name: str) -> None:
        """Go back to the last snapshot."""
        self.steps.append(GoBack(name=name))
        self._nonces = self._remembered.pop()

    def _message(
        self, to: bytes | None, data: bytes, *, value: int = 0, sender: int = 0
    ) -> dict[str, Any]:
        message = {"from": hexed(self.accounts[sender]), "data": hexed(data)}
        if to is not None:
            message["to"] = hexed(to)
        if value:
            message["value"] = hex(value)
        return message
