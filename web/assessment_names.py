"""Names of the closed sets of the monthly assessment as the pages say them; the msgids are Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from casework import report_words
from casework.assessment_comparison import Change
from store.assessments import ObjectionState


def _(message: str) -> str:
    """Mark a message for extraction."""
    return message


RUN_STATES: Mapping[str, str] = report_words.STATES

OBJECTION_STATES: Mapping[str, str] = MappingProxyType(
    {
        ObjectionState.OPEN: _("待处理"),
        ObjectionState.UPHELD: _("异议成立"),
        ObjectionState.REJECTED: _("异议不成立"),
    }
)

CHANGES: Mapping[str, str] = MappingProxyType(
    {
        Change.WORSE: _("等级下降"),
        Change.BETTER: _("等级上升"),
        Change.SAME: _("等级不变"),
        Change.NEW: _("首次评级"),
        Change.OTHER: _("评级状态变化"),
    }
)

REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "note": _("请写明理由。"),
        "reason": _("请写明理由。"),
        "changes": _("异议成立须更改至少一项；不成立则不更改。"),
        "value": _("填写的数值不能用于评价，请检查。"),
        "now": _("现在不在允许的时间内。"),
        "confirmed": _("请先勾选确认。"),
    }
)
"""What to do about a refused form, by the field that was wrong."""
