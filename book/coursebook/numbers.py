"""Chapter numbers from file names, so that a book with a chapter missing still calls chapter 5 chapter 5."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes  # type: ignore[import-untyped]
from sphinx.environment.collectors.toctree import TocTreeCollector

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

CHAPTER = re.compile(r"chapters/(\d+)-")


def number_by_file_name(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Put the number in the file name where Sphinx has counted, in headings, contents, figures and equations.

    Returns
    -------
    list of str
        The pages whose numbers are other than Sphinx's, to be written again.
    """
    renumbered = []
    for docname, numbers in env.toc_secnumbers.items():
        match = CHAPTER.match(docname)
        if match is None:
            continue
        chapter = int(match[1])
        if any(number and number[0] != chapter for number in numbers.values()):
            renumbered.append(docname)
        for anchor, number in numbers.items():
            if number:
                numbers[anchor] = (chapter, *number[1:])
        for node in [env.titles[docname], *env.tocs[docname].findall(nodes.reference)]:
            if node.get("secnumber"):
                node["secnumber"] = (chapter, *node["secnumber"][1:])
    if renumbered:
        TocTreeCollector().assign_figure_numbers(env)
    return renumbered


def setup(app: Sphinx) -> dict[str, Any]:
    """Act after Sphinx has numbered."""
    app.connect("env-get-updated", number_by_file_name, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
