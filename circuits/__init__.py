"""The operator catalogue; the gkr backend's arguments, one file an operator, will live here."""
