"""The embedded chain: JSON-RPC without a node, in memory or in one file.

    >>> with LocalChain.open(None) as chain:
    ...     chain.request("eth_chainId", [])["result"]
    '0x7a69'

For development, tests and demonstrations: who holds the file can write its history.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from verifiable.chain.engine import EngineFactory
from verifiable.chain.local.node import Node
from verifiable.chain.local.refusals import (
    INTERNAL_ERROR,
    SERVER_ERROR,
    Refusal,
    invalid_parameters,
)
from verifiable.chain.local.rpc import Method, Service, find_method
from verifiable.chain.local.store import Store
from verifiable.errors import VerifiableError
from verifiable.recursion import EVM_RECURSION_LIMIT, recursion_limit_kept

__all__ = ["LocalChain"]


class LocalChain:
    """A chain of this process, or of a file that several processes may use at once.

    One transaction makes one block, at once. Threads take turns.
    """

    def __init__(self, store: Store, engine: EngineFactory) -> None:
        self._lock = threading.Lock()
        self._store = store
        self._closed = False
        self._node = Node(store, engine)
        self._service = Service(self._node)

    @classmethod
    def open(cls, path: Path | None, *, engine: EngineFactory | None = None) -> LocalChain:
        """Open a chain's file, or begin a chain.

        Args:
            path: of the file, made if it is not there; None: in memory.
            engine: what executes; None: py-evm with the rules of Osaka.

        Raises:
            ChainError: the file is no chain's, was made under another schema, chain id or rules,
                cannot be read or written, or another process held it for too long.
        """
        if engine is None:
            with recursion_limit_kept(at_least=EVM_RECURSION_LIMIT):
                from verifiable.chain.pyevm_engine import PyEvmEngine  # takes two seconds to load

            engine = PyEvmEngine
        store = Store(None if path is None else Path(path))
        try:
            return cls(store, engine)
        except BaseException:
            store.close()
            raise

    def __enter__(self) -> LocalChain:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def path(self) -> Path | None:
        """The file; None: the chain is in memory."""
        return self._store.path

    def close(self) -> None:
        """Release the file. A chain in memory is gone."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._store.close()

    def request(self, method: str, params: Sequence[Any] = ()) -> dict[str, Any]:
        """Answer one request.

        Args:
            method: of JSON-RPC, `eth_call` for instance.
            params: JSON values (None, bool, int, float, str, list, dict).

        Returns:
            A JSON-RPC response, with `result` or with `error`. Nothing is raised.
        """
        response: dict[str, Any] = {"jsonrpc": "2.0", "id": 1}
        try:
            known = find_method(method)
            if not isinstance(params, list | tuple):
                raise invalid_parameters("non-array args")
            values = known.parse(params)
            response["result"] = self._run(known, values)
        except Refusal as refusal:
            response["error"] = refusal.as_json()
        except VerifiableError as error:
            response["error"] = {"code": SERVER_ERROR, "message": str(error)}
        except Exception as error:
            # a defect; the response is the only way out that the caller watches
            message = f"internal error: {type(error).__name__}: {error}"
            response["error"] = {"code": INTERNAL_ERROR, "message": message}
        return response

    def _run(self, known: Method, values: list[Any]) -> Any:
        with self._lock:
            if self._closed:
                raise Refusal(SERVER_ERROR, "the chain is closed")
            try:
                with self._store.transaction(write=known.writes):
                    self._node.refresh()
                    return known.run(self._service, *values)
            except BaseException:
                if known.writes:
                    self._node.forget()
                raise
