"""The optimistic backend: a committed trace, and a contract that judges one disputed element."""
