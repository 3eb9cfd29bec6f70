"""Hubs are told of documents whose bytes are new (https://www.w3.org/TR/websub/, §6 and §7).

How a publisher tells its hub is left open there; what every hub takes is a form with `hub.mode`
"publish" and the topic, once as `hub.url` and once as `hub.topic`.
"""

from __future__ import annotations

import os
import threading
from contextlib import closing
from email.utils import parsedate_to_datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

import requests

from feeds import ledger, urls
from feeds.formats import FILES
from feeds.model import VERSION
from feeds.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from feeds.config import Config
    from feeds.model import Published
    from feeds.outbox import Letter

OUTBOX = "outbox.sqlite"  # in the state folder
_TIMEOUT = (5.0, 10.0)  # seconds to connect, and for each part of the answer
_WHOLE = 20.0  # seconds for all of it, as no timeout ends an answer that drips
_LONGEST = 200  # characters of what a hub says that are kept
_FIRST, _MOST = 30, 6 * 3600  # seconds until the second attempt, and between any two at most
_ATTEMPTS = 20  # about three days; then not before the bytes change again


class Delivery(NamedTuple):
    """What came of telling one hub of one document."""

    letter: Letter
    reason: str = ""  # why the hub did not take it; "" when it did
    status: int = 0  # of its answer that was no success; 0: it did not answer


def address(config: Config) -> None:
    """Put into the outbox what the hubs don't know of the documents that are published."""
    with ledger.opened(config.paths.ledger, mode="read") as kept:
        published = topics(config, kept.documents())
    with closing(Outbox(os.path.join(config.paths.state, OUTBOX))) as outbox:
        outbox.address(config.websub.hubs, published)


def topics(config: Config, documents: Mapping[str, Published]) -> dict[str, str]:
    """The address of each feed document that is published, with the digest of its bytes."""
    names = {name for name, _ in FILES.values()}
    return {
        config.site.url + urls.escaped(name): published.digest
        for name, published in documents.items()
        if name.count("/") == 1 and name.rpartition("/")[2] in names and published.digest
    }


def deliver(
    outbox: Outbox,
    config: Config,
    clock: Callable[[], float],
    enough: Callable[[], bool],
    unfinished: dict[str, threading.Thread],
) -> list[Delivery]:
    """Tell hubs what is due; what fails is tried again later, each time twice as late.

    `clock` gives seconds since the epoch.  Ends early once `enough` says so; a hub that does not
    answer, or asks to be left alone, is not asked a second time.  Nor is one in `unfinished`, where
    those are put whose answers drip, for as long as they do.
    """
    done: list[Delivery] = []
    silent = {hub for hub, thread in unfinished.items() if thread.is_alive()}
    with requests.Session() as session:
        session.headers["User-Agent"] = f"feeds/{VERSION} (+{config.site.url})"
        for letter in outbox.waiting():
            if enough():
                break
            if letter.again > clock() or letter.hub in silent:
                continue
            delivery = _deliver(outbox, letter, session, clock, unfinished)
            done.append(delivery)
            if delivery.reason and (delivery.status in {0, 429} or delivery.status >= 500):
                silent.add(letter.hub)
    return done


def _deliver(
    outbox: Outbox,
    letter: Letter,
    session: requests.Session,
    clock: Callable[[], float],
    unfinished: dict[str, threading.Thread],
) -> Delivery:
    answers: SimpleQueue[requests.Response | Exception] = SimpleQueue()
    work = threading.Thread(target=_post, args=(letter, session, answers), daemon=True)
    work.start()
    status = wait = 0
    try:
        answer = answers.get(timeout=_WHOLE)
    except Empty:
        unfinished[letter.hub] = work
        reason = f"no whole answer within {_WHOLE:g} s"
    else:
        if isinstance(answer, Exception):
            reason = f"{type(answer).__name__}: {answer}"
        elif answer.status_code in range(200, 300):
            outbox.delivered(letter)
            return Delivery(letter)
        else:
            status, moved = answer.status_code, answer.headers.get("Location", "")
            reason = f"it answered {status} {answer.reason}" + (f", to {moved}" if moved else "")
            wait = _asked_for(answer.headers.get("Retry-After", ""), clock())
    reason = reason[:_LONGEST]
    if letter.attempts + 1 >= _ATTEMPTS:
        outbox.failed(letter, -1, reason)
        return Delivery(letter, f"{reason}; given up until the feed changes", status)
    pause = max(wait, min(_FIRST * 2**letter.attempts, _MOST))
    outbox.failed(letter, int(clock()) + pause, reason)
    return Delivery(letter, reason, status)


def _post(
    letter: Letter, session: requests.Session, answers: SimpleQueue[requests.Response | Exception]
) -> None:
    form = {"hub.mode": "publish", "hub.url": letter.topic, "hub.topic": letter.topic}
    try:
        # Not redirected: that would turn the form into a question.
        with session.post(
            letter.hub, data=form, timeout=_TIMEOUT, stream=True, allow_redirects=False
        ) as answer:
            answers.put(answer)
    except Exception as error:  # noqa: BLE001  whatever a hub brings about is its answer
        answers.put(error)


def _asked_for(value: str, now: float) -> int:
    """The seconds in a Retry-After (RFC 9110 §10.2.3), at most a day; 0 when it says nothing."""
    if value.strip().isdecimal():
        seconds = int(value.strip()[:9])
    else:
        try:
            seconds = int(parsedate_to_datetime(value).timestamp() - now)
        except (ValueError, OverflowError):
            return 0
    return min(max(seconds, 0), 86_400)
