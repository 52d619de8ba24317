"""What a verifier may believe about the maker of a reference string, from `s_g2` alone.

All files of one ceremony share `s_g2`. The list in this package names the ceremony's files by
SHA-256; the point itself is learned from any one of them that was imported or fetched into the
cache. Point and digest come from one reading of the file, each time anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from verifiable.backends.ezkl.format import G2_BYTES
from verifiable.cache import Cache
from verifiable.errors import SetupError

__all__ = ["SRS_KIND", "listed_sha256", "srs_label"]

SRS_KIND = "ezkl-srs"
_FILE = "kzg.srs"
_CHUNK_BYTES = 1 << 20


@lru_cache(maxsize=1)
def listed_sha256() -> Mapping[int, str]:
    """SHA-256 of the ceremony's files by logrows."""
    text = files("verifiable.backends.ezkl").joinpath("srs_sha256.json").read_text("utf-8")
    return {int(logrows): digest for logrows, digest in json.loads(text)["sha256"].items()}


def srs_label(s_g2: bytes, cache: Cache, listed: Mapping[int, str] | None = None) -> str:
    """`public`, `local`, `unknown` or `unsafe`.

    All others than `public` mean that someone may know the secret. `local` is information only
    (this cache generated it); `unsafe` is a cache that others may write to, of which nothing is
    believed.

    Args:
        s_g2: the point in question, as in a file.
        cache: where imported files are.
        listed: SHA-256 by logrows; the packaged list if None.
    """
    try:
        cache.check_private()
    except SetupError:
        return "unsafe"
    label = "unknown"
    digests = frozenset((listed or listed_sha256()).values())
    entries = sorted(
        (entry for entry in cache.entries() if entry.kind == SRS_KIND),
        key=lambda entry: entry.size_bytes,
    )
    for entry in entries:
        digest = _digest_of_holder(entry.folder / _FILE, s_g2)
        if digest is None:
            continue
        if digest in digests:
            return "public"
        if entry.key.startswith("local-"):
            label = "local"
    return label


def _digest_of_holder(path: Path, s_g2: bytes) -> str | None:
    """SHA-256 of a file if it ends with the point; both from the same bytes."""
    digest = hashlib.sha256()
    end = b""
    try:
        with open(path, "rb") as stream:
            stream.seek(-G2_BYTES, os.SEEK_END)
            if stream.read() != s_g2:  # spares hashing the others
                return None
            stream.seek(0)
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
                end = (end + chunk)[-G2_BYTES:]
    except OSError:  # no such file: an entry that is no more
        return None
    return digest.hexdigest() if end == s_g2 else None
