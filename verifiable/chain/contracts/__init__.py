"""Typed clients, one module a contract."""
