"""Whether the packages of the extra `chain` are installed; asked before anything needs them."""

from __future__ import annotations

from importlib.util import find_spec

from verifiable.errors import MissingDependency

__all__ = ["require_extra"]

_PACKAGES = {"web3": "web3", "eth_account": "eth-account", "eth": "py-evm"}
"""Modules that are imported, and the packages that bring them."""


def require_extra() -> None:
    """Refuse to go on without the extra. Imports none of its packages.

    Raises:
        MissingDependency: naming what is missing, and what to install.
    """
    missing = [package for module, package in _PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise MissingDependency(
            "a chain needs packages that are not installed",
            why=f"missing: {', '.join(missing)}",
            hint="run pip install 'verifiable[chain]'",
        )
