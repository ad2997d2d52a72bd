"""A panel for a notebook: what is done in this kernel, what comes next, and hints when they are asked for."""

from __future__ import annotations

import ast
import html
from collections.abc import Callable
from typing import Any

from rnnkit.check import NotRightYet, check, exercises, hint
from rnnkit.learner.standing import Standing, State, refused
from rnnkit.learner.terminal import plain

__all__ = ["Panel", "panel"]

_WORDS = {State.DONE: "done", State.WRONG: "not right yet", State.STALE: "check it again", State.OPEN: "to do"}
_STRENGTHS = ("a nudge", "a way to go", "nearly the answer")


def panel(notebook: str) -> None:
    """Show the exercises of a notebook, and keep showing how they stand while this kernel runs.

    In JupyterLab with ipywidgets it is a table that follows the checks, with hints on demand; without, it is text. An
    exercise that was done is shown as to be checked again once its function was defined anew.

    Parameters
    ----------
    notebook
        Such as ``"05-bptt"``.

    Raises
    ------
    rnnkit.check.UnknownExercise
        When there is no such notebook.
    """
    made, shell = Panel(notebook), _shell()
    if shell is None:
        print(made.text())
        return
    made.follow(shell)
    if getattr(shell, "kernel", None) is None:
        print(made.text())
        return
    made.changed = _as_widgets(made) or _as_text(made)


def _shell() -> Any:
    try:
        from IPython.core.getipython import get_ipython
    except ModuleNotFoundError:
        return None
    return get_ipython()


class Panel:
    """What a panel knows: how each exercise of a notebook stands in this kernel."""

    def __init__(self, notebook: str) -> None:
        self.notebook = notebook
        self.standing = {one.id: Standing(one, State.OPEN) for one in exercises(notebook)}
        self.changed: Callable[[], object] = lambda: None
        """Called when an exercise stands otherwise than before."""

    def follow(self, shell: Any) -> None:
        """Look at every cell that runs from now on, in the place of an older panel of this notebook."""
        for callback in list(shell.events.callbacks["post_run_cell"]):
            older = getattr(callback, "__self__", None)
            if isinstance(older, Panel) and older.notebook == self.notebook:
                shell.events.unregister("post_run_cell", callback)
                self.standing = older.standing
        self._names = shell.user_ns
        shell.events.register("post_run_cell", self.saw)

    def saw(self, result: Any) -> None:
        """Take note of a cell that has run: checks that passed or did not, functions that were defined anew."""
        try:
            body = ast.parse(result.info.raw_cell).body
        except (SyntaxError, ValueError, AttributeError):  # a magic command, or nothing
            return
        before = dict(self.standing)
        for one in [part.name for part in body if isinstance(part, ast.FunctionDef | ast.ClassDef)]:
            self._defined(one)
        if self._names.get("check") is check:
            self._checked([found for part in body if (found := _checked_id(part)) in self.standing], result)
        if self.standing != before:
            self.changed()

    def _defined(self, function: str) -> None:
        for key, old in self.standing.items():
            if old.exercise.function == function and old.state is State.DONE:
                self.standing[key] = Standing(old.exercise, State.STALE)

    def _checked(self, ids: list[str], result: Any) -> None:
        error = None if result.success else (result.error_in_exec or result.error_before_exec)
        told = str(error) if isinstance(error, NotRightYet) else ""
        for key in ids:
            one = self.standing[key].exercise
            if told.startswith(f"✗ {key}: "):
                words = told.removeprefix(f"✗ {key}: ").partition("\n")[0]
                self.standing[key] = refused(one, words)
                return
            if error is None or told:
                self.standing[key] = Standing(one, State.DONE)

    @property
    def points(self) -> tuple[int, int]:
        """The points so far, and all there are."""
        all_of_them = self.standing.values()
        return sum(one.points for one in all_of_them), sum(one.exercise.points for one in all_of_them)

    def next(self) -> str:
        """Say in a line what comes next."""
        left = [one.exercise for one in self.standing.values() if one.state is not State.DONE]
        if not left:
            return f"All done: {self.points[0]} points."
        return f"Next: {left[0].id}, {left[0].title} (about {left[0].minutes} minutes)."

    def text(self) -> str:
        """Return the panel as text."""
        have, most = self.points
        lines = [f"{self.notebook}: {have} of {most} points"]
        for one in self.standing.values():
            e = one.exercise
            what = f"{e.points} points, {e.minutes} minutes, {_WORDS[one.state]}"
            lines.append(f"  {one.state.value} {e.id:<6} {e.title} ({what})")
        lines += [
            self.next(),
            'A hint: from rnnkit.check import hint; hint("05.1a", 1), up to 3 for nearly the answer.',
        ]
        return "\n".join(lines)

    def table(self) -> str:
        """Return the panel's table as HTML that a screen reader can walk through."""
        rows = "".join(_row(one) for one in self.standing.values())
        heads = "".join(
            f'<th scope="col" style="text-align:left">{name}</th>'
            for name in ("Exercise", "Question", "Points", "Minutes", "State")
        )
        return (
            '<table style="border-spacing:1em 0.2em; line-height:1.5">'
            f'<caption style="text-align:left">Exercises of {html.escape(self.notebook)}</caption>'
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
            f'<p role="status">{html.escape(self.next())}</p>'
        )


