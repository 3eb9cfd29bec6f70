"""Modules that are loaded once they are asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from feeds.later import postponed


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "seldom_used.py").write_text("LOADED = True\n\n\ndef answer():\n    return 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "seldom_used", raising=False)
    return "seldom_used"


def test_a_postponed_module_is_loaded_when_it_is_used(library: str) -> None:
    with postponed(library):
        import seldom_used  # type: ignore[import-not-found]
    assert library not in sys.modules
    assert seldom_used.answer() == 42
    assert sys.modules[library].LOADED
    with pytest.raises(AttributeError, match="nothing"):
        _ = seldom_used.nothing


def test_a_postponed_module_may_be_used_at_once(library: str) -> None:
    with postponed(library):
        import seldom_used

        assert seldom_used.answer() == 42
    assert sys.modules[library].LOADED
    assert seldom_used.answer() == 42


def test_a_module_that_is_loaded_stays_as_it_is(library: str) -> None:
    import seldom_used

    with postponed(library):
        import seldom_used as again
    assert again is seldom_used
    assert sys.modules[library] is seldom_used


def test_afterwards_it_is_imported_as_ever(library: str) -> None:
    with postponed(library):
        pass
    import seldom_used

    assert type(seldom_used) is type(sys)
    assert seldom_used.LOADED


def test_one_that_is_not_there_is_missed_when_it_is_used() -> None:
    with postponed("no_such_module"):
        import no_such_module  # type: ignore[import-not-found]
    with pytest.raises(ImportError, match="no_such_module"):
        no_such_module.answer()
