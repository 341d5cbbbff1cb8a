"""Reading a TwiML document: from bytes and a content type to a tree of elements, or a code that says why not.

XML is read by lxml with everything switched off that a hostile document could use: a document that declares
entities is refused before it is parsed, DTDs are not loaded, nothing is fetched. Limits: 64 kB, 32 levels,
2,000 elements. Content types: `text/xml`, `application/xml`, `text/html` are TwiML, `text/plain` is a text
to say (or to send), `audio/*` is a file to play, of any size. Which elements and attributes are known is the
business of `offhook.twiml.schema`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from lxml import etree

MAX_BYTES = 65536
MAX_DEPTH = 32
MAX_ELEMENTS = 2000

TOO_LARGE = 11750
EMPTY_BODY = 11770
NOT_XML = 12100
WRONG_VERSION = 12101
WRONG_ROOT = 12102
WRONG_CONTENT_TYPE = 12300

_XML_TYPES = frozenset({"text/xml", "application/xml", "text/html"})
_CHARSETS = re.compile(r"(utf-?(8|16|32)|ascii|iso8859|cp125|koi8|shift_jis|euc|gb|big5)")
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,100}?\sencoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_CHARSET_PARAMETER = re.compile(r"""(?i)\bcharset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""")
_VERSIONS = frozenset({"2008-08-01", "2010-04-01"})
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# XML 1.0, appendix F: what begins so has no byte order mark, and cannot be in any other encoding.
_UNMARKED = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_XML_NAMESPACE = "{http://www.w3.org/XML/1998/namespace}"


class DocumentError(Exception):
    """A document that cannot be run: `code` is 11750, 11770, 12100–12102 or 12300, `line` 0 if unknown."""

    def __init__(self, code: int, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True)
class Element:
    """An element: name and attributes without namespaces (`xml:lang` keeps its prefix).

    `content` is what stands in it, text and elements in order, without comments; `line` counts from 1.
    """

    name: str
    attributes: tuple[tuple[str, str], ...] = ()
    content: tuple[str | Element, ...] = ()
    line: int = 0

    @property
    def text(self) -> str:
        """The text directly in it, without the blanks around it."""
        return "".join(part for part in self.content if isinstance(part, str)).strip()

    @property
    def children(self) -> tuple[Element, ...]:
        """The elements directly in it."""
        return tuple(part for part in self.content if isinstance(part, Element))

    def get(self, name: str) -> str | None:
        """Return an attribute as written, None if absent."""
        return dict(self.attributes).get(name)


@dataclass(frozen=True, slots=True)
class Document:
    """A document to run. `url` is what relative URLs in it resolve against, None for inline TwiML."""

    url: str | None
    root: Element

    @property
    def verbs(self) -> tuple[Element, ...]:
        """The elements to run, in order."""
        return self.root.children


def parse(
    body: bytes | str, content_type: str | None, url: str | None = None, *, plain: str = "Say"
) -> Document:
    """Read a document; `plain` is the verb that a text/plain body stands for.

    Raises:
        DocumentError: it cannot be run. Nothing else is ever raised, whatever the bytes.
    """
    media_type, charset = _content_type(content_type)
    if media_type.startswith("audio/"):
        return Document(url, _response(Element("Play", content=(url or "",))))
    if len(body) > MAX_BYTES:
        raise DocumentError(TOO_LARGE, f"The document is larger than {MAX_BYTES} bytes")
    if not body.strip():
        raise DocumentError(EMPTY_BODY, "The document is empty")
    if media_type not in _XML_TYPES and media_type != "text/plain":
        raise DocumentError(WRONG_CONTENT_TYPE, f"The content type is {_shown(content_type)}, not TwiML")
    text = body if isinstance(body, str) else _decode(body, charset)
    if media_type == "text/plain":
        return Document(url, _plain(text, plain))
    return Document(url, _parse_xml(text))


def _plain(text: str, verb: str) -> Element:
    """Return what a text/plain body stands for.

    In a call TwiML is run even if its program says that it is text: nobody wants to hear markup. A text
    message may be about markup.
    """
    if verb == "Say":
        with suppress(DocumentError):
            return _parse_xml(text)
    return _response(Element(verb, content=(text,), line=1))


def _content_type(header: str | None) -> tuple[str, str | None]:
    """Return the media type in lower case, and the charset if one is given."""
    media_type, _, parameters = (header or "").partition(";")
    charset = _CHARSET_PARAMETER.search(parameters)
    return media_type.strip().lower(), charset.group(1) if charset else None


def _decode(body: bytes, charset: str | None) -> str:
    """Bytes to text: a byte order mark decides, then the content type's charset, then the XML declaration."""
    declared = _DECLARED.match(body)
    charset = charset or (declared.group(1).decode("ascii") if declared else "utf-8")
    charset = next((name for mark, name in _MARKS + _UNMARKED if body.startswith(mark)), charset)
    try:
        if not _CHARSETS.match(codecs.lookup(charset).name):
            raise LookupError(charset)
        return body.decode(charset)
    except LookupError:
        raise DocumentError(NOT_XML, f"The encoding {_shown(charset)} is not known") from None
    except UnicodeError:
        raise DocumentError(NOT_XML, f"The document is not in the encoding {charset}") from None