def _row(one: Standing) -> str:
    e, more = one.exercise, f": {plain(one.words, 90)}" if one.words else ""
    state = f'<span aria-hidden="true">{one.state.value}</span> {_WORDS[one.state]}{html.escape(more)}'
    cells = (html.escape(e.title), f"{one.points} of {e.points}", str(e.minutes), state)
    return (
        f'<tr><th scope="row" style="text-align:left">{e.id}</th>' + "".join(f"<td>{c}</td>" for c in cells) + "</tr>"
    )


def _checked_id(part: ast.stmt) -> str:
    """Return the exercise of a statement that is a check, ``check("05.1a", bptt)``; nothing for another one."""
    if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Call)):
        return ""
    call = part.value
    if not (isinstance(call.func, ast.Name) and call.func.id == "check" and call.args):
        return ""
    first = call.args[0]
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def _as_text(made: Panel) -> Callable[[], object]:
    from IPython.display import display

    shown = display({"text/plain": made.text()}, raw=True, display_id=True)
    return lambda: shown.update({"text/plain": made.text()}, raw=True)


def _as_widgets(made: Panel) -> Callable[[], object] | None:
    """Show the panel as widgets; None where there are none."""
    try:
        import ipywidgets as widgets
    except ModuleNotFoundError:
        return None
    from IPython.display import display

    have, most = made.points
    bar = widgets.IntProgress(value=have, max=most, description="Points", style={"description_width": "initial"})
    count, table = widgets.Label(), widgets.HTML()

    def refresh() -> None:
        bar.value = made.points[0]
        count.value = f"{bar.value} of {most}"
        table.value = made.table()

    refresh()
    display(widgets.VBox([widgets.HBox([bar, count]), table, *_hints(made, widgets)]))
    return refresh


def _hints(made: Panel, widgets: Any) -> list[Any]:
    """Return the part that gives hints: which exercise, how strong, and where it appears."""
    options = [(f"{one.exercise.id} {one.exercise.title}", key) for key, one in made.standing.items()]
    which = widgets.Dropdown(options=options, description="Hint for", style={"description_width": "initial"})
    shown, buttons = widgets.Output(), []

    def show(strength: int) -> None:
        words = f"**Hint {strength} for {which.value}.** {hint(which.value, strength)}"
        data = {"text/markdown": words, "text/plain": words}
        shown.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)

    def hide(_: object) -> None:
        shown.outputs = ()

    for strength, words in enumerate(_STRENGTHS, 1):
        button = widgets.Button(description=f"Hint {strength}: {words}", layout={"width": "auto"})
        button.on_click(lambda _, strength=strength: show(strength))
        buttons.append(button)
    which.observe(hide, "value")
    return [widgets.HBox([which, *buttons], layout={"flex_flow": "row wrap"}), shown]
