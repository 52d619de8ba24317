"""Looks for a secret in everything that an error carries."""

from __future__ import annotations

import traceback


def leaks_of(error: BaseException, *secrets: str) -> list[str]:
    """Where a secret shows: in texts, arguments and attributes of an error and of its causes."""
    found = []
    seen: list[BaseException] = []
    queue: list[BaseException | None] = [error]
    while queue:
        current = queue.pop()
        if current is None or current in seen:
            continue
        seen.append(current)
        queue += [current.__cause__, current.__context__]
        texts = {
            "str": str(current),
            "repr": repr(current),
            "args": repr(current.args),
            "attributes": repr(vars(current)),
            "traceback": "".join(traceback.format_exception(current)),
        }
        found += [
            f"{type(current).__name__}.{place}"
            for place, text in texts.items()
            if any(secret in text for secret in secrets)
        ]
    return found
