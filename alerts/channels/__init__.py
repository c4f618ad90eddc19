"""Channels: how a rendered message leaves the house, one file each.

A channel tries once. Accepted means that whoever runs the other end said so; retrying is the relay's business, and ``Rejected``
tells it whether that makes sense.
"""

from alerts.channels.message import Accepted, Channel, FailureReason, Message, PushKeys, Rejected, Target
from alerts.channels.webhook import Webhook
from alerts.channels.webpush import WebPush, push_address

__all__ = [
    "Accepted",
    "Channel",
    "FailureReason",
    "Message",
    "PushKeys",
    "Rejected",
    "Target",
    "WebPush",
    "Webhook",
    "push_address",
]
