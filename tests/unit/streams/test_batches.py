"""Records sorted into batches: every record once, in order, on the partition every other client would choose."""

from dataclasses import dataclass

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from streams.batches import partition_of, size_bytes, sort_into_batches

BATCH_BYTES = 1000
PARTITIONS = (0, 1, 2, 3)


@dataclass(frozen=True)
class Told:
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    topic: str = "observations"


def written(batch) -> list[tuple[bytes | None, bytes | None, list]]:
    """What the log reads from a batch."""
    return [(record.key, record.value, record.headers) for record in DefaultRecordBatch(bytes(batch.builder._build()))]


TOLD = st.builds(
    Told,
    key=st.sampled_from([b"92330211MA2ABC125M", b"92330225MA2XHK067M", b"cam-0a1b2c3d", b"x", None]),
    value=st.binary(min_size=1, max_size=2 * BATCH_BYTES),
    headers=st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=20)), max_size=3).map(tuple),
)


@given(st.lists(TOLD, max_size=40))
def test_every_record_is_in_one_batch_of_its_partition_in_its_order(records):
    batches = sort_into_batches(enumerate(records), PARTITIONS, lambda: BatchBuilder(BATCH_BYTES, 0))
    places = [place for filled in batches.values() for batch in filled for place in batch.places]
    assert sorted(places) == list(range(len(records)))
    for partition, filled in batches.items():
        own = [place for place, record in enumerate(records) if partition_of(record.key, PARTITIONS) == partition]
        assert [place for batch in filled for place in batch.places] == own
        for batch in filled:
            assert written(batch) == [
                (records[place].key, records[place].value, list(records[place].headers)) for place in batch.places
            ]
            assert batch.builder.size() <= BATCH_BYTES or len(batch.places) == 1, "what is too large for the log is alone"
            assert batch.builder.closed(), "an open one would wait for more"


@given(st.binary(max_size=40), st.integers(1, 12))
def test_a_key_has_the_partition_that_every_other_client_gives_it(key, count):
    partitions = list(range(count))
    assert partition_of(key, tuple(partitions)) == DefaultPartitioner()(key, partitions, partitions)


@pytest.mark.parametrize(
    ("key", "partition"),
    [(b"92330211MA2ABC125M", 3), (b"92330225MA2XHK067M", 1), (b"cam-0a1b2c3d", 3), (b"scl-0a1b2c3d", 0)],
)
def test_the_partition_of_a_key_never_changes_between_versions(key, partition):
    assert partition_of(key, PARTITIONS) == partition, "facts of a merchant would lie in two partitions, without order"


@given(TOLD)
def test_no_record_is_larger_than_it_is_held_for(record):
    exact = DefaultRecordBatchBuilder.estimate_size_in_bytes(record.key, record.value, list(record.headers))
    assert exact <= size_bytes(record) <= exact + 200
