"""Sentences about warnings, findings and deductions as message templates with named placeholders.

The source language is Chinese: a template is its own message id, and a translator is anything like ``gettext``. The catalogues
belong to the web; here stand only the templates, marked for extraction with ``N_``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from domain.errors import BadInput
from domain.escalation import Until
from domain.events import EventName
from domain.findings import Reason, ReasonCode
from domain.rules import Level
from domain.time import local, parse_instant

Translate = Callable[[str], str]
"""A message id in, the reader's words out; like ``gettext``."""

Translator = Callable[[str], Translate]
"""The ``Translate`` of a locale (``zh``, ``en``)."""


def N_(message: str) -> str:  # noqa: N802 - the name that message extractors look for
    """Mark a message for extraction; it is translated where it is shown."""
    return message


def chinese(message: str) -> str:
    """The translator of the source language."""
    return message


def source_language(_locale: str) -> Translate:
    """A ``Translator`` that knows the source language only."""
    return chinese


REASONS: Mapping[ReasonCode, str] = MappingProxyType(
    {
        ReasonCode.CAMERA: N_("摄像头 %(camera)s（%(zone)s）连续 %(frames)s 帧识别到“%(class)s”，置信度 %(confidence)s"),
        ReasonCode.PRODUCT_EXPIRED_ON_SALE: N_("批次 %(lot)s“%(name)s”已于 %(expires_at)s 过期，仍在销售"),
        ReasonCode.PRODUCT_EXPIRED: N_("库存产品批次 %(lot)s“%(name)s”已于 %(expires_at)s 过期，未隔离"),
        ReasonCode.RAW_EXPIRED: N_("原料批次 %(lot)s“%(name)s”已于 %(expires_at)s 过期，未隔离"),
        ReasonCode.RAW_EXPIRED_USED: N_("原料批次 %(lot)s“%(name)s”已于 %(expires_at)s 过期，仍用于加工"),
        ReasonCode.CERTIFICATE_EXPIRED: N_(
            "%(name)s（%(person)s）的健康证有效期至 %(valid_until)s，%(shift_start)s 的班次仍安排直接接触食品的工作"
        ),
        ReasonCode.ADDITIVE_BEYOND_SCOPE: N_(
            "产品批次 %(product_lot)s（类别 %(food_class)s）使用了不允许使用的添加剂“%(additive)s”（批次 %(lot)s）"
        ),
        ReasonCode.ADDITIVE_OVER_LIMIT: N_(
            "产品批次 %(product_lot)s 中“%(additive)s”用量 %(used)s g/kg，超过最大使用量 %(limit)s g/kg"
        ),
        ReasonCode.ADDITIVES_TOGETHER: N_(
            "产品批次 %(product_lot)s 中 %(additives)s 混合使用，各自用量占其最大使用量的比例之和为 %(share)s，超过 1"
        ),
        ReasonCode.ADDITIVE_PROHIBITED: N_("产品批次 %(product_lot)s 使用了非食用物质“%(additive)s”（批次 %(lot)s）"),
        ReasonCode.ADDITIVE_HELD: N_("餐饮服务单位不得采购、贮存、使用“%(additive)s”（批次 %(lot)s）"),
        ReasonCode.ADDITIVE_CARRIED_OVER: N_(
            "产品批次 %(product_lot)s 由配料“%(ingredient)s”带入“%(additive)s”%(used)s g/kg，需人工判断"
        ),
        ReasonCode.SAMPLING_FAILED: N_("产品“%(product)s”（批次 %(lot)s）抽检不合格：%(items)s（报告 %(report_no)s）"),
        ReasonCode.MANUAL: N_("人工登记：%(note)s"),
    }
)

SOLD_EXPIRED = N_("批次 %(lot)s“%(name)s”已于 %(expires_at)s 过期，%(sold_at)s 仍售出（追溯码 %(trace_code)s）")

CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "no_hat": N_("未戴帽"),
        "no_mask": N_("未戴口罩"),
        "no_gloves": N_("专间未戴手套"),
        "no_workwear": N_("未穿工作服"),
        "smoking": N_("吸烟"),
        "phone_use": N_("专间使用手机"),
        "bin_uncovered": N_("垃圾桶未盖"),
        "bin_overflow": N_("垃圾桶满溢"),
        "rodent": N_("老鼠"),
        "pest_or_pet": N_("昆虫或宠物"),
        "food_on_floor": N_("食品未离地离墙"),
        "raw_cooked_mixed": N_("生熟混放"),
        "stranger": N_("非工作人员进入"),
        "flame_unattended": N_("动火离人"),
        "camera_obstructed": N_("摄像头遮挡或模糊"),
        "fire": N_("起火或冒烟"),
        "raw_expired": N_("原料过期"),
        "product_expired": N_("库存产品过期"),
        "certificate_expired": N_("健康证过期"),
        "additive_beyond_scope": N_("超范围使用食品添加剂"),
        "sampling_failed": N_("产品抽检不合格"),
    }
)

LEVELS: Mapping[Level, str] = MappingProxyType({Level.RED: N_("红色预警"), Level.ORDINARY: N_("预警")})

HEADLINES: Mapping[EventName, str] = MappingProxyType(
    {
        EventName.WARNING_RAISED: N_("%(level)s：%(class)s"),
        EventName.WARNING_NOTIFIED: N_("已送达：%(class)s"),
        EventName.WARNING_ACKNOWLEDGED: N_("商户已确认：%(class)s"),
        EventName.WARNING_STARTED: N_("商户开始整改：%(class)s"),
        EventName.WARNING_SUBMITTED: N_("整改待核实：%(class)s"),
        EventName.WARNING_SENT_BACK: N_("整改未通过，请重新整改：%(class)s"),
        EventName.WARNING_CLOSED: N_("已闭环：%(class)s"),
        EventName.WARNING_DISMISSED: N_("已撤销：%(class)s"),
        EventName.WARNING_CONTROLLED: N_("转入长期管控：%(class)s"),
        EventName.WARNING_REOPENED: N_("重新打开：%(class)s"),
        EventName.WARNING_EXTENDED: N_("整改时限已延长：%(class)s"),
        EventName.WARNING_ATTACHED: N_("同一问题再次出现：%(class)s"),
        EventName.WARNING_CORRECTED: N_("台账已更正，待核实：%(class)s"),
        EventName.WARNING_REMINDED: N_("闭环时限已过 %(percent)s%%：%(class)s"),
        EventName.WARNING_ESCALATED: N_("请督办：%(class)s"),
        EventName.RECTIFY_OVERDUE: N_("整改逾期：%(class)s"),
        EventName.CLOSURE_OVERDUE: N_("24 小时闭环逾期：%(class)s"),
        EventName.FINDING_QUEUED: N_("待人工复核：%(class)s"),
        EventName.FINDING_ESCALATED: N_("复核超时，请督办：%(class)s"),
        EventName.FINDING_EXPIRED: N_("72 小时未复核，已失效：%(class)s"),
        EventName.DEDUCTION_PROPOSED: N_("拟扣 %(points)s 分：%(violation_code)s"),
        EventName.DEDUCTION_OBJECTED: N_("商户提出异议：%(violation_code)s"),
        EventName.DEDUCTION_FINAL: N_("扣 %(points)s 分已生效：%(violation_code)s"),
        EventName.DEDUCTION_WITHDRAWN: N_("拟扣分已撤回：%(violation_code)s"),
        EventName.DEDUCTION_REVERSED: N_("扣分已撤销：%(violation_code)s"),
        EventName.DEVICE_ONLINE: N_("设备上线：%(device)s"),
        EventName.DEVICE_OFFLINE: N_("设备离线：%(device)s"),
        EventName.OPERATION_OPENED: N_("运行告警：%(alert)s"),
        EventName.OPERATION_CLOSED: N_("运行告警已恢复：%(alert)s"),
        EventName.CREDIT_CHANGED: N_("信用事项有变化"),
        EventName.CREDIT_REMINDER: N_("信用提醒"),
        EventName.CREDIT_WORK: N_("信用监管待办"),
        EventName.LOT_EXPIRES_SOON: N_("批次 %(lot)s“%(name)s”将于 %(expires_at)s 到期，请及时处理"),
        EventName.CERTIFICATE_EXPIRES_SOON: N_("%(name)s（%(person)s）的健康证将于 %(valid_until)s 到期，请及时办理"),
        EventName.ADDITIVE_UNMAPPED: N_("添加剂名称“%(additive)s”无法识别，请确认"),
        EventName.SAMPLE_CHANGED: N_("抽检报告 %(report_no)s：%(what)s"),
    }
)

