r"""Equations in a small part of TeX -> MathML, which browsers render.

Understood: letters, numbers (0.5, or 0{,}5 with a comma), operators, x_{...}, x^{...}, \frac{}{}, \sqrt{}, \bar{},
\tilde{}, \hat{}, \text{}, \mathcal{}, \mathbb{}, Greek letters, functions and the operators below, which Matplotlib's
mathtext understands, too, and \underbrace{}_{}, which it does not.
"""

import re
from html import escape

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "epsilon": "ε", "theta": "θ", "mu": "μ", "sigma": "σ", "lambda": "λ",
    "Sigma": "Σ", "eta": "η", "phi": "φ", "rho": "ρ", "tau": "τ", "delta": "δ", "omega": "ω", "nu": "ν", "pi": "π",
}  # fmt: skip
OPERATORS = {
    "sum": "∑", "prod": "∏", "leq": "≤", "sim": "∼", "approx": "≈", "cdot": "·", "dots": "…", "parallel": "∥",
    "to": "→", "leftarrow": "←", "in": "∈", "times": "×", "infty": "∞", "mid": "|", "neq": "≠", "nabla": "∇", "pm": "±",
    "int": "∫", "geq": "≥", "cdots": "⋯", "propto": "∝", "partial": "∂", "odot": "⊙", "Rightarrow": "⇒",
}  # fmt: skip
SCRIPT = {"N": "𝒩", "E": "ℰ", "D": "𝒟", "L": "ℒ", "U": "𝒰"}
DOUBLE = {"E": "𝔼", "R": "ℝ"}
FUNCTIONS = ("log", "exp", "cos", "sin", "clip", "max", "min")
ACCENTS = {"bar": "¯", "tilde": "~", "hat": "^"}
BRACE = '<mrow class="brace">'  # a line below, of which what follows "_" is the label
SPACES = {",": "0.17em", ";": "0.28em", "quad": "1em", "qquad": "2em"}
AFTER = re.compile(r"(<math>(?:(?!</math>).)*</math>[\u00a0\u202f]?[,.;:?!)]+)")
TOKEN = re.compile(r"\\[A-Za-z]+|\\[,;|{}]|[A-Za-z]|\d+(?:(?:\.|\{,\})\d+)?|\S")


def mathml(tex: str, *, display: bool = False) -> str:
    """Return an equation as MathML, inline or as a block (`display`). ValueError: a command that is not supported.

    All equations are in the package, and a test parses them all.
    """
    body = _row(TOKEN.findall(tex), until=None)
    block = ' display="block"' if display else ""
    return f"<math{block}><mrow>{body}</mrow></math>"


def prose(text: str) -> str:
    """Return plain text as HTML, with the mathematics between dollar signs as MathML, tied to punctuation after it."""
    pieces = (mathml(piece) if n % 2 else escape(piece) for n, piece in enumerate(text.split("$")))
    return AFTER.sub(r'<span class="tied">\1</span>', "".join(pieces))


def _row(tokens: list[str], until: str | None) -> str:
    """Parse atoms with their scripts up to the closing token, which is consumed."""
    parts = []
    while tokens:
        if tokens[0] == until:
            tokens.pop(0)
            return "".join(parts)
        atom = _atom(tokens)
        below = above = None
        while tokens and tokens[0] in "_^":
            if tokens.pop(0) == "_":
                below = _argument(tokens)
            else:
                above = _argument(tokens)
        parts.append(_scripted(atom, below, above))
    if until is not None:
        raise ValueError(f"a group is not closed by {until}")
    return "".join(parts)


def _scripted(atom: str, below: str | None, above: str | None) -> str:
    big = any(f">{sign}<" in atom for sign in "∑∏") or atom.startswith(BRACE)
    under, over, both = ("munder", "mover", "munderover") if big else ("msub", "msup", "msubsup")
    if below is not None and above is not None:
        return f"<{both}>{atom}<mrow>{below}</mrow><mrow>{above}</mrow></{both}>"
    if below is not None:
        return f"<{under}>{atom}<mrow>{below}</mrow></{under}>"
    return atom if above is None else f"<{over}>{atom}<mrow>{above}</mrow></{over}>"


def _argument(tokens: list[str]) -> str:
    """Parse a group in braces, or one atom."""
    if tokens and tokens[0] == "{":
        tokens.pop(0)
        return _row(tokens, until="}")
    return _atom(tokens)


def _atom(tokens: list[str]) -> str:
    if not tokens:
        raise ValueError("the equation ends where something must follow")
    token = tokens.pop(0)
    if token == "{":
        return f"<mrow>{_row(tokens, until='}')}</mrow>"
    if token.startswith("\\"):
        return _command(token[1:], tokens)
    if token[0].isdigit():
        return f"<mn>{token.replace('{,}', ',')}</mn>"
    if token.isalpha():
        return f"<mi>{token}</mi>"
    if token in "()[]|":
        return f'<mo stretchy="false">{token}</mo>'
    return f"<mo>{escape({'-': '−', '*': '·'}.get(token, token))}</mo>"


def _command(name: str, tokens: list[str]) -> str:
    if name in GREEK:
        return f"<mi>{GREEK[name]}</mi>"
    if name in FUNCTIONS:
        return f'<mi>{name}</mi><mspace width="0.17em"/>'
    if name in OPERATORS:
        return f"<mo>{OPERATORS[name]}</mo>"
    if name in SPACES:
        return f'<mspace width="{SPACES[name]}"/>'
    if name in "{}|":
        return f'<mo stretchy="false">{"‖" if name == "|" else name}</mo>'
    if name in ACCENTS:
        return f'<mover accent="true"><mrow>{_argument(tokens)}</mrow><mo stretchy="false">{ACCENTS[name]}</mo></mover>'
    if name == "frac":
        return f"<mfrac><mrow>{_argument(tokens)}</mrow><mrow>{_argument(tokens)}</mrow></mfrac>"
    if name == "underbrace":
        return f"{BRACE}{_argument(tokens)}</mrow>"
    if name == "sqrt":
        return f"<msqrt>{_argument(tokens)}</msqrt>"
    if name == "mathcal":
        return f"<mi>{''.join(SCRIPT[letter] for letter in _letters(tokens))}</mi>"
    if name == "mathbb":
        return f"<mi>{''.join(DOUBLE[letter] for letter in _letters(tokens))}</mi>"
    if name == "text":
        return f"<mtext>{escape(_letters(tokens))}</mtext>"
    if name in ("mathbf", "mathrm"):
        return f'<mi mathvariant="normal">{_letters(tokens)}</mi>'
    raise ValueError(f"\\{name} is not a supported command")


def _letters(tokens: list[str]) -> str:
    """Parse the plain letters of a group."""
    if tokens.pop(0) != "{":
        raise ValueError("a group of letters in braces must follow")
    end = tokens.index("}")
    letters = "".join(tokens[:end])
    del tokens[: end + 1]
    return letters
