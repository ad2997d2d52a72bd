"""One file of letters, ``book/notation.toml``: a page that sets five lectures side by side, and a switch on every page.

The directive ``{notation} Title of a group`` makes that group's table. ``notation-map.js`` carries the same letters to
``book/static/notation.js``, which rewrites a page's formulas. The script is loaded where there are formulas of the
course. The reference of the library is left alone: each docstring introduces its own letters.
"""

from __future__ import annotations

import json
import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes  # type: ignore[import-untyped]
from sphinx import addnodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

SOURCE = Path(__file__).resolve().parent.parent / "notation.toml"
PAGE = "reference/notation"
LECTURES = "MBUTS"
TEXTS = ("ours", "name", "shape", "code", "remark")
FIELDS = {**dict.fromkeys(TEXTS, str), "letters": dict, "only": list, "variants": list, "indexed": bool, "switch": bool}
KINDS = {str: "text in quotes", dict: "{ LECTURE = 'letter' }", list: "a list", bool: "true or false"}
FORMULAS = (nodes.math, nodes.math_block)


class NotationError(ExtensionError):
    """Something in ``notation.toml`` cannot stand; the message names the symbol and says what to do."""


def load(path: Path = SOURCE) -> dict[str, Any]:
    """Read the letters and hold them to their rules.

    Raises
    ------
    NotationError
        Naming the file and the symbol.
    """
    for line, what in mistakes_in(path):
        raise NotationError(f"{path.name}:{line}: {what}")
    return tomllib.loads(path.read_text("utf8"))