RECTIFY_REMINDED = N_("整改时限已过 %(percent)s%%：%(class)s")
UNMET: Mapping[str, str] = MappingProxyType(
    {
        Until.DELIVERED: N_("仍未送达商户，请现场告知：%(class)s"),
        Until.ACKNOWLEDGED: N_("商户仍未确认，请电话联系：%(class)s"),
        Until.SUBMITTED: N_("商户仍未提交整改：%(class)s"),
        Until.CLOSED: N_("仍未闭环：%(class)s"),
    }
)
"""What a step of escalation says, by what it waited for."""
DIGEST = N_("%(count)s 条通知")
RED_DIGEST = N_("%(count)s 条通知，其中红色预警 %(red)s 条")
NOT_NAMED = N_("另有 %(count)s 条，请打开查看")

DEADLINE = N_("%(merchant)s。%(why)s。闭环截止 %(close_by)s")
NO_DEADLINE = N_("%(merchant)s。%(why)s")
CHARGE = N_("违规代码 %(violation_code)s：基础分 %(base)s，第 %(ordinal)s 次，扣 %(points)s 分")
RECTIFY = "rectify"
"""The clock of a reminder that is not about the 24 hours."""
WHOLE_PICTURE = N_("全画面")


class _Params(dict[str, str]):
    """Parameters of a template; one that is missing reads as a dash, so that an old record still makes a sentence."""

    def __missing__(self, key: str) -> str:
        return "—"


def fill(template: str, params: Mapping[str, object], translate: Translate = chinese) -> str:
    """A template translated, then filled. Values are put in as they are: only the template is trusted."""
    return translate(template) % _Params({name: str(value) for name, value in params.items()})


def moment(text: str) -> str:
    """An RFC 3339 instant on Shanghai's clock, to the minute; anything else as it is."""
    try:
        return local(parse_instant(text, "reason")).strftime("%Y-%m-%d %H:%M")
    except BadInput:
        return text


def class_name(class_: str, translate: Translate = chinese) -> str:
    """The class of a finding in words; an unknown one by its wire name."""
    return translate(CLASSES[class_]) if class_ in CLASSES else class_


def sentence(reason: Reason, translate: Translate = chinese) -> str:
    """Why something was raised, in one sentence.

    Args:
        reason: the code with its parameters.
        translate: the reader's translator.
    """
    template, params = REASONS[reason.code], dict(reason.params)
    if reason.code is ReasonCode.CAMERA:
        params["class"] = class_name(params.get("class", ""), translate)
        params["zone"] = params.get("zone") or translate(WHOLE_PICTURE)
    elif reason.code is ReasonCode.PRODUCT_EXPIRED_ON_SALE and params.get("sold_at"):
        template = SOLD_EXPIRED
    for name in ("expires_at", "sold_at", "shift_start"):
        if name in params:
            params[name] = moment(params[name])
    return fill(template, params, translate)


def headline(event: EventName, data: Mapping[str, object], translate: Translate = chinese) -> str:
    """The title of a notification; ``data`` is the event's own."""
    params = dict(data)
    if "class" in params:
        params["class"] = class_name(str(params["class"]), translate)
    if "expires_at" in params:
        params["expires_at"] = moment(str(params["expires_at"]))
    if "what" in params:
        params["what"] = translate(str(params["what"]))
    if "level" in params:
        params["level"] = translate(LEVELS[Level(str(params["level"]))])
    template = HEADLINES[event]
    if event is EventName.WARNING_REMINDED and data.get("clock") == RECTIFY:
        template = RECTIFY_REMINDED
    elif event is EventName.WARNING_ESCALATED:
        template = UNMET.get(str(data.get("until")), template)
    return fill(template, params, translate)
