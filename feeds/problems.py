"""Every way a seed can disappoint: a stable code, what it means, and what to do about it.

The codes are part of the interface.  They stand in reports and in other people's scripts, so none
is ever renamed or given a second meaning.
"""

from typing import NamedTuple


class Kind(NamedTuple):
    """What one code stands for."""

    held: bool  # True: the seed stands in no feed; False: it is published after a repair
    meaning: str
    remedy: str


def table(*, held: bool) -> str:
    """The codes of what is held back, or of what is repaired, as a table in Markdown."""
    rows = (
        f"| `{code}` | {kind.meaning} | {kind.remedy} |\n"
        for code, kind in CODES.items()
        if kind.held == held
    )
    return "| code | what it means | what to do |\n| --- | --- | --- |\n" + "".join(rows)


CODES: dict[str, Kind] = {
    # The file
    "link": Kind(
        True,
        "the file is a symbolic link, which is not followed",
        "put the file itself there, or set follow_links = true in [seeds]",
    ),
    "link-broken": Kind(
        True,
        "the symbolic link leads nowhere, in a circle, or out of the seed folder",
        "mend or remove the link",
    ),
    "not-a-file": Kind(
        True,
        "it is a pipe, a socket or a device, which could make a build wait for ever",
        "remove it from the seed folder, or give it another suffix",
    ),
    "unreadable": Kind(
        True,
        "the file or folder could not be opened or read",
        "make it readable for the user who runs feeds",
    ),
    "empty": Kind(
        True, "the file holds nothing but white space", "write the article, or remove it"
    ),
    "too-large": Kind(
        True,
        "the file is larger than an article may be",
        "split it, or raise max_size in [seeds]",
    ),
    "failed": Kind(
        True,
        "reading it failed, by a mistake in feeds itself",
        "report it, with the file and what is said here",
    ),
    # Its text
    "binary": Kind(
        True,
        "the file holds NUL bytes, so it is no text",
        "remove the file, or give it another suffix",
    ),
    "text-unknown": Kind(
        True,
        "the bytes are no UTF-8, and no other encoding could be told for sure",
        "save the file as UTF-8, or name its encoding in its [[source]]",
    ),
    "text-guessed": Kind(
        False,
        "the bytes are no UTF-8; the encoding was guessed from them",
        "save the file as UTF-8, or name its encoding in its [[source]]",
    ),
    "text-damaged": Kind(
        False,
        "a few bytes are no UTF-8; they are shown as U+FFFD",
        "mend the file at its origin",
    ),
    # Its header
    "title-missing": Kind(
        False,
        "there is no [title](link) line; the title is taken from the file's name",
        "begin the file with [title](link) and a line of dashes",
    ),
    "link-invalid": Kind(
        False,
        "the link of the article is no http or https address; the entry has none",
        "write the link's whole address, with https://",
    ),
    "epoch-invalid": Kind(
        False,
        "the epoch comment holds no instant between 1990 and 2100; the date string serves alone",
        "write the instant as milliseconds since 1970",
    ),
    # Its dates
    "date-missing": Kind(
        True,
        "neither the epoch comment nor a date string could be read",
        "write a line such as Date: 2026-11-28 below the header, or"
        ' set missing = "mtime" in [dates] to use the time of the file',
    ),
    "date-mtime": Kind(
        False,
        "no date could be read; the time of the file serves",
        "state a date: the time of a file is lost when it is copied",
    ),
    "date-ahead": Kind(
        False,
        "the date string lies more than a day after the epoch comment; the epoch comment serves",
        "check the date string, and the time zone of its [[source]]",
    ),
    "date-gap": Kind(
        False,
        "the epoch comment lies far after the date string; the date string serves",
        "nothing, if it was captured so late; else check both, or raise max_gap in [dates]",
    ),
    # Its body
    "body-empty": Kind(
        False,
        "nothing is left of the body once it is cleaned; the entry has only its title",
        "check that the body is HTML or Markdown, and that no [content] rule removes all of it",
    ),
    "body-deep": Kind(
        False,
        "the markup is nested too deep; below a limit only its text and pictures are kept",
        "mend the unclosed elements",
    ),
    "body-cut": Kind(
        False,
        "the body has more than 100,000 tags; what follows these is left out",
        "split the article",
    ),
    "picture-missing": Kind(
        False,
        "a picture that the article shows does not lie beside it; it is left out",
        "put the picture there, or write its whole address, with https://",
    ),
    # Its neighbours
    "twin": Kind(
        False,
        "another file holds the same article; the newest text of them is published",
        "remove the older file, if it is of no other use",
    ),
}
