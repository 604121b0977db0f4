"""Opens pages of the real dashboard, and reads what they show."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 240
"""For so long a page may take: the first one of a process imports all that draws."""

HOSTILE = "<script>alert(1)</script> # [x](http://evil) **b** :red[x] $a$ \u202eevil 🙂"


def opened(page: str, /, **state: str | list[str]) -> AppTest:
    """Opens a page at an address."""
    app = AppTest.from_file(str(ROOT / "stream.py"), default_timeout=PATIENCE_S).run()
    app.switch_page(f"ui/pages/{page}.py")
    app.query_params.update(state)
    return app.run()


def shown(app: AppTest) -> str:
    """Gives the text of a page."""
    parts = [*app.title, *app.subheader, *app.markdown, *app.caption, *app.info, *app.warning, *app.error]
    return "\n".join(part.value for part in parts)


def charts(app: AppTest) -> int:
    """Counts the charts of a page."""
    return len(app.get("vega_lite_chart")) + len(app.get("arrow_vega_lite_chart"))
