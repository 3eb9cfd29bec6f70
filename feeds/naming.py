"""Which mark each article has: what tells it from all others, and its id is made of.

No two articles have one, whatever keys they share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from feeds import identity

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from feeds.model import Heading
    from feeds.register import Account, Register


def marks(standing: Mapping[int, tuple[Heading, str | None]], register: Register) -> dict[int, str]:
    """The mark of each article, by row; no two have the same.

    `standing` maps rows to headings and the keys of articles that several files hold.
    """
    keys = {row: shared or identity.key(heading) for row, (heading, shared) in standing.items()}
    known = register.marks_of(keys.values())
    accounts = register.accounts_of(known.values())
    wanted: list[tuple[bool, str, int, str]] = []
    for row, (heading, shared) in standing.items():
        mark = known[keys[row]]
        if shared is None or "#" in shared:
            mark = _its_own(heading, keys[row], mark, accounts.get(mark), register)
        # Of several, the file in which the article was seen last: another may have its old name.
        strange = (account := accounts.get(mark)) is None or account.path != heading.path
        wanted.append((strange, heading.path, row, mark))
    found: dict[int, str] = {}
    taken: set[str] = set()
    for _, _, row, mark in sorted(wanted):
        found[row] = free(keys[row], standing[row][0], register, taken) if mark in taken else mark
        taken.add(found[row])
    return found


def marked(heading: Heading, shared: str | None, register: Register) -> str:
    """The mark of one article; `shared` is its key if several files hold it."""
    return marks({0: (heading, shared)}, register)[0]


def _its_own(
    heading: Heading, key: str, mark: str, account: Account | None, register: Register
) -> str:
    """The mark of an article with this key, whose own `mark` may be that of another.

    When that belongs to an article that is clearly another, it is the one the article had when it
    was seen in this file before, or one of its own.
    """
    if account is not None and identity.sure(account.heading, heading):
        return mark
    if account is not None or "#" in key:
        for other in register.like(heading):
            if identity.alike(other.heading, heading):
                return other.mark
    if account is None or not identity.apart(account.heading, heading):
        return mark
    return free(key, heading, register)


def free(
    key: str, heading: Heading, register: Register, taken: Collection[str] = frozenset()
) -> str:
    """A mark for an article whose key is another's: none of `taken`, and no other article's."""
    for mark in map(identity.mark, identity.salts(key, heading)):
        account = register.account(mark)
        if mark not in taken and (account is None or identity.sure(account.heading, heading)):
            break
    return mark  # at last that of its path


def shared(heading: Heading, key: str) -> str | None:
    """The key of an article if it is not the one that its heading alone would give it."""
    return key if key != identity.key(heading) else None
