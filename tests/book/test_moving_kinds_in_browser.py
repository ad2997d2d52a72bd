"""How curves, planes and unfolding graphs behave, on a small page of their own."""

import numpy as np
import pytest

from rnnkit.cells import VanillaRNN
from rnnkit.graph import trace
from rnnkit.view.moving import Curve, Curves, Panel, Plane, Slider, UnfoldedGraph

pytestmark = pytest.mark.browser

GAMMA = [0.5, 0.9, 1.0]
KERNEL = np.array(GAMMA)[:, None] ** np.arange(5)


def curves():
    panel = Panel([Curve("kernel", KERNEL, mark="stem"), Curve("half", [0.5] * 5)], x_label="lag", y_label="weight")
    notes = [f"The sum is {row.sum():.3g}." for row in KERNEL]
    return Curves(panel, Slider("γ", GAMMA), notes=notes, title="Kernel", alt="Stems that fall from one.")


def two_sliders():
    values = np.arange(6.0).reshape(2, 3, 1) + np.arange(2.0)
    sliders = {"slider": Slider("a", [1, 2]), "second": Slider("b", [1, 2, 3])}
    return Curves(Panel([Curve("v", values)]), **sliders, title="Two", alt="A line with two sliders.")


def plane():
    pole = Curve("pole", np.zeros((3, 1)), x=np.array(GAMMA)[:, None], mark="points")
    path = Curve("path", [0, 0.5, 0.8], x=[-0.8, 0, 0.8], mark="path")
    beside = [Panel([Curve("response", KERNEL)], x_label="step")]
    return Plane(
        [pole, path], Slider("γ", GAMMA), beside=beside, disc=True, title="Pole", alt="A pole in the unit disc."
    )


def graph(steps=4):
    cell = VanillaRNN.create(2, 3, np.random.default_rng(0))
    return UnfoldedGraph(trace(cell, steps), path=("x_1", "h"), title="Graph", alt="A loop unfolds into a chain.")


def state(page, kind):
    return page.locator(f".rk-{kind}").get_attribute("data-rk-state")


def readout(page):
    return page.locator(".rk-read").inner_text()


def point(page, panel, across, up=0.5):
    """Return a place inside a panel, as parts of its width and height."""
    box = page.locator(".rk-panel svg").nth(panel).bounding_box()
    return box["x"] + across * box["width"], box["y"] + (1 - up) * box["height"]


def test_slider_buttons_and_keys_move_the_curves(show):
    page = show(curves())
    seen, drawn = [], set()
    for key in ("ArrowRight", "End", "ArrowLeft", "Home"):
        page.get_by_role("slider").press(key)
        seen.append(state(page, "curves"))
        drawn.add(page.locator(".rk-panel .rk-s0").first.get_attribute("d"))
    page.get_by_role("button", name="One step on").click()
    assert [*seen, state(page, "curves")] == ["1", "2", "1", "0", "1"]
    assert len(drawn) == 3


def test_the_value_and_its_sentence_follow_the_slider(show):
    page = show(curves())
    page.get_by_role("slider").press("End")
    assert page.locator(".rk-chosen").inner_text() == "γ = 1"
    assert page.get_by_role("slider").get_attribute("aria-valuetext") == "γ = 1"
    assert page.locator(".rk-status .rk-note").inner_text() == "The sum is 5."


def test_a_fixed_reference_stays_where_it_is(show):
    page = show(curves())
    line = page.locator(".rk-panel .rk-fixed").first
    before = line.get_attribute("d")
    page.get_by_role("slider").press("End")
    assert line.get_attribute("d") == before != ""


def test_arrow_keys_read_the_numbers_of_the_table(show):
    page = show(curves())
    panel, seen = page.locator(".rk-panel"), []
    for key in ("ArrowRight", "ArrowRight", "End", "ArrowRight", "Home"):
        panel.press(key)
        seen.append(readout(page))
    lags = [0, 1, 4, 4, 0]
    assert seen == [f"lag = {k}: kernel {float(f'{0.5**k:.4g}'):g} · half 0.5" for k in lags]


def test_the_read_out_follows_the_slider(show):
    page = show(curves())
    page.locator(".rk-panel").press("End")
    page.get_by_role("slider").press("ArrowRight")
    assert readout(page) == "lag = 4: kernel 0.6561 · half 0.5"


def test_the_pointer_reads_the_nearest_number(show):
    page = show(curves())
    page.mouse.move(*point(page, 0, 0.97))
    assert readout(page).startswith("lag = 4:")


def test_a_finger_reads_and_the_page_can_still_be_scrolled(show):
    page = show(curves(), width=390, has_touch=True)
    page.touchscreen.tap(*point(page, 0, 0.15))
    assert readout(page).startswith("lag = 0:")
    assert page.locator(".rk-panel").evaluate("(e) => getComputedStyle(e).touchAction") == "pan-y"


def test_the_pointer_finds_the_nearest_point_of_the_plane(show):
    page = show(plane())
    page.mouse.move(*point(page, 0, 0.9, 0.95))
    assert readout(page) == "path, 3 of 3: x 0.8, y 0.8"


