"""Traceability: how long goods keep, and what remains of a lot.

Pure. ``expires_at`` is everywhere the first instant something is no longer good.
"""
