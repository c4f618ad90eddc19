"""The loss table: what is published, acknowledged, stored, lost, doubled, early and late while processes are killed.

``python -m tests.loss`` is the long form; the tests of kills count with the same code (``tests.loss.tally``).
"""
