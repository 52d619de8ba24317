"""Agents of the optimistic backend: who asserts, who challenges, and what either must know."""
