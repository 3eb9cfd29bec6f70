"""Modules that others import though they seldom need them: each is loaded once it is asked for.

BeautifulSoup imports soupsieve, which selects by CSS, and charset-normalizer, which guesses
encodings, whether they will be used or not, and that takes twice as long as all the rest of it.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def postponed(*names: str) -> Iterator[None]:
    """Whoever imports one of these modules inside gets what loads it when it is first used.

    One that is loaded already stays as it is, and afterwards they are imported as ever.
    """
    absent = {name: _Later(name) for name in names if name not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        for stand_in in absent.values():
            stand_in.leave()


class _Later(ModuleType):
    """Has whatever the module of its name has."""

    def leave(self) -> None:
        """Let the module itself be imported."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]

    def __getattr__(self, name: str) -> object:
        self.leave()  # who imports it may use it at once
        return getattr(import_module(self.__name__), name)
