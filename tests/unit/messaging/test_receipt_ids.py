"""The ids of receipts against those of responses."""

import pytest

from offhook.messaging.receipt_ids import READINGS, Form, candidates, canonical, preferring


@pytest.mark.parametrize(
    ("response", "receipt"),
    [
        ("1a2B", "1A2b"),
        ("0000012345", "12345"),
        ("12345", "0000012345"),
        ("1f", "31"),
        ("0x1f"[2:], "0031"),
        ("31", "1F"),
        ("4294967295", "FFFFFFFF"),
        ("6f1c-UUID", "6F1C-uuid"),
        ("0", "000"),
        ("", ""),
    ],
)
def test_what_is_the_same_id_is_found(response: str, receipt: str) -> None:
    assert canonical(response) in candidates(receipt, READINGS["auto"])


def test_the_likeliest_comes_first_and_a_setting_decides() -> None:
    assert list(candidates("10", READINGS["auto"])) == ["10", "16", "a"]
    assert list(candidates("10", READINGS["same"])) == ["10"]
    assert list(candidates("10", READINGS["hex"])) == ["16", "10"]
    assert list(candidates("10", READINGS["decimal"])) == ["a", "10"]
    assert list(candidates("7", READINGS["auto"])) == ["7"]
    assert list(candidates("10", preferring(Form.DECIMAL, READINGS["auto"]))) == ["a", "10", "16"]


@pytest.mark.parametrize("receipt", ["9" * 5000, "١٢", "+5", "1_0", "id with spaces"])
def test_odd_ids_are_only_themselves(receipt: str) -> None:
    assert list(candidates(receipt, READINGS["auto"])) == [canonical(receipt)]
