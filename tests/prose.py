"""Rules of the project's prose and names, and the scanner that applies them to Python files and to Markdown.

`complaints(path)` gives one line for each hit, `path:line: what -> what to write`. The glossary is docs/glossary.md.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
WIDTH = 120  # of code and of prose

# retired words in docstrings, comments, messages and documents: (pattern, what to write)
WORDS = {
    r"(?<!power )\blaws?\b": "distribution",
    r"\b(?:images?|samples?|chains?) (?:(?:is|are|was|were|be|being) )?drawn\b": "sampled",
    r"\bdrawn (?:images?|samples?)\b": "sampled",
    r"\bas many real images\b": "real-data baseline (at the same sample size)",
    r"\b(?:than|as|what) (?:(?:is|was|were) )?(?:asked|wanted|told)\b": "requested",
    r"\b(?:is|are|was|were|be|been|where|unless|as) asked for\b": "requested",
    r"(?<!math\.)(?<!torch\.)\bfloors?\b(?! of\b| division)(?!\()": "baseline (of real data)",
    r"\bbare\b": "unconditional (or plain)",
    r"\blearn(?:t|ed) by heart\b": "memorised",
    r"\bgo(?:es)? on\b|\bwent on\b|\bgoing on\b": "continue, resume",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bweaker (?:model|state|one|version)s?\b": "guide model",
    r"\bin words\b": "as text",
    r"\bpictures?\b": "image (or figure)",
    r"\bas it would be\b": "estimate",
    r"\bbeside\b": "next to, compared with, besides",
    r"\bfollow(?:s|ing|ed)? (?:its|their|the|a) (?:condition|prompt|caption|class|mask|text)s?\b": "alignment",
    r"\bbrought to\b": "resized to, converted to",
    r"\b(?:user|people|caller)(?:'s|s') own\b": "user's, custom",
    r"(?<!heart-)\beyes?\b": "feature network, perceptual network",
    r"\bpassages?\b": "reconstruction",
    r"\bdivisions?\b(?! by)": "split",
    r"(?<!\bin )(?<!\bin the )(?<!\btakes )(?<!\btake )(?<!\btook )(?<!\bdecimal )(?<!\bin its )(?<!\bin their "
    r")(?<!\bsa )"
    r"\bplaces?\b": "pixel, position, path, location",
    r"\b(?:is|are|was|were|be) said\b": "reported",
    r"\bthat nobody\b": "(no aphorism)",
    r"\blikeness(?:es)?\b": "near-duplicate",
    r"\bat hand\b": "available",
    r"\bof (?:before|then)\b": "previous, at that time",
    r"\bunder (?:an?|the|their|its|no) (?:class|mask|text|prompt|caption|condition|label)s?\b(?! name)": "conditioned "
    "on",
    r"(?<!and )(?<!or )\bwithout (?:a |its |the |any )?conditions?\b(?! that)": "unconditional",
    r"\bbehind the best\b": "gap to the best",
}
# identifiers, whole: {name: what to write}
IDENTIFIERS = {
    "found": "what the value is: matches, scores, path, ...", "kept": "what the value is", "said": "what the value is",
    "met": "what the value is", "told": "request", "asked": "request, conditions", "wanted": "request, conditions",
    "suited": "what the value is", "bare": "unconditional", "floor": "baseline", "mended": "fixed",
    "law": "distribution",
    "eyes": "feature_network, perceptual_network", "passage": "reconstruction", "passages": "reconstructions",
    "division": "split", "place": "path, position, index", "places": "paths, positions", "weaker": "guide_model",
    "picture": "image, figure", "pictures": "images, figures", "in_words": "text, describe", "drawn": "samples",
    "behind": "gap_to_best", "beside": "name the relation", "followed": "name the value", "here": "use the paper's "
                                                                                                  "symbol",
    "there": "use the paper's symbol", "between": "use the paper's symbol",
    "Settings": "SamplingConfig", "Training": "TrainingConfig", "Drawing": "SamplingJob", "Side": "ImageSet",
    "Division": "EvalSplit", "Subject": "LoadedModel", "AutoencoderSubject": "LoadedAutoencoder",
    "Asked": "ConditionBatch",
    "Every": "Intervals", "Watch": "DiscriminatorGuard", "Shares": "CpuDataParallel", "Living": "PeakMemory",
    "Stages": "TwoStagePlan", "Material": "DataContext", "Kept": "FeatureLRU", "Progress": "events.progress",
}  # fmt: skip
ARGUMENTS = {"say": "events.say (no callback)", "watch": "events.progress (no callback)"}
KEYS = {"floor": "real_baseline", "through": "reconstructed_baseline", "seen": "train_reconstruction",
        "decoded": "heldout_reconstruction", "behind": "gap_to_best"}  # fmt: skip
ATTRIBUTES = {"floor", "place", "between"}  # also names of other people's functions: not flagged as attributes
OPENING = re.compile(
    r"(?:Of|That|Those|This|These|The same|It|Its|They|Them|Their|Theirs|Which|Who|Whose|What|He|She|Such)\b", re.I
)
PATH = re.compile(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|md|sh))`")


@dataclass(frozen=True)
class Text:
    """A piece of prose: the line that it begins on, and whether it is a docstring."""

    line: int
    words: str
    docstring: bool = False


def complaints(path: Path) -> list[str]:
    """Every hit in one file, as `path:line: 'word' -> replacement`."""
    keys = bool({"evaluation", "reports", "workflows", "bench"} & {*path.parts})
    hits = python_hits(path.read_text(), keys=keys) if path.suffix == ".py" else markdown_hits(path.read_text())
    where = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return [f"{where}:{line}: {what}" for line, what in sorted(set(hits))]


def python_hits(source: str, *, keys: bool = True) -> Iterator[tuple[int, str]]:
    """Hits in Python source; `keys`: also the JSON keys of reports."""
    tree = ast.parse(source)
    yield from too_long(source.splitlines())
    yield from skipped_formatting(source, tree)
    yield from identifiers(tree, keys)
    for text in (*strings(tree), *comments(source)):
        yield from retired_words(text)
        if text.docstring and (first := OPENING.match(text.words.lstrip())):
            yield text.line, f"docstring begins with {first[0]!r} -> an imperative, or the noun that is meant"


def markdown_hits(source: str) -> Iterator[tuple[int, str]]:
    """Code blocks, tables and links to images may be long; code and quoted code are not prose."""
    code = False
    for number, line in enumerate(source.splitlines(), 1):
        if line.lstrip().startswith("```"):
            code = not code
        elif not code:
            prose = re.sub(r"`[^`]*`|\]\([^)]*\)", "``", line)
            yield from retired_words(Text(number, prose))
            yield from (
                (number, f"{found} does not exist")
                for found in PATH.findall(line)
                if "NAME" not in found and missing(found)
            )
            if not (line.startswith("    ") or line.lstrip().startswith(("|", "!"))):
                yield from too_long([line], number)


def missing(path: str) -> bool:
    """Whether no file of the repository has a path that ends so."""
    return not any(f"/{name}".endswith(f"/{path}") for name in _files())


@cache
def _files() -> list[str]:
    folders = ("src", "docs", "bench", "tests", ".ci")
    files = [*ROOT.glob("*.*"), *(path for folder in folders for path in (ROOT / folder).rglob("*.*"))]
    return [path.relative_to(ROOT).as_posix() for path in files]


def retired_words(text: Text) -> Iterator[tuple[int, str]]:
    for pattern, replacement in WORDS.items():
        for match in re.finditer(pattern, text.words, re.I):
            yield text.line + text.words.count("\n", 0, match.start()), f"'{match[0].lower()}' -> {replacement}"


def too_long(lines: list[str], first: int = 1) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, first):
        if len(line) > WIDTH and "http" not in line:
            yield number, f"{len(line)} characters -> at most {WIDTH}"


def strings(tree: ast.Module) -> Iterator[Text]:
    """Docstrings, and every other string that has a space in it; JSON keys of one word are looked at by
    `identifiers`."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node in docstrings:
                yield Text(node.lineno, node.value, docstring=True)
            elif " " in node.value.strip():
                yield Text(node.lineno, node.value)


