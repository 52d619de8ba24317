"""What the error codes of ezkl's verifier contract mean: a part of `codes.CODES`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["EZKL_CHAIN_CODES"]

EZKL_CHAIN_CODES: Mapping[str, str] = MappingProxyType(
    {
        "ceremony-not-held": "No file of the public ceremony is in the cache, so it is not known "
        "by which point a door can tell it. Fetch one (`verifiable srs fetch K`) or give "
        "--ceremony.",
        "compiler-failed": "The Solidity compiler refused ezkl's verifier contract. Check that "
        "VERIFIABLE_SOLC names a compiler of the pinned version.",
        "malformed-vka": "ezkl wrote a verification key for contracts that cannot be read. Clear "
        "the cache and set up again.",
        "no-compiler": "A Solidity compiler is needed, or Node for it, or another version of it. "
        "Run `npm ci` in contracts/ of the project's sources, or name a solc in VERIFIABLE_SOLC.",
        "verifier-not-compiled": "ezkl's verifier contract is not in the cache. Run `verifiable "
        "router ezkl-verifier` once.",
        "wrong-verifier-code": "ezkl's verifier contract does not compile to the code that this "
        "release knows. Use the pinned versions of ezkl and solc.",
        "wrong-verifier-source": "The installed ezkl writes another verifier contract than this "
        "release knows. Install the pinned version.",
    }
)
"""By code one or two sentences: what it means, what to do."""
