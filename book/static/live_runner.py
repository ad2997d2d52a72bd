"""Runs the cells of a page in the reader's browser. Loaded by ``live-worker.mjs`` into Pyodide, never imported here.

A cell behaves as in a notebook: names stay, the value of the last line is shown, figures appear, and what goes wrong is
told with the reader's own line.
"""

import ast
import base64
import builtins
import importlib.util
import io
import linecache
import sys
import traceback
import types

MOST_TEXT = 100_000
"""Characters of text that one run may print: a page with more of them stops answering."""

MOST_SVG = 1_500_000
"""Bytes from which on a figure is sent as pixels."""

ELSEWHERE = "Download the notebook to run this on your own machine."


class Runner:
    """The job of this class: hold the names of a page's cells, run one cell at a time, send what it shows.

    Parameters
    ----------
    send
        Called with a kind (``"text"``, ``"error"``, ``"html"`` or ``"image"``) and a text, while the cell runs.
    """

    def __init__(self, send):
        self.send = send
        self.names = {"__name__": "__main__", "display": self.display}
        builtins.input = _no_input

    def run(self, cell, code):
        """Run the text of a cell; return nothing, or one line that says what went wrong."""
        stream = Stream(self.send)
        before = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = stream
        linecache.cache[cell] = (len(code), None, code.splitlines(keepends=True), cell)
        try:
            self._prepare_figures()
            self._execute(cell, code)
            self.show_figures()
        except BaseException as error:  # whatever it is, the worker must answer and be ready for the next cell
            self._close_figures()
            stream.flush()
            told, line = explain(error, cell)
            self.send("error", told)
            return line
        finally:
            stream.flush()
            sys.stdout, sys.stderr = before
        return None

    def _execute(self, cell, code):
        tree = ast.parse(code, cell)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, cell, "exec"), self.names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), cell, "eval"), self.names)
            if value is not None and not code.rstrip().endswith(";"):
                self.names["_"] = value
                self.display(value)

    def _prepare_figures(self):
        """Once the page has fetched matplotlib, be the backend that it asks for a canvas, a manager, and ``show``."""
        if "page_backend" in sys.modules or not importlib.util.find_spec("matplotlib"):
            return
        from matplotlib.backend_bases import FigureManagerBase
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        backend = types.ModuleType("page_backend")
        backend.FigureCanvas, backend.FigureManager = FigureCanvasSVG, FigureManagerBase
        backend.show = self.show_figures
        sys.modules[backend.__name__] = backend
        sys.modules["matplotlib"].use(f"module://{backend.__name__}")

    def display(self, *values):
        """Show values the way a notebook does: as HTML or a picture where they have one, else as text."""
        for value in values:
            sys.stdout.flush()
            self.send(*shown(value))

    def show_figures(self, *_, **__):
        """Send every figure that is open, and close it."""
        plt = sys.modules.get("matplotlib.pyplot")
        for number in plt.get_fignums() if plt else []:
            sys.stdout.flush()
            self.send("image", picture(plt.figure(number)))
        self._close_figures()

    def _close_figures(self):
        if plt := sys.modules.get("matplotlib.pyplot"):
            plt.close("all")


class Stream(io.TextIOBase):
    """Where ``print`` goes: a line is sent as soon as it ends, so that a page shows it while the cell runs."""

    def __init__(self, send):
        self.send, self.waiting, self.left = send, "", MOST_TEXT

    def write(self, text):
        """Keep text until its line ends, and no more than a page can hold."""
        if self.left <= 0:
            return len(text)
        self.left -= len(text)
        self.waiting += text[: self.left] if self.left < 0 else text
        if self.left <= 0:
            self.waiting += f"\n… the output goes on; a page shows its first {MOST_TEXT:,} characters\n"
        if "\n" in text or len(self.waiting) > 1000 or self.left <= 0:
            self.flush()
        return len(text)

    def flush(self):
        """Send what is waiting."""
        if self.waiting:
            self.send("text", self.waiting)
            self.waiting = ""

    def writable(self):
        """Say that it can be written to."""
        return True


def shown(value):
    """Return the kind and the text in which a value is shown."""
    if getattr(value, "savefig", None) and getattr(value, "canvas", None):
        return "image", picture(value)
    bundle = getattr(value, "_repr_mimebundle_", None)
    if bundle and not isinstance(value, type):
        found = bundle(include=None, exclude=None)
        found = found[0] if isinstance(found, tuple) else found
        if found and "text/html" in found:
            return "html", found["text/html"]
    for name, kind in (("_repr_html_", "html"), ("_repr_svg_", "html")):
        method = getattr(value, name, None)
        text = method() if method and not isinstance(value, type) else None
        if text is not None:
            return kind, text
    return "text", repr(value) + "\n"


def picture(figure):
    """Draw a figure as SVG, or as pixels where it has very many parts; return it as an address."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg", bbox_inches="tight")
    kind = "svg+xml"
    if drawn.tell() > MOST_SVG:
        drawn, kind = io.BytesIO(), "png"
        figure.savefig(drawn, format="png", bbox_inches="tight", dpi=144)
    return f"data:image/{kind};base64," + base64.b64encode(drawn.getvalue()).decode()


def explain(error, cell):
    """Return a short traceback, cells in full and libraries by their last line; and one line for the page's status."""
    told = traceback.TracebackException.from_exception(error, limit=None)
    frames = [frame for frame in told.stack if not frame.filename.endswith("live_runner.py")]
    lines = ["What led there, last step last:\n"] if len(frames) > 1 else []
    left_out = 0
    for i, frame in enumerate(frames):
        ours = not frame.filename.endswith(".py") and not frame.filename.startswith("<")
        if (not ours and i < len(frames) - 1) or (len(frames) > 12 and 5 < i < len(frames) - 5):
            left_out += 1
            continue
        lines += [f"  … {left_out} more\n"] if left_out else []
        left_out = 0
        where = frame.filename if ours else frame.filename.partition("site-packages/")[2] or frame.filename
        place = "" if frame.name == "<module>" else f", in {frame.name}"
        lines.append(f"  {where}, line {frame.lineno}{place}\n")
        lines += [f"    {frame.line}\n"] if frame.line else []
    lines += told.format_exception_only()
    number = next((frame.lineno for frame in reversed(frames) if frame.filename == cell), None)
    number = error.lineno if isinstance(error, SyntaxError) and error.filename == cell else number
    summary = type(error).__name__ + (f" in line {number}" if number else "")
    if isinstance(error, ImportError) and (missing := _not_here(error)):
        lines.append(f"{missing} does not run in this page, only numpy, matplotlib and rnnkit do. {ELSEWHERE}\n")
    return "".join(lines), summary


def _not_here(error):
    name = (getattr(error, "name", None) or "").partition(".")[0]
    return name if name and name not in ("numpy", "rnnkit", "matplotlib") else ""


def _no_input(prompt=""):
    raise RuntimeError("a cell in a page cannot ask for input: write the value into the code")