def comments(source: str) -> Iterator[Text]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Text(token.start[0], token.string)


def identifiers(tree: ast.Module, keys: bool) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        name, argument = "", False
        if isinstance(node, ast.Name):
            name = node.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = node.name.lstrip("_")
        elif isinstance(node, ast.arg):
            name, argument = node.arg, True
        elif isinstance(node, ast.Attribute) and node.attr not in ATTRIBUTES:
            name = node.attr
        elif keys and isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in KEYS:
            yield node.lineno, f"'{node.value}' as a key -> '{KEYS[node.value]}'"
        if name in IDENTIFIERS:
            yield node.lineno, f"{name} -> {IDENTIFIERS[name]}"
        elif argument and name in ARGUMENTS:
            yield node.lineno, f"parameter {name} -> {ARGUMENTS[name]}"


def skipped_formatting(source: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """`# fmt: skip` is for tables of data: a constant in capitals that holds a collection."""
    tables = {
        node.end_lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
        and target.id.isupper()
        and isinstance(node.value, ast.Dict | ast.List | ast.Tuple | ast.Set | ast.Call)
    }
    for text in comments(source):
        if re.search(r"#\s*fmt:\s*(skip|off)", text.words) and text.line not in tables:
            yield text.line, "'fmt: skip' outside of a table of data -> let the formatter decide"
