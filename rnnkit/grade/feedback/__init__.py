"""Feedback for every student: one HTML file that works anywhere, shows what was handed in, and says what was found.

``pages`` has the words · ``markup`` makes cells harmless · ``saved`` reads saved outputs and ``pictures`` checks them ·
``names`` names the files · ``shell`` is the frame of each page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnkit.grade.feedback.names import page_names
from rnnkit.grade.feedback.shell import make_folder, put

if TYPE_CHECKING:
    from rnnkit.grade.feedback.pages import Work
    from rnnkit.grade.gradebook import Row
    from rnnkit.grade.late import Scored
    from rnnkit.grade.master import Master

__all__ = ["write_feedback"]


def write_feedback(
    folder: Path,
    scored: Sequence[Scored],
    sources: Mapping[str, Path],
    masters: Sequence[Master],
    on_progress: Callable[[], object] | None = None,
) -> list[Path]:
    """Write a page for each submission into `folder`, and ``index.html`` that links to them.

    Parameters
    ----------
    folder
        Where the pages go; it is made if need be. Pages of other submissions that lie there stay.
    scored
        The rows of the gradebook, with lateness.
    sources
        The files that were handed in, by the rows' keys.
    masters
        The masters they were graded with.
    on_progress
        Called after each page.

    Returns
    -------
    list of Path
        The pages, in the order of `scored`.
    """
    from rnnkit.grade.feedback.markup import Markup
    from rnnkit.grade.feedback.pages import index_page, student_page

    make_folder(folder)
    by_name = {master.name: master for master in masters}
    names = page_names([(one.row.student, one.row.key) for one in scored])
    pages: list[Path] = []
    with Markup() as markup:
        for one, name in zip(scored, names, strict=True):
            work = _work(one.row, sources.get(one.row.key))
            made = student_page(one, work, by_name.get(one.row.result.master), markup)
            pages.append(put(folder / name, made))
            if on_progress:
                on_progress()
    put(folder / "index.html", index_page(scored, names))
    return pages


def _work(row: Row, path: Path | None) -> Work:
    """Read what was handed in; what cannot be read, or is no longer what was graded, is said on the page."""
    from rnnkit.grade.feedback.pages import Work
    from rnnkit.grade.feedback.saved import read_saved
    from rnnkit.grade.submissions import Submission, UnreadableError

    if row.result.status == "unreadable":
        return Work()
    handed_in = Submission(row.student, row.name, path).read() if path else None
    try:
        cells = handed_in.cells() if handed_in else []
    except UnreadableError:
        handed_in = None
    if handed_in is None:
        return Work(missing="The file that was graded is no longer there, so only the results are shown.")
    if handed_in.digest != row.digest:
        return Work(missing="The file has changed since it was graded, so only the results are shown.")
    return Work(cells, read_saved(handed_in.content, len(cells)))
