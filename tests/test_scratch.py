"""Folders for work in progress: they stay while their maker lives, and go when it is dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from verifiable.scratch import scratch_folder, sweep

MAKER = """
import sys, time
from pathlib import Path
from verifiable.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]), ".x-") as folder:
    (folder / "half.bin").write_bytes(bytes(1000))
    print(folder, flush=True)
    time.sleep(60)
"""


def test_a_folder_is_removed_whatever_happens(tmp_path: Path) -> None:
    def fail_inside() -> None:
        with scratch_folder(tmp_path, ".x-") as folder:
            (folder / "half.bin").write_bytes(b"x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_inside()
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_only_the_folder_of_a_dead_process_is_swept(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MAKER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as maker:
        assert maker.stdout is not None
        folder = Path(maker.stdout.readline().strip())
        assert sweep(tmp_path, ".x-") == 0
        assert (folder / "half.bin").exists()
        maker.send_signal(signal.SIGKILL)
    assert (folder / "half.bin").exists()
    assert sweep(tmp_path, ".y-") == 0
    assert sweep(tmp_path, ".x-") == 1000
    assert os.listdir(tmp_path) == []


def test_a_folder_of_this_process_is_not_swept(tmp_path: Path) -> None:
    with scratch_folder(tmp_path, ".x-") as folder:
        assert sweep(tmp_path, ".x-") == 0
        assert folder.is_dir()


def test_a_sweep_in_between_makes_no_folder_unlocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep may take the file before its maker has locked it; then the maker begins again."""
    from verifiable import scratch

    genuine = scratch._lock
    swept: list[int] = []

    def late(handle: int, *, otherwise: bool = False) -> bool:
        if otherwise and not swept:
            swept.append(handle)
            sweep(tmp_path, ".x-")
        return genuine(handle, otherwise=otherwise)

    monkeypatch.setattr(scratch, "_lock", late)
    with scratch_folder(tmp_path, ".x-") as folder:
        assert swept
        assert sorted(os.listdir(tmp_path)) == [folder.name, f"{folder.name}.lock"]
        assert sweep(tmp_path, ".x-") == 0


def test_other_files_of_the_name_stay(tmp_path: Path) -> None:
    (tmp_path / ".x-file").write_bytes(b"mine")
    assert sweep(tmp_path, ".x-") == 0
    assert sweep(tmp_path / "absent", ".x-") == 0
    assert (tmp_path / ".x-file").exists()
