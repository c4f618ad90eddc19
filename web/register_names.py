"""Words of the registers: what stands in a record, for pages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


def _(message: str) -> str:
    """Mark a message for extraction."""
    return message


STATES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "valid": (_("有效"), "is-on"),
        "renewed": (_("已换新证"), "tag-plain"),
        "future": (_("尚未生效"), "tag-plain"),
        "expired": (_("已过期"), "tag-red"),
        "good": (_("未到期"), "is-on"),
        "apart": (_("已隔离或用完"), "tag-plain"),
        "within": (_("符合"), "is-on"),
        "needs_mapping": (_("名称待确认"), "tag-amber"),
        "needs_class": (_("待填食品类别"), "tag-amber"),
        "not_covered": (_("不在判定范围"), "tag-plain"),
        "not_additive": (_("不是添加剂"), "tag-plain"),
        "review": (_("待人工判断"), "tag-amber"),
        "over_limit": (_("超限量"), "tag-red"),
        "beyond_scope": (_("超范围"), "tag-red"),
        "prohibited": (_("非食用物质"), "tag-red"),
        "passed": (_("合格"), "is-on"),
        "to_be_sampled": (_("待监督抽检"), "tag-amber"),
        "retest_open": (_("不合格，可申请复检"), "tag-red"),
        "confirmed": (_("不合格，结论生效"), "tag-red"),
        "overturned": (_("复检合格，原结论撤销"), "is-on"),
        "retest_reported": (_("上报复检合格，待录入"), "tag-amber"),
        "retest": (_("复检报告"), "tag-plain"),
        "ok": (_("晨检正常"), "is-on"),
        "fever": (_("晨检发热"), "tag-red"),
        "wound": (_("晨检外伤"), "tag-red"),
        "cancelled": (_("已取消"), "tag-plain"),
        "planned": (_("已排班"), "tag-plain"),
    }
)
NAMES = _("添加剂名称")
ANSWERS: Mapping[str, str] = MappingProxyType({"none": _("不是添加剂"), "unlisted": _("标准未允许使用的添加剂")})
