"""The cache folder: whole entries or none, checked before use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verifiable.cache import CACHE_DIR_VARIABLE, WORK_PREFIX, Cache, default_cache_dir
from verifiable.errors import ResourceLimit


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def put(cache: Cache, key: str = "a", data: bytes = b"data", kind: str = "keys") -> Path:
    with cache.fill(kind, key) as folder:
        (folder / "file.bin").write_bytes(data)
    found = cache.find(kind, key)
    assert found is not None
    return found


def test_an_entry_is_found_listed_and_cleared(cache: Cache) -> None:
    assert cache.entries() == ()
    assert cache.size_bytes() == 0
    folder = put(cache)
    put(cache, key="b", kind="other")
    assert (folder / "file.bin").read_bytes() == b"data"
    assert [(entry.kind, entry.key) for entry in cache.entries()] == [("keys", "a"), ("other", "b")]
    assert cache.size_bytes() == sum(entry.size_bytes for entry in cache.entries()) > 8
    assert cache.clear("keys") > 0
    assert cache.find("keys", "a") is None
    assert [entry.kind for entry in cache.entries()] == ["other"]
    cache.clear()
    assert cache.entries() == ()


def test_a_failed_writer_leaves_nothing(cache: Cache) -> None:
    def fail_inside() -> None:
        with cache.fill("keys", "a") as folder:
            (folder / "file.bin").write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_inside()
    assert cache.find("keys", "a") is None
    assert [path for path in cache.root.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("damage", ["changed", "shorter", "missing", "no manifest", "not json"])
def test_a_damaged_entry_counts_as_absent_and_is_replaced(cache: Cache, damage: str) -> None:
    folder = put(cache)
    if damage == "changed":
        (folder / "file.bin").write_bytes(b"dat4")
    elif damage == "shorter":
        (folder / "file.bin").write_bytes(b"dat")
    elif damage == "missing":
        (folder / "file.bin").unlink()
    elif damage == "no manifest":
        (folder / "manifest.json").unlink()
    else:
        (folder / "manifest.json").write_text("[]")
    assert cache.find("keys", "a") is None
    assert (put(cache, data=b"new") / "file.bin").read_bytes() == b"new"


def test_the_first_of_two_writers_wins(cache: Cache) -> None:
    with cache.fill("keys", "a") as folder:
        (folder / "file.bin").write_bytes(b"slow")
        put(cache, data=b"fast")
    found = cache.find("keys", "a")
    assert found is not None
    assert (found / "file.bin").read_bytes() == b"fast"


def test_clearing_touches_only_what_the_cache_made(cache: Cache) -> None:
    put(cache)
    stranger = cache.root / "notes.txt"
    stranger.write_text("mine")
    left = cache.root / "keys" / ".partial-dead"
    left.mkdir()
    (left / "pk.key").write_bytes(bytes(100))
    work = cache.root / f"{WORK_PREFIX}dead"
    work.mkdir()
    cache.clear("keys")
    assert work.exists()
    left.mkdir()
    (left / "pk.key").write_bytes(bytes(100))
    assert cache.clear() >= 100
    assert not left.exists()
    assert not work.exists()
    assert stranger.read_text() == "mine"


def test_names_cannot_leave_the_folder(cache: Cache) -> None:
    for kind, key in (("..", "a"), ("keys", "../a"), ("keys", "a/b"), ("keys", ""), (".x", "a")):
        with pytest.raises(ValueError, match="not a cache name"):
            cache.find(kind, key)


def test_an_unwritable_folder_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ResourceLimit) as caught, Cache(tmp_path / "file").fill("keys", "a"):
        pass
    assert caught.value.code == "unwritable-cache"


def test_the_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CACHE_DIR_VARIABLE, str(tmp_path))
    assert default_cache_dir() == tmp_path
    assert Cache().root == tmp_path
    monkeypatch.delenv(CACHE_DIR_VARIABLE)
    assert default_cache_dir().name == "verifiable"


def test_the_manifest_lists_every_file(cache: Cache) -> None:
    folder = put(cache)
    listed = json.loads((folder / "manifest.json").read_text())
    assert set(listed) == {"file.bin"}
    assert listed["file.bin"]["bytes"] == 4
