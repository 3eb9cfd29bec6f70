"""The life of the daemon's process: it starts, builds when it is time, reloads, and stops.

Everything is decided and built on the main thread.  The other threads only put messages into its
inbox: the watcher folders, the clock that it is time, the courier how hubs answered.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
import traceback
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from feeds import config as configuration
from feeds import cycle, websub
from feeds.console import as_json
from feeds.daemon.agenda import Agenda
from feeds.daemon.health import Health, Last, State
from feeds.daemon.seat import Seat
from feeds.daemon.systemd import Notifier
from feeds.model import VERSION, BusyError, ConfigError, FeedsError, Hint
from feeds.survey import rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

    from feeds.config import Config
    from feeds.daemon.agenda import Run
    from feeds.daemon.journal import Journal
    from feeds.model import Problem, Report

_TICK = 1.0  # seconds between two looks at config.toml and at the clocks
_GRACE = 2.0  # seconds that publishing may go on after the signal to stop
_PAUSE = 5.0  # seconds from one start of the server to the next
_KNOCK = 60.0  # seconds until a door that could not be opened is tried again
_JUMP = 2.0  # seconds between the clocks that are no drift
_AHEAD = 2_000_000_000  # ns that a file's time may be ahead of ours, and be the present
_TOLD = 20  # articles newly held back that are named one by one


class _StoppedError(Exception):
    """Ends the build that is at work when the daemon is to stop."""


def run(
    path: str,
    journal: Journal,
    environment: Mapping[str, str],
    served: Callable[[Config], Config] | None = None,
) -> int:
    """Keep the feeds right until SIGTERM or SIGINT; the exit code.

    With `served` they are given out over HTTP as well, at the address in what it makes of the
    settings.  Raises ConfigError, StateError, BusyError when a daemon is at work on the same state
    already, and FeedsError when the address is taken.
    """
    stamp = configuration.stamp(path)
    settings = configuration.load(path)
    with Seat(settings.paths.state) as seat:
        notifier = Notifier(environment, os.getpid())
        return _Daemon(settings, stamp, journal, notifier, seat, served).run()


class _Daemon:
    def __init__(
        self,
        settings: Config,
        stamp: tuple[int, ...],
        journal: Journal,
        notifier: Notifier,
        seat: Seat,
        served: Callable[[Config], Config] | None,
    ) -> None:
        now = time.monotonic()
        self._config = settings
        self._stamp = stamp
        self._seat = seat
        self._opened = False
        self._knock = math.inf  # when to try again to open the door
        self._journal = journal
        self._notifier = notifier
        self._inbox: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._agenda = Agenda(settings.schedule.settle / 1000, self._rescan(""), now)
        state = State(os.getpid(), VERSION, settings.path, _utc())
        self._health = Health(state, self._staleness(), now)
        self._stopping = 0.0  # the instant of the signal
        self._offset = time.time() - now
        self._watched = -1.0  # when the watchdog was last told
        self._held: set[Problem] = set()
        self._door: Any = None
        self._clock: Any = None
        self._watcher: Any = None
        self._courier: Any = None
        self._served = served
        self._server: Any = None
        self._server_began = -math.inf

    # -- the life of the process

    def run(self) -> int:
        """Start, keep the feeds right, stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._hangup)
        paths = self._config.paths
        self._journal.tell(
            "daemon.started", pid=os.getpid(), version=VERSION, config=self._config.path,
            seeds=paths.seeds, out=paths.out,
        )  # fmt: skip
        try:
            self._start_server()
            self._agenda.ask("start")
            self._step()  # before the first thread is started, so that the build may use all cores
            self._open()
            self._notifier.tell("READY=1", f"MAINPID={os.getpid()}")
            self._agenda.ask("schedule")  # a time that was missed while nothing ran is made good
            while not self._stopping:
                self._step()
        finally:
            self._notifier.tell("STOPPING=1")
            self._close()
        self._journal.tell("daemon.stopped", seconds=time.monotonic() - self._stopping)
        return 0

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._stopping:
            os._exit(128 + number)  # asked twice: at once; what is published stays whole
        self._stopping = time.monotonic()
        self._inbox.put(("stop", signal.Signals(number).name))

    def _hangup(self, number: int, frame: FrameType | None) -> None:
        self._inbox.put(("reload", None))

    def _step(self) -> None:
        """Look around, and do what it is time for, or wait a moment."""
        self._look_around()
        now = time.monotonic()
        run = self._agenda.take(now, time.time())
        if run is not None:
            self._build(run)
            return
        self._health.note(doing="waiting", queue=self._agenda.waiting)
        try:
            wait = min(self._agenda.wait(now, time.time()), _TICK)
            self._receive(*self._inbox.get(timeout=max(wait, 0.001)))
        except Empty:
            return

    def _look_around(self) -> None:
        """Take in what was sent, and notice what nobody sends."""
        self._drain()
        self._beat()
        if self._seat.lost():
            self._settle_anew()
        if (stamp := configuration.stamp(self._config.path)) != self._stamp:
            self._reload(stamp)
        if self._server is not None and not self._server.alive():
            self._restart_server()
        if time.monotonic() >= self._knock or (self._door is not None and not self._door.intact()):
            self._open_door()
        offset = time.time() - time.monotonic()
        if abs(offset - self._offset) > _JUMP:
            self._journal.tell("clock.jumped", "warning", seconds=offset - self._offset)
            self._agenda.ask("rescan")
            if self._clock is not None:
                self._clock.renew(_utc())
        self._offset = offset

    def _settle_anew(self) -> None:
        """The state folder was removed: make and hold it again; raises BusyError, StateError."""
        self._journal.tell("state.lost", "warning", path=self._config.paths.state)
        self._seat.regain()
        self._agenda.insist("state")

    def _drain(self) -> None:
        while True:
            try:
                self._receive(*self._inbox.get_nowait())
            except Empty:
                return

    def _receive(self, kind: str, what: Any) -> None:
        if kind == "folders":
            self._agenda.hint(what, time.monotonic())
        elif kind == "time":
            self._agenda.ask("schedule")
        elif kind == "listening":
            self._listening(what)
        elif kind == "delivery":
            self._delivered(what)
        elif kind == "reload":
            self._reload(configuration.stamp(self._config.path))
        elif kind == "stop":
            self._journal.tell("daemon.stopping", signal=what)

    # -- what it is connected to

    def _open(self) -> None:
        """Begin to listen: to the schedule, to the seed folder, and to who asks for the status."""
        self._opened = True
        self._open_door()
        self._start_clock()
        self._start_watcher()
        self._start_courier()

    def _open_door(self) -> None:
        """Open it anew; what can't be opened is tried again in a while."""
        from feeds.daemon.door import Door

        if self._door is not None:
            self._door.close()
            self._door = None
        self._knock = math.inf
        paths, address = self._config.paths, self._config.schedule.address
        try:
            self._door = Door(self._health, paths.state, _utc, time.monotonic, as_json)
            if address:
                self._door.listen(address)
        except OSError as error:
            self._knock = time.monotonic() + _KNOCK
            self._journal.tell("door.failed", "error", reason=str(error), again_in=_KNOCK)

    def _start_clock(self) -> None:
        from feeds.daemon.clock import Clock, upcoming

        schedule, zone = self._config.schedule, self._config.site.timezone
        self._clock = Clock(schedule, zone, lambda: self._inbox.put(("time", None)))
        self._clock.start()
        following = self._clock.next
        self._health.upcoming = lambda: upcoming(schedule, zone, _utc(), following())

    def _start_watcher(self) -> None:
        from feeds.daemon import events

        settings = self._config
        root, mode = settings.paths.seeds, settings.schedule.watch
        kind = events.far(root, _read("/proc/self/mountinfo")) if mode == "auto" else ""
        if mode == "look" or kind:
            why = f"{kind} tells of no changes made elsewhere" if kind else "the schedule says so"
            self._listening(why)
            return
        self._watcher = events.Watcher(
            root, rules_of(settings),
            lambda folders: self._inbox.put(("folders", folders)),
            lambda why: self._inbox.put(("listening", why)),
        )  # fmt: skip
        self._watcher.start()

    def _start_courier(self) -> None:
        if self._config.websub.hubs:
            from feeds.daemon.courier import Courier

            self._courier = Courier(
                self._config, lambda delivery: self._inbox.put(("delivery", delivery))
            )
            self._courier.start()

    def _start_server(self) -> None:
        if self._served is None:
            return
        from feeds.server import Server

        self._server_began = time.monotonic()
        self._server = Server(self._served(self._config))
        self._server.start()
        self._journal.tell("server.started", address=self._server.address)

    def _restart_server(self) -> None:
        """Start it anew, but not over and over."""
        if time.monotonic() < self._server_began + _PAUSE:
            return
        try:
            self._start_server()
        except FeedsError as error:
            self._journal.tell("server.failed", "error", reason=str(error))

    def _close(self) -> None:
        for part in (self._watcher, self._clock, self._courier, self._server):
            if part is not None:
                part.stop()
        if self._door is not None:
            self._door.close()

    def _listening(self, why: str) -> None:
        """Events come from now on, or don't come any more."""
        if why != self._health.state.events or not why:
            level = "warning" if why else "info"
            looks = self._rescan(why)
            self._journal.tell(
                "events.off" if why else "events.on", level, reason=why, look_every=looks
            )
        self._health.note(events=why)
        self._agenda.adjust(
            self._config.schedule.settle / 1000, self._rescan(why), time.monotonic()
        )
        if not why:
            self._agenda.ask("rescan")  # what happened before nobody told

    def _rescan(self, why: str) -> float:
        schedule = self._config.schedule
        return float(min(schedule.look, schedule.rescan) if why else schedule.rescan)

    def _staleness(self) -> float:
        """Seconds after which the feeds count as behind: a look was missed, and its retry too."""
        return 2.0 * self._config.schedule.rescan + 60.0

    # -- the configuration

    def _reload(self, stamp: tuple[int, ...]) -> None:
        """Go by config.toml as it is now; as before, if it can't be used."""
        self._stamp = stamp
        before = self._config
        monotonic = int(time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6)
        self._notifier.tell("RELOADING=1", f"MONOTONIC_USEC={monotonic}")
        try:
            settings = configuration.load(before.path)
            if settings.paths.state != before.paths.state:
                said = f"{before.path}: paths.state can't change while the daemon runs; restart it"
                raise ConfigError((said,))
        except ConfigError as error:
            for fault in error.faults:
                self._journal.tell("config.refused", "error", reason=fault)
            self._health.note(refused=str(error))
        else:
            self._config = settings
            self._health.note(refused="")
            self._health.expect(self._staleness())
            self._journal.tell("config.loaded", config=settings.path)
            self._apply(before)
            self._agenda.insist("reload")
        self._notifier.tell("READY=1")

    def _apply(self, before: Config) -> None:
        """Connect anew what the configuration changed."""
        after = self._config
        if not self._opened:
            return
        if after.schedule.address != before.schedule.address:
            self._open_door()
        if (after.schedule, after.site.timezone) != (before.schedule, before.site.timezone):
            if self._clock is not None:
                self._clock.stop()
            self._start_clock()
        if (after.paths, after.site, after.websub) != (before.paths, before.site, before.websub):
            if self._courier is not None:
                self._courier.stop()
                self._courier = None
            self._start_courier()
        if self._server is not None:
            from feeds.server import served_by

            if served_by(after) != served_by(before):
                self._server.stop()
                self._server_began = -math.inf
                self._restart_server()
        if (after.paths, after.seeds, after.schedule) != (
            before.paths,
            before.seeds,
            before.schedule,
        ):
            if self._watcher is not None:
                self._watcher.stop()
                self._watcher = None
            self._start_watcher()

    # -- building

    def _build(self, run: Run) -> None:
        settings, begun = self._config, time.monotonic()
        self._health.note(doing="building", queue=self._agenda.waiting)
        self._notifier.tell(f"STATUS=building: {', '.join(run.reasons)}")
        hint = None
        if run.folders is not None:
            now = time.time_ns()
            settled = now - settings.schedule.settle * 1_000_000
            hint = Hint(run.folders, settled, now + _AHEAD)
        try:
            report = cycle.build(
                settings, int(time.time()), pictures=run.pictures, hint=hint, hurry=self._hurry,
                wait=0.0, progress=self._progress,
            )  # fmt: skip
            if settings.websub.hubs:
                websub.address(settings)
        except _StoppedError:
            self._journal.tell("build.stopped", reasons=run.reasons)
        except BusyError as error:
            self._agenda.busy(time.monotonic())
            self._journal.tell("build.waiting", "debug", reason=str(error))
        except Exception as error:  # noqa: BLE001  the last good feeds stay; the next try may succeed
            self._failed(run, error)
        else:
            self._built(run, report, time.monotonic() - begun)

    def _hurry(self) -> bool:
        self._drain()
        return bool(self._stopping) or self._agenda.pressing

    def _progress(self, stage: str, done: int, total: int) -> None:
        self._beat()
        if self._stopping and (stage != "publishing" or time.monotonic() > self._stopping + _GRACE):
            raise _StoppedError

    def _beat(self) -> None:
        now = time.monotonic()
        self._health.beat(now)
        if self._notifier.watchdog and now - self._watched > self._notifier.watchdog / 4:
            self._watched = now
            self._notifier.tell("WATCHDOG=1")

    def _built(self, run: Run, report: Report, seconds: float) -> None:
        now = time.monotonic()
        changed = bool(report.written or report.deleted)
        self._agenda.succeeded(now, 0.0 if changed or run.folders is not None else seconds)
        self._agenda.due = report.due.timestamp() if report.due else None
        if report.unsettled:
            self._agenda.hint(run.folders or (b"",), now)
        before = self._health.state.last
        if report.unasked and not (before and run.pictures != "none" and not report.measured):
            self._agenda.ask("pictures")
        feeds = tuple(feed.slug for feed in report.feeds if feed.changed)
        self._journal.tell(
            "build.done", "info" if changed or report.notes else "debug",
            reasons=run.reasons, seconds=seconds,
            seeds=report.seeds, read=report.read, removed=report.removed or "",
            held=len({p.path for p in report.held}) or "", written=len(report.written),
            deleted=len(report.deleted) or "", measured=report.measured or "", feeds=feeds[:_TOLD],
            notes=report.notes,
        )  # fmt: skip
        self._tell_held(report)
        if self._health.state.failure:
            self._journal.tell("build.recovered", failures=self._health.state.failures)
        self._health.built(Last(_utc(), run.reasons, round(seconds, 3), report))
        self._notifier.tell(f"STATUS={report.seeds} seeds, {len(report.feeds)} feeds")
        if self._courier is not None:
            self._courier.wake()

    def _tell_held(self, report: Report) -> None:
        """Name the articles that are held back since this build."""
        held = set(report.held)
        new = sorted(held - self._held)
        self._held = held
        for problem in new[:_TOLD]:
            self._journal.tell(
                "seed.held", "warning", code=problem.code, path=problem.path,
                line=problem.line or "", detail=problem.detail,
            )  # fmt: skip
        if len(new) > _TOLD:
            self._journal.tell("seed.held", "warning", more=len(new) - _TOLD)

    def _failed(self, run: Run, error: Exception) -> None:
        known = isinstance(error, FeedsError)
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        pause = self._agenda.failed(time.monotonic())
        trace = "" if known else "".join(traceback.format_exception(error))
        self._journal.tell(
            "build.failed", "error", reasons=run.reasons, reason=reason, again_in=pause, trace=trace
        )
        self._health.failed(reason)
        self._notifier.tell(f"STATUS=the last build failed: {reason.splitlines()[0]}")

    def _delivered(self, what: tuple[int, tuple[websub.Delivery, ...], str]) -> None:
        untold, deliveries, failure = what
        if failure:
            self._journal.tell("hubs.failed", "error", reason=failure)
            return
        for letter, reason, _ in deliveries:
            told = "hub.failed" if reason else "hub.told"
            level = "warning" if reason else "info"
            self._journal.tell(told, level, hub=letter.hub, topic=letter.topic, reason=reason)
        self._health.note(untold=untold)


def _utc() -> datetime:
    return datetime.now(UTC)


def _read(path: str) -> str:
    if sys.platform != "linux":
        return ""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()
