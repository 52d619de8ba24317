"""One deployed contract: its functions called, sent and planned, its events read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from verifiable.chain.abi import (
    SELECTOR_BYTES,
    AbiEntry,
    decode,
    decode_topic,
    encode,
    entries_of,
    select,
)
from verifiable.chain.artifact import Artifact
from verifiable.chain.calls import BlockTag
from verifiable.chain.rpc import bad_answer
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import EventRecord, LogRecord, Plan, Receipt, TxOptions
from verifiable.errors import ChainError
from verifiable.statement.hashing import keccak

if TYPE_CHECKING:
    from verifiable.chain.client import Chain

__all__ = ["Contract"]


class Contract:
    """A contract on a chain, whose code was compared with its artifact.

    Made by `Chain.contract`. Functions and events go by name, overloaded ones by signature.

    Attributes:
        chain: where it stands.
        artifact: what it was compiled to.
        address: 20 bytes.
    """

    def __init__(self, chain: Chain, artifact: Artifact, address: bytes) -> None:
        self.chain = chain
        self.artifact = artifact
        self.address = address

    def __repr__(self) -> str:
        return f"Contract({self.artifact.name} at 0x{self.address.hex()} on {self.chain.source})"

    def encode(self, name: str, *arguments: Any) -> bytes:
        """The data of a call.

        Raises:
            ChainError: `unknown-member`, `bad-arguments`.
        """
        function = select(self.artifact, "function", name)
        return function.selector + encode(
            function.inputs, arguments, where=f"{self.artifact.name}.{function.signature}"
        )

    def decode_call(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """Function and arguments of a call's data.

        Raises:
            ChainError: `unknown-member`, `undecodable`.
        """
        for function in entries_of(self.artifact, "function"):
            if function.selector == data[:SELECTOR_BYTES]:
                values = decode(
                    function.inputs, data[SELECTOR_BYTES:], what=f"the call of {function.name}"
                )
                return function.name, function.named(values)
        raise ChainError(
            f"the contract has no function 0x{data[:SELECTOR_BYTES].hex()}",
            where=self.artifact.name,
            code="unknown-member",
        )

    def call(
        self, name: str, *arguments: Any, block: BlockTag = "latest", sender: bytes | None = None
    ) -> Any:
        """Read from the contract.

        Returns:
            The function's result; a tuple if it has several, None if it has none.

        Raises:
            Reverted: the contract refused.
            ChainError: the node failed, or the result is not of the function's types.
        """
        function = select(self.artifact, "function", name)
        what = f"{self.artifact.name}.{function.name} failed"
        data = self.chain.call(
            self.address, self.encode(name, *arguments), block=block, sender=sender, what=what
        )
        values = decode(
            function.outputs, data, what=f"the result of {self.artifact.name}.{function.name}"
        )
        if len(values) == 1:
            return values[0]
        return values or None

    def plan(
        self,
        sender: bytes,
        name: str,
        *arguments: Any,
        value: int = 0,
        options: TxOptions | None = None,
    ) -> Plan:
        """What sending a call would cost; nothing is signed or sent.

        Raises:
            Reverted: the contract would refuse.
            ChainError: the node failed, or the transaction cannot be made.
        """
        data = self.encode(name, *arguments)
        plan = self.chain.plan(
            sender,
            to=self.address,
            data=data,
            value=value,
            options=options,
            what=f"{self.artifact.name}.{name} would fail",
        )
        function, named = self.decode_call(data)
        return plan.described(f"{self.artifact.name}.{function}", named)

    def send(
        self,
        signer: Signer,
        name: str,
        *arguments: Any,
        value: int = 0,
        options: TxOptions | None = None,
    ) -> Receipt:
        """Call the contract by a transaction, and wait for it as `options` say.

        Raises:
            Reverted: the contract refused, before or after the transaction was sent.
            PendingTransaction: it was sent, and what became of it is not known.
            ChainError: the node failed or refused it.
            AccountError: the key cannot be used.
        """
        return self.chain.send(
            signer,
            to=self.address,
            data=self.encode(name, *arguments),
            value=value,
            options=options,
            what=f"{self.artifact.name}.{name} failed",
        )

    def events(
        self,
        name: str,
        *,
        from_block: int,
        to_block: BlockTag = "latest",
        filters: Mapping[str, Any] | None = None,
    ) -> list[EventRecord]:
        """Read events of one kind, in order.

        Args:
            from_block: the block of the contract's deployment, or a later one.
            to_block: the last block.
            filters: values of indexed parameters by name. Strings and bytes are hashed.

        Raises:
            ChainError: the node failed, `unknown-member` for a filter that is no indexed
                parameter, `bad-answer` or `undecodable` for events that do not decode.
        """
        event = select(self.artifact, "event", name)
        topics = self._topics(event, dict(filters or {}))
        logs = self.chain.logs(self.address, topics, from_block=from_block, to_block=to_block)
        return [self._record(event, log) for log in logs]

    def events_in(self, receipt: Receipt, *names: str) -> list[EventRecord]:
        """This contract's events of some kinds in a receipt, in order; others are left out.

        Raises:
            ChainError: `bad-answer`, `undecodable`: one does not decode.
        """
        found = (self.event_of(log, names) for log in receipt.logs)
        return [event for event in found if event is not None]

    def event_of(self, log: LogRecord, names: Iterable[str]) -> EventRecord | None:
        """One event from its log; None if it is not this contract's, or of none of these kinds.

        Raises:
            ChainError: `bad-answer`, `undecodable`: it does not decode.
        """
        if log.entry.address != self.address:
            return None
        for event in (select(self.artifact, "event", name) for name in names):
            if log.entry.topics[:1] == (event.topic,):
                return self._record(event, log)
        return None

    def _topics(self, event: AbiEntry, filters: dict[str, Any]) -> list[bytes | None]:
        where = f"{self.artifact.name}.{event.signature}"
        topics: list[bytes | None] = [event.topic]
        for param in (param for param in event.inputs if param.indexed):
            if param.name not in filters:
                topics.append(None)
                continue
            value = filters.pop(param.name)
            if param.type in ("bytes", "string"):
                topics.append(keccak(value.encode("utf-8") if isinstance(value, str) else value))
            elif param.hashed_in_topic:
                raise ChainError(
                    f"an event cannot be found by {param.name}, a {param.type}",
                    where=where,
                    code="bad-arguments",
                )
            else:
                topics.append(encode((param,), (value,), where=where))
        if filters:
            raise ChainError(
                f"the event has no indexed {', '.join(sorted(filters))}",
                where=where,
                code="unknown-member",
            )
        while topics[-1] is None:
            topics.pop()
        return topics

    def _record(self, event: AbiEntry, log: LogRecord) -> EventRecord:
        what = f"a log of {event.name}"
        indexed = [param for param in event.inputs if param.indexed]
        if len(log.entry.topics) != 1 + len(indexed):
            raise bad_answer(what, f"has {len(log.entry.topics)} topics")
        plain = [param for param in event.inputs if not param.indexed]
        in_topics = iter(
            [
                decode_topic(param, topic, what=what)
                for param, topic in zip(indexed, log.entry.topics[1:], strict=True)
            ]
        )
        in_data = iter(decode(plain, log.entry.data, what=what))
        values = [next(in_topics if param.indexed else in_data) for param in event.inputs]
        return EventRecord(name=event.name, arguments=event.named(values), log=log)
