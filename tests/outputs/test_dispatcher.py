"""A receiver that is slow, gone or broken concerns nobody else."""

from __future__ import annotations

import threading
import time

import pytest

from actionpose.decision import ActionEvent
from actionpose.outputs import Dispatcher, Output, OutputError, describe_output, dispatcher
from tests.outputs.events import event, wait_until


class FakeOutput:
    """Remembers what it got; raises the errors it is given first."""

    def __init__(self, name: str = "fake", *, errors: list[Exception] | None = None) -> None:
        self.name = name
        self.labels: list[str] = []
        self.n_closes = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self._errors = errors or []

    def write(self, event: ActionEvent) -> None:
        self.may_go_on.wait(10)
        if self._errors:
            raise self._errors.pop(0)
        self.labels.append(event.label)

    def close(self) -> None:
        self.n_closes += 1


@pytest.fixture(autouse=True)
def _quick_and_clean(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(dispatcher, "_FIRST_DELAY_S", 0.01)
    yield
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("actionpose-")], 2.0)


def test_every_output_gets_every_event_in_order_and_is_closed():
    outputs = [FakeOutput("a"), FakeOutput("b")]
    assert all(isinstance(output, Output) for output in outputs)
    with Dispatcher(outputs) as sent:
        for i in range(100):
            sent.send(event(str(i)))
    for output, status in zip(outputs, sent.statuses, strict=True):
        assert output.labels == [str(i) for i in range(100)]
        assert (status.name, status.n_sent, status.n_waiting, status.error) == (output.name, 100, 0, "")
        assert output.n_closes == 1


def test_a_receiver_that_is_stuck_holds_up_nobody(monkeypatch):
    monkeypatch.setattr(dispatcher, "_CAPACITY", 10)
    stuck, well = FakeOutput("stuck"), FakeOutput("well")
    stuck.may_go_on.clear()
    sent = Dispatcher([stuck, well])
    began = time.perf_counter()
    for i in range(100):
        sent.send(event(str(i)))
        wait_until(lambda i=i: len(well.labels) == i + 1)
    assert time.perf_counter() - began < 2.0
    wait_until(lambda: sent.statuses[0].n_waiting == 10)
    assert sent.statuses[0].n_dropped == 89
    began = time.perf_counter()
    sent.close(timeout_s=0.2)
    assert time.perf_counter() - began < 0.5
    assert sent.statuses[0].n_dropped == 99
    assert describe_output(sent.statuses[0]) == "stuck: 0 sent, 99 dropped - no answer by the end"
    stuck.may_go_on.set()
    wait_until(lambda: stuck.n_closes == 1)
    assert stuck.labels == ["0"], "the newest were kept, but the end had come"


def test_a_receiver_that_comes_back_gets_what_was_waiting():
    output = FakeOutput(errors=[ConnectionRefusedError(111, "Connection refused")] * 3)
    with Dispatcher([output]) as sent:
        output.may_go_on.clear()
        sent.send(event("first"))
        sent.send(event("second"))
        output.may_go_on.set()
        wait_until(lambda: sent.statuses[0].n_sent == 2)
        assert sent.notes == ()
    assert output.labels == ["first", "second"]
    assert sent.statuses[0].n_failed == 0


def test_why_it_fails_is_told_until_it_works(monkeypatch):
    monkeypatch.setattr(dispatcher, "_FIRST_DELAY_S", 0.3)
    output = FakeOutput("osc", errors=[ConnectionRefusedError(111, "Connection refused")])
    with Dispatcher([output]) as sent:
        sent.send(event())
        wait_until(lambda: sent.notes == ("osc: Connection refused",))
        wait_until(lambda: sent.notes == ())


def test_old_news_are_given_up(monkeypatch):
    monkeypatch.setattr(dispatcher, "_KEEP_S", 0.1)
    output = FakeOutput(errors=[TimeoutError("no answer")] * 1000)
    with Dispatcher([output]) as sent:
        sent.send(event())
        wait_until(lambda: sent.statuses[0].n_failed == 1)
        assert sent.statuses[0].error == "no answer"


def test_what_is_refused_is_not_tried_again():
    refused = OutputError("It answered 404.", hint="Check the address.")
    output = FakeOutput(errors=[refused, ZeroDivisionError("a fault")])
    with Dispatcher([output]) as sent:
        sent.send(event("first"))
        wait_until(lambda: sent.statuses[0].error == "It answered 404. Check the address.")
        sent.send(event("second"))
        wait_until(lambda: sent.statuses[0].error == "ZeroDivisionError: a fault")
        sent.send(event("third"))
        wait_until(lambda: sent.statuses[0].error == "")
    assert output.labels == ["third"]
    assert (sent.statuses[0].n_sent, sent.statuses[0].n_failed) == (1, 2)


def test_closing_does_not_wait_for_who_is_not_there():
    output = FakeOutput(errors=[ConnectionRefusedError(111, "Connection refused")] * 100)
    sent = Dispatcher([output])
    for _ in range(5):
        sent.send(event())
    wait_until(lambda: bool(sent.notes))
    began = time.perf_counter()
    sent.close()
    assert time.perf_counter() - began < 0.4
    status = sent.statuses[0]
    assert (status.n_sent, status.n_failed + status.n_dropped, status.n_waiting) == (0, 5, 0)
    sent.send(event())
    assert sent.statuses[0].n_dropped == status.n_dropped + 1


def test_the_longest_answers_are_cut():
    sent = Dispatcher([FakeOutput(errors=[OSError("x" * 5000)] * 100)])
    sent.send(event())
    wait_until(lambda: bool(sent.notes))
    assert len(sent.notes[0]) < 250
    sent.close()
