"""Casework: the use cases, one SQL transaction each; the only package that writes to the system of record.

``office.Office`` is the way in. State, audit trail and outbox change together or not at all; what goes to the outside is taken
from the outbox by ``relay.Relay`` afterwards.
"""
