"""Reading the text that says which chain: `local:`, `anvil:`, a URL of a node, or an IPC path.

A URL of a node may hold secrets anywhere but in scheme, host and port, and a text that cannot be
read may be one: no error shows more than those three.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from verifiable.chain.redaction import Redactor
from verifiable.errors import ChainError

__all__ = ["Kind", "NodeUrl", "parse_node_url"]

Kind = Literal["local", "anvil", "http", "https", "ws", "wss", "ipc"]

_REMOTE: dict[str, tuple[Kind, int]] = {
    "http": ("http", 80),
    "https": ("https", 443),
    "ws": ("ws", 80),
    "wss": ("wss", 443),
}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,19}", re.ASCII)
_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_HINT = (
    "write `local:`, `local:FILE`, `anvil:`, `http(s)://...`, `ws(s)://...` or the path of an "
    "IPC socket"
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NodeUrl:
    """One place where a chain is.

    Attributes:
        kind: scheme, or `ipc`.
        source: for people, without secrets; scheme, host and port of a node's URL.
        path: file of `local:` and `anvil:` (None: in memory), socket of `ipc`.
        host, port, target: of a node; `target` is path and query, percent-encoded.
        user, password: decoded; empty if the URL has none.
    """

    kind: Kind
    source: str
    path: Path | None = None
    host: str = ""
    port: int = 0
    target: str = ""
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"NodeUrl({self.source!r})"

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.kind in ("https", "wss")

    @property
    def loopback(self) -> bool:
        """Whether the node is this machine by name or number: never reached by a proxy."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def authority(self) -> str:
        """`host:port`, an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def host_header(self) -> str:
        """As `authority`, but a port that the scheme implies is left out (RFC 9110, 7.2)."""
        implied = self.kind in _REMOTE and _REMOTE[self.kind][1] == self.port
        return self.authority.rpartition(":")[0] if implied else self.authority

    def redactor(self) -> Redactor:
        """What takes this URL's secrets out of a text."""
        return Redactor(user=self.user, password=self.password, target=self.target)


def parse_node_url(text: str) -> NodeUrl:
    """Read which chain is meant. Files are looked at; nothing is opened and no node asked.

    Raises:
        ChainError: (code `malformed-chain-url`) the text is none of the forms, or names a file
            in a folder that does not exist.
    """
    if not text:
        raise _malformed("the URL of the chain is empty")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in text):
        raise _malformed("the URL of the chain has a control character")
    kinds: tuple[Literal["local", "anvil"], ...] = ("local", "anvil")
    for kind in kinds:
        if text == kind or text.startswith(f"{kind}//"):
            raise _malformed(f"`{kind}` lacks its colon", hint=f"write `{kind}:`")
        if text.startswith(f"{kind}:"):
            return _file(kind, text[len(kind) + 1 :])
    scheme, mark, rest = text.partition("://")
    if mark:
        return _remote(scheme, rest)
    if text.startswith(("/", "./", "../", "~")) or text.endswith(".ipc"):
        return NodeUrl(kind="ipc", source=text, path=_expanded(text))
    scheme, mark, _ = text.partition(":")
    if mark and scheme.lower() in _REMOTE:
        raise _malformed(f"`{scheme}:` lacks its two slashes", hint=f"write `{scheme}://HOST`")
    raise _malformed("this is not the URL of a chain")


def _malformed(what: str, *, why: str = "", hint: str = _HINT, where: str = "") -> ChainError:
    return ChainError(what, where=where, why=why, hint=hint, code="malformed-chain-url")


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        pass
    raise _malformed("the path of the chain begins with an unknown user's home")


def _file(kind: Literal["local", "anvil"], text: str) -> NodeUrl:
    if not text:
        return NodeUrl(kind=kind, source=f"{kind}:")
    if text.startswith("//"):
        raise _malformed(f"`{kind}:` takes a path, no host", hint=f"write `{kind}:FILE`")
    if _ADDRESS.fullmatch(text):
        raise _malformed(
            f"`{kind}:` is followed by an address", hint=f"write `{kind}:/0x...` with a slash"
        )
    path = _expanded(text)
    source = f"{kind}:{text}"
    if path.is_dir():
        raise _malformed(
            "the chain's file is a folder", where=source, hint=f"name a file: `{kind}:FILE`"
        )
    if not path.parent.is_dir():
        raise _malformed(
            "the folder of the chain's file does not exist",
            where=source,
            hint=f"make the folder {path.parent}, or name a file elsewhere",
        )
    return NodeUrl(kind=kind, source=source, path=path)


def _remote(scheme: str, rest: str) -> NodeUrl:
    known = _REMOTE.get(scheme.lower())
    if known is None:
        shown = f" `{scheme}`" if _SCHEME.fullmatch(scheme) else ""
        raise _malformed(f"unknown scheme{shown} of the chain's URL")
    kind, default_port = known
    if any(character.isspace() for character in rest):
        raise _malformed("the URL of the node has a space")
    if "\\" in rest or "#" in rest:
        raise _malformed("the URL of the node has a backslash or a `#`")
    try:
        parts = urlsplit(f"{kind}://{rest}")
        host, port = parts.hostname or "", parts.port
        host.encode("idna" if not host.isascii() else "ascii")
    except ValueError:  # the message of urllib quotes what it could not read
        parts, host, port = None, "", None
    if parts is None:
        raise _malformed("the URL of the node has a bad host or port")
    host = host.encode("idna").decode("ascii") if not host.isascii() else host
    if not host:
        raise _malformed("the URL of the node names no host", hint=f"write `{kind}://HOST`")
    if not (_HOST.fullmatch(host) or _is_address(host)) or port == 0:
        raise _malformed("the URL of the node has a bad host or port")
    target = quote(parts.path or "/", safe="%/:=&~+!$,;'@()*[]")
    if parts.query:
        target += "?" + quote(parts.query, safe="%/:=&?~+!$,;'@()*[]")
    shown_host = f"[{host}]" if ":" in host else host
    return NodeUrl(
        kind=kind,
        source=f"{kind}://{shown_host}" + (f":{port}" if port is not None else ""),
        host=host,
        port=default_port if port is None else port,
        target=target,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
