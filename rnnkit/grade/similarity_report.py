"""The similarity report as a page for the instructor and as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnkit.grade.feedback.shell import escape, make_folder, page, put

if TYPE_CHECKING:
    from rnnkit.grade.passages import Passage, Place
    from rnnkit.grade.similarity import Pair, Report

__all__ = ["write_similarity"]

_READ_ME = (
    "<strong>A score is a reason to look, not a proof.</strong> It says which part of the smaller submission’s own "
    "code stands in the other one too, once names, numbers, comments, layout and the order of cells are put aside. "
    "Code of the exercise and of its reference does not count, and code that many in the class have counts little. "
    "People who learn together, or follow the same book or the same hint, write alike. Read the passages, and talk to "
    "the people, before you conclude anything."
)


def write_similarity(folder: Path, report: Report) -> list[Path]:
    """Write ``similarity.html`` and ``similarity.csv`` into `folder`; return their paths."""
    make_folder(folder)
    return [
        put(folder / "similarity.html", _page(report)),
        put(folder / "similarity.csv", _table(report)),
    ]


def _table(report: Report) -> str:
    """Return one line per listed pair; no cell is a formula to a spreadsheet."""
    group = {key: str(number) for number, members in enumerate(report.groups, 1) for key in members}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(
        ["score", "first", "second", "weight shared", "longest passage", "group", "first file", "second file"]
    )
    for pair in report.pairs:
        longest = max((passage.tokens for passage in pair.passages), default="")
        same = group.get(pair.first, "") if group.get(pair.first) == group.get(pair.second) else ""
        line = [f"{pair.score:.3f}", report.names[pair.first], report.names[pair.second], f"{pair.shared:.1f}"]
        line += [str(longest), same, pair.first, pair.second]
        writer.writerow([_no_formula(cell) for cell in line])
    return text.getvalue()


def _no_formula(cell: str) -> str:
    plain = cell.encode("utf-8", "replace").decode()
    return f"'{plain}" if plain.lstrip()[:1] in ("=", "+", "-", "@") or plain[:1] in ("\t", "\r", "\n") else plain


def _page(report: Report) -> str:
    count = len(report.names)
    parts = [
        f"<h1>Similar submissions</h1>\n<p>{_READ_ME}</p>",
        f"<p>{count} submissions, {report.compared:,} pairs compared. Half of the pairs have a score of at most "
        f"{report.median:.2f}; {len(report.pairs):,} stand out of this class with {report.listed_from:.2f} or more and "
        "are listed.</p>",
        _groups(report),
        _like_reference(report),
    ]
    shown = [pair for pair in report.pairs if pair.passages]
    if report.pairs:
        parts += [
            "<h2>Pairs</h2>",
            _overview(report),
            *(_pair(number, one, report) for number, one in enumerate(shown, 1)),
        ]
    if report.remarks:
        remarks = "".join(f"<li>{escape(remark)}</li>" for remark in report.remarks)
        parts.append(f"<h2>What was left out</h2>\n<ul>{remarks}</ul>")
    return page("Similar submissions", "<main>\n" + "\n".join(filter(None, parts)) + "\n</main>", wide=True)


def _groups(report: Report) -> str:
    if not report.groups:
        return ""
    listed = "".join(
        f"<li>{len(members)} submissions: {', '.join(escape(report.names[key]) for key in members)}</li>"
        for members in report.groups
    )
    return (
        f"<h2>Groups</h2>\n<p>Everybody in a group is linked to somebody in it by {report.grouped_from:.2f} or more, "
        f"not each to each.</p>\n<ol>{listed}</ol>"
    )


def _like_reference(report: Report) -> str:
    if not report.like_reference:
        return ""
    listed = "".join(f"<li>{escape(report.names[key])}: {share:.0%}</li>" for key, share in report.like_reference)
    return (
        "<h2>Like the reference</h2>\n<p>Nearly all code of these submissions is built like the reference’s, which is "
        "what one sees where a solution has leaked, or where few ways lead through the exercise. It cannot be told "
        f"whether they also share it with each other.</p>\n<ul>{listed}</ul>"
    )


def _overview(report: Report) -> str:
    lines = []
    for number, pair in enumerate(report.pairs, 1):
        names = f"{escape(report.names[pair.first])} · {escape(report.names[pair.second])}"
        link = f'<a href="#pair-{number}">{names}</a>' if pair.passages else names
        lines.append(f'<tr><td class="number">{pair.score:.2f}</td><th scope="row">{link}</th></tr>')
        if number == 1000:
            lines.append(f"<tr><td></td><td>{len(report.pairs) - 1000:,} more in similarity.csv</td></tr>")
            break
    return (
        '<div class="scroll tall" tabindex="0" role="group" aria-label="all pairs"><table><thead><tr><th scope="col" '
        f'class="number">score</th><th scope="col">submissions</th></tr></thead><tbody>{"".join(lines)}</tbody></table>'
        "</div>"
    )


def _pair(number: int, pair: Pair, report: Report) -> str:
    names = [escape(report.names[key]) for key in (pair.first, pair.second)]
    passages = "".join(_passage(one, names) for one in pair.passages)
    return (
        f'<section id="pair-{number}" aria-labelledby="pair-{number}-title"><h3 id="pair-{number}-title">'
        f"{pair.score:.2f} · {names[0]} · {names[1]}</h3>\n"
        f'<p class="soft">{escape(pair.first)}<br>{escape(pair.second)}</p>\n{passages}</section>'
    )


def _passage(passage: Passage, names: Sequence[str]) -> str:
    sides = "".join(_side(name, place) for name, place in zip(names, (passage.first, passage.second), strict=True))
    return f'<div class="pair">{sides}</div>'


def _side(name: str, place: Place) -> str:
    where = f"{name}: code cell {place.cell}, line {place.line}"
    return (
        f'<figure><figcaption class="soft">{where}</figcaption>'
        f'<pre class="source" tabindex="0" role="group" aria-label="{where}"><code>{escape(place.text)}</code></pre>'
        "</figure>"
    )
