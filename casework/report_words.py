"""The fixed words of a report and of where a number came from; messages of the pages' own catalogue, Chinese first.

A sealed report is drawn again to be verified, so what is said depends on the report and the language alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Any, Final

from casework.words import N_, Translate, chinese

WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "title": N_("月度考评报告"),
        "score": N_("得分"),
        "grade": N_("等级"),
        "previous": N_("上次等级"),
        "state": N_("状态"),
        "version": N_("第 %(n)s 版"),
        "reasons": N_("等级说明"),
        "drivers": N_("失分最多的项目"),
        "regain": N_("如何恢复分数"),
        "trend": N_("近十二个月"),
        "dimensions": N_("各维度得分"),
        "lines": N_("全部项目"),
        "item": N_("项目"),
        "points": N_("得分"),
        "max": N_("满分"),
        "lost": N_("影响总分"),
        "why": N_("依据"),
        "source": N_("来源"),
        "prior": N_("以前月份补记事项"),
        "none": N_("无"),
        "na": N_("不适用"),
        "frozen": N_("数据截止"),
        "objection": N_("异议截止"),
        "published": N_("发布"),
        "catalogue": N_("评价目录版本"),
        "config": N_("配置摘要"),
        "seal": N_("核验"),
        "hash": N_("内容摘要"),
        "key": N_("签名公钥"),
        "correction": N_("更正原因"),
        "appeal": N_("如有异议，可在公示期内提出；发布后三十日内可申诉。"),
        "genuine": N_("本报告可用 kitchen assess verify 核验真伪。"),
        "links": N_("点击得分可查看依据和证据。"),
        "reading": N_("条形为得分占满分的比例。"),
        "evidence": N_("证据"),
    }
)

STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "open": N_("采集中"),
        "frozen": N_("数据已冻结"),
        "provisional": N_("初评完成"),
        "objection_window": N_("异议期"),
        "final": N_("待发布"),
        "published": N_("已发布"),
        "corrected": N_("已有更正版本"),
    }
)

HOWS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "counted": N_("系统记录统计"),
        "told": N_("外部提供"),
        "unrecorded": N_("无记录"),
        "lacking": N_("待补交资料"),
        "none": N_("不适用"),
        "objection": N_("异议成立后更正"),
        "corrected": N_("更正"),
        "supplied": N_("已补交"),
        "prior_period": N_("以前月份补记事项"),
    }
)
"""Where a fact came from (``origins`` of its inputs)."""

NUMBERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cameras": N_("摄像头 %(n)s 个"),
        "due_minutes": N_("应在线 %(n)s 分钟"),
        "online_minutes": N_("实际在线 %(n)s 分钟"),
        "readings": N_("温度读数 %(n)s 条"),
        "in_range": N_("达标 %(n)s 条"),
        "open_days": N_("营业 %(n)s 天"),
        "days": N_("有数据 %(n)s 天"),
        "excused": N_("免计 %(n)s 天"),
        "recorded": N_("有记录 %(n)s 天"),
        "person_days": N_("在岗 %(n)s 人天"),
        "valid": N_("持证 %(n)s 人天"),
        "with_voucher": N_("有票证 %(n)s 批"),
        "batches": N_("共 %(n)s 批"),
        "violations": N_("违规 %(n)s 起"),
        "prior_period": N_("其中以前月份 %(n)s 起"),
        "on_time": N_("按时 %(n)s 起"),
        "due": N_("应完成 %(n)s 起"),
        "stars": N_("星级合计 %(n)s"),
        "pass": N_("合格 %(n)s 次"),
        "total": N_("共 %(n)s 次"),
        "on": N_("检查日期 %(n)s"),
        "low_fine": N_("低额处罚 %(n)s 件"),
        "ordinary": N_("一般处罚 %(n)s 件"),
        "heavy": N_("较重处罚 %(n)s 件"),
        "months": N_("本轮已计 %(n)s 个月"),
        "round_began_on": N_("本轮起始 %(n)s"),
    }
)
"""What was counted on the way (``told`` of an origin); a number that is not here is shown under its own name."""

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "no_camera": N_("没有摄像头"),
        "no_board": N_("没有看板"),
        "no_shifts": N_("没有排班记录"),
        "no_batches": N_("没有批次记录"),
        "no_record": N_("没有记录"),
        "no_data": N_("没有数据"),
        "no_ratings": N_("没有评价"),
        "no_cold_storage": N_("没有冷藏设施"),
        "closed_all_month": N_("当月停业"),
        "none_due": N_("当月没有到期事项"),
        "none_done": N_("当月没有检查"),
        "none_in_six_months": N_("六个月内没有检查"),
        "not_supplied": N_("商户尚未提供"),
        "no_provincial_score": N_("没有省级评分"),
        "provincial_score_too_old": N_("省级评分已过期"),
    }
)
"""Why there is no value; a person's own words are shown as they are."""

_CENT: Final = Decimal("0.01")
EVIDENCE: Final = N_("证据 %(n)s 条")


@dataclass(frozen=True, slots=True)
class ReportWords:
    """A report's words in one language.

    Attributes:
        language: ``zh`` or ``en``: which of the sealed content's own pairs is shown.
        text: the translator of that language.
    """

    language: str = "zh"
    text: Translate = chinese

    def word(self, key: str) -> str:
        """A fixed word; a key that has none is shown as it is."""
        return self.text(WORDS[key]) if key in WORDS else key

    def version(self, number: int) -> str:
        """Which version."""
        return self.text(WORDS["version"]) % {"n": number}

    def state(self, state: str) -> str:
        """A run's state."""
        return self.text(STATES[state]) if state in STATES else state

    def of(self, pair: Mapping[str, str] | None) -> str:
        """A pair of the content in this language; the word for none where there is no pair."""
        return self.word("none") if pair is None else pair[self.language]

    def origin(self, origin: Mapping[str, Any]) -> str:
        """Where a number came from, shortly."""
        return origin_words(origin, self.text)


def origin_words(origin: Mapping[str, Any], text: Translate) -> str:
    """Where a number came from: how, from whom, what was counted, why there is none, and how much evidence there is."""
    how = str(origin.get("how", ""))
    parts = [text(HOWS[how]) if how in HOWS else how]
    if origin.get("source"):
        parts.append(str(origin["source"]))
    told = origin.get("told")
    if isinstance(told, Mapping):
        parts += [text(NUMBERS[key]) % {"n": value} if key in NUMBERS else f"{key} {value}" for key, value in told.items()]
    reason = str(origin.get("reason") or "")
    if reason:
        parts.append(text(REASONS[reason]) if reason in REASONS else reason)
    evidence = origin.get("evidence")
    if isinstance(evidence, list) and evidence:
        parts.append(text(EVIDENCE) % {"n": len(evidence)})
    return " · ".join(part for part in parts if part)


def clock_text(instant: str | None) -> str:
    """An instant of the content as people read it: day and minute, by Shanghai's clock as it is kept."""
    return "" if instant is None else instant[:16].replace("T", " ")


def cents(number: str | None) -> str:
    """At most two decimals, for a column; a dash where there is no number."""
    if number is None:
        return "–"
    rounded = Decimal(number).quantize(_CENT, ROUND_HALF_UP)
    return f"{rounded:f}".rstrip("0").rstrip(".")
