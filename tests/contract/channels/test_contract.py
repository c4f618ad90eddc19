"""One table over all channels: how each of them ends when the other end does this or that."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.channels import FailureReason, Rejected
from tests.contract.channels.harness import MESSAGE, OVER_HTTP, OVER_SMTP, PHONE, READER, SECRET, End

CASES = [(channel, end) for channel in (*OVER_HTTP, OVER_SMTP) for end in End if channel.outcome(end) != "none"]


@pytest.mark.parametrize(("harness", "end"), CASES, ids=[f"{channel.name}-{end.value}" for channel, end in CASES])
async def test_each_channel_tells_each_end_apart(harness, end, service, office, nameless):
    options = {"timeout": timedelta(milliseconds=200)} if end is End.SILENT else {}
    channel, target = harness.meet(end, office if harness is OVER_SMTP else service, **options)
    assert channel.name == harness.name
    outcome = harness.outcome(end)
    try:
        if isinstance(outcome, str):
            accepted = await channel.send(MESSAGE, target)
            assert accepted.duplicate is (outcome == "duplicate")
            return
        with pytest.raises(Rejected) as rejected:
            await channel.send(MESSAGE, target)
    finally:
        await channel.aclose()
    assert (rejected.value.retry, rejected.value.reason) == outcome
    if end is End.RATE_LIMITED and harness is not OVER_SMTP:
        assert rejected.value.retry_after == timedelta(minutes=2)
    told = str(rejected.value) + repr(target)
    for private in (SECRET, PHONE, READER):
        assert private not in told, "what is secret or a person's own does not come into a log"


ECHOING = [channel for channel in OVER_HTTP if channel.name != "webpush"]


@pytest.mark.parametrize("harness", ECHOING, ids=[channel.name for channel in ECHOING])
async def test_an_answer_that_repeats_the_token_is_told_without_it(harness, service):
    token = "0123456789abcdef"
    channel, target = harness.meet(End.BAD_REQUEST, service)
    url = f"http://127.0.0.1:{service.port}/status/400?access_token={token}"
    if harness.name == "sms":
        channel, token = harness.make(url), SECRET
    else:
        target = replace(target, url=url)
    service.body = f"no such token: {token}".encode()
    with pytest.raises(Rejected) as rejected:
        await channel.send(MESSAGE, target)
    await channel.aclose()
    assert "no such token: ***" in str(rejected.value)
    assert rejected.value.reason is FailureReason.REFUSED


SAME = [channel for channel in OVER_HTTP if channel.name in ("webpush", "webhook", "sms")]


@pytest.mark.parametrize("harness", SAME, ids=[channel.name for channel in SAME])
async def test_the_other_end_can_tell_a_message_that_comes_twice(harness, service):
    channel, target = harness.meet(End.SUCCESS, service)
    for message in (MESSAGE, MESSAGE, replace(MESSAGE, key="another")):
        await channel.send(message, target)
    await channel.aclose()
    place = {"webpush": "topic", "webhook": "idempotency-key", "sms": "x-request-id"}[harness.name]
    first, second, other = (seen.headers[place] for seen in service.seen)
    assert first == second != other
