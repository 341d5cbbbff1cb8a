"""Cutting a text into pieces that are spoken one after the other, so that the first is heard early.

A piece is a sentence, or where a sentence is long its clauses: an engine needs a whole piece before it gives
any audio, in time proportional to its length. The first piece is kept shorter than the others for the same
reason. Pure.
"""

import re

FIRST_PIECE = 32
"""A first piece of this many characters takes a neural voice about 0.2 s on one slow core."""
LATER_PIECE = 160
"""Later pieces are made while the one before is heard."""
LONGEST_PIECE = 400
"""No piece is longer, whatever it is made of."""

_ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "vs", "etc", "inc", "ltd", "co", "corp", "dept"}
    | {"est", "fig", "no", "nr", "approx", "gen", "col", "sgt", "capt", "rev", "hon", "e.g", "i.e", "a.m"}
    | {"p.m", "u.s", "u.k", "z.b", "bzw", "ca", "usw"}
)
_SENTENCE_END = re.compile(r"""(?:[.!?…]+["'”’)\]]*(?=\s)|[。！？]+["'”’)\]]*|\n\s*\n)""")
_CLAUSE_END = re.compile(r"[,;:—–](?=\s)|[，、；：]")
_CONJUNCTION = re.compile(r"\s(?=(?:and|or|but|because|which|while|if|when)\s)", re.IGNORECASE)
_SPACES = re.compile(r"\s+")


def split_text(text: str) -> list[str]:
    """The pieces of `text` in order, with single spaces. Those of nothing but punctuation are left out."""
    pieces: list[str] = []
    for sentence in _sentences(text):
        rest = _SPACES.sub(" ", sentence).strip()
        while rest:
            piece, rest = _take_piece(rest, FIRST_PIECE if not pieces else LATER_PIECE)
            if any(character.isalnum() for character in piece):
                pieces.append(piece)
    return pieces


def ends_sentence(piece: str) -> bool:
    """Whether a pause belongs after this piece that is longer than one for a comma."""
    return piece.rstrip("\"'”’)]").endswith((".", "!", "?", "…", "。", "！", "？"))


def _sentences(text: str) -> list[str]:
    sentences = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if _is_abbreviation(text[start : match.start()], match.group(), text[match.end() :]):
            continue
        sentences.append(text[start : match.end()])
        start = match.end()
    sentences.append(text[start:])
    return sentences


def _is_abbreviation(before: str, end: str, after: str) -> bool:
    """Whether a lone dot ends no sentence: after an abbreviation or initial, or before a small letter."""
    if end != ".":
        return False
    word = before.rpartition(" ")[2].lower().lstrip("(\"'")
    if word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i"):
        return True
    return after.lstrip()[:1].islower()


def _take_piece(sentence: str, wanted: int) -> tuple[str, str]:
    """The first piece of a sentence and what is left of it."""
    if len(sentence) <= wanted:
        return sentence, ""
    cut = _best_cut(_CLAUSE_END, sentence, wanted)
    if cut is None and len(sentence) > 2 * wanted:
        cut = _best_cut(_CONJUNCTION, sentence, wanted)
    if cut is None and len(sentence) > LONGEST_PIECE:
        cut = sentence.rfind(" ", 1, LONGEST_PIECE)
        cut = cut if cut > 0 else LONGEST_PIECE
    if cut is None:
        return sentence, ""
    return sentence[:cut].strip(), sentence[cut:].strip()


def _best_cut(pattern: re.Pattern[str], sentence: str, wanted: int) -> int | None:
    """The last place before `wanted` where `pattern` allows a cut, else the first one after it.

    Not within the first few characters, nor leaving only a few: such a scrap would be spoken oddly.
    """
    cuts = [
        m.end() for m in pattern.finditer(sentence) if 8 <= m.end() <= min(len(sentence) - 8, LONGEST_PIECE)
    ]
    early = [cut for cut in cuts if cut <= wanted]
    if early:
        return early[-1]
    return cuts[0] if cuts else None
