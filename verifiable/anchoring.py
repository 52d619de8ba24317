"""From the name of a record on chain to what a verifier needs: the policy's pin and a view.

`verify(..., registry="https://node.example/0x5f3e...", record=ID)` reads the chain here, before
the verifier runs. Nothing of the chain part is imported until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from verifiable.errors import InvalidInput, VerifiableError
from verifiable.statement.hashing import DIGEST_BYTES
from verifiable.statement.policy import Policy
from verifiable.statement.strict_json import encode_hex
from verifiable.statement.view import DEVELOPMENT_CHAIN_ID, ChainView, RegistryPin

__all__ = ["anchored", "read_view"]

_DEVELOPMENT_SCHEMES = ("local:", "anvil:")


def anchored(
    policy: Policy,
    *,
    registry: str | None,
    record: bytes | str | None,
    chain_id: int | None,
    backends: Sequence[str],
) -> tuple[Policy, ChainView | None]:
    """A policy that pins a record, and what the chain says of it.

    Args:
        policy: if it pins a record already, its pin counts, and `registry` only says which node
            to ask; what else is given must agree with it.
        registry: `URL/ADDRESS` of node and registry, or the URL alone for the registry's
            canonical address; None: no chain is read.
        record: the record's id, 32 bytes or their hex digits.
        chain_id: the chain; None: the policy's, or any.
        backends: whose keys to read.

    Returns:
        the policy with its pin, and the view; (`policy`, None) if `registry` is None.

    Raises:
        InvalidInput: the arguments contradict each other or the policy.
        ChainError: the node cannot be reached, or answers nonsense.
        MissingDependency: the extra `chain` is not installed.
    """
    if registry is None:
        if record is not None or chain_id is not None:
            raise InvalidInput(
                "a record or a chain is named, but no registry to read it from",
                hint="give the registry as URL/ADDRESS",
                code="registry-needed",
            )
        return policy, None
    from verifiable.chain.extra import require_extra

    require_extra()
    from verifiable.chain.artifact import load_artifact
    from verifiable.chain.contracts.model_registry import CANONICAL_ADDRESS
    from verifiable.chain.endpoint import parse_registry_url

    url, address = parse_registry_url(registry)
    named = None if record is None else _digest(record)
    pin = policy.registry
    if pin is None:
        if named is None:
            raise InvalidInput(
                "the registry is named, but not which of its records counts",
                hint="give the record's id, which `verifiable register` printed",
                code="record-needed",
            )
        code_hash = load_artifact("ModelRegistry").code_hash
        if code_hash is None:
            raise VerifiableError("the shipped registry has no code hash of its own")
        if chain_id is None and url.startswith(_DEVELOPMENT_SCHEMES):
            chain_id = DEVELOPMENT_CHAIN_ID
        pin = RegistryPin(
            chain_id=chain_id,
            address=address or CANONICAL_ADDRESS,
            code_hash=code_hash,
            record_id=named,
        )
    else:
        _refuse_contradictions(pin, address=address, record=named, chain_id=chain_id)
    view = read_view(url, pin, backends=backends)
    return replace(policy, registry=pin), view


def read_view(url: str, pin: RegistryPin, *, backends: Sequence[str]) -> ChainView:
    """Ask a node for the record that a pin names.

    Args:
        url: of the node, see `verifiable.chain.endpoint.open_chain`.
        pin: which registry and record to read; whether they are as pinned, the verifier says.
        backends: whose keys to read.

    Raises:
        ChainError: the node cannot be reached, or answers nonsense.
        MissingDependency: the extra `chain` is not installed.
    """
    from verifiable.chain.endpoint import open_chain
    from verifiable.chain.reader import read_registry

    with open_chain(url) as chain:
        return read_registry(chain, address=pin.address, record_id=pin.record_id, backends=backends)


def _digest(record: bytes | str) -> bytes:
    try:
        data = bytes.fromhex(record.removeprefix("0x")) if isinstance(record, str) else record
    except ValueError:
        data = b""
    if not isinstance(data, bytes) or len(data) != DIGEST_BYTES:
        raise InvalidInput(
            "the id of a record is 32 bytes, 64 hex digits", where="record", code="bad-digest"
        )
    return data


def _refuse_contradictions(
    pin: RegistryPin, *, address: bytes | None, record: bytes | None, chain_id: int | None
) -> None:
    """Refuse what differs from the policy's pin: which of the two was meant, nobody can tell."""
    given = {
        "address": (address, pin.address),
        "record": (record, pin.record_id),
        "chain": (chain_id, pin.chain_id),
    }
    for name, (asked, pinned) in given.items():
        if asked is not None and asked != pinned:
            raise InvalidInput(
                f"the policy pins another {name} than the one that is given",
                where=name,
                why=f"{_text(pinned)} in the policy, {_text(asked)} given",
                hint="leave it out, or change the policy",
                code="two-records",
            )


def _text(value: bytes | int | None) -> str:
    return encode_hex(value) if isinstance(value, bytes) else str(value)
