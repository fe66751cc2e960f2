"""The pieces of a vocabulary, learned from counted words: from single characters on, the pair of neighbours that
occurs most often becomes a piece (byte-pair encoding, Sennrich et al. 2016). Of pairs that occur as often the first
in the order of characters is taken, so the result depends on the counts alone."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise

INSIDE = "##"  # what a piece inside of a word begins with
LEAST = 2  # a piece that occurs once would be memorised

Pair = tuple[str, str]


def pieces(words: Mapping[str, int], size: int) -> list[str]:
    """At most `size` pieces: the characters, each as the start of a word and inside of one, at most half of the
    table (the commonest); then what joins them, in the order in which it was found."""
    alphabet = _alphabet(words, size)
    spelled = [
        ([word[0], *(INSIDE + c for c in word[1:])], count)
        for word, count in sorted(words.items())
        if all(c in alphabet for c in word)
    ]
    characters = sorted(alphabet)
    known = dict.fromkeys([*characters, *(INSIDE + c for c in characters)])
    _join(spelled, known, size)
    return list(known)


def _alphabet(words: Mapping[str, int], size: int) -> set[str]:
    """The commonest characters, as many as fit twice into half of the table."""
    counts = Counter[str]()
    for word, count in words.items():
        for c in word:
            counts[c] += count
    return set(sorted(counts, key=lambda c: (-counts[c], c))[: size // 4])


def _join(spelled: list[tuple[list[str], int]], known: dict[str, None], size: int) -> None:
    """Adds pieces to `known` until it has `size` or no pair is left that occurs LEAST times; changes `spelled`."""
    counts, where = Counter[Pair](), defaultdict[Pair, set[int]](set)
    for n, (word, count) in enumerate(spelled):
        for pair in pairwise(word):
            counts[pair] += count
            where[pair].add(n)
    heap = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(heap)
    while heap and len(known) < size:
        negative, pair = heapq.heappop(heap)
        if -negative != counts[pair]:
            continue  # its count has changed since, and stands elsewhere in the heap
        if -negative < LEAST:
            break
        joined = pair[0] + pair[1].removeprefix(INSIDE)
        known[joined] = None
        changed = set[Pair]()
        for n in where.pop(pair):
            word, count = spelled[n]
            after = _joined(word, pair, joined)
            for old in pairwise(word):
                counts[old] -= count
            for new in pairwise(after):
                counts[new] += count
                where[new].add(n)
            changed.update(pairwise(word), pairwise(after))
            spelled[n] = (after, count)
        for each in changed:
            if counts[each] > 0:
                heapq.heappush(heap, (-counts[each], each))


def _joined(word: list[str], pair: Pair, joined: str) -> list[str]:
    """The word with each occurrence of the pair as one piece."""
    after, n = [], 0
    while n < len(word):
        matches = tuple(word[n : n + 2]) == pair
        after.append(joined if matches else word[n])
        n += 2 if matches else 1
    return after
