"""Measures on this machine: the LiteRT interpreter in one fresh process per run."""

from qbench.host.backend import HostBackend

__all__ = ["HostBackend"]
