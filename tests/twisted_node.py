"""The embedded chain behind a node that lies, or that moves while it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from verifiable.chain.local.chain import LocalChain

Answer = dict[str, Any]
Twist = Callable[[list[Any], Answer], Answer]


class Node:
    """The embedded chain, with answers to some methods twisted; remembers what it was asked."""

    def __init__(self, chain: LocalChain) -> None:
        self._chain = chain
        self.twists: dict[str, Twist] = {}
        self.asked: list[tuple[str, list[Any]]] = []

    def make_request(self, method: str, params: Sequence[Any]) -> Answer:
        self.asked.append((method, list(params)))
        honest = self._chain.request(method, list(params))
        twist = self.twists.get(method)
        return honest if twist is None else twist(list(params), honest)

    def result(self, method: str, result: object) -> None:
        """Always answer a method with this."""
        self.twists[method] = lambda _params, honest: {
            "jsonrpc": "2.0",
            "id": honest["id"],
            "result": result,
        }

    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]
