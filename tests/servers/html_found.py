"""Which tags, attributes and texts a piece of HTML has, as a browser's tokenizer would find them."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})


@dataclass(frozen=True)
class Tag:
    name: str
    attributes: dict[str, str]


class Found(HTMLParser):
    """`tags` in their order, `texts` between them, and `unbalanced` where an end tag fits no start."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[Tag] = []
        self.texts: list[str] = []
        self.others: list[str] = []
        self.unbalanced: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.unbalanced += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(Tag(tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(Tag(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()
        else:
            self.unbalanced.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_decl(self, decl: str) -> None:
        self.others.append(decl)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)

    def unknown_decl(self, data: str) -> None:
        self.others.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def named(self, name: str) -> list[Tag]:
        return [tag for tag in self.tags if tag.name == name]

    def links(self) -> list[str]:
        """Wherever a browser would go or load something from."""
        kinds = ("href", "src", "srcset", "action", "formaction", "poster", "data", "background", "xlink:href")
        return [tag.attributes[kind] for tag in self.tags for kind in kinds if kind in tag.attributes]


PROSE = {"p", "br", "hr", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6",
         "table", "thead", "tbody", "tr", "th", "td", "a", "abbr"}  # fmt: skip
"""What Markdown becomes."""
OWN = {
    "div",
    "article",
    "section",
    "details",
    "summary",
    "b",
    "dl",
    "dt",
    "dd",
    "time",
    "button",
    "input",
    "span",
    "small",
}
"""What our own HTML has beside it."""
ATTRIBUTES = {"href", "target", "rel", "class", "title", "id", "dir", "role", "aria-label", "aria-pressed", "data-action",
              "data-question", "data-verdict", "data-row", "datetime", "tabindex", "hidden", "type", "maxlength", "placeholder",
              "value", "start", "style"}  # fmt: skip
STYLES = {"text-align:left", "text-align:right", "text-align:center"}


def harmless(html: str, hosts: tuple[str, ...] = ()) -> Found:
    """Asserts that nothing in it runs, loads, or leads to another place than these hosts or the page itself."""
    found = Found(html)
    assert {tag.name for tag in found.tags} <= PROSE | OWN
    for tag in found.tags:
        assert tag.attributes.keys() <= ATTRIBUTES, tag
        assert tag.attributes.get("style", "text-align:left") in STYLES, tag
        assert tag.attributes.get("type", "text") == "text", tag
    for url in found.links():
        assert url.startswith(("#", *(f"{scheme}://{host}/" for scheme in ("http", "https") for host in hosts))), url
    assert not found.others
    assert not found.unbalanced
    return found
