"""The working parts of an embedded chain as one request sees them.

A `Node` is used inside one transaction of its store, so all that it reads is of one moment, and
another process cannot change it in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from verifiable.chain.engine import BlockEnv, Engine, EngineFactory, Token
from verifiable.chain.local import genesis
from verifiable.chain.local.blocks import (
    BASE_FEE,
    BLOCK_GAS_LIMIT,
    BLOOM_BYTES,
    COINBASE,
    EMPTY_ROOT,
    Header,
)
from verifiable.chain.local.clock import next_time
from verifiable.chain.local.database import mismatch
from verifiable.chain.local.fields import LATEST, PENDING, BlockId
from verifiable.chain.local.records import Block, Identity
from verifiable.chain.local.refusals import SERVER_ERROR, Refusal
from verifiable.chain.local.store import Store
from verifiable.statement.hashing import keccak
from verifiable.statement.view import DEVELOPMENT_CHAIN_ID

__all__ = ["Node", "state_root_of"]

_NO_HASH = bytes(32)


class Node:
    """Store and engine of one chain.

    Attributes:
        chain_id: always that of development chains.
        store: the file.
        clock: the machine's time in seconds.
        head: the newest block, as of `refresh`.
    """

    def __init__(
        self, store: Store, factory: EngineFactory, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.chain_id = DEVELOPMENT_CHAIN_ID
        self.store = store
        self.clock = clock
        self._factory = factory
        self._engine = factory(store.nodes)
        self._at: Token | None = None
        self.engine_name = self._engine.name
        self.rules = self._engine.rules
        with store.transaction(write=False):
            found = store.identity()
        if found is None:
            with store.transaction(write=True):
                found = store.identity() or self._begin()  # another process may have been faster
        if found.chain_id != self.chain_id:
            raise mismatch(store.path, "chain id", str(found.chain_id), str(self.chain_id))
        if found.rules != self.rules:
            raise mismatch(store.path, "rules", found.rules, self.rules)
        with store.transaction(write=False):
            self.refresh()

    def now(self) -> int:
        """The machine's Unix time in whole seconds."""
        return int(self.clock())

    def refresh(self) -> None:
        """Read the head again: another process may have changed it."""
        self.head: Block = self.store.head()

    def forget(self) -> None:
        """Drop the engine after a failure: what it holds may never have reached the file."""
        self._engine = self._factory(self.store.nodes)
        self._at = None

    def engine(self, state: Token | None = None) -> Engine:
        """The engine at a state; None: that of the head."""
        wanted = self.head.state if state is None else state
        if wanted != self._at:
            self._engine.restore(wanted)
            self._at = wanted
        return self._engine

    def changed(self) -> Token:
        """Write the engine's state after a change, and name it."""
        self._at = self._engine.snapshot()
        return self._at

    def find(self, block: BlockId) -> Block | None:
        """A block; the head stands for the pending one."""
        if block in (LATEST, PENDING):
            return self.head
        if isinstance(block, bytes):
            return self.store.block(hash=block)
        if isinstance(block, int) and block <= self.head.number:
            return self.store.block(number=block)
        return None

    def require(self, block: BlockId) -> Block:
        """A block whose state is asked for.

        Raises:
            Refusal: (-32000) there is none.
        """
        found = self.find(block)
        if found is None:
            raise Refusal(SERVER_ERROR, "header not found")
        return found

    def next_env(self) -> BlockEnv:
        """The block that comes next."""
        head = self.head
        time_s = next_time(self.store.travel(), parent_s=head.header.time_s, now_s=self.now())
        return self._env(head.number + 1, time_s, keccak(head.hash))

    def env_of(self, block: Block) -> BlockEnv:
        """A block that was made."""
        header = block.header
        return self._env(header.number, header.time_s, header.prev_randao)

    def block_hash(self, number: int) -> bytes:
        """What BLOCKHASH answers for a block."""
        block = self.store.block(number=number)
        return _NO_HASH if block is None else block.hash

    def _env(self, number: int, time_s: int, prev_randao: bytes) -> BlockEnv:
        return BlockEnv(
            chain_id=self.chain_id,
            number=number,
            time_s=time_s,
            coinbase=COINBASE,
            gas_limit=BLOCK_GAS_LIMIT,
            base_fee=BASE_FEE,
            prev_randao=prev_randao,
            block_hash=self.block_hash,
        )

    def _begin(self) -> Identity:
        """Lay out an empty file and put the first block into it."""
        identity = Identity(chain_id=self.chain_id, rules=self.rules)
        self.store.create(identity)
        genesis.fill(self._engine)
        state = self.changed()
        header = Header(
            parent_hash=_NO_HASH,
            state_root=state_root_of(state),
            transactions_root=EMPTY_ROOT,
            receipts_root=EMPTY_ROOT,
            bloom=bytes(BLOOM_BYTES),
            number=0,
            gas_limit=BLOCK_GAS_LIMIT,
            gas_used=0,
            time_s=self.now(),
            prev_randao=_NO_HASH,
            base_fee=BASE_FEE,
        )
        self.store.add_block(header, state, hash=keccak(header.encode()))
        return identity


def state_root_of(state: Token) -> bytes:
    """What a header says of a state: the name itself if it is a root, else its hash."""
    return bytes(state) if len(state) == len(_NO_HASH) else keccak(state)
