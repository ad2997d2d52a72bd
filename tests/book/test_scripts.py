"""What is written into a page's head for its formulas."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "book"))

from coursebook import scripts

PAGE = '<head><script>window.MathJax = {"tex": {}}</script></head><body><span class="math">x</span></body>'


def test_a_page_kept_from_an_earlier_build_gets_the_script_of_today(monkeypatch):
    monkeypatch.setattr(scripts, "typeset_script", lambda: "// old\nwindow.MathJax.startup = 1 < 2;")
    before = scripts.lightened(PAGE, "", searches=False)
    monkeypatch.setattr(scripts, "typeset_script", lambda: "// new\nwindow.MathJax.startup = 3 < 4;")
    after = scripts.lightened(before, "", searches=False)
    assert "old" in before
    assert "old" not in after
    assert after == scripts.lightened(after, "", searches=False) == scripts.lightened(PAGE, "", searches=False)
