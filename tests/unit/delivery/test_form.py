"""Forms, held against the standard library's."""

from __future__ import annotations

from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from offhook.delivery.form import encode

TEXT = st.one_of(st.text(max_size=12), st.from_regex(r"[A-Za-z0-9_.~+ /-]{0,12}", fullmatch=True))


@given(st.lists(st.tuples(TEXT.filter(str.isprintable), TEXT), max_size=5))
def test_a_form_is_what_the_standard_library_makes_of_it(params: list[tuple[str, str]]) -> None:
    assert encode(params) == urlencode(params)


def test_what_needs_no_quotes_and_what_does() -> None:
    assert encode([("From", "+1510"), ("Body", "a b&c=d\né"), ("~x-_.", "")]) == (
        "From=%2B1510&Body=a+b%26c%3Dd%0A%C3%A9&~x-_.="
    )
