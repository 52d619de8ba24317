"""One node behind one provider: requests, retries, and what went wrong in our own errors.

Only `make_request` of a web3.py provider is used. web3's middleware and formatters are not: what a
node answers is checked where it is read (`answers.py`), and a node that is wrong, slow or hostile
can make nothing but a `ChainError`. Addresses with secrets never reach a message, since the texts
of other libraries' exceptions, which quote them, are not repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from verifiable.errors import ChainError

__all__ = ["Node", "NodeRefusal", "NodeUnreachable", "Provider", "bad_answer", "shown"]

_TRIES = 5
_BACKOFF_S = 0.25
_MAX_TEXT = 500
_ONCE = ("eth_sendTransaction",)  # sending it again would be another transaction
_DEVELOPMENT = ("evm_", "anvil_", "hardhat_")
_RETRIED_HTTP = (408, 425, 429)
_RATE_LIMITED = (-32005, -32016, -32029, 429)
_RATE_LIMIT_TEXTS = ("rate limit", "too many requests", "request limit", "compute units")
_LAGGING_TEXTS = (
    "header not found",
    "block not found",
    "unknown block",
    "could not find block",
    "after last accepted block",
    "blockoutofrange",
)


class Provider(Protocol):
    """The part of web3.py's `BaseProvider` that is used."""

    def make_request(self, method: Any, params: Any) -> Any:
        """Send one JSON-RPC request and return the response object."""


class NodeUnreachable(ChainError):
    """No answer came, whatever the reason.

    Attributes:
        http_status: of the response, if the transport is HTTP and there was one.
        tried: the provider has tried again by itself.
    """

    default_code = "chain-unreachable"
    http_status: int | None = None
    tried: bool = False

    @property
    def passing(self) -> bool:
        """Whether another try may help."""
        status = self.http_status
        return not self.tried and (status is None or status >= 500 or status in _RETRIED_HTTP)


class NodeRefusal(ChainError):
    """The node answered a request with an error.

    Attributes:
        rpc_code: the error's code.
        text: the error's message, made printable and cut.
        data: the error's data as it came: untrusted.
    """

    default_code = "request-refused"

    def __init__(self, method: str, rpc_code: int, text: str, data: object, *, where: str) -> None:
        self.rpc_code = rpc_code
        self.text = text
        self.data = data
        super().__init__(f"the node refused {method}", where=where, why=f"{text} ({rpc_code})")

    def says(self, *texts: str) -> bool:
        """Whether the message contains one of these texts, given in lower case."""
        message = self.text.lower()
        return any(text in message for text in texts)


class Node:
    """Requests to one node.

    Args:
        provider: of web3.py, or anything with its `make_request`.
        source: names the node to people; without secrets.
        sleep: waits so many seconds.

    Attributes:
        patient: several nodes may answer at this address, of which some know a block late.
    """

    def __init__(
        self, provider: Provider, *, source: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._provider = provider
        self.source = source
        self.sleep = sleep
        self.patient = True

    def __repr__(self) -> str:
        return f"Node({self.source!r})"

    def ask(
        self, method: str, params: Sequence[Any] = (), *, lagging: bool = False, tries: int = _TRIES
    ) -> Any:
        """Send a request, again after a failure of transport or a rate limit.

        Args:
            method: of JSON-RPC. One that would do a thing twice is sent once.
            params: JSON values.
            lagging: ask again too if the node does not know a block yet: behind one address there
                may be several nodes, of which some are late.
            tries: how often at most.

        Returns:
            The result, unchecked.

        Raises:
            NodeUnreachable: no answer came.
            NodeRefusal: the node answered with an error.
            ChainError: `bad-answer`: the answer is no JSON-RPC response; `no-such-block`, with
                `lagging`.
        """
        if method in _ONCE or method.startswith(_DEVELOPMENT):
            tries = 1
        for left in reversed(range(tries)):
            try:
                return self._ask_once(method, params)
            except NodeUnreachable as failure:
                if not left or not failure.passing:
                    raise
            except NodeRefusal as refusal:
                # of eth_getLogs the same code says that a range holds too many logs
                limited = refusal.says(*_RATE_LIMIT_TEXTS) or (
                    refusal.rpc_code in _RATE_LIMITED and method != "eth_getLogs"
                )
                late = lagging and refusal.says(*_LAGGING_TEXTS)
                if late and not (left and self.patient):
                    raise self._no_block(refusal) from None
                if not left or not (limited or late):
                    raise
            self.sleep(_BACKOFF_S * 2 ** (tries - 1 - left))
        raise AssertionError("unreachable: the last try returns or raises")

    def _ask_once(self, method: str, params: Sequence[Any]) -> Any:
        failure: NodeUnreachable | None = None
        response: Any = None
        try:
            response = self._provider.make_request(method, list(params))
        except ChainError as cause:  # of a provider of ours: without secrets, tried often enough
            failure = NodeUnreachable(
                cause.what, where=cause.where, why=cause.why, hint=cause.hint, code=cause.code
            )
            failure.tried = True
        except Exception as cause:  # web3, requests, websockets, json, sockets: any of theirs
            failure = self._unreachable(method, cause)
        if failure is not None:
            raise failure  # outside of the handler: the cause's text may hold the whole address
        if not isinstance(response, dict):
            raise bad_answer(method, "is no JSON-RPC response", where=self.source)
        error = response.get("error")
        if error is not None:
            raise self._refusal(method, error)
        if "result" not in response:
            raise bad_answer(method, "has neither result nor error", where=self.source)
        return response["result"]

    def _no_block(self, refusal: NodeRefusal) -> ChainError:
        return ChainError(
            "the node does not have the block that was asked for",
            where=self.source,
            why=refusal.text,
            hint="check its number; for a past block, use a node that keeps old state",
            code="no-such-block",
        )

    def _unreachable(self, method: str, cause: Exception) -> NodeUnreachable:
        status = getattr(getattr(cause, "response", None), "status_code", None)
        known = status if isinstance(status, int) else None
        failure = NodeUnreachable(
            f"the node does not answer {method}",
            where=self.source,
            why=type(cause).__name__ + ("" if known is None else f", HTTP status {known}"),
            hint="check the address, the network and whether the node wants a key",
        )
        failure.http_status = known
        return failure

    def _refusal(self, method: str, error: object) -> ChainError:
        if isinstance(error, str):  # some gateways
            error = {"code": 0, "message": error}
        if not isinstance(error, dict):
            return bad_answer(method, "has an error that is no object", where=self.source)
        code, message = error.get("code"), error.get("message")
        return NodeRefusal(
            method,
            code if isinstance(code, int) and abs(code) < 1 << 63 else 0,
            shown(message) if isinstance(message, str) else "no message",
            error.get("data"),
            where=self.source,
        )


def shown(text: str, limit: int = _MAX_TEXT) -> str:
    """Text of others, fit to be shown: printable, in one line, at most `limit` characters."""
    head = "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:limit]
    )
    return head if len(text) <= limit else f"{head}... ({len(text)} characters)"


def bad_answer(subject: str, why: str, *, where: str = "") -> ChainError:
    """The error for an answer that breaks the rules of JSON-RPC or contradicts itself.

    Args:
        subject: the method that was asked, or the part of the answer.
        why: what is wrong with it, to follow "the node's answer to ..".
        where: the node.
    """
    return ChainError(
        f"the node's answer to {subject} {why}",
        where=where,
        hint="the node is faulty, or it is none: use another one",
        code="bad-answer",
    )
