"""Auditing: deriving every commitment of a model again from its weights and its scales."""
