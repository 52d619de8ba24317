"""Quorums: k of n named parties re-execute a program and sign the statement."""

__all__: list[str] = []
