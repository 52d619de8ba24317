"""What the embedded chain holds before its first block of transactions."""

from __future__ import annotations

from verifiable.chain.engine import Engine
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS, DEV_BALANCE_WEI

__all__ = ["DEPLOYMENT_PROXY", "DEPLOYMENT_PROXY_CODE", "fill"]

DEPLOYMENT_PROXY = bytes.fromhex("4e59b44847b379578588920ca78fbf26c0b4956c")
"""Makes contracts by CREATE2 from calldata `salt(32) initcode`: the same address on every chain.

Most public chains have it, by a transaction whose key nobody knows; anvil has it from its start.
"""

DEPLOYMENT_PROXY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    "e03601600081602082378035828234f58015156039578182fd5b808252505050"
    "6014600cf3"
)


def fill(engine: Engine) -> None:
    """Fund the development accounts and place the deployment proxy."""
    for account in DEV_ACCOUNTS:
        engine.fund(account.address, DEV_BALANCE_WEI)
    engine.place(DEPLOYMENT_PROXY, DEPLOYMENT_PROXY_CODE)
