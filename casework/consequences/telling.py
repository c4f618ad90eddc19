"""What merchants and officials are told about consequences: short messages through the outbox, in each reader's language.

The key of a message names the case with its version, so that a step is told once however often it is carried out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from alerts.routing import WEBHOOK, WEBPUSH, recipients
from casework.consequences.filing import Filed
from casework.desk import Work
from casework.outbound import addresses
from casework.words import N_, fill
from domain.events import Delivery, Event, EventName, Lane
from domain.parties import SYSTEM, Merchant, User
from domain.time import format_instant, local_day
from store.assessments import Run
from store.ports import AuditStep

TASK_ASSIGNED = N_("检查任务已派给您")
TASK_LATE = N_("检查任务已逾期")
RESULT_LATE = N_("检查结果应当公示而未公示")
RESULT_PUBLISHED = N_("检查结果已公示")
OFFICERS_MISSING = N_("无法抽取两名无利害关系的执法人员")
DECISION_WAITS = N_("有名单提议等待决定")
LISTED_NOTICE = N_("拟列入名单，您有权陈述申辩")
LISTED = N_("已列入名单")
DELISTED = N_("已移出名单")
CLUE_WAITS = N_("名单线索等待审查")
PUSHED = N_("联合惩戒信息，请确认收到")
PUSHED_REMOVAL = N_("移出名单信息，请确认收到")
ACK_LATE = N_("有部门逾期未确认联合惩戒信息")
COMMITMENT_ENDS = N_("信用承诺将于 %(on)s 到期，请续签")
COMMITMENT_EXPIRED = N_("信用承诺已到期，请重新签订")
COMMITMENT_CHANGED = N_("信用承诺状态有变化")
REPAIR_OPEN = N_("可以申请信用修复")
REPAIR_CHANGED = N_("信用修复申请有进展")
REPAIR_WAITS = N_("信用修复申请等待办理，今日办结")
PENALTY_SERVED = N_("行政处罚决定书和信用修复告知书已送达")
MEASURE_NOTICE = N_("拟采取管理措施，您有权要求听证")
MEASURE_DECIDED = N_("管理措施已作出决定")
MEASURE_WITHDRAWN = N_("管理措施已撤回")
VOUCHERS_ANSWERED = N_("消费券名额申请已处理")
TRAINING_INVITED = N_("请于 %(on)s 参加食品安全培训")
PLEASE_CORRECT = N_("请于 %(on)s 前改正：%(subject)s，及时改正不列入经营异常名录")
CORRECTED_IN_TIME = N_("已及时改正，不列入经营异常名录")
RISK_DIFFERS = N_("国家风险等级与信用等级相差两级以上，请复核")
PUSH_LATE = N_("联合惩戒信息超过 24 小时未送达部门系统")
WITHDRAWAL_LATE = N_("已准予修复的处罚超过 24 小时才停止公示")
OBJECTION_OPEN = N_("%(month)s 信用考评结果已出，%(on)s 前可以提出异议")
EXPIRES_SOON = N_("%(subject)s将于 %(on)s 到期，请及时办理")

NOTHING_MORE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """One message about one case, before it is put into anybody's language; ``about`` names the case with its version."""

    work: Work
    about: str
    event: Event
    merchant: Merchant
    what: str
    link: str
    params: Mapping[str, str]

    def tell(self, people: Iterable[User]) -> None:
        """Put it into the outbox for everybody the routes reach."""
        for recipient in recipients(self.event, people, self.work.desk.routes):
            locale = recipient.route.locale if recipient.user is None else recipient.user.locale
            for address in addresses(self.work, recipient):
                self.enqueue(address.target, address.recipient, locale, at=recipient.route.tells_at(self.event))

    def enqueue(
        self,
        target: str,
        recipient: str,
        locale: str,
        said: Mapping[str, str] = NOTHING_MORE,
        *,
        at: datetime | None = None,
    ) -> None:
        """Put it into the outbox for one address."""
        version = f"{self.about}:{self.what}"
        self.work.uow.outbox.add(
            Delivery(
                key=f"{self.event.name.value}:{version}:{target}:{recipient}",
                lane=Lane.NOTIFY,
                target=target,
                recipient=recipient,
                payload=self.payload(locale, said),
                created_at=self.event.at,
                next_attempt_at=at or self.event.at,
            )
        )

    def payload(self, locale: str, more: Mapping[str, str] = NOTHING_MORE) -> dict[str, Any]:
        """The fields of ``alerts.channels.Message``."""
        translate = self.work.desk.translator(locale)
        said = {name: translate(value) for name, value in self.params.items()}
        return {
            "title": fill(self.what, said, translate),
            "body": self.merchant.name,
            "url": self.link,
            "tag": f"credit-{self.event.entity_id}",
            "urgent": False,
            "data": {"event": self.event.name.value, "at": format_instant(self.event.at), "merchant": self.merchant.uscc, **more},
            "locale": locale,
        }


