"""Names of what follows from credit as the pages say them: states, commands, and the fields each command asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


def _(message: str) -> str:
    """Mark a message for extraction."""
    return message


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a command's form.

    Attributes:
        kind: ``text``, ``note``, ``number``, ``decimal``, ``day`` (an instant: its end), ``date`` (a day), ``moment``, ``month``,
            ``yes``, ``choice``, ``choices`` or ``merchant``.
        choices: word → name.
    """

    name: str
    label: str
    kind: str = "text"
    choices: Mapping[str, str] | None = None
    required: bool = True


FINDINGS = MappingProxyType(
    {
        "no_problem": _("未发现问题"),
        "ordered_to_correct": _("发现问题已责令改正"),
        "to_be_followed_up": _("发现问题待后续处理"),
        "no_such_activity": _("未发现开展本次抽查涉及的经营活动"),
        "unreachable": _("通过登记的住所无法联系"),
        "refused": _("不配合检查情节严重"),
    }
)
CONDITIONS = MappingProxyType(
    {
        "duties_performed": _("已履行处罚决定的义务"),
        "harm_removed": _("已消除危害后果和不良影响"),
        "no_further_penalty": _("未再受到同类处罚"),
        "on_no_list": _("不在经营异常名录和严重违法失信名单中"),
        "commitment_letter": _("已作出信用承诺"),
    }
)
VOUCHERS = MappingProxyType({"consumption": _("消费券"), "service": _("服务券")})
ENTITLEMENTS = MappingProxyType({"loan": _("信用贷款"), "subsidy": _("阳光厨房补贴"), "fee_reduction": _("费用减免")})
DECLARED = MappingProxyType(
    {
        "food_quality": _("食品质量承诺声明"),
        "honest_operation": _("文明诚信经营声明"),
        "fair_price": _("明码标价声明"),
        "no_reason_return": _("无理由退货声明"),
    }
)
MEASURES = MappingProxyType(
    {"interview": _("约谈"), "suspension": _("停业整顿"), "bid_ban": _("不得参加下轮招投标"), "clear_out": _("清场")}
)
LISTS = MappingProxyType({"serious_dishonesty": _("严重违法失信名单"), "abnormal_operations": _("经营异常名录")})
ROLLS = MappingProxyType(
    {"red_list": _("红榜"), "standard_unit": _("规范单位"), "warning_unit": _("警示单位"), "black_list": _("黑榜")}
)
ORIGINS = MappingProxyType(
    {"drawn": _("随机抽取"), "triggered": _("触发检查"), "recheck": _("复查"), "weekly": _("每周现场评价")}
)
CLUES = MappingProxyType(
    {
        "penalty": _("行政处罚"),
        "court": _("法院推送"),
        "accident": _("食品安全事故"),
        "address": _("登记住所无法联系"),
        "disclosure": _("信息公示未及时改正"),
    }
)
GUIDED = MappingProxyType({"address": _("登记住所"), "instant": _("即时信息公示"), "annual": _("年度报告公示")})
CORRECTED = MappingProxyType({"": _("未改正"), "on_the_spot": _("当场改正"), "later": _("之后改正")})
LENIENT = MappingProxyType({"no_problem": _("轻微问题，当场改正"), "ordered_to_correct": _("轻微问题，之后改正")})
GRAVITIES = MappingProxyType({"minor": _("轻微项"), "general": _("一般项"), "major": _("严重项")})
SHIFTS = {"0": _("不调整"), "1": _("调高一级"), "2": _("调高两级"), "-1": _("调低一级")}
FORMS = MappingProxyType(
    {
        "": _("全部业态"),
        "catering": _("餐饮服务"),
        "retail": _("食品销售"),
        "canteen": _("单位食堂"),
        "workshop": _("小作坊"),
        "producer": _("食品生产"),
        "stall": _("市场摊位"),
    }
)
KINDS = MappingProxyType(
    {
        "licence": _("许可证"),
        "certificate": _("健康证明"),
        "annual_report": _("年度报告"),
        "stall_contract": _("摊位合同"),
    }
)
ANSWERS = MappingProxyType(
    {
        "granted": _("已批准"),
        "not_positive": _("数量应大于零"),
        "other_quota": _("与名额不符"),
        "grade_has_none": _("当前等级没有此项权益"),
        "above_share": _("超过本等级每月可申领数量"),
        "exhausted": _("名额已领完"),
        "ceiling_reached": _("本年补贴已达上限"),
        "above_ceiling": _("按上限批准"),
        "no_cost": _("没有费用凭证"),
    }
)

