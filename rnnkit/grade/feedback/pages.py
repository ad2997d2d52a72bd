"""The words and the order of a student's page, and of the instructor's index."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rnnkit.check import UnknownExercise, exercise
from rnnkit.grade.feedback.markup import LONGEST_SOURCE, Markup
from rnnkit.grade.feedback.saved import Saved
from rnnkit.grade.feedback.shell import escape, page
from rnnkit.grade.plan import grade_id

if TYPE_CHECKING:
    from rnnkit.check import Exercise
    from rnnkit.grade.late import Scored
    from rnnkit.grade.master import Master
    from rnnkit.grade.results import CheckResult

__all__ = ["Work", "index_page", "student_page"]

_LONGEST_PAGE = 200_000  # characters of all sources on one page
_WHAT_TO_DO = {
    "unreadable": (
        "Your file could not be read as a notebook, so nothing in it was graded.",
        "Open the notebook in Jupyter, choose “Restart the kernel and run all cells”, save it, and hand in that .ipynb "
        "file itself: no link, no archive, no other format. If your instructor takes a second file, it will be graded.",
    ),
    "unmatched": (
        "Your file is a notebook, but none of the exercises was found in it, so nothing was graded.",
        "Start from the exercise notebook that was given out and keep its check cells, then hand in that file. If you "
        "did, show this page to your instructor.",
    ),
    "failed": (
        "The grader could not finish with your notebook. This says nothing about your work.",
        "You need not do anything: your instructor sees it too and can have it graded again.",
    ),
}


@dataclass(frozen=True)
class Work:
    """A notebook as it was handed in, or why it cannot be shown."""

    cells: Sequence[Mapping[str, Any]] = ()
    saved: Sequence[Saved] = ()
    missing: str = ""


def student_page(scored: Scored, work: Work, master: Master | None, markup: Markup) -> str:
    """Return the page of one submission. Of the results it shows points and reasons, nothing of how they were found."""
    result = scored.row.result
    parts = [_header(scored, master), _banner(result.status, result.reason), _table(scored)]
    if result.notes:
        notes = "".join(f"<li>{escape(note)}</li>" for note in result.notes)
        parts.append(f"<h2>What the grader noted</h2>\n<ul>{notes}</ul>")
    parts.append(f'<div class="banner"><p>{escape(work.missing)}</p></div>' if work.missing else "")
    boxes = _boxes(result.checks if result.status == "graded" else (), work.cells, master, markup)
    if work.cells:
        parts += ["<h2>Your notebook, as you handed it in</h2>", *_cells(work, boxes, markup)]
    if lost := boxes.get(-1):
        if work.cells:
            parts.append("<p>These checks were missing in your notebook; they were put back and run.</p>")
        parts += lost
    title = f"Feedback: {result.master or scored.row.name}, {scored.row.student}"
    return page(title, "<main>\n" + "\n".join(filter(None, parts)) + "\n</main>")


def _header(scored: Scored, master: Master | None) -> str:
    row = scored.row
    heading = _heading_of(master) or row.result.master or row.name
    facts = {"File": row.name, "Graded": _moment(row.graded_at)}
    if scored.late > datetime.timedelta(0):
        taken = f"{number(scored.penalty)} points taken" if scored.penalty else "no points taken"
        facts["Handed in late"] = f"by {_duration(scored.late)}: {taken}"
    listed = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items() if value)
    total = f"<strong>{number(scored.points)}</strong>"
    total += f" of {number(row.result.maximum)} points" if row.result.checks else " points"
    return (
        f'<header>\n<p class="kicker">Feedback for {escape(row.student)}</p>\n<h1>{escape(heading)}</h1>\n'
        f'<p class="total">{total}</p>\n<dl class="facts">{listed}</dl>\n</header>'
    )


def _heading_of(master: Master | None) -> str:
    """Return the first heading of the exercise."""
    for cell in master.release.cells if master else ():
        if cell.cell_type == "markdown" and (found := re.match(r"#\s+(.+)", cell.source)):
            return found[1].strip()
    return ""


def _banner(status: str, reason: str) -> str:
    if status not in _WHAT_TO_DO:
        return ""
    what, todo = _WHAT_TO_DO[status]
    why = f"<p>The file {escape(reason)}.</p>" if reason and status != "failed" else ""  # our troubles are not theirs
    return f'<div class="banner"><p><strong>{what}</strong></p>{why}<p>{todo}</p></div>'


def _table(scored: Scored) -> str:
    result = scored.row.result
    if not result.checks:
        return ""
    lines = []
    for check in result.checks:
        name = escape(f"{check.exercise} {_title(check)}".strip())
        link = f'<a href="#{_anchor(check)}">{name}</a>' if result.status == "graded" else name
        lines.append(
            f'<tr><th scope="row">{_sign(check)} {link}</th>'
            f'<td class="number">{number(check.points)} of {number(check.maximum)}</td>'
            f'<td class="reason">{escape(check.reason)}</td></tr>'
        )
    return (
        '<h2>Your points</h2>\n<div class="scroll"><table class="checks"><thead><tr><th scope="col">check</th>'
        '<th scope="col" class="number">points</th><th scope="col">reason</th></tr></thead>\n<tbody>'
        + "\n".join(lines)
        + "</tbody></table></div>"
    )


def _boxes(
    checks: Sequence[CheckResult], cells: Sequence[Mapping[str, Any]], master: Master | None, markup: Markup
) -> dict[int, list[str]]:
    """Make each check's box; its key is the last cell that is, or once was, this check, and -1 where there is none."""
    pristine = {check.grade_id: check.source.strip() for check in master.checks} if master else {}
    boxes: dict[int, list[str]] = {}
    for check in checks:
        mine = [-1]
        for position, cell in enumerate(cells):
            same = grade_id(cell) == check.grade_id or cell["source"].strip() == pristine.get(check.grade_id)
            if same and cell["cell_type"] == "code":
                mine.append(position)
        boxes.setdefault(mine[-1], []).append(_box(check, markup))
    return boxes


