"""A case as a card says it: a title, what is known of it, and the forms of what its reader may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from casework.consequences.bureau import Told
from casework.consequences.filing import Filed
from credit.tasks import overdue
from domain.parties import Merchant
from domain.time import parse_instant
from web import consequence_names as words
from web.consequence_names import Field
from web.language import Language
from web.names import GRADES


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One button, with what it asks for."""

    command: str
    label: str
    fields: tuple[Field, ...]
    action: str
    page: str = ""
    """A page of its own that asks for more than fits on a card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One case on a page; the words of ``facts`` are in the reader's language already."""

    kind: str
    told: Told
    merchant: Merchant | None
    title: str
    state: str
    facts: list[tuple[str, str]]
    forms: list[Form]
    late: bool = False

    @property
    def id(self) -> str:
        """The case's."""
        return str(self.told.filed.case.id)


Facts = Callable[[Filed[Any], Language], list[tuple[str, str]]]


def instant(value: Any, language: Language) -> str:
    """An instant of a case, or of what is kept beside it as text."""
    if isinstance(value, str):
        value = parse_instant(value, "about")
    return language.instant(value) if isinstance(value, datetime) else ""


def yuan(fen: int) -> str:
    """An amount of money."""
    return f"{fen // 100:,}.{fen % 100:02d}"


