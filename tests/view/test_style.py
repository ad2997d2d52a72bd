import sys


def test_outside_a_notebook_the_style_needs_matplotlib_alone(monkeypatch):
    import matplotlib as mpl

    from rnnkit.view import use_style

    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib_inline.backend_inline", None)  # importing it would raise
    with mpl.rc_context():
        use_style()
        assert mpl.rcParams["svg.hashsalt"] == "rnnkit"
