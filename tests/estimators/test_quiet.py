from __future__ import annotations

import os
import sys

import pytest

from actionpose.estimators.quiet import quiet_stderr


def test_only_the_block_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    print("before", file=sys.stderr)
    with quiet_stderr():
        os.write(2, b"from a library\n")
    print("after", file=sys.stderr)
    assert capfd.readouterr().err == "before\nafter\n"


def test_stderr_comes_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), quiet_stderr():
        raise KeyError
    os.write(2, b"here")
    assert capfd.readouterr().err == "here"
