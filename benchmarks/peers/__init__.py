"""What the benchmarks share: jobs in processes of their own, peers, bars and tables.

The scripts beside this folder import it; it is no part of the installed package.
"""
