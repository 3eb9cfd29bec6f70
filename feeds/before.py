"""What articles were before this build, by which it is told what has become of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feeds import identity, naming

if TYPE_CHECKING:
    from collections.abc import Iterable

    from feeds.catalogue import Catalogue
    from feeds.model import Heading
    from feeds.register import Account, Register


class Before:
    """What articles were before this build, and which of their keys are not there any more."""

    def __init__(self, catalogue: Catalogue, register: Register) -> None:
        self._catalogue = catalogue
        self._register = register
        self._there = catalogue.idents()
        self._came = catalogue.turnover.came()
        self._families: dict[int, tuple[int, ...]] | None = None
        self._used: set[str] = set()  # marks: an article goes on as one article
        self._left: dict[object, list[Heading]] = {}  # by each of their traits
        for heading in catalogue.turnover.left():
            for trait in _traits(heading):
                self._left.setdefault(trait, []).append(heading)

    def account(self, heading: Heading, key: str) -> Account | None:
        """The article that the heading is a later form of, if it was ever announced."""
        for old in self._forms(heading):
            if self._is_there(old):
                continue
            account = self._register.account(naming.marked(old, None, self._register))
            if account is not None and account.mark not in self._used:
                self._used.add(account.mark)
                return account
        for account in self._register.like(heading):
            gone = identity.short(account.key) not in self._there or (
                "#" in key and not self._stays(account.heading)
            )
            if gone and account.mark not in self._used and identity.alike(account.heading, heading):
                self._used.add(account.mark)
                return account
        return None

    def moved(self, heading: Heading, key: str) -> Account | None:
        """The article without an address that had its title and its date in another file.

        None where the file that has this key is its own, or where it is still in the other.
        """
        had = self._register.account(self._register.mark_of(key))
        if heading.link or (had and not edited(had.heading, heading)):
            return None
        for old in self._left.get((heading.title, heading.published), ()):
            account = self._register.account(naming.marked(old, None, self._register))
            if account and account.mark not in self._used and not self._stays(old):
                self._used.add(account.mark)
                return account
        return None

    def _stays(self, old: Heading) -> bool:
        """Whether the article is still where it was."""
        now = self._catalogue.find({identity.short(identity.key(old))})
        return any((one.title, one.published) == (old.title, old.published) for _, one, _ in now)

    def stands(self, had: Account, row: int, heading: Heading, key: str) -> bool:
        """Whether the article is the one that its key means, or known under a mark of its own."""
        if not identity.apart(had.heading, heading) and not self._elsewhere(had, row, heading):
            return True
        own = self._register.account(
            naming.marked(heading, naming.shared(heading, key), self._register)
        )
        return own is not None and own.mark != had.mark

    def _elsewhere(self, had: Account, row: int, heading: Heading) -> bool:
        """Whether the article that had the key is still there, and is not this one."""
        if identity.alike(had.heading, heading):
            return False
        there = self._catalogue.at(had.path)
        return (
            there is not None
            and identity.alike(had.heading, there)
            and all(self._catalogue.heading(one).path != had.path for one in self._files(row))
        )

    def lacked(self, row: int, heading: Heading, *, vacant: bool) -> bool:
        """Whether the article was not there before, be it that no feed ever showed it.

        Its key is `vacant` if it is new, or was another article's that was announced.
        """
        # Of those that share an address, the key may be another though no file changed.
        came = self._came is None or self._came.issuperset(self._files(row))
        return came and not any(
            heading.link or not vacant or not self._is_there(old) for old in self._forms(heading)
        )

    def _is_there(self, old: Heading) -> bool:
        """Whether the key that a heading had is still that of an article."""
        return identity.short(identity.key(old)) in self._there

    def _files(self, row: int) -> tuple[int, ...]:
        """The rows of the article's files."""
        if self._families is None:
            self._families = {f.winner: f.members for f in self._catalogue.families()}
        return self._families.get(row, (row,))

    def _forms(self, heading: Heading) -> Iterable[Heading]:
        for trait in _traits(heading):
            for old in self._left.get(trait, ()):
                if identity.alike(old, heading):
                    yield old


def _traits(heading: Heading) -> list[object]:
    """By what an article is looked for, the surest first."""
    number = identity.number_of(heading.path)
    return [
        heading.path,
        *([(heading.source, number)] if number else []),
        (heading.title, heading.published),
    ]


def edited(had: Heading, heading: Heading) -> bool:
    """Whether a file without an address holds something else: edited, or another article."""
    return not heading.link and (had.title, had.published) != (heading.title, heading.published)
