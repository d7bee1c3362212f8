"""No damaged file crashes a reader, fills the memory or makes it write elsewhere; no kill costs what was saved."""

from __future__ import annotations

import sys

import pytest

pytest.importorskip("torch")

from tests.fuzz.kills import SCENARIOS, run_kills
from tests.fuzz.runner import run_cases
from tests.fuzz.seeds import KINDS
from tests.fuzz.worker import draw_case

N_CASES = 2000


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited and counted as Linux does")
def test_damaged_files_are_read_or_refused_in_words() -> None:
    assert {draw_case(number, 0)[0] for number in range(N_CASES)} == set(KINDS)
    assert run_cases(range(N_CASES), seed=0, n_processes=1) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a named pipe stands in for the camera")
def test_a_kill_at_any_moment_costs_nothing_that_was_saved() -> None:
    losses, n_at_work = run_kills(range(2 * len(SCENARIOS)), seed=0)
    assert losses == []
    assert n_at_work >= len(SCENARIOS)
