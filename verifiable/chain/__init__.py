"""Where statements are anchored: an embedded EVM, any JSON-RPC node, and the contracts' clients.

Nothing here is loaded before a chain is used: web3 alone takes a second to import.
"""
