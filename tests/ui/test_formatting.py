import pytest

from ui.formatting import plain_markdown

JOINER = "\u2060"


@pytest.mark.parametrize(
    "text",
    [
        "# heading", "**bold** _it_ ~~no~~", "[a](http://b) ![i](x)", "<b>x</b> <script>1</script>", "`code` $x$",
        "- item", "1. item", "a | b", "&lt; &amp;", "title\n===", ":red[x] :smile:", "\\*",
    ],
)  # fmt: skip
def test_every_sign_that_markdown_reads_is_escaped(text: str) -> None:
    shown = plain_markdown(text)
    bare = shown.replace(JOINER, "").replace("  \n", "\n")
    assert "".join(f"\\{c}" if c.isascii() and not (c.isalnum() or c.isspace()) else c for c in text) == bare


@pytest.mark.parametrize(
    ("text", "parted"),
    [
        (":material/home:", f":{JOINER}material/home:"),
        (":streamlit:", f":{JOINER}streamlit:"),
        ("https://a.b", f"https:{JOINER}//a.b"),
        ("WWW.a.b", f"WWW{JOINER}.a.b"),
        ("me@a.b", f"me{JOINER}@a.b"),
        ("a -> b", f"a -{JOINER}> b"),
        ("a <-> b", f"a <{JOINER}-> b"),
        ("a -- b", f"a -{JOINER}- b"),
        ("a >= b <= c ~= d", f"a >{JOINER}= b <{JOINER}= c ~{JOINER}= d"),
        ("run --n_epochs 3 a->b x--y", "run --n_epochs 3 a->b x--y"),
    ],
)
def test_what_streamlit_makes_of_escaped_text_is_parted(text: str, parted: str) -> None:
    assert plain_markdown(text).replace("\\", "") == parted


def test_an_indent_makes_no_code() -> None:
    assert plain_markdown("a\n    b\n\tc") == "a  \n\u00a0\u00a0\u00a0\u00a0b  \n\u00a0c"


def test_long_text_stays_whole() -> None:
    assert plain_markdown("x" * 100_000) == "x" * 100_000