def tell_merchant(
    work: Work,
    filed: Filed[Any],
    what: str,
    now: datetime,
    *,
    link: str,
    name: EventName = EventName.CREDIT_CHANGED,
    **params: str,
) -> None:
    """Tell the merchant's own people."""
    message = _message(work, filed, what, now, name=name, link=link, params=params)
    message.tell(user for user in work.tray.people(message.merchant.uscc) if user.uscc == message.merchant.uscc)


def tell_officials(
    work: Work, filed: Filed[Any], what: str, now: datetime, *, link: str, only: Collection[str] | None = None, **params: str
) -> None:
    """Tell the officials who look after the merchant, or those named."""
    message = _message(work, filed, what, now, name=EventName.CREDIT_WORK, link=link, params=params)
    people = work.tray.people(message.merchant.uscc)
    message.tell(user for user in people if user.uscc is None and (only is None or user.id in only))


def tell_user(work: Work, filed: Filed[Any], what: str, now: datetime, *, user: User, link: str) -> None:
    """Tell one account, such as a department's, whatever the routes say."""
    message = _message(work, filed, what, now, name=EventName.CREDIT_WORK, link=link, params={})
    for subscription in work.uow.push_subscriptions.of_users([user.id]):
        message.enqueue(WEBPUSH, subscription.id, user.locale)


def tell_system(work: Work, filed: Filed[Any], what: str, now: datetime, *, recipient: str, said: Mapping[str, str]) -> None:
    """Tell a department's own system by the signed webhook; ``said`` is what a program wants to know."""
    message = _message(work, filed, what, now, name=EventName.CREDIT_WORK, link="/credit/pushes", params={})
    message.enqueue(WEBHOOK, recipient, "zh", said)


def _message(
    work: Work, filed: Filed[Any], what: str, now: datetime, *, name: EventName, link: str, params: Mapping[str, str]
) -> _Message:
    merchant = work.merchant(filed.uscc or "")
    data = {"state": filed.case.state.value}
    event = Event(name=name, entity_id=filed.case.id, uscc=merchant.uscc, region=merchant.region, at=now, data=data)
    about = f"{filed.case.id}:{filed.case.version}"
    return _Message(work=work, about=about, event=event, merchant=merchant, what=what, link=link, params=params)


def tell_of_month(work: Work, merchant: Merchant, run: Run, now: datetime) -> None:
    """Tell the merchant's own people that a month's result is there, and until when they may object (D.8)."""
    last_day = local_day(run.objection_until - timedelta(microseconds=1))
    event = Event(name=EventName.CREDIT_CHANGED, entity_id=run.id, uscc=merchant.uscc, region=merchant.region, at=now)
    message = _Message(
        work=work,
        about=f"{run.id}:{merchant.uscc}",
        event=event,
        merchant=merchant,
        what=OBJECTION_OPEN,
        link=f"/scores/{merchant.uscc}?month={run.month}",
        params={"month": run.month, "on": last_day.isoformat()},
    )
    message.tell(user for user in work.tray.people(merchant.uscc) if user.uscc == merchant.uscc)


def remind(work: Work, filed: Filed[Any], what: str, now: datetime, *, link: str, **params: str) -> None:
    """Remind the merchant of what will cost them points before it does, and write it down (R-05a)."""
    tell_merchant(work, filed, what, now, link=link, name=EventName.CREDIT_REMINDER, **params)
    work.uow.audit.append(
        AuditStep(
            entity="reminder",
            entity_id=filed.case.id,
            from_state="",
            to_state="sent",
            at=now,
            actor=SYSTEM.id,
            actor_role=SYSTEM.role.value,
            reason=what % params if params else what,
        )
    )
