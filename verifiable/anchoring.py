"""From names of what lies on a chain to what a verifier needs: the policy's pin, a view, a key.

`verify(..., registry="https://node.example/0x5f3e...", record=ID)` reads the chain here, before
the verifier runs, and so does `verify(..., rpc_url="https://node.example")` for a proof whose
evidence lies on a chain. Nothing of the chain part is imported until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from verifiable.backends.base import ChainJudge, ChainPlace, Key
from verifiable.errors import InvalidInput, SetupError, VerifiableError
from verifiable.program.program import Program
from verifiable.statement.commitment import ProgramCommitment
from verifiable.statement.hashing import DIGEST_BYTES
from verifiable.statement.node_desc import encode_node
from verifiable.statement.policy import Policy
from verifiable.statement.strict_json import encode_hex
from verifiable.statement.view import ADDRESS_BYTES, DEVELOPMENT_CHAIN_ID, ChainView, RegistryPin

__all__ = ["anchored", "game_address", "key_in_game", "read_view"]

_DEVELOPMENT_SCHEMES = ("local:", "anvil:")


def anchored(
    policy: Policy,
    *,
    registry: str | None,
    record: bytes | str | None,
    chain_id: int | None,
    backends: Sequence[str],
    rpc_url: str | None = None,
    place: ChainPlace | None = None,
) -> tuple[Policy, ChainView | None]:
    """A policy that pins a record, and what the chain says of it, and of a proof's assertion.

    Args:
        policy: if it pins a record already, its pin counts, and `registry` only says which node
            to ask; what else is given must agree with it.
        registry: `URL/ADDRESS` of node and registry, or the URL alone for the registry's
            canonical address; None: no registry is named.
        record: the record's id, 32 bytes or their hex digits.
        chain_id: the chain; None: the policy's, or any.
        backends: whose keys to read.
        rpc_url: the node, where no registry names it. All is read at one block of one node.
        place: where the evidence of the proof lies; None: not on a chain.

    Returns:
        the policy with its pin, and the view; (`policy`, None) if no node is named.

    Raises:
        InvalidInput: the arguments contradict each other or the policy.
        ChainError: the node cannot be reached, or answers nonsense.
        MissingDependency: the extra `chain` is not installed.
    """
    if registry is None:
        if record is not None or (chain_id is not None and rpc_url is None):
            raise InvalidInput(
                "a record or a chain is named, but no registry to read it from",
                hint="give the registry as URL/ADDRESS",
                code="registry-needed",
            )
        if rpc_url is None:
            return policy, None
        if place is None and policy.registry is None:
            raise InvalidInput(
                "a node is named, but there is nothing to read from a chain",
                why="the evidence of this proof lies in its file, and the policy pins no record",
                hint="leave --rpc-url out",
                code="nothing-to-read",
            )
        return policy, read_view(
            rpc_url, policy.registry, backends=backends, place=place, chain_id=chain_id
        )
    from verifiable.chain.extra import require_extra

    require_extra()
    from verifiable.chain.artifact import load_artifact
    from verifiable.chain.endpoint import parse_registry_url

    url, address = parse_registry_url(registry)
    named_address = address if registry != url else None
    if rpc_url not in (None, url):
        raise InvalidInput(
            "two nodes are named, and all must be read at one",
            where="registry, rpc_url",
            hint="leave --rpc-url out: --registry names the node",
            code="two-nodes",
        )
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
            address=address,
            code_hash=code_hash,
            record_id=named,
        )
    else:
        _refuse_contradictions(pin, address=named_address, record=named, chain_id=chain_id)
        if pin.chain_id is None:
            pin = replace(pin, chain_id=chain_id)
    view = read_view(url, pin, backends=backends, place=place)
    return replace(policy, registry=pin), view


def read_view(
    url: str,
    pin: RegistryPin | None,
    *,
    backends: Sequence[str],
    place: ChainPlace | None = None,
    chain_id: int | None = None,
) -> ChainView:
    """Ask a node for the record that a pin names, and for the assertion that a proof names.

    Args:
        url: of the node, see `verifiable.chain.endpoint.open_chain`.
        pin: which registry and record to read; whether they are as pinned, the verifier says.
        backends: whose keys to read.
        place: which game and assertion to read.
        chain_id: that the node must have; None: any.

    Raises:
        ChainError: the node cannot be reached, or answers nonsense.
        MissingDependency: the extra `chain` is not installed.
    """
    from verifiable.chain.endpoint import open_chain

    with open_chain(url, chain_id=chain_id, reading=True) as chain:
        from verifiable.chain.game_reader import assertion_at
        from verifiable.chain.reader import read_view as read
        from verifiable.chain.reader import registry_at

        return read(
            chain,
            registry=None
            if pin is None
            else lambda block: registry_at(
                chain, block, address=pin.address, record_id=pin.record_id, backends=backends
            ),
            assertion=None
            if place is None
            else lambda block: assertion_at(
                chain, block, game=place.game, assertion_id=place.assertion_id
            ),
        )


def key_in_game(
    judge: ChainJudge,
    program: Program,
    commitment: ProgramCommitment,
    *,
    url: str,
    game: bytes,
    chain_id: int | None = None,
) -> Key:
    """The key of a program and a game that somebody trusts.

    A lie about a node that the game's contracts do not judge could never be shown, so a program
    that has one gets no key.

    Args:
        judge: the backend.
        commitment: to `program`, with the leaf size of the proof or of the lock.
        url: of a node.
        game: the game's address, 20 bytes.
        chain_id: that the node must have; None: any.

    Raises:
        SetupError: `game-not-genuine`: no game of this release stands there;
            `nodes-not-judged`: its contracts do not judge every node.
        ChainError: the node cannot be reached, or answers nonsense.
        MissingDependency: the extra `chain` is not installed.
    """
    from verifiable.chain.endpoint import open_chain

    with open_chain(url, chain_id=chain_id, reading=True) as chain:
        from verifiable.chain.contracts.dispute_release import unjudged_nodes
        from verifiable.chain.game_reader import read_assertion

        view = read_assertion(chain, game=game, assertion_id=bytes(DIGEST_BYTES))
        seen = view.assertion
        root = commitment.program_root
        key = None if seen is None else judge.key_on_chain(root, view.chain_id, seen)
        if key is None:
            raise SetupError(
                f"the contract at {encode_hex(game)} is not a game of this release",
                where=view.source,
                why="it, or a contract that judges for it, has other code or none",
                hint="check the address and the chain",
                code="game-not-genuine",
            )
        descriptors = [encode_node(program, node) for node in range(len(program.nodes))]
        reasons = unjudged_nodes(
            chain, game, descriptors, commitment.leaf_log2, block=view.block.number
        )
    if reasons:
        raise SetupError(
            f"the game's contracts do not judge {len(reasons)} of the program's nodes",
            where=f"game {encode_hex(game)}",
            why="; ".join(reasons[:3]),
            hint="a lie about such a node could never be shown: use another backend",
            code="nodes-not-judged",
        )
    return key


def game_address(game: bytes | str) -> bytes:
    """The address of a game, 20 bytes or their hex digits.

    Raises:
        InvalidInput: `bad-address`.
    """
    if isinstance(game, bytes) and len(game) == ADDRESS_BYTES:
        return game
    if isinstance(game, str):
        from verifiable.chain.addresses import parse_address

        return parse_address(game)
    raise InvalidInput("an address is 20 bytes, 40 hex digits", where="game", code="bad-address")


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
        if None not in (asked, pinned) and asked != pinned:
            raise InvalidInput(
                f"the policy pins another {name} than the one that is given",
                where=name,
                why=f"{_text(pinned)} in the policy, {_text(asked)} given",
                hint="leave it out, or change the policy",
                code="two-records",
            )


def _text(value: bytes | int | None) -> str:
    return encode_hex(value) if isinstance(value, bytes) else str(value)
