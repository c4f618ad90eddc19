"""What every channel promises, over a real HTTP server on loopback."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest

from alerts.channels import FailureReason, Message, Rejected, Target
from tests.contract.channels.harness import OVER_HTTP
from tests.contract.channels.push_service import Browser

MESSAGE = Message(title="红色预警", body="过期产品在售", url="/warnings/w-1", tag="w-1", data={"warning": "w-1"})
R = FailureReason


def target_of(channel, url):
    return Target(url=url, keys=Browser().keys) if channel.name == "webpush" else Target(url=url, secret="secret")


@pytest.fixture(params=[harness for harness in OVER_HTTP if harness.name != "sms"], ids=lambda harness: harness.name)
def make(request, service):
    service.body = request.param.yes
    return request.param.make


@pytest.fixture
async def channel(make):
    channel = make()
    yield channel
    await channel.aclose()


@pytest.mark.parametrize("status", [200, 201, 202])
async def test_two_hundreds_are_acceptance(channel, service, status):
    accepted = await channel.send(MESSAGE, target_of(channel, service.url(status)))
    assert accepted.status == status
    assert len(service.seen) == 1


ENDS = [
    (400, False, R.REFUSED, "the request is wrong and stays wrong"),
    (401, False, R.REFUSED, "not authorised"),
    (403, False, R.REFUSED, "forbidden"),
    (408, True, R.TIMEOUT, "the other end timed out"),
    (413, False, R.TOO_LARGE, "too large"),
    (429, True, R.RATE_LIMITED, "too fast"),
    (500, True, R.UNAVAILABLE, "their problem"),
    (503, True, R.UNAVAILABLE, "their problem"),
    (301, False, R.REFUSED, "a redirect is not followed"),
    (307, False, R.REFUSED, "a redirect is not followed"),
]


@pytest.mark.parametrize(("status", "retry", "reason", "why"), ENDS)
async def test_every_other_status_is_told_apart(channel, service, status, retry, reason, why):
    service.headers = {"location": service.url(200)} if status < 400 else {}
    with pytest.raises(Rejected) as rejected:
        await channel.send(MESSAGE, target_of(channel, service.url(status)))
    assert (rejected.value.retry, rejected.value.reason) == (retry, reason), why
    assert len(service.seen) == 1, "tried once, and nowhere else"


@pytest.mark.parametrize(
    ("said", "heard"), [("120", timedelta(seconds=120)), ("", None), ("Fri, 20 Nov 2026 03:02:00 GMT", None), ("-5", None)]
)
async def test_how_long_to_wait_is_passed_on(channel, service, said, heard):
    service.headers = {"retry-after": said}
    with pytest.raises(Rejected) as rejected:
        await channel.send(MESSAGE, target_of(channel, service.url(429)))
    assert rejected.value.retry_after == heard


async def test_an_end_that_never_answers_is_given_up(make, service):
    channel = make(timeout=timedelta(milliseconds=200))
    with pytest.raises(Rejected) as rejected:
        await channel.send(MESSAGE, target_of(channel, f"http://127.0.0.1:{service.port}/never"))
    await channel.aclose()
    assert (rejected.value.retry, rejected.value.reason) == (True, R.TIMEOUT)
    assert len(service.seen) == 1


async def test_nobody_there_may_be_there_later(channel):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    with pytest.raises(Rejected) as rejected:
        await channel.send(MESSAGE, target_of(channel, f"http://127.0.0.1:{free}/"))
    assert (rejected.value.retry, rejected.value.reason) == (True, R.UNREACHABLE)


@pytest.mark.parametrize(
    "url", ["", "not an address", "ftp://127.0.0.1/x", "http://user:word@127.0.0.1/x", "https://", "http://push.example.org/x"]
)
async def test_an_address_that_is_none_is_refused_without_traffic(channel, url):
    with pytest.raises(Rejected) as rejected:
        await channel.send(MESSAGE, target_of(channel, url))
    assert (rejected.value.retry, rejected.value.reason) == (False, R.MISCONFIGURED)


async def test_a_huge_answer_is_not_swallowed(channel, service):
    service.body = b"x" * 3_000_000
    with pytest.raises(Rejected) as rejected:
        await channel.send(MESSAGE, target_of(channel, service.url(500)))
    assert len(rejected.value.detail) < 400


async def test_the_environments_proxy_is_not_used(make, service, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    channel = make()
    assert (await channel.send(MESSAGE, target_of(channel, service.url()))).status == 201
    await channel.aclose()
