"""Baselines: the barest programs that could do the same work, each run as ``python -m cli.bench.bare.NAME``.

They are yardsticks, never part of an installation: they judge nothing, keep no audit trail and forgive no failure.
"""
