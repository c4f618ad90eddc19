"""Names of closed sets as the pages say them; the msgids are Chinese. Sentences about warnings are casework's."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from domain.deductions import DeductionState
from domain.findings import EvidenceKind
from domain.operations import SilenceKind
from domain.parties import BusinessForm, Role, ZoneKind
from domain.warnings import Disposition, State
from web.problems import ProblemCode


def _(message: str) -> str:
    """Mark a message for extraction."""
    return message


STATES: Mapping[str, str] = MappingProxyType(
    {
        State.RAISED: _("待送达"),
        State.NOTIFIED: _("待确认"),
        State.ACKNOWLEDGED: _("已确认"),
        State.RECTIFYING: _("整改中"),
        State.SUBMITTED: _("待核实"),
        State.CONTROLLED: _("长期管控"),
        State.CLOSED: _("已闭环"),
        State.DISMISSED: _("已撤销"),
    }
)

SILENCES: Mapping[str, str] = MappingProxyType({SilenceKind.SILENCE: _("静默"), SilenceKind.MAINTENANCE: _("检修")})

STEPS: Mapping[str, str] = MappingProxyType(
    {
        "": _("记录"),
        State.RAISED: _("发现问题，发出预警"),
        State.NOTIFIED: _("已送达商户"),
        State.ACKNOWLEDGED: _("商户已确认"),
        State.RECTIFYING: _("开始整改"),
        State.SUBMITTED: _("提交整改结果"),
        State.CONTROLLED: _("转入长期管控"),
        State.CLOSED: _("闭环"),
        State.DISMISSED: _("撤销预警"),
    }
)

DISPOSITIONS: Mapping[str, str] = MappingProxyType(
    {
        Disposition.VERIFIED: _("核实通过"),
        Disposition.DISMISSED: _("误报撤销"),
        Disposition.CASE_FILED: _("已立案"),
        Disposition.CONTROLLED_LONG_TERM: _("长期管控"),
    }
)

DEDUCTION_STATES: Mapping[str, str] = MappingProxyType(
    {
        DeductionState.PROPOSED: _("拟扣分"),
        DeductionState.OBJECTED: _("有异议"),
        DeductionState.FINAL: _("已生效"),
        DeductionState.WITHDRAWN: _("已撤回"),
        DeductionState.REVERSED: _("申诉撤销"),
    }
)

ROLES: Mapping[str, str] = MappingProxyType(
    {
        Role.MERCHANT: _("商户"),
        Role.STAFF: _("店员"),
        Role.INSPECTOR: _("执法人员"),
        Role.SUPERVISOR: _("主管"),
        Role.DEPARTMENT: _("联络员部门"),
        Role.SYSTEM: _("系统"),
    }
)

FORMS: Mapping[str, str] = MappingProxyType(
    {
        BusinessForm.CATERING: _("餐饮服务"),
        BusinessForm.RETAIL: _("食品销售"),
        BusinessForm.CANTEEN: _("单位食堂"),
        BusinessForm.WORKSHOP: _("食品小作坊"),
        BusinessForm.PRODUCER: _("食品生产"),
        BusinessForm.STALL: _("市场摊位"),
    }
)

ZONES: Mapping[str, str] = MappingProxyType(
    {
        ZoneKind.KITCHEN: _("后厨"),
        ZoneKind.SPECIAL_ROOM: _("专间"),
        ZoneKind.STOVE: _("灶台"),
        ZoneKind.STORAGE: _("库房"),
        ZoneKind.CLOSED: _("封闭区"),
    }
)
"""Zones are named by their sites; those named like their kind are said in words."""

EVIDENCE: Mapping[str, str] = MappingProxyType(
    {
        EvidenceKind.SNAPSHOT: _("抓拍画面"),
        EvidenceKind.PHOTO: _("整改照片"),
        EvidenceKind.RECORD: _("登记记录"),
    }
)

GRADES: Mapping[str, str] = MappingProxyType(
    {
        "blue": _("蓝色"),
        "yellow": _("黄色"),
        "orange": _("橙色"),
        "red": _("红色"),
        "green": _("绿色"),
        "unrated": _("未评级"),
        "provisional": _("暂定"),
        "A": _("A 级"),
        "B": _("B 级"),
        "C": _("C 级"),
        "D": _("D 级"),
    }
)

BAD_INPUT: Mapping[str, str] = MappingProxyType(
    {
        "E001": _("格式错误"),
        "E002": _("未知类型或主题"),
        "E003": _("字段缺失或类型错误"),
        "E004": _("含禁用字段"),
        "E010": _("信用代码有误"),
        "E011": _("商户未登记"),
        "E012": _("许可证号有误"),
        "E020": _("设备未绑定"),
        "E021": _("签名错误"),
        "E030": _("重复数据"),
        "E031": _("编号相同内容不同"),
        "E040": _("时钟偏快"),
        "E041": _("时间不可能"),
        "E042": _("数据迟到"),
        "E043": _("时间缺少时区"),
        "E050": _("数值不可能"),
        "E051": _("称重金额不符"),
        "E052": _("批次数量为负"),
        "E053": _("未知添加剂"),
        "E054": _("保质期早于生产"),
        "E060": _("快照缺失或不符"),
        "E070": _("发送过快"),
        "E080": _("追溯码重复"),
    }
)

PROBLEMS: Mapping[str, str] = MappingProxyType(
    {
        ProblemCode.ILLEGAL_TRANSITION: _("当前状态不能进行此操作，可能已有人处理。"),
        ProblemCode.CONFLICT: _("其他人刚刚修改了这条记录，请刷新后再试。"),
        ProblemCode.FORBIDDEN: _("您没有权限进行此操作。"),
        ProblemCode.NOT_FOUND: _("没有找到您要的内容。"),
        ProblemCode.UNAVAILABLE: _("系统暂时不可用，请稍后再试。"),
        ProblemCode.SIGN_IN_REFUSED: _("用户名或密码不正确。"),
        ProblemCode.TOO_MANY_ATTEMPTS: _("尝试次数过多，请稍后再试。"),
        ProblemCode.CSRF: _("页面已过期，请刷新后再试。"),
        ProblemCode.INVALID_REQUEST: _("提交的内容不完整或有误。"),
        ProblemCode.TOO_LARGE: _("文件太大。"),
        ProblemCode.PRECONDITION_FAILED: _("内容已被他人更改，请刷新后再试。"),
        ProblemCode.METHOD_NOT_ALLOWED: _("不支持此操作。"),
        ProblemCode.INTERNAL: _("系统出现错误，请稍后再试。"),
    }
)

COMPONENTS: Mapping[str, str] = MappingProxyType(
    {
        "base": _("基础分"),
        "repeat": _("重复系数"),
        "overdue": _("逾期加扣"),
        "waived": _("首违免扣"),
        "capped": _("封顶减扣"),
        "incident": _("同一事实已扣"),
        "beyond_daily_limit": _("超出每日计数"),
    }
)