def test_arrow_keys_walk_along_a_path_and_from_curve_to_curve(show):
    page = show(plane())
    panel, seen = page.locator(".rk-panel").first, []
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        panel.press(key)
        seen.append(readout(page))
    assert seen == ["path, 1 of 3: x −0.8, y 0", "path, 2 of 3: x 0, y 0.5", "pole, 1 of 1: x 0.5, y 0"]


def test_one_slider_drives_all_panels(show):
    page = show(plane())
    series = [page.locator(".rk-panel").nth(i).locator(".rk-s0") for i in (0, 1)]
    before = [[path.get_attribute("d") for path in each.all()] for each in series]
    page.get_by_role("slider").press("End")
    after = [[path.get_attribute("d") for path in each.all()] for each in series]
    assert all(a != b for a, b in zip(before, after, strict=True))


def test_a_unit_is_as_long_across_as_up(show):
    page = show(plane(), width=390)
    ring = page.locator(".rk-panel .rk-frame").bounding_box()
    assert ring["width"] == pytest.approx(ring["height"], abs=1)


def test_two_sliders_choose_one_of_all_pairs(show):
    page = show(two_sliders())
    page.get_by_role("slider", name="a").press("End")
    page.get_by_role("slider", name="b").press("ArrowRight")
    page.locator(".rk-panel").press("Home")
    assert state(page, "curves") == "1 1"
    assert readout(page) == "x = 0: v 4"


def test_without_a_slider_numbers_can_still_be_read(show):
    page = show(Curves(Panel([Curve("v", [1, 2])]), title="Still", alt="A line without a slider."))
    page.locator(".rk-panel").press("End")
    assert readout(page) == "x = 1: v 2"
    assert page.get_by_role("slider").count() == 0


def test_the_graph_grows_with_the_slider_and_folds_at_zero(show):
    page, seen = show(graph()), []
    for key in ("Home", "ArrowRight", "ArrowRight", "End"):
        page.get_by_role("slider").press(key)
        seen.append((page.locator(".rk-node").count(), page.locator(".rk-edge").count()))
    assert seen == [(2, 2), (3, 2), (5, 4), (9, 8)]


def test_a_button_marks_the_copies_of_one_weight(show):
    page = show(graph())
    page.get_by_role("button", name="Wh").click()
    assert page.locator(".rk-edge.rk-now").count() == 4
    assert page.locator(".rk-note").first.inner_text() == "Wh is used in 4 places: it is one and the same array."
    page.get_by_role("slider").press("Home")
    assert page.locator(".rk-edge.rk-now").count() == 1


def test_a_button_marks_the_longest_path_of_as_many_steps_as_are_shown(show):
    page = show(graph())
    page.get_by_role("button", name="longest path").click()
    page.get_by_role("slider").press("ArrowLeft")
    assert page.locator(".rk-edge.rk-now").count() == 3
    assert page.locator(".rk-note").first.inner_text() == "From x1 to h3: longest path 3, shortest 3, 1 path in all."


@pytest.mark.parametrize("make", [curves, plane, graph, two_sliders])
@pytest.mark.parametrize("width", [320, 390])
def test_no_figure_is_wider_than_a_phone_and_its_letters_stay_large(show, make, width):
    page = show(make(), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    height = "(t) => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a"
    letters = [text.evaluate(height) for text in page.locator(".rk-stage svg[role=img] > text").all()]
    assert min(letters, default=11) >= 11


@pytest.mark.parametrize("make", [curves, plane, graph])
def test_without_scripts_the_table_is_open(show, make):
    page = show(make(), java_script_enabled=False)
    shown = page.locator("tbody tr").all()
    rows = make().rows()[1]
    assert page.locator("table").is_visible()
    assert len(shown) == len(rows)


def test_paper_shows_the_chosen_state_without_controls(show):
    page = show(curves())
    page.get_by_role("slider").press("End")
    page.emulate_media(media="print")
    assert not page.get_by_role("slider").is_visible()
    assert page.locator(".rk-where").inner_text() == "γ = 1"
    assert not page.locator("details").is_visible()


def test_a_table_that_was_opened_is_printed_whole(show):
    page = show(curves())
    page.locator("summary").click()
    page.emulate_media(media="print")
    scroll = page.locator(".rk-scroll")
    assert scroll.evaluate("(e) => e.scrollHeight <= e.clientHeight + 1 && e.clientHeight > 0")


def test_paper_is_white_in_the_dark_theme_too(show):
    page = show(curves(), theme="dark")
    page.emulate_media(media="print")
    ink = page.locator(".rk-panel text").first.evaluate("(t) => getComputedStyle(t).fill")
    assert ink in ("rgb(34, 34, 34)", "rgb(90, 90, 90)")


@pytest.mark.parametrize(("motion", "position"), [("no-preference", "2"), ("reduce", "1")])
def test_where_motion_is_unwanted_playing_takes_slow_steps(show, motion, position):
    page = show(curves(), reduced_motion=motion)
    page.clock.install()
    page.get_by_role("button", name="Play", exact=True).click()
    page.clock.run_for(1500)
    assert state(page, "curves") == position


def test_one_script_draws_several_kinds_and_several_figures(show):
    page = show(curves(), graph(), curves(), plane())
    page.locator(".rk-curves").nth(1).get_by_role("slider").press("End")
    states = [each.get_attribute("data-rk-state") for each in page.locator(".rk-figure").all()]
    assert states == ["0", "4 0", "2", "0"]