def mistakes_in(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and matter of what cannot stand in the file of letters."""
    text = path.read_text("utf8")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        yield int(at[1]) if at else text.count("\n") + 1, f"no valid TOML: {error}"
        return
    seen: set[tuple[str, str]] = set()
    symbols = [symbol for group in data.get("group", []) for symbol in group.get("symbol", [])]
    for line, symbol in zip(places(text, "group.symbol"), symbols, strict=True):
        complaint = complaint_about(symbol)
        for word in [] if complaint else symbol.get("only", [""]):
            if (symbol["ours"], word) in seen:
                complaint = "stands there twice; bind one of them to its pages with `only`"
            seen.add((symbol["ours"], word))
        if complaint:
            yield line, f"the symbol {symbol.get('ours', symbol)!r} {complaint}"
    for name, fields in (("lecture", ("key", "name", "title", "note")), ("group", ("title", "symbol"))):
        for number, entry in enumerate(data.get(name, [])):
            for field in fields:
                if field not in entry:
                    yield places(text, name)[number], f"this {name} lacks {field!r}"
    if not {"lecture", "group"} <= data.keys():
        yield 1, "there must be [[lecture]] and [[group]]"


def places(text: str, table: str) -> list[int]:
    """Return the lines in which the tables of a list begin; a parser of TOML does not keep them."""
    beginning = re.compile(rf"\s*\[\[\s*{re.escape(table)}\s*\]\]")
    return [number for number, line in enumerate(text.splitlines(), 1) if beginning.match(line)]


def complaint_about(symbol: dict[str, Any]) -> str:
    """Say what is wrong with one symbol, or nothing."""
    if unknown := symbol.keys() - FIELDS.keys():
        return f"has the unknown field {min(unknown)!r}; known are {', '.join(sorted(FIELDS))}"
    if missing := {"ours", "name"} - set(symbol):
        return f"lacks {min(missing)!r}"
    for field, kind in FIELDS.items():
        if field in symbol and not isinstance(symbol[field], kind):
            return f"has {field} = {symbol[field]!r}; write {KINDS[kind]}"
    letters = symbol.get("letters", {})
    if odd := [lecture for lecture, letter in letters.items() if not isinstance(letter, str)]:
        return f"has a letter of {odd[0]} that is no text: put it in quotes"
    if strange := set(letters) - set(LECTURES):
        return f"has letters of {min(strange)!r}; the lectures are {', '.join(LECTURES)}"
    for lecture, letter in letters.items():
        if ("#" in letter) != bool(symbol.get("indexed")) and symbol.get("switch", True):
            return f"needs a # for the index in the letter of {lecture}, {letter!r}, if and only if it is `indexed`"
    return ""


def with_index(letter: str, index: str = "t") -> str:
    """Put an index into a lecture's letter."""
    return letter.replace("#", index)


def switch_map(data: dict[str, Any]) -> dict[str, Any]:
    """Return what the page's script needs of the letters."""
    symbols = []
    for symbol in (symbol for group in data["group"] for symbol in group["symbol"]):
        if not symbol.get("switch", True):
            continue
        indexed = bool(symbol.get("indexed"))
        key = re.sub(r"_t$", "", symbol["ours"]) if indexed else re.sub(r"_\{(.*)\}$", r"_\1", symbol["ours"])
        kept = {name: symbol[name] for name in ("only", "variants") if name in symbol}
        entry = {"key": key, "name": symbol["name"], "letters": symbol.get("letters", {}), **kept}
        symbols.append({**entry, "indexed": True} if indexed else entry)
    lectures = [{name: lecture[name] for name in ("key", "name", "note")} for lecture in data["lecture"]]
    return {"lectures": lectures, "symbols": symbols}


def row_of(*cells: list[nodes.Node]) -> nodes.row:
    """Return a row of a table."""
    return nodes.row("", *[nodes.entry("", nodes.paragraph("", "", *cell)) for cell in cells])


def find(name: str) -> tuple[Any, str]:
    """Return what ``name`` is in rnnkit, and the name under which the reference has it: a parameter is in its class.

    Raises
    ------
    NotationError
        When rnnkit has no such name.
    """
    room, *rest = name.split(".")
    found, known = import_module(f"rnnkit.{room}"), f"rnnkit.{room}"
    for part in rest:
        if part in getattr(found, "__dataclass_fields__", {}):
            return found, known
        if not hasattr(found, part):
            raise NotationError(f"{SOURCE.name}: {known} has no {part!r}; mend the code {name!r}")
        found, known = getattr(found, part), f"{known}.{part}"
    return found, known


def code_of(name: str) -> nodes.Node:
    """Return a name of the library, linked to where the reference has it."""
    literal = nodes.literal(name, name, classes=["xref", "py"])
    return addnodes.pending_xref("", literal, refdomain="py", reftype="obj", reftarget=find(name)[1])


class NotationTable(SphinxDirective):
    """``{notation} Title``: the letters of one group, ours first, then the five lectures'."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        for path in (str(SOURCE), __file__):
            self.env.note_dependency(path)
        data = load()
        groups = {group["title"]: group["symbol"] for group in data["group"]}
        if self.arguments[0] not in groups:
            known = "; ".join(groups)
            raise self.error(f"{SOURCE.name} has no group {self.arguments[0]!r}; it has: {known}")
        lectures = data["lecture"]
        columns = 1 + len(lectures)
        body = nodes.tbody("", *[row for symbol in groups[self.arguments[0]] for row in self.rows(symbol, lectures)])
        titles = ["This book", *[lecture["name"] for lecture in lectures]]
        head = nodes.thead("", row_of(*[[nodes.Text(title)] for title in titles]))
        widths = [nodes.colspec(colwidth=1) for _ in range(columns)]
        group = nodes.tgroup("", *widths, head, body, cols=columns)
        return [nodes.table("", group, classes=["rk-notation"])]

    def rows(self, symbol: dict[str, Any], lectures: list[dict[str, Any]]) -> list[nodes.row]:
        """Return the row of one symbol, and below its letters what there is to say about them."""
        ours = [formula(symbol["ours"]), nodes.Text(" "), nodes.inline("", symbol["name"], classes=["rk-name"])]
        row = row_of(ours, *[self.letters(symbol, lecture["key"]) for lecture in lectures])
        notes = self.notes(symbol)
        if not notes:
            return [row]
        row[0]["morerows"] = 1
        below = nodes.entry("", nodes.paragraph("", "", *notes), morecols=len(lectures) - 1)
        return [row, nodes.row("", below, classes=["rk-notes"])]

    def notes(self, symbol: dict[str, Any]) -> list[nodes.Node]:
        """Return a symbol's shape, its name in the library and what one has to mind."""
        parts: list[nodes.Node] = []
        if "shape" in symbol:
            shape = symbol["shape"].replace(" × ", "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}")
            parts.append(nodes.Text(f"{shape} · " if "code" in symbol else f"{shape} "))
        if "code" in symbol:
            parts += [code_of(symbol["code"]), nodes.Text(" ")]
        if "remark" in symbol:
            parts.append(nodes.inline("", "", *prose(symbol["remark"]), classes=["rk-remark"]))
        return parts

    def letters(self, symbol: dict[str, Any], lecture: str) -> list[nodes.Node]:
        """Return a lecture's letter, those of its other slides behind it, or a dash."""
        main = symbol.get("letters", {}).get(lecture)
        others = [v["letter"] for v in symbol.get("variants", []) if v["lecture"] == lecture and v["letter"]]
        found = [formula(with_index(letter)) for letter in filter(None, [main, *others])]
        if not found:
            return [nodes.inline("", "none", classes=["rk-none"])]
        return [part for one in found for part in (nodes.Text(", "), one)][1:]


def prose(text: str) -> list[nodes.Node]:
    """Return a sentence; what stands between dollar signs is a formula."""
    pieces = text.split("$")
    return [formula(piece) if n % 2 else nodes.Text(piece) for n, piece in enumerate(pieces) if piece]


def formula(tex: str) -> nodes.math:
    """Return a formula in a line."""
    return nodes.math(tex, tex)


def write_map(app: Sphinx) -> None:
    """Write the letters for the page's script, before any page asks for the file's digest."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir) / "_static"
    folder.mkdir(parents=True, exist_ok=True)
    letters = json.dumps(switch_map(load()), ensure_ascii=False, separators=(",", ":"))
    (folder / "notation-map.js").write_text(f"window.rnnkitNotation={letters};\n", "utf8")


def add_switch(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Load the switch on pages with formulas, before MathJax: a letter remembered is set at once, without a flash."""
    of_course = pagename == PAGE or not pagename.startswith("reference/")
    if doctree is None or not of_course or not any(next(iter(doctree.findall(kind)), None) for kind in FORMULAS):
        return
    for script in ("notation-map.js", "notation.js"):
        app.add_js_file(script, priority=300, loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the table, and the switch to pages with formulas."""
    app.add_directive("notation", NotationTable)
    app.connect("builder-inited", write_map)
    app.connect("html-page-context", add_switch)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
