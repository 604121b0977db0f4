"""The words of a question, and which of them mean the same.

Owns splitting text into tokens, the synonyms of the field, number words, and the words of everyday English that are
never taken for a misspelled name. It must not know any store.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"""
    (?P<date>(?<![\w.])\d{4}-\d\d-\d\d(?:[Tt]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?(?!\w))
  | (?P<uuid>\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b)
  | (?P<number>(?<![\w.])[-+]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+|(?=\.\d))(?:\.\d+)?(?:[eE][-+]?\d+)?
      (?:(?!\w)|(?=(?:ms|s|secs?|mins?|h|hrs?|hours?)\b)))
  | (?P<word>[^\W_]+(?:['’][^\W_]+)*)
  | (?P<sign>>=|<=|==|!=|[<>=≥≤:%])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PIECE: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+|\d+")
_CONTRACTED: Final = re.compile(r"^(is|are|was|were|do|does|did|has|have|had|could|would|should|ca|wo)nt$")
"""A negation typed without its apostrophe."""
_BREAK: Final = re.compile(r"[,;?!()\"“”]|\.(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Token:
    """One word, number, date or sign of a question.

    Attributes:
        text: As it was written.
        lower: The same in small letters, with plain apostrophes.
        kind: `word`, `number`, `date`, `uuid` or `sign`.
        start: Where it starts in the question.
        end: Where it ends.
        breaks: Whether a comma, a full stop or the like stands between the token before and this one.
        joined: Whether nothing but `_`, `-`, `.`, `/` or `@` stands between the token before and this one.
    """

    text: str
    lower: str
    kind: str
    start: int
    end: int
    breaks: bool
    joined: bool


def tokenize(text: str) -> list[Token]:
    """Splits a text into tokens; names such as `val_loss` fall into their words, numbers and dates stay whole."""
    tokens: list[Token] = []
    end = 0
    for match in _TOKEN.finditer(text):
        between = text[end : match.start()]
        lower = _CONTRACTED.sub(r"\1n't", match.group().lower().replace("’", "'"))
        breaks, joined = _BREAK.search(between) is not None, re.fullmatch(r"[_\-./@]", between) is not None
        kind = match.lastgroup or "word"
        tokens.append(Token(match.group(), lower, kind, match.start(), match.end(), breaks, joined and bool(tokens)))
        end = match.end()
    return tokens


def number_of(token: Token) -> float | None:
    """Gives the number that a token means, be it in digits or a word up to twenty; None for other tokens."""
    if token.kind == "number":
        return float(token.text.replace(",", ""))
    return NUMBER_WORDS.get(token.lower)


def stem(word: str) -> str:
    """Gives the singular of a plural, as far as names of runs need it."""
    if word in _STEMS:
        return _STEMS[word]
    if len(word) > 4 and word.endswith("ies"):  # noqa: PLR2004 - shorter ones are no plurals
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "as", "os")):  # noqa: PLR2004
        return word[:-1]
    return word


def pieces_of(name: str) -> list[str]:
    """Gives the words of a name: `valLoss`, `val_loss` and `val-loss` are `val` and `loss`."""
    return [piece.lower() for piece in _PIECE.findall(name)]


def plain(text: str) -> str:
    """Gives the letters and digits of a text, small."""
    return "".join(filter(str.isalnum, text.lower()))


def canonical(pieces: Sequence[str]) -> tuple[str, ...]:
    """Gives words with synonyms made the same: `acc` is `accuracy`, `lr` is `learning rate`, `f1 score` is `f1`."""
    words = [word for piece in pieces for word in _SAME.get(piece, (stem(piece),))]
    found: list[str] = []
    position = 0
    while position < len(words):
        length, replaced = _phrase_at(words, position)
        found.extend(replaced)
        position += length
    while len(found) > 1 and found[-1] in _UNITS:
        found.pop()
    return tuple(word for word in found if word not in _EMPTY) or tuple(found)


def _phrase_at(words: Sequence[str], position: int) -> tuple[int, tuple[str, ...]]:
    for length in range(min(_LONGEST_PHRASE, len(words) - position), 1, -1):
        phrase = _PHRASES.get(tuple(words[position : position + length]))
        if phrase is not None:
            return length, phrase
    return 1, (words[position],)


NUMBER_WORDS: Final[dict[str, float]] = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "couple": 2, "pair": 2, "half": 0.5, "dozen": 12,
}  # fmt: skip

_STEMS: Final = {"losses": "loss", "classes": "class", "biases": "bias", "passes": "pass", "accuracies": "accuracy"}

_SAME: Final[dict[str, tuple[str, ...]]] = {
    "perplexed": ("perplexity",), "acc": ("accuracy",), "accs": ("accuracy",), "accurate": ("accuracy",),
    "valid": ("val",), "validation": ("val",), "dev": ("val",), "heldout": ("test",), "holdout": ("test",),
    "training": ("train",), "trn": ("train",), "testing": ("test",), "tst": ("test",), "lr": ("learning", "rate"),
    "learningrate": ("learning", "rate"), "eta0": ("learning", "rate"), "bs": ("batch", "size"),
    "bsz": ("batch", "size"), "batchsize": ("batch", "size"), "wd": ("weight", "decay"), "minibatch": ("batch",),
    "logreg": ("logistic", "regression"), "logit": ("logistic", "regression"), "logistic": ("logistic",),
    "svc": ("svm",), "linearsvc": ("linear", "svm"), "rf": ("random", "forest"), "randomforest": ("random", "forest"),
    "logisticregression": ("logistic", "regression"), "gbt": ("gradient", "boosting"),
    "gbm": ("gradient", "boosting"), "gbdt": ("gradient", "boosting"), "auroc": ("roc", "auc"),
    "rocauc": ("roc", "auc"), "ppl": ("perplexity",), "optim": ("optimizer",), "optimiser": ("optimizer",),
    "optimisers": ("optimizer",), "optimizers": ("optimizer",), "opt": ("optimizer",), "nepochs": ("epoch",),
    "nepoch": ("epoch",), "iters": ("iteration",), "iter": ("iteration",), "arch": ("architecture",),
    "archs": ("architecture",), "walltime": ("runtime",), "rte": ("rte",), "backbone": ("model",),
    "backbones": ("model",), "colour": ("color",), "regularisation": ("regularization",), "randomstate": ("seed",),
    "fscore": ("f1",), "f1score": ("f1",), "classifiers": ("classifier",), "gpus": ("gpu",), "dropouts": ("dropout",),
    "crossentropy": ("cross", "entropy"), "xent": ("cross", "entropy"), "momenta": ("momentum",), "em": ("em",),
    "mem": ("memory",), "prec": ("precision",), "rec": ("recall",), "err": ("error",),
    "augmentations": ("augmentation",), "nets": ("net",), "transformers": ("transformer",), "mlps": ("mlp",),
    "svms": ("svm",), "cnns": ("cnn",),
}  # fmt: skip

_PHRASES: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    ("support", "vector", "machine"): ("svm",), ("support", "vector", "classifier"): ("svm",),
    ("f1", "score"): ("f1",), ("f", "1"): ("f1",), ("f", "1", "score"): ("f1",), ("f", "score"): ("f1",),
    ("f", "measure"): ("f1",), ("f", "1", "macro"): ("f1", "macro"), ("f", "1", "micro"): ("f1", "micro"),
    ("macro", "f1"): ("f1", "macro"), ("micro", "f1"): ("f1", "micro"), ("run", "time"): ("runtime",),
    ("wall", "time"): ("runtime",), ("wall", "clock", "time"): ("runtime",), ("wall", "clock"): ("runtime",),
    ("train", "time"): ("runtime",), ("execution", "time"): ("runtime",), ("compute", "time"): ("runtime",),
    ("elapsed", "time"): ("runtime",), ("negative", "log", "likelihood"): ("nll",), ("log", "likelihood"): ("nll",),
    ("mean", "squared", "error"): ("mse",), ("root", "mean", "squared", "error"): ("rmse",),
    ("root", "mean", "square", "error"): ("rmse",), ("mean", "absolute", "error"): ("mae",),
    ("random", "state"): ("seed",), ("random", "seed"): ("seed",), ("area", "under", "the", "curve"): ("auc",),
    ("auc", "roc"): ("roc", "auc"), ("auc", "score"): ("auc",), ("accuracy", "score"): ("accuracy",),
    ("k", "nearest", "neighbor"): ("knn",), ("k", "nearest", "neighbour"): ("knn",),
    ("nearest", "neighbor"): ("knn",), ("step", "size"): ("learning", "rate"),
    ("learn", "rate"): ("learning", "rate"), ("multi", "layer", "perceptron"): ("mlp",),
    ("multilayer", "perceptron"): ("mlp",), ("word", "error", "rate"): ("wer",),
    ("neural", "net"): ("neural", "network"), ("weights", "decay"): ("weight", "decay"),
    ("mean", "average", "precision"): ("map",), ("m", "ap"): ("map",),
    ("gradient", "boosted", "tree"): ("gradient", "boosting"), ("exact", "match"): ("em",), ("r", "2"): ("r2",),
    ("r", "squared"): ("r2",),
}  # fmt: skip
_LONGEST_PHRASE: Final = max(map(len, _PHRASES))
_UNITS: Final = frozenset({"s", "sec", "second", "ms", "min", "minute", "hr"})
_EMPTY: Final = frozenset({"n", "num", "number", "the", "of", "a"})

FIELD: Final = frozenset([*_SAME, *(word for phrase in _PHRASES for word in phrase if len(word) > 1)])
"""Words that have a synonym, which a misspelled word may be meant for."""
