"""Channels: how a rendered message leaves the house, one file each.

A channel tries once. Accepted means that whoever runs the other end said so; retrying is the relay's business, and ``Rejected``
tells it whether that makes sense.
"""

from alerts.channels.dingtalk import DingTalk
from alerts.channels.email import Email
from alerts.channels.feishu import Feishu
from alerts.channels.message import Accepted, Channel, FailureReason, Message, PushKeys, Rejected, Target
from alerts.channels.sms import Sms
from alerts.channels.webhook import Webhook
from alerts.channels.webpush import WebPush, push_address
from alerts.channels.wecom import WeCom

__all__ = [
    "Accepted",
    "Channel",
    "DingTalk",
    "Email",
    "FailureReason",
    "Feishu",
    "Message",
    "PushKeys",
    "Rejected",
    "Sms",
    "Target",
    "WeCom",
    "WebPush",
    "Webhook",
    "push_address",
]
