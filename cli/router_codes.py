"""What the error codes of routers and doors on a chain mean."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ROUTER_CODES"]

ROUTER_CODES: Mapping[str, str] = MappingProxyType(
    {
        "key-needed": "The record holds a key's digest only, and evidence for a contract opens it. "
        "Give a lock that holds the key, whoever wrote it; for the backend tee, a policy will do.",
        "not-for-a-chain": "No contract can check this evidence: its backend has no door, it is a "
        "quote for one statement where a registered key's signature is needed, or its key names "
        "no contract on the chain.",
        "router-of-another-registry": "The router asks another model registry than the one that "
        "is meant, and records there are other people's word.",
        "unknown-door": "A router has doors for a few backends only, and this is none of them.",
    }
)
