"""The words of the product: ids, units, observations, findings, warnings, deductions, events, topics, errors.

Pure: standard library only, no clock and no I/O. Every other package may import this one; it imports none of them.
"""
