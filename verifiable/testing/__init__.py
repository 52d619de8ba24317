"""Public kit for tests of programs and backends; needs hypothesis (extra `dev`)."""
