"""Web Push against a real server, read by a real browser's keys (RFC 8291, RFC 8292)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from http_ece import ECEException
from py_vapid import Vapid02

from alerts.channels import FailureReason, Message, PushKeys, Rejected, Target
from alerts.channels.post import host_allowed
from alerts.channels.webpush import LONGEST_BODY_BYTES, PUSH_HOSTS, WebPush
from domain.errors import ConfigurationError
from tests.contract.channels.push_service import Browser, a_vapid_key, base64url

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
MESSAGE = Message(title="红色预警", body="过期产品在售", url="/warnings/w-1", tag="w-1", data={"warning": "w-1"})
PEM, PUBLIC = a_vapid_key()


@pytest.fixture
async def channel():
    channel = WebPush(
        vapid_private_key_pem=PEM,
        subject="mailto:ops@example.org",
        clock=lambda: NOW,
        allowed_hosts=("127.0.0.1",),
        ttl=timedelta(hours=3),
    )
    yield channel
    await channel.aclose()


async def test_only_the_browser_it_is_for_can_read_it(channel, service):
    browser = Browser()
    await channel.send(MESSAGE, Target(url=service.url(), keys=browser.keys))
    [seen] = service.seen
    assert "红色预警".encode() not in seen.body
    assert json.loads(browser.decrypt(seen.body)) == {
        "title": "红色预警",
        "body": "过期产品在售",
        "url": "/warnings/w-1",
        "tag": "w-1",
        "locale": "",
        "data": {"warning": "w-1"},
    }
    with pytest.raises(ECEException):
        Browser().decrypt(seen.body)


async def test_the_push_service_can_tell_who_sent_it_and_how_long_to_keep_it(channel, service):
    await channel.send(MESSAGE, Target(url=service.url(), keys=Browser().keys))
    [seen] = service.seen
    assert (seen.headers["ttl"], seen.headers["urgency"]) == ("10800", "high")
    assert seen.headers["content-encoding"] == "aes128gcm"
    authorization = seen.headers["authorization"]
    assert Vapid02.verify(authorization)
    parts = dict(part.split("=", 1) for part in authorization.removeprefix("vapid ").split(","))
    assert parts["k"] == base64url(PUBLIC)
    claims = json.loads(base64.urlsafe_b64decode(parts["t"].split(".")[1] + "=="))
    assert claims == {
        "aud": f"http://127.0.0.1:{service.port}",
        "sub": "mailto:ops@example.org",
        "exp": int((NOW + timedelta(hours=12)).timestamp()),
    }


async def test_a_message_that_can_wait_does_not_wake_a_phone(channel, service):
    await channel.send(Message(title="t", body="b", urgent=False), Target(url=service.url(), keys=Browser().keys))
    assert service.seen[0].headers["urgency"] == "normal"


@pytest.mark.parametrize("status", [404, 410])
async def test_a_subscription_that_is_gone_is_told_so(channel, service, status):
    with pytest.raises(Rejected) as rejected:
        await channel.send(MESSAGE, Target(url=service.url(status), keys=Browser().keys))
    assert (rejected.value.retry, rejected.value.reason) == (False, FailureReason.GONE)


async def test_what_no_push_service_would_take_is_not_sent(channel, service):
    browser = Browser()
    empty = len(json.dumps(Message(title="t", body="").to_wire(), separators=(",", ":")))
    overhead = 103  # header and key of RFC 8188, padding delimiter, authentication tag
    fits = Message(title="t", body="x" * (LONGEST_BODY_BYTES - overhead - empty))
    await channel.send(fits, Target(url=service.url(), keys=browser.keys))
    assert len(service.seen[0].body) == LONGEST_BODY_BYTES
    with pytest.raises(Rejected) as rejected:
        await channel.send(Message(title="t", body=fits.body + "x"), Target(url=service.url(), keys=browser.keys))
    assert (rejected.value.retry, rejected.value.reason) == (False, FailureReason.TOO_LARGE)
    assert len(service.seen) == 1


@pytest.mark.parametrize(
    "keys",
    [
        None,
        PushKeys(p256dh="", auth=""),
        PushKeys(p256dh="%%%", auth="%%%"),
        PushKeys(p256dh=base64url(b"\x04" + b"\x01" * 64), auth=base64url(b"\x00" * 16)),  # no point of the curve
        PushKeys(p256dh=Browser().keys.p256dh, auth=""),
        PushKeys(p256dh="ключ", auth="ключ"),
    ],
)
async def test_keys_that_are_none_are_refused_without_traffic(channel, service, keys):
    with pytest.raises(Rejected) as rejected:
        await channel.send(MESSAGE, Target(url=service.url(), keys=keys))
    assert (rejected.value.retry, rejected.value.reason) == (False, FailureReason.MISCONFIGURED)
    assert service.seen == []


async def test_an_address_inside_the_house_is_never_pushed_to(service):
    channel = WebPush(vapid_private_key_pem=PEM, subject="mailto:ops@example.org", clock=lambda: NOW)
    for url in (service.url(), "https://169.254.169.254/latest", "https://fcm.googleapis.com.example.org/x"):
        with pytest.raises(Rejected) as rejected:
            await channel.send(MESSAGE, Target(url=url, keys=Browser().keys))
        assert (rejected.value.retry, rejected.value.reason) == (False, FailureReason.HOST_NOT_ALLOWED)
    assert service.seen == []
    await channel.aclose()


@pytest.mark.parametrize(
    ("host", "allowed", "why"),
    [
        ("fcm.googleapis.com", True, "Chrome and most of Android"),
        ("FCM.googleapis.com.", True, "the same name"),
        ("updates.push.services.mozilla.com", True, "Firefox"),
        ("web.push.apple.com", True, "Safari"),
        ("wns2-par02p.notify.windows.com", True, "Edge"),
        ("evil-notify.windows.com", False, "ends in the same letters"),
        ("notify.windows.com", False, "only what is under it"),
        ("x.fcm.googleapis.com", False, "an entry without a star is one host"),
        ("127.0.0.1", False, "this machine"),
        ("", False, "nothing"),
    ],
)
def test_the_known_push_services(host, allowed, why):
    assert host_allowed(host, PUSH_HOSTS) is allowed, why


def test_the_other_spelling_of_a_suffix_means_the_same():
    assert host_allowed("web.push.apple.com", [".push.apple.com"])
    assert not host_allowed("evilpush.apple.com", [".push.apple.com"])


@pytest.mark.parametrize(
    ("pem", "subject"),
    [("", "mailto:a@b.example"), ("-----BEGIN NONSENSE-----", "mailto:a@b.example"), (PEM, "nobody"), (PEM, "")],
)
def test_a_channel_that_could_not_sign_says_so_at_the_start(pem, subject):
    with pytest.raises(ConfigurationError):
        WebPush(vapid_private_key_pem=pem, subject=subject, clock=lambda: NOW)
