"""One SQLite file holds a chain: state, blocks, transactions with their receipts, logs.

One SQLite transaction a block holds all that the block changes, so a file shows the old head or
the new one and nothing between. The journal is a write-ahead log with `synchronous=NORMAL`: what
was committed is in the operating system's hands, so it survives the death of the process at any
moment. After a loss of power the last blocks may be gone, and then they are gone whole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from verifiable.chain.engine import LogEntry, Token
from verifiable.chain.local.blocks import Header
from verifiable.chain.local.database import (
    APPLICATION_ID,
    connect,
    damaged,
    failure,
    foreign,
    mismatch,
)
from verifiable.chain.local.records import (
    Block,
    Identity,
    Included,
    Snapshot,
    StoredLog,
    TimeTravel,
)

__all__ = ["NodeStore", "Store"]

SCHEMA = 1

_MAX_ID = (1 << 63) - 1

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE kv (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE block (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    number INTEGER NOT NULL UNIQUE,
    hash BLOB NOT NULL UNIQUE,
    time_s INTEGER NOT NULL,
    state BLOB NOT NULL,
    header BLOB NOT NULL
);
CREATE TABLE tx (
    hash BLOB PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    raw BLOB NOT NULL,
    sender BLOB NOT NULL,
    ok INTEGER NOT NULL,
    created BLOB
) WITHOUT ROWID;
CREATE TABLE log (
    number INTEGER NOT NULL,
    place INTEGER NOT NULL,
    address BLOB NOT NULL,
    topic0 BLOB, topic1 BLOB, topic2 BLOB, topic3 BLOB,
    data BLOB NOT NULL,
    PRIMARY KEY (number, place)
) WITHOUT ROWID;
CREATE INDEX log_by_event ON log (address, topic0, number);
CREATE TABLE snapshot (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number INTEGER NOT NULL,
    state BLOB NOT NULL,
    travel TEXT NOT NULL
);
"""

_BLOCK = "SELECT sequence, number, hash, state, header FROM block "
_TRANSACTION = "SELECT hash, number, raw, sender, ok, created FROM tx "
_LOG = (
    "SELECT log.number, place, address, topic0, topic1, topic2, topic3, data, "
    "block.hash, time_s, tx.hash "
    "FROM log JOIN block ON block.number = log.number JOIN tx ON tx.number = log.number "
)


