"""The panel follows the checks of a kernel, with widgets or without."""

from __future__ import annotations

import sys

import ipywidgets
import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from rnnkit.check import UnknownExercise, hint
from rnnkit.learner import panel
from rnnkit.learner.showing import Panel
from rnnkit.learner.standing import State


@pytest.fixture
def shell(monkeypatch):
    """A shell as a notebook's, whose displays are caught."""
    made = InteractiveShell()
    made.kernel = object()
    made.display_pub = CapturingDisplayPublisher(shell=made)
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: made)
    monkeypatch.setattr(InteractiveShell, "_instance", made)
    made.run_cell("from rnnkit.check import check\nfrom rnnkit.learner import panel")
    return made


@pytest.fixture
def followed(shell, master):
    """A panel that looks at the shell's cells; the reference's answers are defined there."""
    made = Panel("05-bptt")
    made.follow(shell)
    shell.user_ns.update(bptt=master.answers["bptt"], name_the_bug=master.answers["name_the_bug"])
    return made


def run(shell, source):
    shell.run_cell(source)


def state(made, exercise_id):
    return made.standing[exercise_id].state


def test_a_check_that_passes_is_done(shell, followed):
    run(shell, 'check("05.1a", bptt)')
    assert state(followed, "05.1a") is State.DONE
    assert followed.points == (3, 26)
    assert followed.next() == "Next: 05.1b, the recurrent weights (about 15 minutes)."


def test_a_check_that_does_not_pass_is_told_with_its_reason(shell, followed):
    run(shell, 'check("05.1a", lambda *a: None)')
    assert state(followed, "05.1a") is State.WRONG
    assert (
        followed.standing["05.1a"].words == "bptt must return the pair (loss, grads), got None (is a return missing?)"
    )


def test_several_checks_in_a_cell_are_told_apart(shell, followed):
    run(shell, 'check("05.1a", bptt)\ncheck("05.1b", print)\ncheck("05.1c", bptt)')
    assert [state(followed, f"05.1{part}") for part in "abc"] == [State.DONE, State.WRONG, State.OPEN]


def test_an_answer_that_is_defined_anew_is_to_be_checked_again(shell, followed):
    run(shell, 'check("05.1a", bptt)')
    run(shell, "def bptt(x, y, h0, params):\n    return 1")
    assert [state(followed, f"05.1{part}") for part in "ab"] == [State.STALE, State.OPEN]
    assert followed.points == (0, 26)


@pytest.mark.parametrize(
    "source",
    ['if False:\n    check("05.1a", bptt)', 'print("check", "05.1a")', '%time check("05.1a", bptt)',
     'check("05.1a", missing)', 'check(3, bptt)', "check()", 'check("06.1", bptt)', "1 +", ""],
)  # fmt: skip
def test_other_cells_change_nothing(shell, followed, source):
    changes = []
    followed.changed = lambda: changes.append(1)
    run(shell, source)
    assert (state(followed, "05.1a"), changes) == (State.OPEN, [])


def test_another_function_called_check_is_not_believed(shell, followed):
    run(shell, 'check = print\ncheck("05.1a", bptt)')
    assert state(followed, "05.1a") is State.OPEN


def test_a_second_panel_takes_over_what_the_first_one_saw(shell, followed):
    run(shell, 'check("05.1a", bptt)')
    second = Panel("05-bptt")
    second.follow(shell)
    run(shell, 'check("05.1b", bptt)')
    assert second.points == (8, 26)
    assert [call.__self__ for call in shell.events.callbacks["post_run_cell"] if hasattr(call, "__self__")].count(
        followed
    ) == 0


def widgets_of(box):
    yield box
    for child in getattr(box, "children", ()):
        yield from widgets_of(child)


@pytest.fixture
def shown(shell, followed, monkeypatch):
    """The widgets of a panel, by class."""
    boxes = []
    monkeypatch.setattr("IPython.display.display", boxes.append)
    panel("05-bptt")
    found = {}
    for widget in widgets_of(boxes[0]):
        found.setdefault(type(widget).__name__, []).append(widget)
    return found


def test_the_widgets_follow_the_checks(shell, shown):
    run(shell, 'check("05.1a", bptt)')
    (bar,), (count,), (table,) = shown["IntProgress"], shown["Label"], shown["HTML"]
    assert (bar.value, bar.max, count.value) == (3, 26, "3 of 26")
    assert '<span aria-hidden="true">✓</span> done' in table.value
    assert '<p role="status">Next: 05.1b, the recurrent weights' in table.value


def test_hints_come_on_demand_in_three_strengths_and_go_with_another_exercise(shown):
    (which,), (out,), buttons = shown["Dropdown"], shown["Output"], shown["Button"]
    assert out.outputs == ()
    which.value = "05.3"
    for strength, button in enumerate(buttons, 1):
        button.click()
        assert out.outputs[0]["data"]["text/markdown"] == f"**Hint {strength} for 05.3.** {hint('05.3', strength)}"
    which.value = "05.2"
    assert out.outputs == ()


def test_every_control_says_what_it_is_for(shown):
    names = [widget.description for kind in ("IntProgress", "Dropdown", "Button") for widget in shown[kind]]
    assert names == ["Points", "Hint for", "Hint 1: a nudge", "Hint 2: a way to go", "Hint 3: nearly the answer"]
    assert all(ipywidgets.Widget in type(widget).__mro__ for widget in shown["Button"])


def test_what_an_answer_says_is_text_in_the_table(shell, followed):
    run(shell, 'def f(*a): raise ValueError("<script>alert(1)</script>")\ncheck("05.1a", f)')
    assert "<script>" not in followed.table()
    assert "&lt;script&gt;" in followed.table()


def test_without_ipywidgets_it_is_text_that_follows_the_checks(shell, followed, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    panel("05-bptt")
    run(shell, 'check("05.1a", bptt)')
    first, last = shell.display_pub.outputs[0], shell.display_pub.outputs[-1]
    assert first["data"]["text/plain"].startswith("05-bptt: 0 of 26 points")
    assert last["data"]["text/plain"].startswith("05-bptt: 3 of 26 points")
    assert last["transient"] == first["transient"]


def test_outside_a_notebook_it_is_printed(monkeypatch, capsys):
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: None)
    panel("05-bptt")
    out = capsys.readouterr().out
    assert out.startswith(
        "05-bptt: 0 of 26 points\n  · 05.1a  the loss and the readout (3 points, 10 minutes, to do)\n"
    )
    assert 'hint("05.1a", 1)' in out


def test_without_ipython_it_is_printed(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "IPython.core.getipython", None)
    panel("05-bptt")
    assert capsys.readouterr().out.startswith("05-bptt: 0 of 26 points")


def test_an_unknown_notebook_names_the_nearest():
    with pytest.raises(UnknownExercise, match="did you mean '05-bptt'"):
        panel("05-btpt")
