"""Contracts that were made with arguments: where they stand, and that they are what they say.

Immutables make a contract's code differ by deployment, and whoever deploys could put any bytes in
their places. So the constructor is run again, without sending anything, on the arguments that the
contract names: the code that it leaves must be the contract's, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from verifiable.chain.artifact import Artifact
from verifiable.chain.calls import BlockTag
from verifiable.chain.client import Chain
from verifiable.chain.deployment import DEPLOYMENT_PROXY, create2_address, initcode
from verifiable.errors import ChainError, Reverted

__all__ = ["CANONICAL_SALT", "Part", "check_made"]

CANONICAL_SALT = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One contract of several that belong together, where the deployment proxy puts it."""

    artifact: Artifact
    arguments: tuple[Any, ...]

    @property
    def address(self) -> bytes:
        """Where it stands, on every chain."""
        return create2_address(
            DEPLOYMENT_PROXY, CANONICAL_SALT, initcode(self.artifact, self.arguments)
        )


def check_made(
    chain: Chain,
    artifact: Artifact,
    arguments: Sequence[Any],
    address: bytes,
    code: bytes,
    block: BlockTag,
) -> None:
    """Refuse code that the constructor does not leave on these arguments.

    Raises:
        ChainError: `other-code`, or the node failed.
    """
    try:
        made = chain.created_code(initcode(artifact, arguments), block=block)
    except Reverted:
        made = b""
    if made != code:
        raise ChainError(
            f"the contract at 0x{address.hex()} was not made by this release's {artifact.name}",
            where=chain.source,
            why="its constructor leaves other code",
            hint="check the address and the chain",
            code="other-code",
        )
