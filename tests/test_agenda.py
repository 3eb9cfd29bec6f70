"""When a build runs, decided by explicit clocks."""

from __future__ import annotations

import random

import pytest

from feeds.daemon.agenda import Agenda, Run

WALL = 1_800_000_000.0


def agenda(settle: float = 0.2, rescan: float = 300.0) -> Agenda:
    return Agenda(settle, rescan, 0.0)


def test_nothing_to_do_until_the_next_look() -> None:
    made = agenda()
    assert made.take(0.0, WALL) is None
    assert made.wait(0.0, WALL) == 300.0
    assert made.take(299.9, WALL) is None
    assert made.take(300.0, WALL) == Run(("rescan",), None, "none")
    assert made.wait(300.0, WALL) == 300.0


def test_events_wait_until_it_is_quiet() -> None:
    made = agenda()
    made.hint([b"a"], 10.0)
    assert made.wait(10.0, WALL) == pytest.approx(0.2)
    assert made.take(10.1, WALL) is None
    made.hint([b"b"], 10.1)
    assert made.take(10.25, WALL) is None
    assert made.take(10.31, WALL) == Run(("event",), frozenset({b"a", b"b"}), "none")
    assert made.take(10.4, WALL) is None


def test_a_folder_that_is_never_quiet_is_waited_for_only_so_long() -> None:
    made = agenda()
    runs = []
    for tick in range(100):
        now = tick * 0.1
        made.hint([b"a"], now)
        if (run := made.take(now, WALL)) is not None:
            runs.append(now)
            assert run.folders == frozenset({b"a"})
    assert runs == pytest.approx([2.0, 4.1, 6.2, 8.3], abs=0.15)


def test_one_run_for_all_that_calls() -> None:
    made = agenda()
    made.hint([b"a"], 1.0)
    made.ask("schedule")
    made.ask("reload")
    made.due = WALL - 1
    assert made.take(1.0, WALL) == Run(("due", "event", "reload", "schedule"), None, "all")
    assert made.take(5.0, WALL) is None


def test_a_schedule_asks_for_all_pictures_and_an_event_for_none() -> None:
    made = agenda()
    made.ask("pictures")
    assert made.take(0.0, WALL) == Run(("pictures",), None, "new")
    made.ask("schedule")
    assert made.take(0.0, WALL).pictures == "all"
    made.ask("rescan")
    assert made.take(0.0, WALL).pictures == "none"


def test_articles_come_before_pictures() -> None:
    made = agenda()
    made.ask("pictures")
    made.hint([b"a"], 0.0)
    assert made.pressing
    assert made.take(0.1, WALL) is None
    assert made.take(0.2, WALL) == Run(("event",), frozenset({b"a"}), "none")
    assert not made.pressing
    assert made.take(0.2, WALL) == Run(("pictures",), None, "new")


def test_an_article_falls_due_by_the_clock_on_the_wall() -> None:
    made = agenda()
    made.due = WALL + 7
    assert made.wait(0.0, WALL) == 7.0
    assert made.take(7.0, WALL + 6.9) is None
    assert made.take(7.0, WALL + 7) == Run(("due",), None, "none")
    assert made.due is None


def test_a_clock_that_is_set_back_delays_only_what_is_due() -> None:
    made = agenda()
    made.due = WALL + 7
    assert made.wait(5.0, WALL - 3600) == 295.0
    assert made.take(300.0, WALL - 3600).reasons == ("rescan",)


def test_after_a_failure_it_tries_again_later_each_time() -> None:
    made = agenda()
    now, pauses = 0.0, []
    for _ in range(9):
        made.ask("schedule")
        assert made.take(now, WALL) is not None
        pause = made.failed(now)
        assert made.take(now + pause - 0.01, WALL) is None
        assert made.wait(now, WALL) == pytest.approx(pause)
        pauses.append(pause)
        now += pause
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert "retry" in made.take(now, WALL).reasons
    made.succeeded(now)
    made.ask("x")
    assert made.failed(now) == 5


def test_a_person_need_not_wait_for_the_retry() -> None:
    made = agenda()
    made.failed(0.0)
    made.insist("reload")
    assert made.take(0.0, WALL) == Run(("reload", "retry"), None, "none")


def test_the_build_of_another_process_is_waited_for() -> None:
    made = agenda()
    made.busy(0.0)
    assert made.wait(0.0, WALL) == 1.0
    assert made.take(1.0, WALL).reasons == ("retry",)


@pytest.mark.parametrize(("reason", "pictures"), [("schedule", "all"), ("pictures", "new")])
def test_pictures_are_asked_for_though_the_first_try_failed(reason: str, pictures: str) -> None:
    made = agenda()
    made.ask(reason)
    assert made.take(0.0, WALL).pictures == pictures
    made.busy(0.0)
    assert made.take(1.0, WALL) == Run((*sorted((reason, "retry")),), None, pictures)
    made.failed(1.0)
    assert made.take(9.0, WALL).pictures == pictures
    made.succeeded(9.0)
    made.failed(10.0)
    assert made.take(99.0, WALL) == Run(("retry",), None, "none")


def test_looking_takes_a_small_part_of_the_time() -> None:
    made = agenda(rescan=5.0)
    assert made.take(5.0, WALL).reasons == ("rescan",)
    made.succeeded(6.0, idle=1.0)
    assert made.wait(6.0, WALL) == 20.0
    made.succeeded(6.0, idle=0.01)
    assert made.wait(6.0, WALL) == 20.0


def test_a_shorter_rescan_counts_at_once() -> None:
    made = agenda()
    made.adjust(0.2, 5.0, 10.0)
    assert made.wait(10.0, WALL) == 5.0


@pytest.mark.parametrize("start", range(20))
def test_whatever_is_sent_a_run_follows_that_covers_it(start: int) -> None:
    dice = random.Random(start)
    made = agenda(settle=0.2, rescan=50.0)
    now, wall = 0.0, WALL
    open_hints: dict[bytes, float] = {}
    open_asks: dict[str, float] = {}
    runs = 0
    for _ in range(2000):
        now += dice.choice([0.0, 0.01, 0.1, 0.3, 2.0])
        wall = WALL + now
        match dice.randrange(6):
            case 0:
                folder = dice.choice([b"a", b"b", b"c"])
                made.hint([folder], now)
                open_hints.setdefault(folder, now)
            case 1:
                reason = dice.choice(["schedule", "rescan", "pictures", "reload"])
                made.ask(reason)
                open_asks.setdefault(reason, now)
            case 2:
                made.due = min(made.due or wall + 5, wall + dice.random() * 10)
        if (run := made.take(now, wall)) is None:
            assert made.wait(now, wall) > 0 or open_asks == {}
            continue
        runs += 1
        if run.folders is None:
            open_hints.clear()
            for reason in run.reasons:
                open_asks.pop(reason, None)
        else:
            for folder in run.folders:
                del open_hints[folder]
            assert not run.folders & open_hints.keys()
        if dice.random() < 0.1:
            made.failed(now)
        else:
            made.succeeded(now)
    assert runs > 100
    made.adjust(0.2, 50.0, now)
    now += 400
    while (run := made.take(now, wall)) is not None:
        if run.folders is None:
            open_hints.clear()
        for reason in run.reasons:
            open_asks.pop(reason, None)
        open_hints = {f: t for f, t in open_hints.items() if f not in (run.folders or ())}
    assert not open_hints
    assert not open_asks
