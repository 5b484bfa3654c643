"""Renders summaries for people and machines. Gets values, never a path to a store."""
