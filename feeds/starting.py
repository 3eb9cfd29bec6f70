"""What `feeds init` puts into an empty folder: a configuration, and one article to see it work."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from feeds import config
from feeds.model import ConfigError, FeedsError

_ARTICLE = """\
<!--{epoch}-->
[The first article](https://example.org/first-article)
------

<div><i>{date}</i></div><p>This is an article. Its first line says when it was captured, in
milliseconds since 1970; the second holds its title and its link; the date above says when it was
published. What follows is HTML, or Markdown if it does not begin with a tag.</p>
<p>Replace this file with articles of your own. Every folder beside this one is a source.</p>
"""


def begin(
    folder: str, title: str, url: str, language: str, timezone: str, now: int
) -> tuple[str, ...]:
    """Write the starting files into `folder`; their names.

    Raises ConfigError if one is there, and FeedsError when one can't be written.
    """
    moment = datetime.fromtimestamp(now, UTC)
    files = {
        config.NAME: config.template(title, url, language, timezone, f"{moment:%Y}"),
        "seeds/first/1001_the-first-article.md": _ARTICLE.format(
            epoch=now * 1000, date=moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
        ),
    }
    config.parse(files[config.NAME], os.path.join(folder, config.NAME))  # what was given is checked
    there = [name for name in files if os.path.lexists(os.path.join(folder, name))]
    if there:
        path = os.path.join(folder, there[0])
        raise ConfigError((f"{path}: it is there already; `feeds init` overwrites nothing",))
    try:
        for name, text in files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(path, "x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise FeedsError(f"{error.filename}: {error.strerror}; name another folder") from None
    return tuple(files)
