"""Reading documents: every way in which bytes may fail to be TwiML ends as a code, and nothing takes long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.twiml.document import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_ELEMENTS,
    Document,
    DocumentError,
    Element,
    parse,
)
from offhook.twiml.schema import VOICE, warnings

SAY = '<Response><Say voice="man">Hello</Say></Response>'


def code(body: bytes | str, content_type: str | None = "text/xml") -> int:
    with pytest.raises(DocumentError) as caught:
        parse(body, content_type)
    return caught.value.code


def test_tree() -> None:
    document = parse(
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Response>\n  <!-- note -->\n'
        b'  <Say voice="man" xml:lang="x">One <break/>two<![CDATA[ & three]]></Say><?pi x?>\n</Response>',
        "text/xml",
        "http://a.example/",
    )
    (say,) = document.verbs
    assert document.url == "http://a.example/"
    assert say == Element(
        "Say",
        (("voice", "man"), ("xml:lang", "x")),
        ("One ", Element("break", line=4), "two & three"),
        line=4,
    )
    assert say.text == "One two & three"
    assert say.get("voice") == "man"
    assert say.get("loop") is None


@pytest.mark.parametrize(
    "content_type",
    [
        "text/xml",
        "application/xml",
        "text/html",
        "TEXT/XML; charset=utf-8",
        'text/xml; charset="UTF-8"',
        "text/xml;x=y",
    ],
)
def test_content_types_of_twiml(content_type: str) -> None:
    assert parse(SAY.encode(), content_type).verbs[0].text == "Hello"


def test_twiml_that_is_called_text_is_run_in_a_call_and_sent_as_text() -> None:
    body = f'<?xml version="1.0"?>{SAY}'
    assert parse(body, "text/plain").verbs[0].text == "Hello"
    assert parse(body, "text/plain", plain="Message").verbs[0].text == body
    for said in ("<Response><Say>", "<p>Hello</p>", f"\n{body}"):
        assert parse(said, "text/plain").verbs[0].content == (said,)


def test_plain_text_and_audio() -> None:
    assert parse(b"Hi <b>", "text/plain").verbs == (Element("Say", content=("Hi <b>",), line=1),)
    assert parse(b"Hi", "text/plain", plain="Message").verbs[0].name == "Message"
    assert parse(b"\xff\xfb", "audio/mpeg", "http://a.example/x").verbs == (
        Element("Play", content=("http://a.example/x",)),
    )


@pytest.mark.parametrize(
    "content_type", [None, "", "application/json", "image/png", "text", "xml", "text/css"]
)
def test_other_content_types(content_type: str | None) -> None:
    assert code(SAY.encode(), content_type) == 12300


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<Response><Say>é€</Say></Response>".encode(), "text/xml"),
        ("\ufeff<Response><Say>é€</Say></Response>".encode(), "text/xml; charset=latin-1"),
        ("<Response><Say>é€</Say></Response>".encode("utf-16"), "text/xml"),
        (
            '<?xml version="1.0" encoding="UTF-16"?><Response><Say>é€</Say></Response>'.encode("utf-16"),
            "text/xml",
        ),
        ("<Response><Say>é€</Say></Response>".encode("cp1252"), "text/xml; charset=windows-1252"),
        (
            '<?xml version="1.0" encoding="windows-1252"?><Response><Say>é€</Say></Response>'.encode(
                "cp1252"
            ),
            "text/xml",
        ),
        (
            '<?xml version="1.0" encoding="latin-1"?><Response><Say>é€</Say></Response>'.encode(),
            "text/xml;charset=utf-8",
        ),
    ],
)
def test_encodings(body: bytes, content_type: str) -> None:
    assert parse(body, content_type).verbs[0].text == "é€"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<Response>\xff</Response>", "text/xml"),
        (SAY.encode(), "text/xml; charset=klingon"),
        (SAY.encode(), "text/xml; charset=rot13"),
        (SAY.encode(), "text/xml; charset=base64"),
        (SAY.encode(), "text/xml; charset=idna"),
        (SAY.encode(), "text/xml; charset=unicode_escape"),
        (b'<?xml version="1.0" encoding="zlib"?><Response/>', "text/xml"),
    ],
)
def test_encodings_that_do_not_read(body: bytes, content_type: str) -> None:
    assert code(body, content_type) == 12100


@pytest.mark.parametrize(
    "body",
    [
        "Hello",
        "<Response>",
        "<Response></Reponse>",
        "<Response/><Response/>",
        "<Response>&nbsp;</Response>",
        "<Response a='1' a='2'/>",
        "<Response>\x00</Response>",
        "{}",
        "<!DOCTYPE Response SYSTEM 'file:///etc/passwd'><Response>&x;</Response>",
        "\n<?xml version='1.0'?><Response/>",
        " <?xml version='1.0'?><Response/>",
        "\ufeff\n<?xml version='1.0'?><Response/>",
        "<!-- made by --><?xml version='1.0'?><Response/>",
        "<?xml version='1.0'?><?xml version='1.0'?><Response/>",
        "<Response/>done",
        "debug<Response/>",
        "<Response><Say>Fish & chips</Say></Response>",
        "<Response><Say loop=2>Hello</Say></Response>",
    ],
)
def test_what_is_not_xml(body: str) -> None:
    assert code(body) == 12100


@pytest.mark.parametrize("body", ["\r\n <Response/>", "\ufeff<?xml version='1.0'?>\n<Response/>\n\n"])
def test_white_space_where_xml_has_it(body: str) -> None:
    assert parse(body.encode(), "text/xml").verbs == ()
    assert parse(body, "text/xml").verbs == ()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("content_type", ["text/xml", "text/xml; charset=utf-16", "text/xml; charset=utf-8"])
@pytest.mark.parametrize("declaration", ["", '<?xml version="1.0" encoding="UTF-16"?>'])
def test_utf_16_without_a_byte_order_mark(encoding: str, content_type: str, declaration: str) -> None:
    body = f"{declaration}<Response><Say>é€</Say></Response>".encode(encoding)
    assert parse(body, content_type).verbs[0].text == "é€"


def test_the_version_of_the_markup() -> None:
    assert parse('<Response version="2010-04-01"/>', "text/xml").verbs == ()
    assert code('<Response version="3"/>') == 12101


def test_a_syntax_error_tells_its_line() -> None:
    with pytest.raises(DocumentError) as caught:
        parse("<Response>\n<Say>Hello</Sai>\n</Response>", "text/xml")
    assert caught.value.line == 2


@pytest.mark.parametrize("body", ["<response/>", "<html/>", "<Say>Hello</Say>"])
def test_other_roots(body: str) -> None:
    assert code(body) == 12102


def test_a_namespace_is_no_hindrance() -> None:
    document = parse(
        '<Response xmlns="urn:x" xmlns:i="urn:i" i:noNamespaceSchemaLocation="x"><Say>Hello</Say></Response>',
        "text/xml",
    )
    assert document.verbs[0].name == "Say"
    assert warnings(document, VOICE) == []


@pytest.mark.parametrize("body", [b"", b"  \r\n"])
def test_nothing(body: bytes) -> None:
    assert code(body) == 11770


def test_size() -> None:
    filler = MAX_BYTES - len(b"<Response></Response>")
    assert isinstance(parse(b"<Response>" + b" " * filler + b"</Response>", "text/xml"), Document)
    assert code(b"<Response>" + b" " * (filler + 1) + b"</Response>") == 11750
    assert parse(b"x" * 10_000_000, "audio/wav", "http://a.example/x").verbs[0].name == "Play"


def test_depth() -> None:
    inner = MAX_DEPTH - 2
    assert parse("<Response><Say>" + "<p>" * inner + "</p>" * inner + "</Say></Response>", "text/xml")
    inner += 1
    assert code("<Response><Say>" + "<p>" * inner + "</p>" * inner + "</Say></Response>") == 12100
    assert code("<Response>" + "<p>" * 9000 + "</p>" * 5000 + "</Response>") == 12100


def test_number_of_elements() -> None:
    assert (
        len(parse("<Response>" + "<Pause/>" * (MAX_ELEMENTS - 1) + "</Response>", "text/xml").verbs) == 1999
    )
    assert code("<Response>" + "<Pause/>" * MAX_ELEMENTS + "</Response>") == 12100


BOMBS = {
    "billion laughs": '<!DOCTYPE r [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(10))
    + "]><Response><Say>&k;</Say></Response>",
    "quadratic": f'<!DOCTYPE r [<!ENTITY a "{"a" * 20000}">]><Response>{"&a;" * 10000}</Response>',
    "external": '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><Response><Say>&a;</Say></Response>',
    "parameter": '<!DOCTYPE r [<!ENTITY % a SYSTEM "http://127.0.0.1:1/x"> %a;]><Response/>',
    "in an attribute": '<!DOCTYPE r [<!ENTITY a "x">]><Response><Say voice="&a;"/></Response>',
    "attribute default": '<!DOCTYPE r [<!ATTLIST Say voice CDATA "woman"><!ENTITY a "b">]><Response/>',
    "many declarations": "<!DOCTYPE " * 6000,
    "many attributes": "<Response " + " ".join(f'a{n}="{n}"' for n in range(6000)) + "/>",
    "long name": f"<{'a' * 65000}/>",
}


@pytest.mark.parametrize("bomb", sorted(BOMBS))
def test_bombs_do_not_go_off(bomb: str) -> None:
    began = time.process_time()
    for body in (BOMBS[bomb], BOMBS[bomb].encode("utf-16")):
        try:
            document = parse(body, "text/xml")
        except DocumentError as error:
            assert error.code in (12100, 12102, 11750)
            assert len(error.message) < 300
        else:
            assert bomb == "many attributes"
            assert len(warnings(document, VOICE)) == 20
    assert time.process_time() - began < 2


def test_an_external_dtd_is_not_read() -> None:
    document = parse(
        '<!DOCTYPE Response SYSTEM "http://127.0.0.1:1/x.dtd"><Response><Pause/></Response>', "text/xml"
    )
    assert document.verbs[0].name == "Pause"


PIECES = st.sampled_from(
    [
        "<Response>",
        "</Response>",
        "<Say>",
        "</Say>",
        "<Gather ",
        "/>",
        ">",
        "&amp;",
        "&x;",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "<?xml version='1.0' encoding='",
        "'?>",
        "<!DOCTYPE ",
        "utf-16",
        "a='b'",
        "xmlns:x='y'",
        "x:",
        "\x00",
        "é",
    ]
)
TYPES = st.sampled_from(
    ["text/xml", "text/plain", "text/html; charset=", "audio/x", None, "", "text/xml; charset=utf-7"]
)


@settings(max_examples=300)
@given(
    st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=30).map("".join)),
    st.one_of(TYPES, st.text()),
)
def test_nothing_but_document_errors_are_ever_raised(body: bytes | str, content_type: str | None) -> None:
    for form in (body, body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body):
        try:
            document = parse(form, content_type, "http://a.example/")
        except DocumentError as error:
            assert error.code in (11750, 11770, 12100, 12101, 12102, 12300)
        else:
            assert len(warnings(document, VOICE)) <= 20


@settings(max_examples=100)
@given(
    st.text(),
    st.sampled_from(["ascii", "utf-8", "utf-16", "utf-7", "cp1252", "hex", "idna", "punycode", "", "\x00"]),
)
def test_text_in_any_declared_encoding(text: str, encoding: str) -> None:
    body = f"<?xml version='1.0' encoding='{encoding}'?><Response><Say>{text}</Say></Response>"
    for form in (body, body.encode("utf-8", "surrogatepass")):
        try:
            parse(form, "text/xml")
        except DocumentError as error:
            assert error.code in (12100, 11750)
