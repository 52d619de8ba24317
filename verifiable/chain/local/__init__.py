"""The embedded chain: validity, blocks, storage and JSON-RPC over an engine."""
