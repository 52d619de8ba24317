"""Compiled contracts, as `make contracts` writes them."""
