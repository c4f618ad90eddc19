"""Webhooks against a real server: signatures, and answers that say 200 but mean no."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest

from alerts.channels import FailureReason, Message, Rejected, Target, Webhook
from alerts.channels.post import address

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
MESSAGE = Message(title="红色预警", body="过期产品在售", url="/warnings/w-1", tag="w-1", data={"level": "red"})


@pytest.fixture
async def channel():
    channel = Webhook(clock=lambda: NOW)
    yield channel
    await channel.aclose()


async def test_the_receiver_can_check_the_signature_over_the_bytes_as_they_came(channel, service):
    await channel.send(MESSAGE, Target(url=service.url(200), secret="shared"))
    [seen] = service.seen
    parts = dict(part.split("=", 1) for part in seen.headers["x-kitchen-signature"].split(","))
    assert int(parts["t"]) == int(NOW.timestamp())
    expected = hmac.new(b"shared", parts["t"].encode() + b"." + seen.body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(parts["v1"], expected)
    assert json.loads(seen.body) == MESSAGE.to_wire()
    assert seen.headers["content-type"] == "application/json; charset=utf-8"


async def test_without_a_secret_nothing_is_signed(channel, service):
    await channel.send(MESSAGE, Target(url=service.url(200)))
    assert "x-kitchen-signature" not in service.seen[0].headers


def test_a_secret_does_not_show_in_logs():
    assert "shared" not in repr(Target(url="https://robot.example", secret="shared"))


ANSWERS = [
    (b'{"errcode": 0, "errmsg": "ok"}', True, None, "sent"),
    (b'{"errcode": 310000, "errmsg": "sign not match"}', True, False, "wrong signature: the same tomorrow"),
    (b'{"errcode": 130101, "errmsg": "send too fast"}', True, True, "too fast: later"),
    (b'{"errcode": -1, "errmsg": "system busy"}', True, True, "busy: later"),
    (b'{"errcode": "310000"}', True, False, "a code that is no number"),
    (b'{"errcode": {}}', True, False, "nonsense"),
    (b"", True, False, "required, but not said"),
    (b"<html>", True, False, "required, but not said"),
    (b"[]", True, False, "required, but not said"),
    (b"", False, None, "not required"),
    (b"ok", False, None, "not required"),
    (b'{"status": "ok"}', False, None, "not required"),
    (b'{"errcode": 40001}', False, False, "not required, but it says no"),
]


@pytest.mark.parametrize(("body", "required", "retry", "why"), ANSWERS)
async def test_an_answer_of_200_counts_only_if_it_means_it(channel, service, body, required, retry, why):
    service.body = body
    target = Target(url=service.url(200), check_errcode=required)
    if retry is None:
        assert (await channel.send(MESSAGE, target)).status == 200, why
        return
    with pytest.raises(Rejected) as rejected:
        await channel.send(MESSAGE, target)
    assert (rejected.value.reason, rejected.value.retry) == (FailureReason.ERRCODE, retry), why


@pytest.mark.parametrize("status", [404, 410])
async def test_a_webhook_that_is_not_there_is_for_somebody_to_look_at(channel, service, status):
    with pytest.raises(Rejected) as rejected:
        await channel.send(MESSAGE, Target(url=service.url(status)))
    assert (rejected.value.retry, rejected.value.reason) == (False, FailureReason.REFUSED)


@pytest.mark.parametrize(
    ("url", "plain_hosts", "usable", "why"),
    [
        ("https://robot.example/x", (), True, "TLS"),
        ("http://127.0.0.1:9/x", (), True, "this machine"),
        ("http://[::1]:9/x", (), True, "this machine"),
        ("http://localhost:9/x", (), True, "this machine"),
        ("http://robot.example/x", (), False, "plain, to somewhere else"),
        ("http://127.0.0.1.example/x", (), False, "looks like this machine"),
        ("http://robot.intranet/x", ("robot.intranet",), True, "configured"),
        ("http://other.intranet/x", ("robot.intranet",), False, "another one"),
    ],
)
def test_plain_http_only_to_this_machine_or_where_it_is_configured(url, plain_hosts, usable, why):
    if usable:
        assert str(address(url, plain_hosts=plain_hosts)) == url, why
    else:
        with pytest.raises(Rejected):
            address(url, plain_hosts=plain_hosts)
