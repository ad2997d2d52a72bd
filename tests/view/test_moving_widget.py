"""The same figures as widgets: traits that Python reads, sets and links."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from rnnkit.view.moving import Curve, Curves, Panel, Slider, figure

pytest.importorskip("anywidget")

VIEW = "application/vnd.jupyter.widget-view+json"


def curves():
    kernel = Curve("kernel", np.ones((3, 2)))
    return Curves(Panel([kernel]), Slider("γ", [1, 2, 3], start=1), title="A title", alt="What is seen.")


def test_what_a_reader_moves_is_a_trait_with_its_limits():
    traitlets = pytest.importorskip("traitlets")
    widget = curves().widget()
    assert widget.index == 1
    with pytest.raises(traitlets.TraitError):
        widget.index = 3


def test_python_hears_of_a_move():
    widget, heard = curves().widget(), []
    widget.observe(lambda change: heard.append(change.new), names="index")
    widget.set_state({"index": 2})  # as the page sends it
    assert heard == [2]


def test_two_widgets_can_be_linked():
    widgets = pytest.importorskip("ipywidgets")
    widget, number = curves().widget(), widgets.IntSlider(max=2)
    widgets.link((widget, "index"), (number, "value"))
    number.value = 2
    assert widget.index == 2


def test_the_widget_draws_the_figure_with_the_page_s_own_script():
    widget = curves().widget()
    assert widget._frame == curves().frame()
    assert figure.module(["panels"]) in str(widget._esm)


def test_a_widget_carries_its_html_for_viewers_without_a_kernel():
    bundle, _ = curves().widget()._repr_mimebundle_()
    assert bundle["text/html"] == curves()._repr_html_()
    assert VIEW in bundle


def test_every_widget_of_a_kind_has_its_own_limits():
    def with_positions(n):
        curve = Curve("c", np.ones((n, 1)))
        return Curves(Panel([curve]), Slider("γ", list(range(n))), title="A title", alt="What is seen.").widget()

    small, large = with_positions(2), with_positions(5)
    large.index = 4
    assert small.traits()["index"].max == 1


def test_without_a_kernel_a_figure_is_html():
    bundle, _ = curves()._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}


@pytest.mark.parametrize(("setting", "shown"), [(None, True), ("html", False)])
def test_with_a_kernel_a_figure_is_a_widget_unless_html_is_asked_for(monkeypatch, setting, shown):
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.delenv(figure.HTML_ONLY, raising=False)
    if setting:
        monkeypatch.setenv(figure.HTML_ONLY, setting)
    assert figure.kernel_is_live() is shown


def test_without_anywidget_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(ImportError, match=r'pip install "rnnkit\[lab\]"'):
        curves().widget()


def test_importing_figures_brings_no_widgets():
    code = "import rnnkit.view, sys; print({'ipywidgets', 'anywidget', 'matplotlib', 'IPython'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