def _task(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _, task, about = language.text, filed.case, filed.about
    found = [(_("来源"), _(words.ORIGINS[task.origin])), (_("完成期限"), instant(task.due_by, language))]
    if about.get("not_before"):
        found.append((_("最早"), str(about["not_before"])))
    if about.get("officer_names"):
        found.append((_("检查人员"), str(about["officer_names"])))
    if task.finding is not None:
        found.append((_("检查结果"), _(words.FINDINGS[task.finding])))
    if task.publish_by is not None and not about.get("published_at"):
        found.append((_("公示期限"), instant(task.publish_by, language)))
    if about.get("leniency"):
        found.append((_("包容审慎"), _(words.LENIENT.get(about["leniency"], about["leniency"]))))
    failed = [str(item.get("said") or item["cites"]) for item in about.get("items", ()) if not item["ok"]]
    if failed:
        found.append((_("不合格项"), "、".join(failed)))
    if task.recheck_by is not None:
        found.append((_("整改期限"), instant(task.recheck_by, language)))
    return found


def _roll(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _, entry = language.text, filed.case
    found = [(_("月份"), entry.month), (_("等级"), _(GRADES.get(entry.grade, entry.grade)))]
    if filed.about.get("corrected_grade"):
        found.append((_("更正后等级"), _(GRADES.get(filed.about["corrected_grade"], filed.about["corrected_grade"]))))
    return [*found, *_decided(filed, language)]


def _decided(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _ = language.text
    said = filed.about.get("reason") or filed.about.get("decision")
    return [(_("决定理由"), str(said))] if said else []


def _listing(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _, listing = language.text, filed.case
    found = [(_("线索"), _(words.CLUES[listing.clue])), (_("收到时间"), instant(listing.came_at, language))]
    if filed.about.get("notice"):
        found.append((_("告知内容"), str(filed.about["notice"])))
    if listing.notice_ends_at is not None:
        found.append((_("陈述申辩截止"), instant(listing.notice_ends_at, language)))
    if listing.defended:
        found.append((_("陈述申辩"), "；".join(listing.defended)))
    return [*found, *_decided(filed, language)]


def _penalty(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _, case = language.text, filed.case
    found = [(_("文书号"), case.doc_no)]
    if case.amount_fen:
        found.append((_("金额（元）"), yuan(case.amount_fen)))
    if case.notice_delivery_id:
        found.append((_("双书同达送达编号"), case.notice_delivery_id))
    if case.published_on is not None:
        found.append((_("公示日期"), case.published_on.isoformat()))
    return [*found, *_decided(filed, language)]


def _repair(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _, case, about = language.text, filed.case, filed.about
    found = []
    if about.get("from_on"):
        found.append((_("最早可申请"), str(about["from_on"])))
    if about.get("ends_on"):
        found.append((_("公示到期"), str(about["ends_on"])))
    if case.decide_by is not None:
        found.append((_("当日办结截止"), instant(case.decide_by, language)))
        if about.get("statutory_by"):
            found.append((_("法定办结期限"), instant(about["statutory_by"], language)))
    if case.shown:
        found.append((_("申请人说明"), "；".join(_(words.CONDITIONS[one]) for one in sorted(case.shown))))
    for name, label in (("wanted", _("需补正")), ("rejected_because", _("不予修复理由"))):
        if about.get(name):
            found.append((label, str(about[name])))
    if case.effective_on is not None:
        found.append((_("不再计分自"), case.effective_on.isoformat()))
    return found


def _commitment(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _, case = language.text, filed.case
    found = [(_("版本"), case.template_version)]
    if case.signed_at is not None:
        found += [(_("签署人"), case.signer), (_("签署时间"), instant(case.signed_at, language))]
    if case.ends_by is not None:
        found.append((_("有效期至"), instant(case.ends_by, language)))
    if case.content_hash:
        found.append((_("内容哈希"), case.content_hash[:16]))
    if case.breaches:
        found.append((_("违诺"), str(len(case.breaches))))
    if case.blocked_until is not None:
        found.append((_("不适用告知承诺至"), instant(case.blocked_until, language)))
    return found


def _measure(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _, case = language.text, filed.case
    found = [(_("累计扣分"), f"{case.points:f}"), (_("触发标准"), f"≥ {case.threshold:f}")]
    if case.days:
        found.append((_("天数"), str(case.days)))
    if case.hearing_until is not None:
        found.append((_("听证截止"), instant(case.hearing_until, language)))
    if filed.about.get("heard"):
        found.append((_("商户意见"), "；".join(one["text"] for one in filed.about["heard"])))
    return [*found, *_decided(filed, language)]


def _push(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _, push = language.text, filed.case.push
    found = [(_("名单"), _(words.LISTS.get(filed.case.list, filed.case.list))), (_("推送时间"), instant(push.sent_at, language))]
    if push.acked_at is not None:
        found.append((_("确认时间"), instant(push.acked_at, language)))
    if push.feedback:
        found.append((_("措施反馈"), push.feedback))
    if filed.about.get("chased"):
        found.append((_("催办次数"), str(filed.about["chased"])))
    return found


def _answered(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _, case = language.text, filed.case
    if hasattr(case, "count"):
        return [(_("月份"), case.month), (_("数量"), str(case.count)), (_("结果"), _(words.ANSWERS[case.answer]))]
    found = [(_("申请金额（元）"), yuan(case.asked_fen)), (_("批准金额（元）"), yuan(case.fen))]
    return [*found, (_("结果"), _(words.ANSWERS[case.why]))]


def _draw(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _, case = language.text, filed.case
    found = [
        (_("等级"), _(GRADES.get(case.grade, case.grade))),
        (_("街区"), case.place),
        (_("抽取"), f"{case.wanted} / {len(case.units)}"),
        (_("承诺值"), case.commitment[:16]),
    ]
    return [*found, (_("种子"), case.seed)] if case.order else found


def _plain(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _, case = language.text, filed.case
    if hasattr(case, "last_on"):
        return [(_("最后有效日"), case.last_on.isoformat())]
    return [(_("内容"), case.text)] if hasattr(case, "text") else []


def _guidance(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _, case = language.text, filed.case
    found = [(_("提醒时间"), instant(case.asked_at, language))]
    if filed.due_at is not None and filed.due_at > case.asked_at:
        found.append((_("改正期限"), instant(filed.due_at, language)))
    if case.kind == "address":
        found.append((_("登记电话"), _("可以联系") if case.reachable_by_phone else _("无法联系")))
    if case.corrected_at is not None:
        found.append((_("改正时间"), instant(case.corrected_at, language)))
    return found


def _training(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _, case = language.text, filed.case
    found = [(_("开始时间"), instant(case.begins_at, language)), (_("区域"), filed.region)]
    return [*found, (_("地点"), case.place)] if case.place else found


def _attendance(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    about = filed.about
    found = [(language.text("开始时间"), instant(about["begins_at"], language))] if about.get("begins_at") else []
    return [*found, (language.text("地点"), str(about["place"]))] if about.get("place") else found


def _conflict(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _ = language.text
    return [(_("人员"), str(filed.about.get("officer_names") or filed.case.officer)), (_("理由"), filed.case.reason)]


def _superior(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _, case = language.text, filed.case
    items = str(filed.about.get("item_words") or "、".join(case.items))
    return [(_("检查部门"), case.authority), (_("检查日期"), case.on.isoformat()), (_("已检查项目"), items)]


def _risk(filed: Filed[Any], language: Language) -> list[tuple[str, str]]:
    _, case = language.text, filed.case
    found = [
        (_("国家风险等级"), case.grade),
        (_("风险分值（越高越险）"), f"{case.score:f}"),
        (_("信用等级"), _(GRADES.get(case.local_grade, case.local_grade)) if case.local_grade else "—"),
    ]
    if case.levels is not None:
        found.append((_("相差级数"), str(case.levels)))
    return [*found, *_decided(filed, language)]


FACTS: Mapping[str, Facts] = MappingProxyType(
    {
        "tasks": _task,
        "draws": _draw,
        "rolls": _roll,
        "listings": _listing,
        "penalties": _penalty,
        "repairs": _repair,
        "commitments": _commitment,
        "measures": _measure,
        "pushes": _push,
        "vouchers": _answered,
        "entitlements": _answered,
        "guidances": _guidance,
        "trainings": _training,
        "attendances": _attendance,
        "conflicts": _conflict,
        "superior-checks": _superior,
        "risk-grades": _risk,
    }
)


TITLES: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {
        "rolls": lambda case: words.ROLLS[case.roll],
        "listings": lambda case: words.LISTS.get(case.list, case.list),
        "measures": lambda case: words.MEASURES[case.measure],
        "vouchers": lambda case: words.VOUCHERS[case.kind],
        "entitlements": lambda case: words.ENTITLEMENTS[case.kind],
        "declarations": lambda case: words.DECLARED[case.about],
        "reminders": lambda case: words.KINDS[case.kind],
        "pushes": lambda case: words.PUSHED[case.push.kind],
        "guidances": lambda case: words.GUIDED[case.kind],
        "trainings": lambda case: case.title,
    }
)
"""What a card is headed by, where its kind alone does not say it."""


OWN_PAGES: Mapping[tuple[str, str], str] = MappingProxyType({("tasks", "enter_result"): "/credit/tasks/{}/result"})
"""Commands that have a page of their own."""


def title_of(kind: str, filed: Filed[Any], language: Language) -> str:
    """What a card is headed by."""
    if filed.about.get("title_said"):
        return str(filed.about["title_said"])
    said = TITLES[kind](filed.case) if kind in TITLES else words.TITLES[kind]
    subject = getattr(filed.case, "subject", "")
    return f"{language.text(said)} {subject}".strip()


def card(kind: str, told: Told, merchant: Merchant | None, language: Language, now: datetime) -> Card:
    """A case for a page."""
    filed = told.filed
    names = words.COMMANDS.get(kind, {})
    state = filed.case.state.value
    return Card(
        kind=kind,
        told=told,
        merchant=merchant,
        title=title_of(kind, filed, language),
        state=language.text(words.STATES.get(kind, {}).get(state, state)),
        facts=FACTS.get(kind, _plain)(filed, language),
        forms=[
            Form(
                command=command,
                label=language.text(names[command]),
                fields=words.fields_of(kind, command),
                action=f"/credit/{kind}/{filed.case.id}/{command}",
                page=OWN_PAGES.get((kind, command), "").format(filed.case.id),
            )
            for command in told.commands
            if command in names
        ],
        late=kind == "tasks" and overdue(filed.case, now),
    )