class NodeStore(MutableMapping[bytes, bytes]):
    """Trie nodes and code, for the engine. Nothing is deleted, no value changes."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __getitem__(self, key: bytes) -> bytes:
        row = self._database.execute("SELECT value FROM kv WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        value: bytes = row[0]
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._database.execute("INSERT OR IGNORE INTO kv VALUES (?, ?)", (key, value))

    def __delitem__(self, key: bytes) -> None:
        raise TypeError("a store of states only grows")

    def __iter__(self) -> Iterator[bytes]:
        return (row[0] for row in self._database.execute("SELECT key FROM kv"))

    def __len__(self) -> int:
        count: int = self._database.execute("SELECT count(*) FROM kv").fetchone()[0]
        return count


class Store:
    """The file of one chain, or a chain in memory. For one thread at a time.

    Attributes:
        nodes: what the engine keeps its states in.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._database = connect(path)
        self.nodes = NodeStore(self._database)

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[None]:
        """See, and change, the file at one moment; on any exception it is as it was.

        Raises:
            ChainError: (code `chain-file-busy` or `chain-file-failed`) the file stayed locked, or
                the disk is full or failed.
        """
        try:
            self._database.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as cause:
            raise failure(self.path, cause) from cause

    def identity(self) -> Identity | None:
        """What the file says of itself; None for one that holds no chain yet.

        Raises:
            ChainError: it is a file of something else, or of another schema.
        """
        tables = self._one("SELECT count(*) FROM sqlite_master")
        if self._one("PRAGMA application_id") != APPLICATION_ID:
            if tables:
                raise foreign(self.path, "it is a SQLite database of something else")
            return None
        meta = dict(self._database.execute("SELECT key, value FROM meta"))
        if meta.get("schema") != str(SCHEMA):
            raise mismatch(self.path, "schema", meta.get("schema", "none"), str(SCHEMA))
        try:
            return Identity(chain_id=int(meta["chain_id"]), rules=meta["rules"])
        except (KeyError, ValueError) as cause:
            raise damaged(self.path, "it does not say which chain it is") from cause

    def create(self, identity: Identity) -> None:
        """Lay out an empty file."""
        for statement in _TABLES.split(";"):
            if statement.strip():
                self._database.execute(statement)
        self._database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._database.executemany(
            "INSERT INTO meta VALUES (?, ?)",
            [
                ("schema", str(SCHEMA)),
                ("chain_id", str(identity.chain_id)),
                ("rules", identity.rules),
                ("travel", TimeTravel().as_text()),
            ],
        )

    def head(self) -> Block:
        """The newest block."""
        row = self._database.execute(_BLOCK + "ORDER BY number DESC LIMIT 1").fetchone()
        if row is None:
            raise damaged(self.path, "it has no block")
        return self._block(row)

    def block(self, *, number: int | None = None, hash: bytes | None = None) -> Block | None:
        """A block by its number or its hash; None if there is none."""
        statement = _BLOCK + ("WHERE number = ?" if hash is None else "WHERE hash = ?")
        row = self._database.execute(statement, (number if hash is None else hash,)).fetchone()
        return None if row is None else self._block(row)

    def blocks_after(self, sequence: int) -> list[Block]:
        """Blocks made after one with this sequence number, that are still there."""
        rows = self._database.execute(_BLOCK + "WHERE sequence > ? ORDER BY number", (sequence,))
        return [self._block(row) for row in rows]

    def transaction_by_hash(self, hash: bytes) -> Included | None:
        """A transaction by its hash; None if no block has it."""
        row = self._database.execute(_TRANSACTION + "WHERE hash = ?", (hash,)).fetchone()
        return None if row is None else _included(row)

    def transaction_of_block(self, number: int) -> Included | None:
        """The transaction of a block; None if it has none."""
        row = self._database.execute(_TRANSACTION + "WHERE number = ?", (number,)).fetchone()
        return None if row is None else _included(row)

    def logs(
        self,
        first: int,
        last: int,
        *,
        addresses: Sequence[bytes] = (),
        topics: Sequence[Sequence[bytes]] = (),
    ) -> list[StoredLog]:
        """Logs of the blocks `first` to `last`, in order.

        Args:
            addresses: any of these; empty: any at all.
            topics: for each place of at most four the values allowed; empty: anything, also no
                topic.
        """
        where = ["log.number BETWEEN ? AND ?"]
        values: list[object] = [first, last]
        choices = [("address", addresses), *((f"topic{i}", t) for i, t in enumerate(topics))]
        for column, allowed in choices:
            if allowed:
                where.append(f"{column} IN ({', '.join('?' * len(allowed))})")
                values.extend(allowed)
        rows = self._database.execute(
            _LOG + f"WHERE {' AND '.join(where)} ORDER BY log.number, place", values
        )
        return [_log(row) for row in rows]

    def add_block(
        self,
        header: Header,
        state: Token,
        *,
        included: Included | None = None,
        logs: Sequence[LogEntry] = (),
        hash: bytes,
    ) -> None:
        """Put a block on top of the head."""
        self._database.execute(
            "INSERT INTO block (number, hash, time_s, state, header) VALUES (?, ?, ?, ?, ?)",
            (header.number, hash, header.time_s, state, header.encode()),
        )
        if included is not None:
            self._database.execute(
                "INSERT INTO tx VALUES (?, ?, ?, ?, ?, ?)",
                (
                    included.hash,
                    included.number,
                    included.raw,
                    included.sender,
                    int(included.ok),
                    included.created,
                ),
            )
        for place, log in enumerate(logs):
            topics = [*log.topics, *(None,) * (4 - len(log.topics))]
            self._database.execute(
                "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (header.number, place, log.address, *topics, log.data),
            )

    def set_head_state(self, state: Token) -> None:
        """Change the state after the newest block."""
        self._database.execute(
            "UPDATE block SET state = ? WHERE number = (SELECT max(number) FROM block)", (state,)
        )

    def drop_above(self, number: int) -> None:
        """Drop all blocks above a number, with their transactions and logs."""
        self._database.execute("DELETE FROM log WHERE number > ?", (number,))
        self._database.execute("DELETE FROM tx WHERE number > ?", (number,))
        self._database.execute("DELETE FROM block WHERE number > ?", (number,))

    def travel(self) -> TimeTravel:
        """How the chain's clock is set."""
        return TimeTravel.from_text(self._one("SELECT value FROM meta WHERE key = 'travel'"))

    def set_travel(self, travel: TimeTravel) -> None:
        """Set the chain's clock."""
        self._database.execute(
            "UPDATE meta SET value = ? WHERE key = 'travel'", (travel.as_text(),)
        )

    def add_snapshot(self, snapshot: Snapshot) -> int:
        """Keep a snapshot and number it."""
        cursor = self._database.execute(
            "INSERT INTO snapshot (number, state, travel) VALUES (?, ?, ?)",
            (snapshot.number, snapshot.state, snapshot.travel.as_text()),
        )
        return cursor.lastrowid or 0

    def take_snapshot(self, identifier: int) -> Snapshot | None:
        """Take a snapshot out, and with it all later ones; None if there is none."""
        if identifier > _MAX_ID:
            return None
        row = self._database.execute(
            "SELECT number, state, travel FROM snapshot WHERE id = ?", (identifier,)
        ).fetchone()
        if row is None:
            return None
        self._database.execute("DELETE FROM snapshot WHERE id >= ?", (identifier,))
        return Snapshot(number=row[0], state=Token(row[1]), travel=TimeTravel.from_text(row[2]))

    def _block(self, row: Sequence[Any]) -> Block:
        sequence, number, hash_, state, encoded = row
        try:
            header = Header.decode(encoded)
        except ValueError as cause:
            raise damaged(self.path, f"block {number} has no header") from cause
        return Block(
            sequence=sequence, number=number, hash=hash_, state=Token(state), header=header
        )

    def _one(self, statement: str) -> Any:
        return self._database.execute(statement).fetchone()[0]


def _included(row: Sequence[Any]) -> Included:
    hash_, number, raw, sender, ok, created = row
    return Included(hash=hash_, number=number, raw=raw, sender=sender, ok=bool(ok), created=created)


def _log(row: Sequence[Any]) -> StoredLog:
    number, place, address, *topics, data, block_hash, time_s, transaction_hash = row
    entry = LogEntry(
        address=address, topics=tuple(topic for topic in topics if topic is not None), data=data
    )
    return StoredLog(
        number=number,
        block_hash=block_hash,
        time_s=time_s,
        place=place,
        transaction_hash=transaction_hash,
        entry=entry,
    )
