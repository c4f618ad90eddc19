"""What a retrying producer may send: the same batch once, the next batch, nothing else."""

from __future__ import annotations

import pytest
from kio.schema.errors import ErrorCode

from streams.log.batch import BatchHeader, read_header
from streams.log.errors import Refused
from streams.log.producers import PRODUCERS_REMEMBERED, Producers
from tests.contract.log.batches import batch

NOW = 1_800_000_000.0


def header(sequence: int, count: int = 1, *, epoch: int = 0, producer: int = 5) -> BatchHeader:
    return read_header(batch([b"v"] * count, producer_id=producer, epoch=epoch, sequence=sequence))


def after(*batches: BatchHeader, strict: bool = True) -> Producers:
    producers = Producers(strict=strict)
    offset = 100
    for each in batches:
        assert producers.duplicate_of(each) is None
        producers.note(each, offset, NOW)
        offset += each.record_count
    return producers


CASES = [
    ([], header(7), None, "a producer nobody remembers may begin anywhere (KIP-360)"),
    ([header(0, 3)], header(3), None, "the next sequence"),
    ([header(0, 3)], header(0, 3), 100, "the same batch again"),
    ([header(0), header(1), header(2)], header(0), 100, "an older batch still remembered"),
    ([header(0, 3)], header(4), ErrorCode.out_of_order_sequence_number, "a record is missing"),
    ([header(n) for n in range(9)], header(1), ErrorCode.duplicate_sequence_number, "older than those remembered"),
    ([header(0, epoch=2)], header(1, epoch=1), ErrorCode.invalid_producer_epoch, "a fenced producer"),
    ([header(5, epoch=1)], header(0, epoch=2), None, "a new epoch begins at 0"),
    ([header(5, epoch=1)], header(6, epoch=2), ErrorCode.out_of_order_sequence_number, "a new epoch not at 0"),
    ([header(2**31 - 2, 2)], header(0), None, "sequences wrap to 0"),
    ([header(0)], header(9, producer=6), None, "another producer"),
]


@pytest.mark.parametrize(("before", "sent", "outcome", "reason"), CASES, ids=[case[3] for case in CASES])
def test_a_batch_is_judged_by_what_its_producer_sent_before(
    before: list[BatchHeader], sent: BatchHeader, outcome: int | ErrorCode | None, reason: str
) -> None:
    producers = after(*before)
    if isinstance(outcome, ErrorCode):
        with pytest.raises(Refused) as refused:
            producers.duplicate_of(sent)
        assert refused.value.code is outcome, reason
    else:
        assert producers.duplicate_of(sent) == outcome, reason


@pytest.mark.parametrize(("before", "sent", "outcome", "reason"), CASES, ids=[case[3] for case in CASES])
def test_a_restored_snapshot_judges_alike(
    before: list[BatchHeader], sent: BatchHeader, outcome: int | ErrorCode | None, reason: str
) -> None:
    restored = Producers()
    assert restored.restore(after(*before).snapshot(10_000), 10_000) == 10_000
    if isinstance(outcome, ErrorCode):
        with pytest.raises(Refused):
            restored.duplicate_of(sent)
    else:
        assert restored.duplicate_of(sent) == outcome, reason


def test_a_topic_that_may_lose_its_tail_accepts_a_gap() -> None:
    assert after(header(0), strict=False).duplicate_of(header(8)) is None


def test_batches_without_a_producer_id_are_never_duplicates() -> None:
    plain = read_header(batch([b"v"]))
    producers = after(plain)
    assert producers.duplicate_of(plain) is None


def test_the_number_of_producers_remembered_is_bounded() -> None:
    producers = after(*(header(0, producer=number) for number in range(PRODUCERS_REMEMBERED + 1)))
    assert producers.duplicate_of(header(0, producer=0)) is None
    assert producers.duplicate_of(header(0, producer=1)) == 101
