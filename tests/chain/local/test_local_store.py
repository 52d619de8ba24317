"""Files that are no chain of ours, or another's: refused by code, and left as they are."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, MutableMapping
from pathlib import Path

import pytest
from local_chain_kit import ALICE_KEY, NOBODY, embedded, error, number, result, send, signed

from verifiable.chain.engine import BlockEnv, Result, TxEnv
from verifiable.chain.local.chain import LocalChain
from verifiable.chain.local.store import NodeStore, Store
from verifiable.chain.pyevm_engine import PyEvmEngine
from verifiable.errors import ChainError


def refusal_of(path: Path) -> ChainError:
    with pytest.raises(ChainError) as refusal:
        LocalChain.open(path)
    return refusal.value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "chain.db"
    with LocalChain.open(path) as chain:
        send(embedded(chain), to=NOBODY, value="0x3")
    return path


def edited(path: Path, *statements: str) -> Path:
    database = sqlite3.connect(path)
    with database:
        for statement in statements:
            database.execute(statement)
    database.close()
    return path


def test_a_chain_is_there_when_the_file_is_opened_again(file: Path) -> None:
    with LocalChain.open(file) as chain:
        node = embedded(chain)
        assert chain.path == file
        assert number(node, "eth_getBalance", NOBODY) == 3
        head = result(node, "eth_getBlockByNumber", "latest", True)
        assert result(node, "eth_getTransactionReceipt", head["transactions"][0]["hash"])
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    ("what", "statement", "found", "wanted"),
    [
        ("schema", "UPDATE meta SET value = '7' WHERE key = 'schema'", "7", "1"),
        ("schema", "DELETE FROM meta WHERE key = 'schema'", "none", "1"),
        ("chain id", "UPDATE meta SET value = '1' WHERE key = 'chain_id'", "1", "31337"),
        ("rules", "UPDATE meta SET value = 'prague' WHERE key = 'rules'", "prague", "osaka"),
    ],
)
def test_another_schema_chain_or_rules_are_named(
    file: Path, what: str, statement: str, found: str, wanted: str
) -> None:
    refusal = refusal_of(edited(file, statement))
    assert refusal.code == "chain-file-mismatch"
    assert str(refusal).startswith(f"{file}: the chain file has another {what}: ")
    assert refusal.why == f"it was made with {what} {found}, and this is {wanted}"


def test_rules_are_those_of_the_engine(file: Path) -> None:
    class Later(PyEvmEngine):
        rules = "amsterdam"

    with pytest.raises(ChainError) as refusal:
        LocalChain.open(file, engine=Later)
    assert refusal.value.code == "chain-file-mismatch"
    assert "rules osaka, and this is amsterdam" in refusal.value.why


def other_database(path: Path) -> Path:
    return edited(path, "CREATE TABLE block (number INTEGER)", "INSERT INTO block VALUES (1)")


def other_application(path: Path) -> Path:
    return edited(path, "PRAGMA application_id = 5")


def text(path: Path) -> Path:
    path.write_text("no database, but longer than SQLite's header of a hundred bytes\n" * 5)
    return path


def short_text(path: Path) -> Path:
    path.write_text("no database\n")
    return path


@pytest.mark.parametrize("make", [other_database, other_application, text, short_text])
def test_a_file_of_something_else_is_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path / "other")
    before = path.read_bytes()
    refusal = refusal_of(path)
    assert refusal.code == "not-a-chain-file"
    assert str(path) in str(refusal)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["other"]


def test_a_file_may_have_the_name_of_a_database_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for blocks in range(2):
        with LocalChain.open(Path(":memory:")) as chain:
            assert number(embedded(chain), "eth_blockNumber") == blocks
            result(embedded(chain), "evm_mine")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/null")])
def test_what_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "chain.db")
    assert refusal_of(tmp_path / "chain.db").code in ("unusable-chain-file", "chain-file-failed")


def test_an_empty_file_becomes_a_chain(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    with LocalChain.open(path) as chain:
        assert number(embedded(chain), "eth_blockNumber") == 0


@pytest.mark.parametrize("place", ["", "missing/chain.db", "file/chain.db", "nul\0byte"])
def test_places_where_no_file_can_be(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    refusal = refusal_of(tmp_path / place)
    assert refusal.code == "unusable-chain-file"
    assert refusal.why
    assert refusal.hint


def test_a_file_that_may_not_be_written_is_refused(file: Path) -> None:
    """By SQLite's own read-only mode, since root may write to any file."""
    connect = sqlite3.connect

    def read_only(path: Path, **options: object) -> sqlite3.Connection:
        return connect(f"file:{path}?mode=ro", uri=True, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", read_only)
        with LocalChain.open(file) as chain:
            refusal = error(embedded(chain), "eth_sendRawTransaction", signed(ALICE_KEY, nonce=1))
    assert refusal["code"] == -32000
    assert refusal["message"].startswith(f"{file}: cannot open the chain file: ")


def test_a_damaged_file_is_refused_and_not_repaired(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for place in range(4096, len(content)):
        content[place] ^= 0x5A
    file.write_bytes(content)
    assert refusal_of(file).code == "chain-file-failed"
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM block", "it has no block"),
        ("UPDATE block SET header = x'05'", "block 1 has no header"),
        ("UPDATE block SET header = x'c0'", "block 1 has no header"),
        ("UPDATE block SET header = x'f8'", "block 1 has no header"),
        ("DELETE FROM meta WHERE key = 'chain_id'", "it does not say which chain it is"),
        ("DELETE FROM meta WHERE key = 'rules'", "it does not say which chain it is"),
        ("UPDATE meta SET value = 'x' WHERE key = 'chain_id'", "it does not say which chain it is"),
        ("DROP TABLE meta", "no such table: meta"),
    ],
)
def test_a_file_that_lacks_a_part_is_refused(file: Path, statement: str, why: str) -> None:
    refusal = refusal_of(edited(file, statement))
    assert (refusal.code, refusal.why) == ("chain-file-failed", why)