PUSHED = MappingProxyType({"listed": _("列入名单"), "removed": _("移出名单")})
TITLES = MappingProxyType(
    {
        "tasks": _("现场检查"),
        "draws": _("双随机抽取"),
        "penalties": _("行政处罚"),
        "repairs": _("信用修复"),
        "commitments": _("食品安全信用承诺书"),
        "conflicts": _("回避"),
        "superior-checks": _("上级部门检查"),
        "risk-grades": _("国家风险等级"),
    }
)

STATES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "tasks": {
            "planned": _("已计划"),
            "drawn": _("已抽取，待派员"),
            "triggered": _("已触发，待派员"),
            "assigned": _("待检查"),
            "in_progress": _("检查中"),
            "result_entered": _("待签字"),
            "merchant_signed": _("商户已签字，待公示"),
            "refused_sign": _("商户拒签，待公示"),
            "published": _("已公示"),
            "needs_rectification": _("限期整改"),
            "recheck_due": _("待复查"),
            "recheck_done": _("已复查"),
            "cancelled": _("已取消"),
        },
        "draws": {"committed": _("已公布承诺值"), "drawn": _("已抽取"), "cancelled": _("已取消")},
        "rolls": {
            "proposed": _("待决定"),
            "published": _("已公布"),
            "refused": _("不予公布"),
            "withdrawn": _("已撤回"),
        },
        "listings": {
            "clue": _("线索"),
            "review": _("审查中"),
            "advance_notice": _("已告知，可陈述申辩"),
            "listed": _("已决定列入"),
            "not_listed": _("不予列入"),
            "published": _("已公示"),
            "pushed": _("已列入并推送"),
            "early_removal_requested": _("申请提前移出"),
            "removed": _("已移出"),
            "expired": _("已到期"),
            "unpushed": _("已移出并推送"),
        },
        "conflicts": {"declared": _("应当回避"), "lifted": _("已解除")},
        "superior-checks": {"recorded": _("三个月内不重复检查"), "withdrawn": _("已撤销")},
        "risk-grades": {"agreed": _("与信用等级相符"), "review": _("待复核"), "reviewed": _("已复核")},
        "guidances": {"asked": _("待改正"), "corrected": _("已及时改正"), "lapsed": _("未及时改正，已转线索")},
        "trainings": {"planned": _("已安排"), "held": _("已举办"), "cancelled": _("已取消")},
        "attendances": {
            "invited": _("已通知参加"),
            "attended": _("已参加"),
            "absent": _("缺席"),
            "excused": _("已请假"),
        },
        "pushes": {"waiting": _("待部门系统接收"), "sent": _("待确认"), "acknowledged": _("已确认")},
        "penalties": {
            "filed": _("已立案"),
            "decided": _("已决定，待送达"),
            "served": _("已送达，公示中"),
            "ended": _("已停止公示"),
            "dropped": _("已撤案"),
        },
        "repairs": {
            "eligible_pending": _("未到最短公示期"),
            "eligible": _("可以申请"),
            "applied": _("待受理"),
            "supplement_requested": _("待补正"),
            "accepted": _("已受理"),
            "checked": _("已核实"),
            "approved": _("准予修复"),
            "published": _("已修复"),
            "rejected": _("不予修复"),
            "withdrawn": _("已撤回"),
            "revoked": _("已撤销修复"),
        },
        "commitments": {
            "draft": _("待签署"),
            "signed": _("已签署"),
            "published": _("已公示"),
            "breach_recorded": _("有违诺记录"),
            "renewed": _("已续签"),
            "superseded": _("已被新承诺替代"),
            "expired": _("已到期"),
            "false_found": _("认定不实"),
            "revoked": _("已撤销"),
        },
        "declarations": {"published": _("已公示"), "withdrawn": _("已撤回")},
        "measures": {
            "proposed": _("待告知"),
            "notified": _("听证期"),
            "decided": _("已决定"),
            "refused": _("不予采取"),
            "executed": _("已执行"),
            "withdrawn": _("已撤回"),
            "corrected": _("已更正"),
        },
        "vouchers": {"granted": _("已批准"), "refused": _("未批准")},
        "entitlements": {"granted": _("已批准"), "refused": _("未批准")},
        "reminders": {"watched": _("提醒中"), "passed": _("已到期")},
    }
)

COMMANDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "tasks": {
            "assign": _("派员"),
            "start": _("开始检查"),
            "enter_result": _("录入结果"),
            "sign": _("商户签字"),
            "refuse_sign": _("商户拒签"),
            "publish": _("公示结果"),
            "order_rectification": _("责令限期整改"),
            "set_recheck": _("提前复查"),
            "recheck": _("录入复查"),
            "cancel": _("取消任务"),
        },
        "draws": {"draw": _("立即抽取"), "cancel": _("取消抽取")},
        "rolls": {"publish": _("公布"), "refuse": _("不予公布"), "withdraw": _("撤回")},
        "listings": {
            "review": _("开始审查"),
            "give_notice": _("拟列入告知"),
            "drop": _("不予列入"),
            "state_case": _("陈述申辩"),
            "list": _("决定列入"),
            "publish": _("公示并推送"),
            "ask_removal": _("申请提前移出"),
            "refuse_removal": _("不予移出"),
            "remove": _("准予移出"),
        },
        "pushes": {"acknowledge": _("确认收到")},
        "conflicts": {"lift": _("解除回避")},
        "superior-checks": {"withdraw": _("撤销记录")},
        "risk-grades": {"settle": _("复核结论")},
        "guidances": {"correct": _("确认已改正")},
        "trainings": {"hold": _("确认已举办"), "cancel": _("取消培训")},
        "attendances": {"attend": _("参加"), "miss": _("缺席"), "excuse": _("请假")},
        "penalties": {"decide": _("作出决定"), "serve": _("双书同达"), "drop": _("撤案")},
        "repairs": {
            "apply": _("申请修复"),
            "request_supplement": _("要求补正"),
            "supplement": _("提交补正"),
            "accept": _("受理"),
            "check": _("核实"),
            "approve": _("准予修复"),
            "reject": _("不予修复"),
            "withdraw": _("撤回申请"),
            "revoke": _("撤销修复"),
        },
        "commitments": {
            "sign": _("签署"),
            "publish": _("公示"),
            "record_breach": _("记录违诺"),
            "find_false": _("认定不实"),
            "revoke": _("撤销承诺"),
        },
        "declarations": {"withdraw": _("撤回声明")},
        "measures": {
            "notify": _("告知并给予听证"),
            "decide": _("决定采取"),
            "refuse": _("不予采取"),
            "execute": _("已执行"),
            "withdraw": _("撤回"),
            "be_heard": _("陈述意见"),
        },
    }
)

REASON = Field("reason", _("理由"), "note")
EVIDENCE = Field("evidence_ids", _("证据编号"))
_REASONED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "tasks": frozenset({"refuse_sign", "order_rectification", "cancel"}),
        "draws": frozenset({"cancel"}),
        "rolls": frozenset({"publish", "refuse", "withdraw"}),
        "listings": frozenset({"give_notice", "drop", "state_case", "list", "ask_removal", "refuse_removal", "remove"}),
        "penalties": frozenset({"decide", "drop"}),
        "repairs": frozenset({"request_supplement", "reject", "revoke"}),
        "commitments": frozenset({"record_breach", "find_false", "revoke"}),
        "measures": frozenset({"notify", "decide", "refuse", "withdraw", "be_heard"}),
        "conflicts": frozenset({"lift"}),
        "superior-checks": frozenset({"withdraw"}),
        "risk-grades": frozenset({"settle"}),
        "trainings": frozenset({"cancel"}),
        "attendances": frozenset({"excuse"}),
    }
)
_CLASSES = MappingProxyType(
    {
        "warning_only": _("仅警告"),
        "low_fine": _("通报批评或较低数额罚款"),
        "other": _("其他"),
        "minor": _("轻微"),
        "general": _("一般"),
        "serious": _("严重"),
    }
)
_PENALTIES = MappingProxyType(
    {
        "warning": _("警告"),
        "fine": _("罚款"),
        "confiscation": _("没收"),
        "suspension": _("责令停产停业"),
        "revoked_licence": _("吊销许可证"),
    }
)
_FIELDS: Mapping[tuple[str, str], tuple[Field, ...]] = MappingProxyType(
    {
        ("tasks", "enter_result"): (
            Field("finding", _("检查结果"), "choice", FINDINGS),
            Field("remark", _("检查情况"), "note", required=False),
        ),
        ("tasks", "order_rectification"): (Field("recheck_by", _("整改期限"), "day"),),
        ("tasks", "recheck"): (Field("passed", _("已整改到位"), "yes"),),
        ("listings", "list"): (EVIDENCE,),
        ("pushes", "acknowledge"): (Field("feedback", _("措施反馈"), "note", required=False),),
        ("penalties", "decide"): (
            Field("kind", _("处罚种类"), "choice", _PENALTIES),
            Field("class", _("信用修复类别"), "choice", _CLASSES),
            Field("amount_fen", _("罚款金额（分）"), "number", required=False),
            Field("heavier", _("较重行政处罚"), "yes"),
            Field("listed_kind", _("属于严重违法失信名单所列情形"), "yes"),
        ),
        ("penalties", "serve"): (
            Field("decision_delivery_id", _("处罚决定书送达编号")),
            Field("notice_delivery_id", _("信用修复告知书送达编号")),
        ),
        ("repairs", "apply"): (Field("shown", _("符合的条件"), "choices", CONDITIONS),),
        ("repairs", "supplement"): (Field("shown", _("符合的条件"), "choices", CONDITIONS, required=False),),
        ("repairs", "revoke"): (EVIDENCE,),
        ("commitments", "sign"): (Field("signer", _("签署人姓名")),),
        ("commitments", "record_breach"): (Field("deduction_id", _("扣分记录编号")),),
        ("commitments", "find_false"): (EVIDENCE,),
        ("guidances", "correct"): (Field("corrected_on", _("改正日期"), "date", required=False),),
    }
)

