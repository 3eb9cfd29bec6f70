"""Which article each seed is: one that was known before, under whatever name, or a new one.

    catalogue: what seeds are now, and were before --recognise--> ledger: keys, arrivals
    articles that stand in a feed --accounts--> ledger: what they say, when that changed

An article goes on being itself when its file is renamed, its title edited or its address changed:
it is told by what stayed the same.  What no rule recognises is new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from feeds import identity, naming, revision
from feeds.before import Before, edited
from feeds.register import Account, Change
from feeds.twins import Decisions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from feeds.catalogue import Catalogue
    from feeds.model import Article, Heading
    from feeds.register import Register
    from feeds.twins import Family


def recognise(
    catalogue: Catalogue,
    register: Register,
    now: int,
    affected: Iterable[Heading] | None,
) -> None:
    """Bring the register up to date with the catalogue; `affected` as `survey.Found` has it.

    When the register begins, every article counts as known: nothing has just arrived.
    """
    for old, new in _renamed(catalogue, register):
        _follow(old, new, register)
    begun = register.fact("begun")
    families = list(catalogue.families())
    asked = (
        catalogue.idents()
        if affected is None or not begun
        else _asked(families, map(identity.key, affected))
    )
    fresh = register.unknown(asked)
    if affected is None:  # not all that are there can be asked which article they are
        keys = [account.key for account in register.accounts()]
        asked = _asked(families, (*keys, *map(identity.unsalted, keys)))
        asked |= catalogue.turnover.idents()
    present = catalogue.find(asked) if begun else []
    reused = _reused(present, catalogue, register)
    if affected is not None:
        families = [family for family in families if identity.short(family.key) in asked]
    known = {f.winner for f in families if _unite(f, catalogue, register, fresh)}
    if (fresh or reused) and (begun or register.any()):  # it may hold what was imported
        # Where several articles share an address, an older one takes it from one that had it.
        shared = {identity.short(identity.unsalted(f.key)) for f in families if "#" in f.key}
        found = [one for one in catalogue.find(fresh | reused | shared) if one[0] not in known]
        if found:
            _receive(found, fresh, catalogue, register, now if begun else None)
    if not begun:
        register.keep_fact("begun", str(now))
    register.learn(fresh)
    _keep_up(present, catalogue, register)


def decisions(catalogue: Catalogue, register: Register) -> Decisions:
    """What a person decided of the files of articles, under the names that they have now."""
    joined, parted = dict(register.joined()), set(register.parted())
    for old, new in _renamed(catalogue, register):
        if old.path in parted:
            parted = parted - {old.path} | {new.path}
        if mark := joined.get(identity.key(old)):
            joined[identity.key(new)] = mark
    marks = {identity.short(key): mark for key, mark in joined.items()}
    return Decisions(marks, frozenset(parted))


def _renamed(catalogue: Catalogue, register: Register) -> list[tuple[Heading, Heading]]:
    """The files that a person decided of and that have another name now, as they were and are."""
    joined, parted = dict(register.joined()), set(register.parted())
    if not joined and not parted:
        return []
    olds = [h for h in catalogue.turnover.left() if h.path in parted or identity.key(h) in joined]
    there = {heading.path: heading for _, heading in catalogue.every()} if olds else {}
    found: dict[str, tuple[Heading, Heading]] = {}
    for old in olds:
        if old.path in there:
            continue
        likely = (
            new
            for path, new in sorted(
                there.items(), key=lambda one: (one[1].source != old.source, one)
            )
            if identity.alike(old, new) and path not in parted and not register.at(path)
        )
        if (new := next(likely, None)) and new.path not in found:
            found[new.path] = old, new
    return list(found.values())


def _follow(old: Heading, new: Heading, register: Register) -> None:
    """Let a decision of a file count under its new name."""
    if register.unpart(old.path):
        register.part(new.path)
    if mark := dict(register.joined()).get(identity.key(old)):
        register.join(identity.key(new), mark)
        register.alias(identity.key(new), mark)


def _asked(families: Iterable[Family], keys: Iterable[str]) -> set[int]:
    """The keys of which it is asked whose they are: these, and those made for a shared address."""
    salted = (family.key for family in families if "#" in family.key)
    return {identity.short(key) for key in (*keys, *salted)}


def _reused(
    present: Iterable[tuple[int, Heading, str]], catalogue: Catalogue, register: Register
) -> set[int]:
    """The keys under which another article was known, as where a draft is always called draft.md.

    Or which an article has now that goes by another one made for the same address.
    """
    left: dict[str, list[Heading]] = {}
    for old in catalogue.turnover.left():
        left.setdefault(identity.key(old), []).append(old)
    found: set[int] = set()
    for _, heading, key in present:
        had = register.account(register.mark_of(key))
        if had:
            other = (
                identity.apart(had.heading, heading)
                or edited(had.heading, heading)
                or ("#" in key and not identity.alike(had.heading, heading))
            )
        elif gone := left.get(key):
            other = all(identity.apart(old, heading) for old in gone)
        else:
            other = False
        if other or (not had and _moved_up(heading, key, register)):
            found.add(identity.short(key))
    return found


def _moved_up(heading: Heading, key: str, register: Register) -> bool:
    """Whether an article goes by another key made for the same address, or for this one."""
    address = identity.unsalted(key)
    return any(
        identity.unsalted(one.key) == address and identity.alike(one.heading, heading)
        for one in register.like(heading)
    )


def _keep_up(
    present: Iterable[tuple[int, Heading, str]], catalogue: Catalogue, register: Register
) -> None:
    """Have articles go by what they are now, be it that no feed shows them.

    But not by another key while they are found under theirs.
    """
    for _, heading, key in present:
        account = register.account(naming.marked(heading, naming.shared(heading, key), register))
        if account is None:
            continue
        if account.key != key:
            there = catalogue.find({identity.short(account.key)})
            if account.mark in {
                naming.marked(h, naming.shared(h, k), register) for _, h, k in there
            }:
                continue
        seen = account._replace(
            key=key, path=heading.path, title=heading.title, published=heading.published
        )
        if seen != account:
            register.keep(seen)


def _unite(
    family: Family, catalogue: Catalogue, register: Register, fresh: Collection[int]
) -> bool:
    """Make every key of an article that several files hold mean that one article.

    Returned is whether one of the keys of its files was known, besides its own.
    """
    members = [catalogue.heading(row) for row in family.members]
    keys = dict.fromkeys((family.key, *map(identity.key, members)))
    if "#" in family.key:  # an address that other articles have too means none of them
        keys = {family.key: None}
    known = [key for key in keys if identity.short(key) not in fresh]
    marks = dict.fromkeys(register.mark_of(key) for key in known)
    accounts = [account for mark in marks if (account := register.account(mark))]
    if accounts and all(identity.apart(a.heading, one) for a in accounts for one in members):
        # They have the address of one that is gone.
        marks = dict.fromkeys(naming.marked(one, None, register) for one in members)
        accounts = [account for mark in marks if (account := register.account(mark))]
    first = min(accounts, key=lambda a: (a.began == 0, a.arrived, a.began, a.mark), default=None)
    mark = first.mark if first else next(iter(marks), register.mark_of(family.key))
    for key in keys:
        register.alias(key, mark)
    return any(key != family.key for key in known)


def _receive(
    found: list[tuple[int, Heading, str]],
    fresh: Collection[int],
    catalogue: Catalogue,
    register: Register,
    now: int | None,
) -> None:
    """Recognise the articles that were `found`, or note that they arrived `now`.

    Without `now`, nothing arrives; keys that are not `fresh` were known, be it for another article.
    """
    found.sort(key=lambda one: one[1].path)
    before = Before(catalogue, register)
    # First those that only have another file, all before any of them is written down: names may
    # have gone round.
    moved = {row: one for row, heading, key in found if (one := before.moved(heading, key))}
    for row, heading, key in found:
        if row in moved:
            _go_on(moved[row], key, heading, register)
    for row, heading, key in found:
        had = register.account(register.mark_of(key))
        if row in moved or (had and before.stands(had, row, heading, key)):
            continue
        account = before.account(heading, key)
        vacant = had is not None or identity.short(key) in fresh
        if account is not None:
            _go_on(account, key, heading, register)
        elif now is not None and before.lacked(row, heading, vacant=vacant):
            mark = naming.free(key, heading, register) if had else register.mark_of(key)
            arrived = max(now, heading.published)
            register.keep(
                Account(mark, key, heading.path, heading.title, heading.published, arrived)
            )


def _go_on(account: Account, key: str, heading: Heading, register: Register) -> None:
    """Let an article go on under this key, in the file that it has now."""
    register.alias(key, account.mark)
    register.keep(account._replace(key=key, path=heading.path))


def stirred(catalogue: Catalogue) -> list[Heading]:
    """What seeds were that changed or went, and the newest files of articles that got another."""
    turnover = catalogue.turnover
    came = turnover.came() or set()
    grown = (f.winner for f in catalogue.families() if not came.isdisjoint(f.members))
    return [*turnover.left(), *map(catalogue.heading, grown)]


def touched(catalogue: Catalogue, register: Register) -> list[tuple[int, Heading, str]]:
    """Row, heading and key of the announced articles whose seeds changed since the last build."""
    marks = {naming.marked(one, None, register) for one in stirred(catalogue)}
    accounts = register.accounts_of(marks).values()
    keys = {key for one in accounts if one.began for key in register.keys_of(one)}
    return catalogue.find(set(map(identity.short, keys))) if keys else []


def removals(catalogue: Catalogue, register: Register, now: int) -> None:
    """Note the articles that have gone since the last build, those that could be read before."""
    from feeds import difference  # as in `_tell`

    there = catalogue.idents()
    for old in catalogue.turnover.left():
        account = register.account(register.mark_of(identity.key(old)))
        if account is None or not account.fingerprint or account.published > now:
            continue
        if there.isdisjoint(map(identity.short, register.keys_of(account))):
            text = register.text(account.mark) or old.title
            body = difference.shown(text, "")
            register.change(
                Change(
                    now, account.mark, "removed", old.path, old.title, old.link, old.published, body
                )
            )


# --- what articles say ---------------------------------------------------------------------------


def accounts(
    standing: Mapping[int, tuple[Heading, str | None, Article]],
    register: Register,
    reading: Callable[[Heading], str],
    now: int,
    *,
    texts: bool = False,
) -> dict[int, Account]:
    """The account of each article that stands in a feed, by row, after the register has it.

    `standing` maps rows to headings, the keys of articles in several files, and articles; `reading`
    tells what stands for how an article is read: when that is another, what it reads differently is
    no change of the article.  With `texts`, what was edited is noted.
    """
    found: dict[int, Account] = {}
    named = naming.marks(
        {row: (heading, key) for row, (heading, key, _) in standing.items()}, register
    )
    for row, (heading, shared, article) in standing.items():
        key, mark = shared or identity.key(heading), named[row]
        before = register.account(mark)
        says = f"{revision.fingerprint(heading, article)} {reading(heading)}"
        after = after_reading(before, mark, key, heading, says, now)
        if after != before:
            register.keep(after)
        if texts:
            _note(before, after, heading, article, register)
        found[row] = after
    return found


def overhear(
    register: Register, mark: str, key: str, heading: Heading, says: str, text: str, now: int
) -> None:
    """Keep what an article says that stands in no feed, and what was edited in it."""
    before = register.account(mark)
    if before is not None and before.began:
        register.keep_text(mark, text)
        return
    after = (before or Account(mark, key, heading.path, heading.title, heading.published))._replace(
        key=key, path=heading.path, title=heading.title, published=heading.published,
        fingerprint=says,
    )  # fmt: skip
    old = register.text(mark)
    register.keep(after)
    register.keep_text(mark, text)
    if before is None or old is None or before.published > now:
        return  # nobody could have read it before
    if _differ(before.fingerprint, says):
        _tell(register, now, mark, heading, old, text)


def _differ(before: str, says: str) -> bool:
    """Whether two fingerprints, with how each was read, are those of different texts."""
    (said, _, reading), (now_says, _, now_reading) = before.partition(" "), says.partition(" ")
    return said != now_says and reading == now_reading


def _tell(register: Register, at: int, mark: str, heading: Heading, old: str, text: str) -> None:
    """Note an edit."""
    from feeds import difference  # not needed where no feed tells of changes

    body = difference.shown(old, text) if old != text else f"<p>{_MOVED}</p>"
    register.change(
        Change(
            at, mark, "edited", heading.path, heading.title, heading.link, heading.published, body
        )
    )


def _note(
    before: Account | None, after: Account, heading: Heading, article: Article, register: Register
) -> None:
    """Keep an article's words, and what was edited in them."""
    if before is not None and before.fingerprint == after.fingerprint:
        if register.text(after.mark) is None:
            register.keep_text(after.mark, revision.words(heading.title, article.content))
        return
    text = revision.words(heading.title, article.content)
    old = register.text(after.mark)
    if before is not None and after.version > before.version and old is not None:
        _tell(register, after.changed, after.mark, heading, old, text)
    register.keep_text(after.mark, text)


_MOVED = "The address or the lead picture changed; the words are the same."


def after_reading(
    before: Account | None, mark: str, key: str, heading: Heading, says: str, now: int
) -> Account:
    """The account of an article that was read again, and `says` so much, from that of `before`."""
    stated = heading.updated
    after = Account(mark, key, heading.path, heading.title, heading.published)
    if before is None or not before.began:
        arrived = before.arrived if before else 0
        return after._replace(arrived=arrived, began=stated, changed=stated, fingerprint=says)
    after = before._replace(
        key=key, path=heading.path, title=heading.title, published=heading.published,
        fingerprint=says,
    )  # fmt: skip
    if not _differ(before.fingerprint, says):
        return after
    changed = stated if before.changed < stated <= now else max(now, before.changed + 1)
    return after._replace(changed=changed, version=before.version + 1)
