"""Writing files: whole or not at all, and never in place of something that is no file."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from verifiable.errors import MalformedFile, ResourceLimit
from verifiable.files import atomic_path, read_bytes, write_bytes

posix = pytest.mark.skipif(sys.platform == "win32", reason="permissions and devices of POSIX")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask() -> Iterator[None]:
    """A umask that lets nobody else in, for one test."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_content_arrives_whole_and_nothing_else_stays(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a.json", b"first")
    write_bytes(tmp_path / "a.json", b"second")
    assert (tmp_path / "a.json").read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_failed_writer_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    target.write_bytes(b"before")

    def interrupted() -> None:
        with atomic_path(target) as temporary:
            assert temporary.suffix == ".json"
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a.json"]


@posix
def test_new_files_get_the_permissions_that_the_umask_leaves(tmp_path: Path, umask: None) -> None:
    write_bytes(tmp_path / "private", b"input")
    assert mode_of(tmp_path / "private") == 0o600
    os.umask(0o022)
    write_bytes(tmp_path / "shared", b"input")
    assert mode_of(tmp_path / "shared") == 0o644


@posix
def test_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"before")
    target.chmod(0o640)
    write_bytes(target, b"after")
    assert mode_of(target) == 0o640


@posix
def test_a_link_stays_and_the_file_behind_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_bytes(b"before")
    for name in ("file", "new"):
        link = tmp_path / f"link to {name}"
        link.symlink_to(Path("real") / name)
        write_bytes(link, b"after")
        assert link.is_symlink()
        assert (tmp_path / "real" / name).read_bytes() == b"after"
    assert sorted(os.listdir(tmp_path / "real")) == ["file", "new"]


@posix
def test_a_pipe_is_written_into_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_bytes(pipe, b"through")
    reader.join(10)
    assert got == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


@posix
def test_a_device_is_written_into_and_stays(tmp_path: Path) -> None:
    null = tmp_path / "null"
    null.symlink_to("/dev/null")
    write_bytes(null, b"away")
    assert null.is_symlink()
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.skipif(not os.path.exists("/proc/self/fd/1"), reason="no /proc here")
@pytest.mark.parametrize("redirected", [True, False])
def test_standard_output_can_be_named(redirected: bool, tmp_path: Path) -> None:
    script = "from verifiable.files import write_bytes; write_bytes('/proc/self/fd/1', b'out')"
    if redirected:
        with open(tmp_path / "out", "wb") as stream:
            inode = os.fstat(stream.fileno()).st_ino
            subprocess.run([sys.executable, "-c", script], stdout=stream, check=True)
        assert (tmp_path / "out").read_bytes() == b"out"
        assert (tmp_path / "out").stat().st_ino == inode
    else:
        run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
        assert run.stdout == b"out"


def test_places_that_hold_no_file_are_typed_errors(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    bad = [
        tmp_path / "folder",
        tmp_path / "absent" / "a",
        tmp_path / "file" / "a",
        tmp_path / ("a" * 300),
        "a\0b",
        "",
    ]
    if sys.platform != "win32":
        (tmp_path / "loop").symlink_to("loop")
        bad.append(tmp_path / "loop")
    if os.path.exists("/dev/full"):
        bad.append("/dev/full")
    for path in bad:
        with pytest.raises(ResourceLimit) as caught:
            write_bytes(path, b"x" * 10)
        assert caught.value.code == "unwritable-file", path
        assert caught.value.why, path
    assert (tmp_path / "folder").is_dir()


def test_a_name_as_long_as_the_system_allows_can_be_written(tmp_path: Path) -> None:
    target = tmp_path / ("a" * 200 + "." + "b" * 54)
    write_bytes(target, b"x")
    assert target.read_bytes() == b"x"


def test_reading_is_bounded_and_typed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bytes(tmp_path / "a", limit_bytes=5) == b"12345"
    with pytest.raises(ResourceLimit) as large:
        read_bytes(tmp_path / "a", limit_bytes=4)
    assert large.value.code == "file-too-large"
    for path in (tmp_path / "absent", tmp_path, "a\0b"):
        with pytest.raises(MalformedFile) as caught:
            read_bytes(path, limit_bytes=4)
        assert caught.value.code == "unreadable-file"