def _box(check: CheckResult, markup: Markup) -> str:
    anchor, passed = _anchor(check), check.points >= check.maximum
    hints = "" if passed else _hints(check, markup)
    reason = f"<p>{escape(check.reason)}</p>" if check.reason else ""
    return (
        f'<section class="check {"passed" if passed else "failed"}" id="{anchor}" aria-labelledby="{anchor}-title">'
        f'<h3 id="{anchor}-title"><span>{_sign(check)} {escape(check.exercise)} {escape(_title(check))}</span> '
        f'<span class="points">{number(check.points)} of {number(check.maximum)} points</span></h3>{reason}{hints}'
        "</section>"
    )


def _hints(check: CheckResult, markup: Markup) -> str:
    known = _known(check)
    folded = [
        f"<details><summary>Hint {strength}</summary>{markup.markdown(hint)}</details>"
        for strength, hint in enumerate(known.hints if known else (), 1)
    ]
    return (
        f"<details><summary>Hints, each stronger than the one before</summary>{''.join(folded)}</details>"
        if folded
        else ""
    )


def _cells(work: Work, boxes: Mapping[int, Sequence[str]], markup: Markup) -> Iterator[str]:
    room, codes = _LONGEST_PAGE, 0
    for position, (cell, saved) in enumerate(zip(work.cells, work.saved, strict=True)):
        source, kind = cell["source"], cell["cell_type"]
        shown = source[: min(LONGEST_SOURCE, room)]
        room -= len(shown)
        cut = f'<p class="soft">… {len(source) - len(shown):,} more characters are not shown</p>'
        rest = cut if len(shown) < len(source) else ""
        if kind == "markdown":
            yield f'<div class="cell prose">{markup.markdown(shown, saved.attachments)}{rest}</div>'
            continue
        text = markup.code(shown) if kind == "code" else escape(shown)
        codes += kind == "code"
        label = f"code cell {codes}" if kind == "code" else "raw cell"
        outputs = "" if position in boxes else _outputs(saved)  # at a check the verdict counts, not what was saved
        source_html = f'<pre class="source" tabindex="0" role="group" aria-label="{label}"><code>{text}</code></pre>'
        if shown.strip() or rest or outputs:
            yield f'<div class="cell code">{source_html}{rest}{outputs}</div>'
        yield from boxes.get(position, ())


def _outputs(saved: Saved) -> str:
    shown = []
    for output in saved.outputs:
        if output.kind == "picture":
            shown.append(f'<img src="{output.content}" alt="picture saved with this cell">')
        elif output.kind == "text":
            shown.append(f'<pre tabindex="0">{escape(output.content)}</pre>')
        else:
            shown.append(f'<p class="soft">{escape(output.content)}</p>')
    return f'<div class="output"><p class="label">output, as you saved it</p>{"".join(shown)}</div>' if shown else ""


def _sign(check: CheckResult) -> str:
    sign, colour, word = ("✓", "right", "right:") if check.points >= check.maximum else ("✗", "wrong", "not right:")
    return f'<span class="{colour}" role="img" aria-label="{word}">{sign}</span>'


def _known(check: CheckResult) -> Exercise | None:
    try:
        return exercise(check.exercise)
    except UnknownExercise:
        return None


def _title(check: CheckResult) -> str:
    known = _known(check)
    return known.title if known else ""


def _anchor(check: CheckResult) -> str:
    return "at-" + re.sub(r"[^A-Za-z0-9-]", "-", check.grade_id)


def number(points: float) -> str:
    """Write points with at most two decimals, and none that are zero."""
    return f"{round(points, 2):g}"


def _moment(text: str) -> str:
    """Write a stored time as one reads it; whatever is no time stays as it is."""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzname() or ''}".strip()


def _duration(late: datetime.timedelta) -> str:
    minutes = max(1, round(late.total_seconds() / 60))
    parts = ((minutes // 1440, "day"), (minutes // 60 % 24, "hour"), (minutes % 60, "minute"))
    return " ".join(f"{count} {unit}{'s' * (count != 1)}" for count, unit in parts if count)


def index_page(scored: Sequence[Scored], names: Sequence[str]) -> str:
    """Return the instructor's list of all pages."""
    lines = []
    for one, name in zip(scored, names, strict=True):
        row = one.row
        late = _duration(one.late) if one.late > datetime.timedelta(0) else ""
        lines.append(
            f'<tr><th scope="row"><a href="{escape(quote(name))}">{escape(row.student)}</a></th>'
            f"<td>{escape(row.name)}</td><td>{escape(row.result.status)}</td>"
            f'<td class="number">{number(one.points)} of {number(row.result.maximum)}</td>'
            f"<td>{escape(late)}</td></tr>"
        )
    body = (
        f"<main>\n<h1>Feedback for {len(lines)} submissions</h1>\n"
        "<p>This list is for you: it names everybody. Each of the other pages is for one student.</p>\n"
        '<div class="scroll"><table><thead><tr><th scope="col">student</th><th scope="col">file</th>'
        '<th scope="col">status</th><th scope="col" class="number">points</th><th scope="col">late by</th></tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>\n</main>"
    )
    return page("Feedback, all submissions", body)