MERCHANT = Field("merchant", _("商户（名称或统一社会信用代码）"), "merchant")
BEGUN: Mapping[str, tuple[str, tuple[Field, ...]]] = MappingProxyType(
    {
        "tasks": (_("安排检查"), (MERCHANT, Field("due_by", _("完成期限"), "day"), REASON)),
        "listings": (
            _("登记名单线索"),
            (
                MERCHANT,
                Field("list", _("名单"), "choice", LISTS),
                Field("clue", _("线索"), "choice", CLUES),
                Field("violation_listed", _("属于名单所列违法情形"), "yes"),
                Field("heavier_penalty", _("受到较重行政处罚"), "yes"),
                REASON,
            ),
        ),
        "penalties": (_("立案"), (MERCHANT, Field("doc_no", _("文书号")), REASON)),
        "guidances": (
            _("提醒改正"),
            (
                MERCHANT,
                Field("kind", _("事项"), "choice", GUIDED),
                Field("subject", _("具体内容"), required=False),
                Field("reachable_by_phone", _("登记电话可以联系（登记住所无法联系时）"), "yes"),
                REASON,
            ),
        ),
        "reminders": (
            _("登记到期事项"),
            (
                MERCHANT,
                Field("kind", _("事项"), "choice", KINDS),
                Field("subject", _("编号或名称"), required=False),
                Field("last_on", _("最后有效日"), "date"),
            ),
        ),
        "trainings": (
            _("安排培训"),
            (
                Field("title", _("培训主题")),
                Field("begins_at", _("开始时间"), "moment"),
                Field("place", _("地点"), required=False),
                Field("region", _("区域代码（六位数字）")),
                Field("form", _("业态"), "choice", FORMS, required=False),
            ),
        ),
        "conflicts": (_("申报回避"), (MERCHANT, Field("officer", _("回避人员"), "choice", required=False), REASON)),
        "superior-checks": (
            _("登记上级检查"),
            (
                MERCHANT,
                Field("authority", _("检查部门")),
                Field("on", _("检查日期"), "date"),
                Field("items", _("已检查项目"), "choices"),
            ),
        ),
        "risk-grades": (
            _("登记风险分值"),
            (
                MERCHANT,
                Field("static", _("静态风险分值（0—40）"), "decimal"),
                Field("dynamic", _("动态风险分值（0—60）"), "decimal"),
                Field("shift", _("等级调整"), "choice", MappingProxyType(SHIFTS)),
            ),
        ),
        "quotas": (
            _("设置消费券名额"),
            (
                Field("region", _("区域代码（六位数字）")),
                Field("kind", _("券种"), "choice", VOUCHERS),
                Field("month", _("月份"), "month"),
                Field("size", _("名额"), "number"),
            ),
        ),
    }
)
"""What an official may begin on a page: kind of case → what the form is called, and what it asks for."""


def fields_of(kind: str, command: str) -> tuple[Field, ...]:
    """What a command's form asks for, the reason last."""
    asked = _FIELDS.get((kind, command), ())
    return (*asked, REASON) if command in _REASONED.get(kind, ()) else asked
