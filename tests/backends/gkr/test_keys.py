"""The cached keys: found again, and never believed where they are another program's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from verifiable.backends.base import Options
from verifiable.backends.gkr import GkrBackend
from verifiable.backends.gkr.keys import load_material
from verifiable.backends.gkr.vk import VerificationKey
from verifiable.cache import Cache
from verifiable.circuits.samples import SAMPLES

PROGRAM = next(iter(SAMPLES["MatMul"].values()))


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(cache_dir=tmp_path / "keys")


def test_a_key_is_found_again(options: Options) -> None:
    first = GkrBackend().setup(PROGRAM, options)
    second = GkrBackend().setup(PROGRAM, options)
    assert not first.cached
    assert second.cached
    assert second.key.from_cache
    assert second.key == first.key


def test_a_cached_key_of_other_contents_is_derived_again(options: Options) -> None:
    first = GkrBackend().setup(PROGRAM, options)
    held = VerificationKey.decode((first.folder / "vk.json").read_bytes())
    low, high = held.product_reach[0] or (0, 0)
    other = replace(held, product_reach=((low - 1, high), *held.product_reach[1:]))
    name = first.folder.name
    kind = first.folder.parent.name
    cache = Cache(options.cache_dir)
    files = {path.name: path.read_bytes() for path in first.folder.iterdir()}
    cache.discard(kind, name)
    with cache.fill(kind, name) as folder:
        for file in ("ranges.bin", "columns.bin"):
            (folder / file).write_bytes(files[file])
        (folder / "vk.json").write_bytes(other.encode())
    again = GkrBackend().setup(PROGRAM, options)
    assert not again.cached
    assert again.key == first.key
    assert load_material(again.folder).vk == files["vk.json"]


def test_no_file_of_a_setup_is_larger_than_a_few_times_the_model(options: Options) -> None:
    folder = GkrBackend().setup(PROGRAM, options).folder
    assert all(path.stat().st_size < 200_000 for path in folder.iterdir())
