"""The screen Live: what the camera sees, what is being done, how near it is, and what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import RichLog, Static

from actionpose.outputs import describe_output
from actionpose.session import describe_stats
from actionpose.tui.header import HeaderBar
from actionpose.tui.key_bar import KeyBar
from actionpose.tui.person import PersonPanel
from actionpose.tui.timeline import Timeline
from actionpose.tui.view import BodyView

if TYPE_CHECKING:
    from actionpose.decision import ActionEvent
    from actionpose.session import Tick
    from actionpose.tui.app import ActionposeApp

__all__ = ["LiveScreen", "event_text"]

_REDRAW_S = 0.1
_NEWS_S = 1.5  # how long an action is shown after it was reported
_MAX_PEOPLE = 4
_LOG_LINES = 1000


class EventLog(RichLog):
    """What was done, line by line, the newest always in view."""

    @on(Resize)
    def _follow(self) -> None:
        self.call_after_refresh(self.scroll_end, animate=False)


class LiveScreen(Screen[None]):
    """Watches."""

    AUTO_FOCUS = ""

    app: ActionposeApp
    HELP: ClassVar[str] = (
        "The picture shows what the camera sees, with the skeleton that was found in it.\n"
        "A bar for each action says how near it is: it grows until it reaches the mark, the action's threshold, and is "
        "then recognised. 1.30 x means that the distance is 1.3 times the threshold.\n"
        "Below are the actions of the last 30 seconds. The number after a bar counts how often it was done.\n"
        "Health tells how well the session keeps pace: frames that came and were dropped, milliseconds for the model "
        "and for matching, and the latency, from the camera's frame to knowing what it shows."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "app.switch_mode('record')", "Record"),
        Binding("space", "pause", "Pause"),
        Binding("v", "view", "Picture or skeleton"),
        Binding("h", "health", "Health"),
        Binding("c", "clear", "Clear", show=False),
    ]
    CSS = """
    LiveScreen {
        #scene { height: 1fr; }
        #body { width: 55%; }
        #side { width: 1fr; }
        #people { height: auto; max-height: 70%; margin: 1 0; }
        #notice { height: auto; padding: 1 2; display: none; color: $foreground-muted; }
        #health { height: auto; padding: 0 1; margin: 0 0 1 0; display: none; color: $foreground-muted; }
        #log { height: 1fr; min-height: 3; padding: 0 1; background: $background; scrollbar-size: 0 0; }
        &.-narrow #body { display: none; }
        &.-low #log, &.-low #health, &.-low Timeline { display: none; }
    }
    """

    body = getters.query_one("#body", BodyView)
    people = getters.query_one("#people", Horizontal)
    notice = getters.query_one("#notice", Static)
    health = getters.query_one("#health", Static)
    log_view = getters.query_one("#log", EventLog)
    timeline = getters.query_one(Timeline)

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield HeaderBar()
        with Horizontal(id="scene"):
            yield BodyView(id="body")
            with Vertical(id="side"):
                yield Static(id="notice", markup=False)
                yield Horizontal(id="people")
                yield Static(id="health", markup=False)
                yield EventLog(id="log", max_lines=_LOG_LINES, min_width=0)
        yield Timeline()
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin to redraw."""
        self._notice_text = ""
        self._has_health = False
        self._health: list[str] = []
        self._logged: Counter[tuple[int, str]] = Counter()
        self._last_event: ActionEvent | None = None
        self.set_interval(_REDRAW_S, self._redraw)

    def on_screen_resume(self) -> None:
        """Show at once what happened meanwhile."""
        self._redraw()

    def action_pause(self) -> None:
        """Pause, go on, or try again."""
        self.app.feed.toggle_pause()

    def action_view(self) -> None:
        """Change between the picture and the skeleton alone."""
        self.app.change_settings(picture="skeleton" if self.app.settings.picture == "camera" else "camera")

    def action_health(self) -> None:
        """Show how well the session keeps pace, or do not."""
        self._has_health = not self._has_health
        self._redraw()

    def action_clear(self) -> None:
        """Forget the events and count anew."""
        self.app.feed.clear()
        self._redraw()

    def _redraw(self) -> None:
        if not self.is_current or not self.is_mounted:
            return
        tick = self.app.feed.latest
        if tick and tick.frame:
            self.body.show(tick, picture=self.app.settings.picture)
        self._show_notice(self._explain(tick))
        self._show_people(tick)
        self._show_health(tick)
        self.timeline.show(self.app.feed.events, time=self.app.feed.time)
        self._log_events()

    def _explain(self, tick: Tick | None) -> str:
        """Say what there is to do where there is nothing to see."""
        state = self.app.feed.state
        if state.phase in ("failed", "lost", "reconnecting"):
            retry = "Press space to try again, 5 to choose another source." if state.phase == "failed" else ""
            return "\n\n".join(filter(None, (state.message, state.hint, retry)))
        if state.phase == "ended":
            return "The source has ended.\n\nPress space to play it again, 5 to choose another."
        if tick is None or tick.frame is None:
            return state.message or "Opening the source and the keypoint model."
        return "" if tick.states else self.app.feed.explain_silence(tick.poses)

    def _show_notice(self, text: str) -> None:
        if text != self._notice_text:
            self._notice_text = text
            self.notice.update(text)
            self.notice.display = bool(text)

    def _show_people(self, tick: Tick | None) -> None:
        states = dict(sorted(tick.states.items())[:_MAX_PEOPLE]) if tick else {}
        panels = {panel.track_id: panel for panel in self.people.query(PersonPanel)}
        for track_id in panels.keys() - states.keys():
            panels.pop(track_id).remove()
        for track_id in states.keys() - panels.keys():
            panel = panels[track_id] = PersonPanel(track_id=track_id)
            after = [other for other in panels if other > track_id]
            self.people.mount(panel, before=panels[min(after)] if after else None)
        for track_id, state in states.items():
            panels[track_id].show(
                state,
                label=self._label_of(track_id, state.label),
                counts={label: n for (track, label), n in self.app.feed.counts.items() if track == track_id},
                is_named=len(states) > 1,
            )

    def _show_health(self, tick: Tick | None) -> None:
        """Show the figures where they are wanted, the outputs too; what is in trouble in any case."""
        feed = self.app.feed
        lines = describe_stats(tick.stats) if tick and self._has_health else []
        lines += [f"▲ {feed.state.note}"] if feed.state.note else []
        lines += [
            f"{'▲ ' * bool(status.error)}{describe_output(status)}"
            for status in feed.outputs
            if status.error or self._has_health
        ]
        if lines != self._health:
            self._health = lines
            self.health.update("\n".join(lines))
            self.health.display = bool(lines)

    def _label_of(self, track_id: int, label: str) -> str:
        """Return what was just reported, as long as it is news, else what seems to be happening."""
        for event in reversed(self.app.feed.events):
            if self.app.feed.time - event.report_time > _NEWS_S:
                break
            if event.track_id == track_id:
                return event.label
        return label

    def _log_events(self) -> None:
        for event in self._new_events():
            who_and_what = event.track_id, event.label
            self._logged[who_and_what] += 1
            is_named = len(self.people.children) > 1
            self.log_view.write(event_text(event, count=self._logged[who_and_what], is_named=is_named))

    def _new_events(self) -> Iterator[ActionEvent]:
        events = self.app.feed.events
        if not events:
            if self._last_event is not None:
                self.log_view.clear()
                self._logged.clear()
            self._last_event = None
            return
        news = []
        for event in reversed(events):
            if event is self._last_event:
                break
            news.append(event)
        self._last_event = events[-1]
        yield from reversed(news)


def event_text(event: ActionEvent, *, count: int, is_named: bool = False) -> Text:
    """Return an event as one aligned line."""
    return Text.assemble(
        (f"{event.start_time:6.1f} -{event.end_time:6.1f} s  ", "dim"),
        (f"person {event.track_id + 1}  " if is_named else "", "dim"),
        (event.label, "bold"),
        (f"  {count}", "dim"),
    )