def _parse_xml(text: str) -> Element:
    if "<!ENTITY" in text:
        raise DocumentError(NOT_XML, "Entities may not be declared")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(text.removeprefix("\ufeff").encode("utf-8"), parser)
    except UnicodeError:
        raise DocumentError(NOT_XML, "The document has characters that XML does not allow") from None
    except etree.XMLSyntaxError as error:
        raise DocumentError(NOT_XML, f"The document is not XML: {error.msg}", error.lineno or 0) from None
    if _name(root.tag) != "Response":
        raise DocumentError(
            WRONG_ROOT, f"The root element is {_shown(_name(root.tag))}, not Response", _line(root)
        )
    if (version := root.get("version")) not in (None, *_VERSIONS):
        raise DocumentError(WRONG_VERSION, f"The version of Response is {_shown(version)}", _line(root))
    return _element(root, 1, iter(range(MAX_ELEMENTS)))


def _element(node: etree._Element, depth: int, budget: Iterator[int]) -> Element:
    """Copy a node and what is in it; `budget` yields once for each element still allowed."""
    if depth > MAX_DEPTH:
        raise DocumentError(NOT_XML, f"Elements are nested deeper than {MAX_DEPTH}", _line(node))
    if next(budget, None) is None:
        raise DocumentError(NOT_XML, f"There are more than {MAX_ELEMENTS} elements", _line(node))
    content: list[str | Element] = [node.text] if node.text else []
    for child in node:
        if not isinstance(child.tag, str):
            raise DocumentError(NOT_XML, "An entity is not defined", _line(child))
        content.append(_element(child, depth + 1, budget))
        if child.tail:
            content.append(child.tail)
    attributes = tuple((_name(name), str(value)) for name, value in node.attrib.items() if _is_known(name))
    return Element(_name(node.tag), attributes, tuple(content), _line(node))


def _is_known(attribute: str | bytes) -> bool:
    """Say whether an attribute is in no namespace or XML's own: others are not TwiML's to judge."""
    return not str(attribute).startswith("{") or str(attribute).startswith(_XML_NAMESPACE)


def _name(name: str | bytes) -> str:
    if str(name).startswith(_XML_NAMESPACE):
        return "xml:" + str(name).removeprefix(_XML_NAMESPACE)
    return str(name).rpartition("}")[2]


def _line(node: etree._Element) -> int:
    line = node.sourceline
    return line if isinstance(line, int) else 0


def _response(*verbs: Element) -> Element:
    return Element("Response", content=verbs)


def _shown(text: object) -> str:
    """Return a peer's text so that it is safe and short enough to show."""
    return repr(str(text)[:80])
