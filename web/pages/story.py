"""The audit trail in words: what one step was, and the note a person left with it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from alerts.deadlines import Due
from casework.handling import CORRECTION, ON_SITE
from domain.parties import Role
from domain.warnings import AuditEntry, State
from web.language import Language
from web.names import STEPS


def _(message: str) -> str:
    """Mark a message for extraction."""
    return message


DUES: Mapping[str, str] = MappingProxyType(
    {
        Due.RECTIFY_OVERDUE: _("商户整改逾期"),
        Due.CLOSURE_OVERDUE: _("24 小时闭环逾期"),
        Due.REMIND_50: _("闭环时限已过一半，已提醒"),
        Due.REMIND_75: _("闭环时限已过四分之三，已提醒"),
        Due.REMIND_100: _("闭环时限已到，已提醒"),
        Due.RECTIFY_50: _("整改时限已过一半，已提醒商户"),
        Due.RECTIFY_75: _("整改时限已过四分之三，已提醒商户"),
        Due.RECTIFY_100: _("整改时限已到，已提醒商户"),
        Due.ESCALATE: _("已逐级督办"),
        Due.CONTROL_ENDED: _("长期管控期满"),
    }
)
AGAIN = _("同一问题再次出现")
EXTENDED = _("延长整改时限")
SENT_BACK = _("核实未通过，退回整改")
REOPENED = _("重新打开")
VERIFIED = _("核实，闭环")
HOW: Mapping[str, str] = MappingProxyType(
    {
        "opened": _("商户打开了预警"),
        "webpush": _("浏览器推送已送达"),
        "webhook": _("消息接口已送达"),
        "dingtalk": _("钉钉已送达"),
        "wecom": _("企业微信已送达"),
        "feishu": _("飞书已送达"),
        "delivered": _("已送达"),
    }
)
CORRECTED = _("台账已更正")
ON_THE_SPOT = _("现场核实")
FINDING = "finding "


def _dues(step: AuditEntry) -> list[str]:
    words = [DUES[part] for part in step.reason.split(", ") if part in DUES]
    return words if step.from_state == step.to_state and step.actor_role == Role.SYSTEM else []


def _turned(step: AuditEntry) -> str | None:
    """The words of a step whose meaning lies in where it came from."""
    match step.from_state, step.to_state:
        case State.SUBMITTED | State.CONTROLLED, State.RECTIFYING:
            return SENT_BACK
        case State.CLOSED | State.DISMISSED, _:
            return REOPENED
        case State.SUBMITTED | State.CONTROLLED, State.CLOSED:
            return VERIFIED
        case _:
            return None


def step_name(step: AuditEntry, language: Language) -> str:
    """What happened, in a few words."""
    dues = _dues(step)
    if dues:
        return language.text("；").join(language.text(word) for word in dues)
    if step.from_state == step.to_state:
        if step.reason.startswith(FINDING):
            return language.text(AGAIN)
        if step.reason.startswith(CORRECTION):
            return language.text(CORRECTED)
        if step.actor_role in (Role.INSPECTOR, Role.SUPERVISOR):
            return language.text(EXTENDED)
    return language.text(_turned(step) or STEPS.get(step.to_state, step.to_state))


def step_note(step: AuditEntry, language: Language) -> str:
    """What a person wrote, or how a delivery was confirmed; nothing where the reason is only ours."""
    if step.reason.startswith((FINDING, f"{CORRECTION} ")) or _dues(step):
        return ""
    if step.reason.startswith(ON_SITE):
        return f"{language.text(ON_THE_SPOT)} {step.reason.removeprefix(ON_SITE)}".strip()
    return language.text(HOW[step.reason]) if step.reason in HOW else step.reason
