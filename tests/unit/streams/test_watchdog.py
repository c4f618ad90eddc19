"""When a worker counts as stuck."""

from streams.watchdog import Progress

A, B = ("findings", 0), ("observations", 1)


def test_a_partition_whose_commit_does_not_move_while_records_wait_is_stuck():
    progress = Progress(patience_s=10)
    assert progress.observe({A: (5, 9)}, 0) == []
    assert progress.observe({A: (5, 9)}, 9.9) == []
    assert progress.observe({A: (5, 12)}, 10) == [A]


def test_progress_of_one_record_is_enough():
    progress = Progress(patience_s=10)
    progress.observe({A: (5, 9)}, 0)
    assert progress.observe({A: (6, 9)}, 9) == []
    assert progress.observe({A: (6, 9)}, 18) == []
    assert progress.observe({A: (6, 9)}, 19) == [A]


def test_an_idle_topic_is_not_stuck_and_the_clock_starts_when_records_come():
    progress = Progress(patience_s=10)
    progress.observe({A: (9, 9)}, 0)
    assert progress.observe({A: (9, 9)}, 100) == []
    assert progress.observe({A: (9, 10)}, 105) == []
    assert progress.observe({A: (9, 10)}, 110) == [A]


def test_a_partition_given_to_another_worker_is_forgotten():
    progress = Progress(patience_s=10)
    progress.observe({A: (5, 9), B: (1, 2)}, 0)
    progress.observe({B: (2, 2)}, 5)
    assert progress.observe({A: (5, 9), B: (2, 2)}, 11) == []
    assert progress.age_s(A, 14) == 3
