"""What goes into the outbox when something happened, and to whom.

A delivery's key names the event, the object with its version, the channel and the recipient: writing the same happening twice
enqueues it once. Everything is written in the transaction that changed the state, and sent by ``relay`` afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from alerts.routing import EMAIL, SMS, WEBPUSH, Recipient, recipients, step_recipients
from casework import words
from casework.desk import Work
from casework.silences import muting
from casework.views import deduction_item, warning_item
from domain.deductions import Deduction
from domain.escalation import Until
from domain.events import Delivery, Event, EventName, Lane
from domain.findings import Finding
from domain.operations import Operation
from domain.parties import BusinessForm, Merchant, User
from domain.rules import Level
from domain.time import format_instant
from domain.topics import Topic
from domain.warnings import Warning
from store.ports import UnitOfWork

LIVE = "live"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a delivery goes; lane, target and recipient as in ``Delivery``."""

    lane: Lane
    target: str
    recipient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an event is about, as the outbox names it.

    Attributes:
        id: with ``version`` the middle of every delivery key.
        link: page to open.
        tag: later notifications with the same tag replace earlier ones on a screen.
    """

    id: str
    version: str
    link: str
    tag: str
    warning_id: str | None = None


def tell_warning(work: Work, event: Event, warning: Warning) -> None:
    """Enqueue a change of a warning: live pages, the ``warnings`` topic, and people."""
    merchant = work.merchant(warning.uscc)
    item = warning_item(warning, work.tray.evidence[warning.id] or (), merchant_name=merchant.name)
    subject = _subject_of(warning, _version(event, warning))
    _enqueue(work.uow, event, subject, Address(Lane.LIVE, LIVE, warning.uscc), {**item, "event": event.name.value})
    record = {**_record(event), "warning": item}
    _enqueue(work.uow, event, subject, Address(Lane.KAFKA, Topic.WARNINGS.value, warning.uscc), record)
    _notify(work, event, subject, merchant, warning)


def tell_deduction(work: Work, event: Event, deduction: Deduction, warning: Warning) -> None:
    """Enqueue a change of the ledger. Live pages get its warning again, so that they load the score anew."""
    merchant = work.merchant(deduction.uscc)
    item = warning_item(warning, work.tray.evidence[warning.id] or (), merchant_name=merchant.name)
    subject = _subject_of(warning, f"{deduction.id}/{deduction.version}")
    _enqueue(work.uow, event, subject, Address(Lane.LIVE, LIVE, warning.uscc), {**item, "event": event.name.value})
    record = {**_record(event), "deduction": deduction_item(deduction)}
    _enqueue(work.uow, event, subject, Address(Lane.KAFKA, Topic.DEDUCTIONS.value, deduction.uscc), record)
    _notify(work, event, subject, merchant, warning)


def tell_finding(work: Work, event: Event, finding: Finding) -> None:
    """Tell people that a finding waits for a reviewer, has waited too long, or was dropped unseen."""
    subject = Subject(id=finding.id, version="1", link="/review", tag=f"review-{finding.id}")
    _notify(work, event, subject, work.merchant(finding.uscc), None)


def tell_presence(work: Work, event: Event, merchant: Merchant) -> None:
    """Tell people that a device came or went, unless somebody wants to hear nothing of it now."""
    if muting(work, name=event.name.value, device_id=event.entity_id, uscc=event.uscc, region=event.region, now=event.at):
        return
    tag = f"device-{event.entity_id}"
    subject = Subject(id=event.entity_id, version=format_instant(event.at), link="/devices", tag=tag)
    _notify(work, event, subject, merchant, None)


def tell_record(work: Work, event: Event, *, version: str, link: str) -> None:
    """Tell people about a register: what expires soon, what waits for a person. ``version`` makes telling twice once."""
    subject = Subject(id=event.entity_id, version=version, link=link, tag=f"record-{event.entity_id}")
    _notify(work, event, subject, work.merchant(event.uscc), None)


def tell_operation(work: Work, event: Event, operation: Operation) -> None:
    """Tell officials that something is wrong with the installation, or well again; one about no merchant only supervisors."""
    known = work.merchant(operation.uscc) if operation.uscc else _NOBODY
    named = replace(known, name="。".join(part for part in (known.name, operation.summary) if part))
    version = f"{operation.version}"
    subject = Subject(id=operation.id, version=version, link="/operations", tag=f"operation-{operation.id}")
    _notify(work, event, subject, named, None)


_NOBODY = Merchant(uscc="", name="", region="", business_form=BusinessForm.CATERING, scheme="")
"""Whom an alert about the installation itself concerns."""


def tell_register(uow: UnitOfWork, key: str, value: Mapping[str, Any], now: datetime) -> None:
    """Enqueue one record of the ``registers`` topic."""
    delivery = Delivery(
        key=f"register:{key}:{now.isoformat()}",
        lane=Lane.KAFKA,
        target=Topic.REGISTERS.value,
        recipient=key,
        payload=value,
        created_at=now,
        next_attempt_at=now,
    )
    uow.outbox.add(delivery)


def _version(event: Event, warning: Warning) -> str:
    """What tells an event from another of the same name about the same warning; of steps, what they wait for comes first."""
    if event.name is EventName.WARNING_ESCALATED:
        return f"{event.data['until']}/{event.data['step']}.{warning.version}"
    clock = event.data.get("clock")
    return f"{warning.version}/{clock}" if clock == words.RECTIFY else f"{warning.version}"


def told_of_step(warning_id: str, until: Until) -> str:
    """How the keys of notifications begin that say that something has not come yet."""
    return f"{EventName.WARNING_ESCALATED.value}:{warning_id}:{until.value}/"


def _subject_of(warning: Warning, version: str) -> Subject:
    link, tag = f"/warnings/{warning.id}", f"warning-{warning.id}"
    return Subject(id=warning.id, version=version, link=link, tag=tag, warning_id=warning.id)


def _record(event: Event) -> dict[str, Any]:
    return {
        "v": 1,
        "event": event.name.value,
        "at": format_instant(event.at),
        "merchant": event.uscc,
        "region": event.region,
        "data": dict(event.data),
    }


def _notify(work: Work, event: Event, subject: Subject, merchant: Merchant, warning: Warning | None) -> None:
    by = event.data.get("by")
    for recipient in _recipients(work, event, warning):
        user = recipient.user
        if user is not None and user.id == by:  # nobody needs to be told what they did themselves
            continue
        locale = user.locale if user is not None else recipient.route.locale
        payload = {**_message(event, subject, merchant, warning, work.desk.translator(locale)), "locale": locale}
        for address in addresses(work, recipient):
            _enqueue(
                work.uow,
                event,
                subject,
                address,
                payload,
                to_merchant=recipient.to_merchant,
                at=recipient.route.tells_at(event),
            )


def _recipients(work: Work, event: Event, warning: Warning | None) -> Iterable[Recipient]:
    people = work.tray.people(event.uscc)
    if event.name is EventName.WARNING_ESCALATED and warning is not None and warning.escalation is not None:
        return step_recipients(event, warning.escalation.steps[event.data["step"]], people, work.desk.routes)
    return recipients(event, people, work.desk.routes)


def addresses(work: Work, recipient: Recipient) -> Iterable[Address]:
    """Where a recipient is told: each browser of a user, a user's number or mail address if it is known, a route's address."""
    user, channel = recipient.user, recipient.route.channel
    if user is None:
        yield Address(Lane.NOTIFY, channel, recipient.route.name)
    elif channel == WEBPUSH:
        for subscription in work.tray.phones[user.id] or ():
            yield Address(Lane.NOTIFY, WEBPUSH, subscription.id)
    elif address_of(user, channel):
        yield Address(Lane.NOTIFY, channel, user.id)


def address_of(user: User, channel: str) -> str:
    """A user's telephone number or mail address; empty if nobody said it."""
    return {SMS: user.phone, EMAIL: user.email}.get(channel) or ""


