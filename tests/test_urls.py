"""Addresses: one normal form, proxies unwrapped, one key for each article."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import urls

BASE = "https://news.example.com/a/b.html"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("https://images.weserv.nl?url=x.example/a.jpg", "https://images.weserv.nl/?url=x.example/a.jpg"),
        ("//cdn.example.com/a b.png", "https://cdn.example.com/a%20b.png"),
        ("../i.png", "https://news.example.com/i.png"),
        ("i.png", "https://news.example.com/a/i.png"),
        ("/i.png", "https://news.example.com/i.png"),
        ("?page=2", "https://news.example.com/a/b.html?page=2"),
        ("#fn1", "https://news.example.com/a/b.html#fn1"),
        ("HTTPS://EXAMPLE.org:443/%7Ea/%e4%b8%ad", "https://example.org/~a/%E4%B8%AD"),
        ("http://example.org:80", "http://example.org/"),
        ("http://example.org:8080/", "http://example.org:8080/"),
        ("http://例え.jp/画像.png", "http://xn--r8jz45g.jp/%E7%94%BB%E5%83%8F.png"),
        ("https://x.example/a/../../b/./c/..", "https://x.example/b/"),
        ("https://x.example/%2e%2e/a", "https://x.example/a"),
        ("https://x.example/a?b=../c d&e=%zz", "https://x.example/a?b=../c%20d&e=%25zz"),
        ("https://x.example/pic.", "https://x.example/pic."),
        ("https://x.example/a?", "https://x.example/a"),
        ("  https://x.example/\n\ta ", "https://x.example/a"),
        ('https://x.example/"<>\\^`{|}', "https://x.example/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("http://[2001:DB8::1]:80/", "http://[2001:db8::1]/"),
        ("https://x.example/wiki/Feed_(web)", "https://x.example/wiki/Feed_(web)"),
    ],
)  # fmt: skip
def test_normal_form(reference: str, expected: str) -> None:
    assert urls.normal(reference, BASE) == expected


@pytest.mark.parametrize(
    "reference",
    [
        "", "   ", "javascript:alert(1)", "java\nscript:alert(1)", "JaVaScRiPt:alert(1)", "data:image/png;base64,x",
        "mailto:a@example.org", "ftp://x.example/", "file:///etc/passwd", "http://", "https:///x", "http://[::1",
        "http://user:pw@x.example/", "http://user@x.example/", "http://x.example:99999/", "http://x.example:abc/",
        "http://a b.example/", "http://xn--/", "http://\u202e.example/", "http://.example/", "vbscript:x",
    ],
)  # fmt: skip
def test_no_address(reference: str) -> None:
    assert urls.normal(reference, BASE) == ""


def test_a_relative_reference_without_a_page_is_none() -> None:
    assert urls.normal("a.png") == ""


@given(st.text(max_size=80), st.sampled_from(["", BASE]))
def test_the_normal_form_is_normal(reference: str, base: str) -> None:
    address = urls.normal(reference, base)
    assert urls.normal(address) == address
    assert address.isascii()
    assert not address or address.startswith(("http://", "https://"))
    assert not set(address) & set(" <>\"'\\^`{|}\n\t") - {"'"}


@given(
    st.from_regex(
        r"https?://[a-z.]{1,8}(/[\x20-\x7e]{0,8}){0,3}(\?[\x20-\x7e]{0,8})?", fullmatch=True
    )
)
def test_the_shortcut_says_what_the_long_way_says(reference: str) -> None:
    if urls._NORMAL.match(reference):
        assert urls._normal(reference, "") == reference


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://images.weserv.nl?url=gdb.example.com/a_w900.jpg", "https://gdb.example.com/a_w900.jpg"),
        ("https://images.weserv.nl/?url=ssl:x.example/a.jpg&w=300", "https://x.example/a.jpg"),
        ("https://wsrv.nl/?url=http%3A%2F%2Fx.example%2Fa.jpg%3Fb%3D1", "http://x.example/a.jpg?b=1"),
        ("https://i0.wp.com/x.example/a.png?fit=10%2C5&ssl=1", "https://x.example/a.png"),
        ("https://i2.wp.com/x.example/a.png?w=300", "http://x.example/a.png"),
        ("https://cdn.statically.io/img/x.example/w=300/a.png", "https://x.example/w=300/a.png"),
        ("https://external-content.duckduckgo.com/iu/?u=https%3A%2F%2Fx.example%2Fa.jpg&f=1", "https://x.example/a.jpg"),
        ("https://wsrv.nl/?url=https://i0.wp.com/x.example/a.png?ssl=1", "https://x.example/a.png"),
        ("https://x.example/?url=y.example/a.png", "https://x.example/?url=y.example/a.png"),
        ("https://wsrv.nl/?w=300", "https://wsrv.nl/?w=300"),
        ("https://wsrv.nl/?url=javascript:alert(1)", "https://wsrv.nl/?url=javascript:alert(1)"),
        ("https://i0.wp.com/nohost/a.png", "https://i0.wp.com/nohost/a.png"),
    ],
)  # fmt: skip
def test_proxies(url: str, origin: str) -> None:
    assert urls.unwrapped(urls.normal(url)) == origin


@pytest.mark.parametrize(
    "variant",
    [
        "https://www.example.com/a/b?x=1&y=2",
        "http://www.example.com/a/b?x=1&y=2",
        "https://example.com/a/b?y=2&x=1",
        "https://example.com/a/b/?x=1&y=2#top",
        "https://example.com/a/b?x=1&utm_source=z&y=2&fbclid=q",
        "https://EXAMPLE.com:443/a/%62?x=1&y=2",
        "https://i0.wp.com/example.com/a/b?x=1&y=2",
    ],
)
def test_what_differs_idly_has_one_key(variant: str) -> None:
    key = urls.key(urls.normal(variant))
    if "wp.com" in variant:  # a proxy of pictures drops the query
        assert key == "example.com/a/b"
    else:
        assert key == "example.com/a/b?x=1&y=2"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/a", "https://example.com/b"),
        ("https://example.com/a?id=1", "https://example.com/a?id=2"),
        ("https://example.com/A", "https://example.com/a"),
        ("https://a.example.com/", "https://b.example.com/"),
    ],
)
def test_what_differs_truly_has_two(one: str, other: str) -> None:
    assert urls.key(urls.normal(one)) != urls.key(urls.normal(other))


@pytest.mark.parametrize("path", ["泡泡/a b.png", "a%20b", "x?y#z", "日刊"])
def test_escaped_paths_can_stand_in_an_address(path: str) -> None:
    address = f"https://x.example/{urls.escaped(path)}"
    assert urls.normal(address) == address


HOSTS = st.lists(st.sampled_from(["www", "-a", "b-", "9"]), min_size=1, max_size=4) | st.sampled_from([
    ["wsrv", "nl"], ["images", "weserv", "nl"], ["www", "wsrv", "nl"], ["www", ""],
])  # fmt: skip
PATHS = st.text(st.sampled_from("ab/.?=&-~_"), max_size=8)


@given(st.sampled_from(["http", "https"]), HOSTS, PATHS)
def test_the_key_of_a_common_address_is_its_key(scheme: str, host: list[str], path: str) -> None:
    url = f"{scheme}://{'.'.join(host)}/{path}"
    if found := re.fullmatch(urls.COMMON.encode(), url.encode()):
        assert urls.normal(url) == url
        assert urls.common_key(url, found[1]).decode() == urls.key(url)
