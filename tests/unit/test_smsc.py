"""How an SMSC is written down."""

import pytest

from offhook.smsc import SmscSettings, parse_smsc, parse_smscs


def test_escapes_and_the_name() -> None:
    parsed = parse_smsc("smpp://me:p%40ss@[2001:db8::1]:2776")
    assert parsed == SmscSettings("me", "p@ss", "2001:db8::1", 2776, "me")
    assert parsed.carrier == "smpp:me"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LOCALHOST", "[::1]"])
def test_the_identity_does_not_depend_on_how_the_host_is_spelt(host: str) -> None:
    assert parse_smsc(f"smpp://me:pw@{host}:1?name=main").carrier == "smpp:main"


def test_all_that_a_contract_may_say() -> None:
    parsed = parse_smsc(
        "smpps://me:pw@smsc.example?name=main&bind=pair&system_type=VMA&service_type=CMT&addr_ton=1&addr_npi=1"
        "&address_range=^1555&source_ton=5&source_npi=0&dest_ton=1&dest_npi=1&window=10&rate=30&sender_rate=0.5"
        "&response=60&enquire_link=15&alphabet=latin1&receipt_ids=hex&prefixes=+44,49&ca=/etc/ca.pem"
    )
    assert parsed == SmscSettings(
        "me",
        "pw",
        "smsc.example",
        2775,
        name="main",
        tls=True,
        ca="/etc/ca.pem",
        bind="pair",
        system_type="VMA",
        service_type="CMT",
        addr_ton=1,
        addr_npi=1,
        address_range="^1555",
        source_ton=5,
        source_npi=0,
        dest_ton=1,
        dest_npi=1,
        window=10,
        rate=30.0,
        sender_rate=0.5,
        response=60.0,
        enquire_link=15.0,
        alphabet="latin1",
        receipt_ids="hex",
        prefixes=("44", "49"),
    )


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("rate=fast", "rate 'fast': expected a number"),
        ("rate=nan", "rate 'nan': expected a number"),
        ("window=0", "window '0': expected a whole number from 1"),
        ("bind=receiver", "expected one of transceiver"),
        ("nmae=x", "there is no parameter 'nmae'"),
        ("name=a&name=b", "name is given twice"),
        ("name=a b", "letters, digits"),
        ("prefixes=uk", "beginnings of numbers"),
        ("system_type=longerthantwelve", "at most 12"),
        ("ca=/x", "smpps"),
    ],
)
def test_what_it_may_not(query: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_smsc(f"smpp://a:b@x?{query}")


def test_a_password_that_no_bind_can_carry() -> None:
    with pytest.raises(ValueError, match="PASSWORD at most 8") as caught:
        parse_smsc("smpp://me:hunter2hunter2@x")
    assert "hunter2" not in str(caught.value)


def test_two_of_one_name() -> None:
    with pytest.raises(ValueError, match="two SMSCs are called 'a'"):
        parse_smscs(["smpp://a:b@x", "smpp://a:b@y"])
    assert [each.name for each in parse_smscs(["smpp://a:b@x", "smpp://a:b@y?name=c"])] == ["a", "c"]
