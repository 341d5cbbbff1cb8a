"""Digest: the RFCs' own examples, and both roles against each other."""

from __future__ import annotations

import itertools

import pytest

from offhook.errors import RemoteProtocolError
from offhook.sip import digest as module
from offhook.sip.digest import (
    Credentials,
    Password,
    Verifier,
    authorization,
    choose_challenge,
    digest,
    parse_digest,
)

URI = "sip:bob@biloxi.com"
BOB = Credentials("bob", "zanzibar")


def test_rfc_2617_without_and_rfc_7616_with_qop() -> None:
    challenge = {"realm": "testrealm@host.com", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093", "qop": "auth"}
    value = authorization(
        challenge, Credentials("Mufasa", "Circle Of Life"), "GET", "/dir/index.html", "0a4f113b", 1
    )
    assert 'response="6629fae49393a05397450978507c4ef1"' in value
    challenge = {
        "realm": "http-auth@example.org",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "qop": "auth",
        "algorithm": "SHA-256",
    }
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    value = authorization(
        challenge, Credentials("Mufasa", "Circle of Life"), "GET", "/dir/index.html", cnonce, 1
    )
    assert 'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"' in value


def answer(verifier: Verifier, *, count: int = 1, now: float = 10.0, algorithm: int = 0) -> dict[str, str]:
    challenge = choose_challenge([verifier.challenges("r", "e", now, stale=False)[algorithm]])
    assert challenge is not None
    given = parse_digest(authorization(challenge, BOB, "INVITE", URI, "c", count))
    assert given is not None
    return given


@pytest.mark.parametrize("algorithm", [0, 1])
def test_a_right_answer_is_good_once_for_each_nc(algorithm: int) -> None:
    verifier = Verifier(b"k", ("MD5", "SHA-256"), 300)
    given = answer(verifier, algorithm=algorithm)
    assert verifier.verify(given, "INVITE", "r", Password("zanzibar"), 11)
    assert not verifier.verify(given, "INVITE", "r", Password("zanzibar"), 11)
    assert verifier.is_stale(given, 11)
    again = answer(verifier, count=2, algorithm=algorithm)
    assert verifier.verify(again, "INVITE", "r", Password("zanzibar"), 11)


def test_ha1_serves_for_the_password() -> None:
    verifier = Verifier(b"k", ("MD5",), 300)
    ha1 = digest("MD5", "bob", "r", "zanzibar")
    assert verifier.verify(answer(verifier), "INVITE", "r", Password(ha1=(("MD5", ha1),)), 11)
    assert not verifier.verify(answer(verifier, count=2), "INVITE", "r", Password(), 11)


@pytest.mark.parametrize(
    "change",
    [
        {"response": "0" * 32},
        {"username": "eve"},
        {"realm": "other"},
        {"nc": "x"},
        {"nc": "00000002"},
        {"algorithm": "MD5-sess"},
        {"qop": "auth-int"},
        {"nonce": "1.2.3"},
        {"nonce": ""},
    ],
)
def test_a_changed_answer_proves_nothing(change: dict[str, str]) -> None:
    verifier = Verifier(b"k", ("MD5",), 300)
    given = {**answer(verifier), **change}
    assert not verifier.verify(given, "INVITE", "r", Password("zanzibar"), 11)


def test_old_and_foreign_nonces_are_stale() -> None:
    verifier = Verifier(b"k", ("MD5",), 300)
    given = answer(verifier)
    assert not verifier.verify(given, "INVITE", "r", Password("zanzibar"), 311)
    assert verifier.is_stale(given, 311)
    assert not verifier.is_stale(given, 12)
    assert Verifier(b"other", ("MD5",), 300).is_stale(given, 12)
    assert "stale=true" in verifier.challenges("r", "e", 1, stale=True)[0]


def test_a_forgotten_nonce_is_stale_not_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED_NONCES", 1)
    verifier = Verifier(b"k", ("MD5",), 300)
    old = answer(verifier, now=10.0)
    for given in (old, answer(verifier, now=11.0), answer(verifier, now=12.0)):
        assert verifier.verify(given, "INVITE", "r", Password("zanzibar"), 12)
    assert not verifier.verify(old, "INVITE", "r", Password("zanzibar"), 12)


def test_a_challenge_that_cannot_be_answered_is_skipped() -> None:
    values = [
        "Basic realm=x",
        'Digest realm="r", nonce="1", algorithm=SHA-512-256',
        'Digest realm="r", nonce="2", qop="auth-int"',
        "Digest realm=",
        'Digest realm="r", nonce="3", algorithm=md5, qop="auth-int,auth"',
    ]
    challenge = choose_challenge(values)
    assert challenge is not None
    assert challenge["nonce"] == "3"
    assert choose_challenge(values[:4]) is None


@pytest.mark.parametrize("password", [Password("zanzibar"), Password(), None])
def test_every_directive_may_be_missing(password: Password | None) -> None:
    names = ("username", "realm", "nonce", "uri", "cnonce", "response", "qop", "nc", "algorithm")
    for kept in itertools.product((True, False), repeat=len(names)):
        verifier = Verifier(b"k", ("MD5",), 300)
        whole = answer(verifier)
        given = {name: whole[name] for name, keep in zip(names, kept, strict=True) if keep}
        verifier.is_stale(given, 11)
        proven = password is not None and verifier.verify(given, "INVITE", "r", password, 11)
        # Nothing but the algorithm, which has a default, can be left out of a proof.
        assert proven is (all(kept[:-1]) and password == Password("zanzibar"))


def test_control_characters_are_in_no_digest() -> None:
    with pytest.raises(RemoteProtocolError):
        parse_digest('Digest username="a\\\x00b", realm="r"')
