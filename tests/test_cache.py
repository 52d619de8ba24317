"""The cache folder: whole entries or none, checked before use."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from verifiable.cache import CACHE_DIR_VARIABLE, Cache, default_cache_dir
from verifiable.errors import ResourceLimit, SetupError


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
    assert [path.name for path in cache.root.rglob("*") if path.is_file()] == [".verifiable-cache"]


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
    strangers = ["notes.txt", "project/src/main.py", "project/src/manifest.json", "keys/b/key.pem"]
    for name in strangers:
        (cache.root / name).parent.mkdir(parents=True, exist_ok=True)
        (cache.root / name).write_text("{}")
    assert [entry.key for entry in cache.entries()] == ["a"]
    assert cache.clear() > 0
    assert cache.entries() == ()
    assert all((cache.root / name).read_text() == "{}" for name in strangers)


def test_an_entry_under_another_name_is_none_and_is_not_removed(cache: Cache) -> None:
    folder = put(cache)
    for kind, key in (("keys", "b"), ("other", "a")):
        shutil.copytree(folder, cache.root / kind / key)
        assert cache.find(kind, key) is None
    assert [(entry.kind, entry.key) for entry in cache.entries()] == [("keys", "a")]
    cache.clear()
    assert (cache.root / "other" / "a" / "file.bin").exists()


def test_a_folder_that_is_no_cache_is_not_cleared(tmp_path: Path) -> None:
    put(Cache(tmp_path / "cache"))
    (tmp_path / "cache" / ".verifiable-cache").unlink()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / ".verifiable-cache").write_text("")
    for folder in (tmp_path, tmp_path / "cache", tmp_path / "mine"):
        with pytest.raises(SetupError) as caught:
            Cache(folder).clear()
        assert caught.value.code == "not-a-cache"
    assert (tmp_path / "cache" / "keys" / "a" / "file.bin").exists()
    (tmp_path / "empty").mkdir()
    assert Cache(tmp_path / "empty").clear() == Cache(tmp_path / "absent").clear() == 0


def test_clearing_does_not_follow_links(cache: Cache, tmp_path: Path) -> None:
    other = Cache(tmp_path / "other")
    folder = put(other)
    put(cache, key="b")
    (cache.root / "keys" / "a").symlink_to(folder, target_is_directory=True)
    (cache.root / "other").symlink_to(other.root / "keys", target_is_directory=True)
    (cache.root / ".work-x").symlink_to(folder, target_is_directory=True)
    assert cache.find("keys", "a") is None
    cache.clear()
    assert (folder / "file.bin").read_bytes() == b"data"


def test_clearing_removes_what_killed_work_left_and_nothing_that_lives(cache: Cache) -> None:
    for place in (cache.root, cache.root / "keys"):
        place.mkdir(parents=True, exist_ok=True)
    with cache.work_folder() as work, cache.fill("keys", "a") as partial:
        dead = [cache.root / ".work-dead", cache.root / "keys" / ".partial-dead"]
        for folder in dead:
            folder.mkdir()
            (folder / "pk.key").write_bytes(bytes(100))
        assert cache.clear("keys") == 100
        assert [folder.exists() for folder in dead] == [True, False]
        assert cache.clear() == 100
        assert not dead[0].exists()
        assert work.is_dir()
        (partial / "file.bin").write_bytes(b"data")
    assert cache.find("keys", "a") is not None


def test_the_next_use_removes_what_killed_work_left(cache: Cache) -> None:
    put(cache)
    dead = [cache.root / ".work-dead", cache.root / "keys" / ".partial-dead"]
    for folder in dead:
        folder.mkdir()
    with cache.work_folder():
        assert not dead[0].exists()
    put(cache, key="b")
    assert not dead[1].exists()


# -- whom the folder belongs to ------------------------------------------------------------------

posix = pytest.mark.skipif(sys.platform == "win32", reason="owners and permissions of POSIX")


def use(cache: Cache, how: str) -> None:
    if how == "find":
        cache.find("keys", "a")
    elif how == "fill":
        put(cache, key="b")
    else:
        with cache.work_folder():
            pass


@posix
@pytest.mark.parametrize("how", ["find", "fill", "work"])
@pytest.mark.parametrize("part", [".", "keys", "keys/a"])
def test_a_cache_that_everybody_may_write_to_is_refused(cache: Cache, how: str, part: str) -> None:
    put(cache)
    (cache.root / part).chmod(0o777)
    if (how, part) in (("fill", "keys/a"), ("work", "keys"), ("work", "keys/a")):
        use(cache, how)  # it does not look there
        return
    with pytest.raises(SetupError) as caught:
        use(cache, how)
    assert caught.value.code == "unsafe-cache"
    assert "everybody" in caught.value.why
    (cache.root / part).chmod(0o755)
    use(cache, how)


@posix
@pytest.mark.parametrize("how", ["find", "fill", "work"])
def test_a_cache_of_another_user_is_refused(
    cache: Cache, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(cache)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(SetupError) as caught:
        use(cache, how)
    assert caught.value.code == "unsafe-cache"
    assert "another user" in caught.value.why


@posix
def test_new_folders_let_nobody_else_in(cache: Cache) -> None:
    before = os.umask(0)
    try:
        folder = put(cache)
        assert [path.stat().st_mode & 0o777 for path in (cache.root, folder.parent, folder)] == [
            0o700
        ] * 3
    finally:
        os.umask(before)


def test_names_cannot_leave_the_folder(cache: Cache) -> None:
    for kind, key in (("..", "a"), ("keys", "../a"), ("keys", "a/b"), ("keys", ""), (".x", "a")):
        with pytest.raises(ValueError, match="not a cache name"):
            cache.find(kind, key)


def test_what_the_file_system_refuses_is_a_typed_error(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for root in (tmp_path / "file", tmp_path / "file" / "a", tmp_path / ("a" * 300), "a\0b"):
        for how in ("fill", "work"):
            with pytest.raises(ResourceLimit) as caught:
                use(Cache(root), how)
            assert caught.value.code == "unwritable-cache"
        assert Cache(root).find("keys", "a") is None
        assert Cache(root).entries() == ()
        assert Cache(root).clear() == 0

    def full_disk() -> None:
        with cache.fill("keys", "a"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ResourceLimit) as caught:
        full_disk()
    assert caught.value.code == "unwritable-cache"
    assert "No space left" in caught.value.why
    assert "memory" not in str(caught.value)


def test_a_broken_pipe_is_no_matter_of_the_disk(cache: Cache) -> None:
    def report_into_nothing() -> None:
        with cache.fill("keys", "a"):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        report_into_nothing()


def test_the_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CACHE_DIR_VARIABLE, str(tmp_path))
    assert default_cache_dir() == tmp_path
    assert Cache().root == tmp_path
    monkeypatch.delenv(CACHE_DIR_VARIABLE)
    assert default_cache_dir().name == "verifiable"


def test_the_manifest_lists_every_file(cache: Cache) -> None:
    folder = put(cache)
    listed = json.loads((folder / "manifest.json").read_text())
    assert (listed["kind"], listed["key"]) == ("keys", "a")
    assert set(listed["files"]) == {"file.bin"}
    assert listed["files"]["file.bin"]["bytes"] == 4
