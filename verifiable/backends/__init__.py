"""How a statement is proven: one package a backend, reached only through `registry`."""
