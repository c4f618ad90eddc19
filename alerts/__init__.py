"""Alerts: the life of a warning, its deadlines, what raises it, and who is told through which channel.

Everything here is pure but ``alerts.channels``, which alone touches the network.
"""
