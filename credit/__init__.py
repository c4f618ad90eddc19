"""Credit: rating schemes as data, the deduction ledger, live scores, working days.

Pure: values in, values out; ``now`` and history are arguments. Higher score = better credit, always (domain.md section 0).
"""