def test_a_file_that_lost_a_state_says_so(file: Path) -> None:
    with LocalChain.open(edited(file, "DELETE FROM kv")) as chain:
        refusal = error(embedded(chain), "eth_getBalance", NOBODY)
        assert refusal["code"] == -32000
        assert "there is no such state" in refusal["message"]


def test_states_are_only_ever_added() -> None:
    nodes = Store(None)
    with nodes.transaction(write=True):
        assert nodes.identity() is None
    with LocalChain.open(None) as chain:
        kept: NodeStore = chain._store.nodes
        before = dict(kept)
        assert len(before) == len(kept) > 0
        send(embedded(chain), to=NOBODY, value="0x1")
        assert before.items() <= dict(kept).items()
        with pytest.raises(TypeError, match="only grows"):
            del kept[next(iter(kept))]
        with pytest.raises(KeyError):
            kept[b"none"]
    nodes.close()


class Failing(PyEvmEngine):
    """An engine with a defect: it fails after it has run a transaction of a certain value."""

    def __init__(self, store: MutableMapping[bytes, bytes]) -> None:
        super().__init__(store)

    def apply(self, block: BlockEnv, tx: TxEnv) -> Result:
        done = super().apply(block, tx)
        if tx.value == 666:
            self.snapshot()
            raise ZeroDivisionError("after the state was written")
        return done


def test_a_failure_in_the_middle_of_a_block_leaves_nothing(tmp_path: Path) -> None:
    with LocalChain.open(tmp_path / "chain.db", engine=Failing) as chain:
        node = embedded(chain)
        send(node, to=NOBODY, value="0x1")
        states = dict(chain._store.nodes)
        refusal = error(node, "eth_sendRawTransaction", signed(ALICE_KEY, nonce=1, value=666))
        assert refusal == {
            "code": -32603,
            "message": "internal error: ZeroDivisionError: after the state was written",
        }
        assert dict(chain._store.nodes) == states
        assert number(node, "eth_blockNumber") == 1
        assert number(node, "eth_getBalance", NOBODY) == 1
        result(node, "eth_sendRawTransaction", signed(ALICE_KEY, nonce=1, value=2))
        assert number(node, "eth_getBalance", NOBODY) == 3


def test_an_interrupt_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    class Interrupted(Failing):
        def apply(self, block: BlockEnv, tx: TxEnv) -> Result:
            try:
                return super().apply(block, tx)
            except ZeroDivisionError:
                raise KeyboardInterrupt from None

    with LocalChain.open(tmp_path / "chain.db", engine=Interrupted) as chain:
        node = embedded(chain)
        with pytest.raises(KeyboardInterrupt):
            node("eth_sendRawTransaction", signed(ALICE_KEY, value=666))
        assert number(node, "eth_blockNumber") == 0
        result(node, "eth_sendRawTransaction", signed(ALICE_KEY, value=2))
        assert number(node, "eth_getBalance", NOBODY) == 2
