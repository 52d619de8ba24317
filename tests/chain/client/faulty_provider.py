"""A provider that passes requests on to a real chain, and fails where it is told to."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

Forward = Callable[[], Any]
Fault = Callable[[Forward, Any], Any]
"""Makes the response of one request from the way to the real chain and the parameters."""


class FaultyProvider:
    """Wraps a provider; faults are used up in the order in which they were planned.

    Attributes:
        seen: method and parameters of every request.
    """

    def __init__(self, provider: Any) -> None:
        self.provider = provider
        self.seen: list[tuple[str, Any]] = []
        self.replies: list[Any] = []
        self._planned: dict[str, deque[Fault]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}

    def plan(self, method: str, *faults: Fault) -> None:
        """Let the next requests of a method fail, one by one."""
        self._planned[method].extend(faults)

    def always(self, method: str, fault: Fault) -> None:
        """Let every request of a method fail, after those that are planned."""
        self._always[method] = fault

    def count(self, method: str) -> int:
        """How often a method was asked."""
        return sum(name == method for name, _ in self.seen)

    def make_request(self, method: str, params: Any) -> Any:
        self.seen.append((method, params))

        def forward() -> Any:
            reply = self.provider.make_request(method, params)
            self.replies.append(reply)
            return reply

        planned = self._planned[method]
        fault = planned.popleft() if planned else self._always.get(method)
        return forward() if fault is None else fault(forward, params)


def honest(forward: Forward, params: Any) -> Any:
    """No fault."""
    return forward()


def lost_request(forward: Forward, params: Any) -> Any:
    """The node never sees the request."""
    raise ConnectionResetError("https://user:hunter2@node.example/v3/secret-key reset")


def lost_answer(forward: Forward, params: Any) -> Any:
    """The node does as asked, and its answer is lost."""
    forward()
    raise TimeoutError("https://user:hunter2@node.example/v3/secret-key timed out")


def result(value: Any) -> Fault:
    """The node answers with this."""
    return lambda forward, params: {"jsonrpc": "2.0", "id": 1, "result": value}


def response(value: Any) -> Fault:
    """Instead of a response comes this."""
    return lambda forward, params: value


def error(code: int, message: str, data: Any = None) -> Fault:
    """The node refuses."""
    body = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return lambda forward, params: {"jsonrpc": "2.0", "id": 1, "error": body}


def also_error(code: int, message: str) -> Fault:
    """The node does as asked and says that it refused."""

    def fault(forward: Forward, params: Any) -> Any:
        forward()
        return error(code, message)(forward, params)

    return fault


def changed(**members: Any) -> Fault:
    """The honest answer, with some of its members changed; None takes the member away."""

    def fault(forward: Forward, params: Any) -> Any:
        reply = forward()
        merged = {**reply["result"], **members}
        return {**reply, "result": {k: v for k, v in merged.items() if v is not None}}

    return fault