def _message(
    event: Event, subject: Subject, merchant: Merchant, warning: Warning | None, translate: words.Translate
) -> dict[str, Any]:
    """The fields of ``alerts.channels.Message``; small, for a push message has room for 4 KB."""
    return {
        "title": words.headline(event.name, event.data, translate),
        "body": _body(merchant, warning, translate),
        "url": subject.link,
        "tag": subject.tag,
        "urgent": event.data.get("level") == Level.RED.value,
        "data": {
            "event": event.name.value,
            "at": format_instant(event.at),
            "merchant": merchant.uscc,
            "warning": subject.warning_id,
            "level": event.data.get("level"),
            "close_by": None if warning is None or warning.close_by is None else format_instant(warning.close_by),
            "rectify_by": None if warning is None or warning.rectify_by is None else format_instant(warning.rectify_by),
        },
    }


def _body(merchant: Merchant, warning: Warning | None, translate: words.Translate) -> str:
    if warning is None:
        return merchant.name
    params = {"merchant": merchant.name, "why": words.sentence(warning.why, translate)}
    if warning.close_by is None:
        return words.fill(words.NO_DEADLINE, params, translate)
    params["close_by"] = words.moment(format_instant(warning.close_by))
    return words.fill(words.DEADLINE, params, translate)


def _enqueue(
    uow: UnitOfWork,
    event: Event,
    subject: Subject,
    address: Address,
    payload: Mapping[str, Any],
    *,
    to_merchant: bool = False,
    at: datetime | None = None,
) -> None:
    delivery = Delivery(
        key=f"{event.name.value}:{subject.id}:{subject.version}:{address.target}:{address.recipient}",
        lane=address.lane,
        target=address.target,
        recipient=address.recipient,
        payload=payload,
        created_at=event.at,
        next_attempt_at=at or event.at,
        warning_id=subject.warning_id,
        to_merchant=to_merchant,
    )
    uow.outbox.add(delivery)
