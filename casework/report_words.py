"""The words of a report in both languages, for page and PDF alike."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "title": ("月度考评报告", "Monthly assessment report"),
    "score": ("得分", "Score"),
    "grade": ("等级", "Grade"),
    "previous": ("上次等级", "Previous grade"),
    "month": ("考评月份", "Month"),
    "version": ("版本", "Version"),
    "state": ("状态", "State"),
    "merchant": ("经营主体", "Merchant"),
    "reasons": ("等级说明", "Why this grade"),
    "drivers": ("失分最多的项目", "What cost most"),
    "regain": ("如何恢复分数", "How to regain points"),
    "trend": ("近十二个月", "Last twelve months"),
    "lines": ("全部项目", "Every number"),
    "item": ("项目", "Item"),
    "points": ("得分", "Points"),
    "max": ("满分", "Max"),
    "lost": ("影响总分", "Cost in total"),
    "why": ("依据", "Why"),
    "source": ("来源", "Source"),
    "prior": ("以前月份补记事项", "Prior-period items"),
    "none": ("无", "none"),
    "na": ("不适用", "n/a"),
    "objection": ("异议截止", "Objections until"),
    "published": ("发布", "Published"),
    "catalogue": ("评价目录版本", "Catalogue version"),
    "config": ("配置摘要", "Configuration hash"),
    "hash": ("内容摘要", "Content hash"),
    "key": ("签名公钥", "Signing key"),
    "correction": ("更正原因", "Why it was corrected"),
    "appeal": (
        "如有异议，可在公示期内提出；发布后三十日内可申诉。",
        "You may object within the window, and appeal within thirty days after publication.",
    ),
    "counted": ("系统记录", "counted by the system"),
    "told": ("外部提供", "told by"),
    "unrecorded": ("无记录", "nothing on record"),
    "lacking": ("待补交", "yet to be supplied"),
    "objection_how": ("异议成立后更正", "changed after an objection"),
    "corrected_how": ("更正", "corrected"),
    "supplied_how": ("已补交", "supplied"),
    "evidence": ("证据", "evidence"),
    "open": ("进行中", "running"),
    "frozen": ("已冻结", "frozen"),
    "provisional": ("暂定", "provisional"),
    "objection_window": ("公示异议期", "objection window"),
    "final": ("待发布", "final"),
    "published_state": ("已发布", "published"),
    "corrected": ("已被更正", "corrected"),
}


def word(key: str, language: str) -> str:
    """A word of the report in ``zh`` or ``en``; a key that has none is shown as it is."""
    pair = WORDS.get(key)
    return key if pair is None else pair[1 if language == "en" else 0]


def state_word(state: str, language: str) -> str:
    """A run's state in words."""
    return word("published_state" if state == "published" else state, language)


def origin_words(origin: dict[str, object], language: str) -> str:
    """Where a number came from, shortly."""
    how = str(origin.get("how", ""))
    known = {"objection": "objection_how", "corrected": "corrected_how", "supplied": "supplied_how"}
    parts = [word(known.get(how, how), language)] if how not in ("", "none") else []
    if origin.get("source"):
        parts.append(str(origin["source"]))
    told = origin.get("told")
    if isinstance(told, dict):
        parts.append(", ".join(f"{key} {value}" for key, value in told.items()))
    if origin.get("reason"):
        parts.append(str(origin["reason"]))
    evidence = origin.get("evidence")
    if isinstance(evidence, list) and evidence:
        parts.append(f"{word('evidence', language)} {len(evidence)}")
    return " · ".join(parts)
