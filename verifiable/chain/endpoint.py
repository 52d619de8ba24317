"""From the text that says which chain to a client of it: one entry for every kind of chain."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verifiable.chain.addresses import parse_address
from verifiable.chain.extra import require_extra
from verifiable.chain.node_url import parse_node_url
from verifiable.errors import ChainError, InvalidInput

if TYPE_CHECKING:
    from verifiable.chain.client import Chain
    from verifiable.chain.local.chain import LocalChain

__all__ = ["open_chain", "parse_registry_url"]

REQUEST_S = 30.0
RECEIPT_S = 120.0
LONGEST_S = 86400.0

_LIKE_ADDRESS = re.compile(r"0[xX][0-9a-zA-Z]*", re.ASCII)


@contextmanager
def open_chain(
    url: str = "local:",
    *,
    chain_id: int | None = None,
    timeout_s: float = RECEIPT_S,
    request_timeout_s: float = REQUEST_S,
    anvil: Path | None = None,
    reading: bool = False,
) -> Iterator[Chain]:
    """Open a chain for the length of the block, and close whatever was opened after it.

    Args:
        url: `local:` (in memory) or `local:FILE`, the embedded chain; `anvil:` or `anvil:FILE`, a
            node started for the block, its state kept in the file; `http(s)://` or `ws(s)://`,
            a node; the path of a node's IPC socket.
        chain_id: the chain that is expected; None: whichever it is.
        timeout_s: seconds to wait for a transaction to be included.
        request_timeout_s: seconds for one exchange with a node.
        anvil: the executable for `anvil:`; None: see `find_anvil`.
        reading: nothing is to be sent, so a chain's file that is not there is not made.

    Yields:
        The chain, which has answered once.

    Raises:
        MissingDependency: the extra `chain` is not installed.
        ChainError: the text is no such URL, or there is no such chain. No error shows more of a
            node's URL than scheme, host and port.
    """
    place = parse_node_url(url)
    if reading and place.kind in ("local", "anvil") and place.path and not place.path.exists():
        raise ChainError(
            "there is no such chain",
            where=place.source,
            why="the file does not exist",
            hint="name the file of a chain, or the URL of a node",
            code="no-chain-file",
        )
    for seconds in (timeout_s, request_timeout_s):
        if not (math.isfinite(seconds) and 0 < seconds <= LONGEST_S):
            raise ChainError("a timeout is not a number of seconds", code="bad-timeout")
    require_extra()
    from verifiable.chain.client import Chain

    with ExitStack() as opened:
        if place.kind == "local":
            from verifiable.chain.local.chain import LocalChain

            local = opened.enter_context(LocalChain.open(place.path))
            chain = Chain(
                _Embedded(local), url=place.source, chain_id=chain_id, timeout_s=timeout_s
            )
        else:
            from verifiable.chain.json_rpc import JsonRpcProvider

            node = place
            if place.kind == "anvil":
                from verifiable.chain.anvil import find_anvil, run_anvil

                running = opened.enter_context(run_anvil(find_anvil(anvil), state=place.path))
                node = parse_node_url(running.url)
            provider = JsonRpcProvider(node, timeout_s=request_timeout_s)
            opened.callback(provider.close)
            provider.probe()
            chain = Chain(provider, url=place.source, chain_id=chain_id, timeout_s=timeout_s)
        yield chain


class _Embedded:
    """The embedded chain as the client asks it; web3, which `LocalProvider` is for, stays away."""

    def __init__(self, chain: LocalChain) -> None:
        self._chain = chain

    def make_request(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        return self._chain.request(method, params)


def parse_registry_url(text: str) -> tuple[str, bytes]:
    """Read which registry on which chain: `URL/0x...`, or a URL alone for the canonical address.

    Returns:
        The chain's URL, as `open_chain` takes it, and the registry's address (20 bytes).

    Raises:
        ChainError: (`malformed-registry-url`) the address is not one; (`malformed-chain-url`)
            the rest is no chain's URL.
    """
    url, slash, last = text.rpartition("/")
    if not slash or not _LIKE_ADDRESS.fullmatch(last):
        parse_node_url(text)
        from verifiable.chain.contracts.model_registry import CANONICAL_ADDRESS

        return text, CANONICAL_ADDRESS
    why = ""
    try:
        address = parse_address(last)
    except InvalidInput as cause:
        why = cause.why or "it is not `0x` and 40 hex digits"
    if why:  # the text may be a key of the URL: not shown, and not the cause of what is raised
        raise ChainError(
            "the registry's address at the end of the URL is not one",
            why=why,
            hint="write URL/0x and 40 hex digits",
            code="malformed-registry-url",
        )
    parse_node_url(url)
    return url, address
