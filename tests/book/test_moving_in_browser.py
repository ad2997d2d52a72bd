"""How the moving figures behave, on a small page of their own."""

import numpy as np
import pytest

from rnnkit.view.moving import BackwardStepper, GradientHeatMap

pytestmark = pytest.mark.browser

T = 3


def small_stepper():
    code = [(1, "do = p − y", "∂L/∂o_t"), (2, "dW_y += …", "∂L/∂W_y"), (3, "dh += …", "∂L/∂h_t")]
    norms, steps = {"do": [None] * T, "dh": [None] * (T + 1), "dx": [None] * T}, []
    for t in range(T, 0, -1):
        for line, changed in ((1, ("do", t - 1)), (2, None), (3, ("dh", t))):
            if changed:
                norms[changed[0]][changed[1]] = 0.1 * t
            sums = {"W_y": float(T - t + (line > 1))}
            note = f"Line {line} at step {t}."
            steps.append(
                {"t": t, "line": line, "norms": {k: [*v] for k, v in norms.items()}, "sums": sums, "note": note}
            )
    return BackwardStepper(steps, code=code, title="Backward", alt="A graph of three steps.")


def small_heat_map(names=("weak", "strong")):
    lag = np.subtract.outer(np.arange(5.0), np.arange(5.0))
    matrices = [np.where(lag >= 0, base**lag, np.nan) for base in (0.1, 0.9)]
    return GradientHeatMap(matrices[: len(names)], names=names, title="Heat", alt="A map of five steps.")


def state(page, kind="stepper"):
    return page.locator(f".rk-{kind}").get_attribute("data-rk-state")


def test_buttons_step_through_the_backward_pass(show):
    page = show(small_stepper())
    seen = []
    for name in ("One step on", "One step on", "One step back", "To the end", "To the start"):
        page.get_by_role("button", name=name).click()
        seen.append(state(page))
    assert seen == ["1", "2", "1", "9", "0"]


def test_arrow_keys_home_and_end_move_the_slider(show):
    page = show(small_stepper())
    seen = []
    for key in ("ArrowRight", "ArrowUp", "ArrowLeft", "End", "ArrowRight", "Home", "ArrowDown"):
        page.get_by_role("slider").press(key)
        seen.append(state(page))
    assert seen == ["1", "2", "1", "9", "9", "0", "0"]


def test_space_plays_and_pauses(show):
    page = show(small_stepper())
    page.clock.install()
    slider = page.get_by_role("slider")
    slider.press(" ")
    page.clock.run_for(2500)
    assert state(page) == "2"
    slider.press(" ")
    page.clock.run_for(2500)
    assert state(page) == "2"


def test_playing_stops_at_the_end(show):
    page = show(small_stepper())
    page.clock.install()
    page.get_by_role("button", name="Play", exact=True).click()
    page.clock.run_for(60_000)
    assert state(page) == "9"
    assert page.get_by_role("button", name="Play", exact=True).is_visible()


def test_nothing_plays_by_itself(show):
    page = show(small_stepper())
    assert page.get_by_role("button", name="Play", exact=True).is_visible()
    assert state(page) == "0"


def test_the_line_the_graph_and_the_numbers_tell_the_same_step(show):
    page = show(small_stepper())
    for _ in range(3):
        page.get_by_role("button", name="One step on").click()
    assert page.locator(".rk-where").inner_text() == "step 3 of 9 · t = 3 · line 3: ∂L/∂ht"
    assert page.locator(".rk-note").inner_text() == "Line 3 at step 3."
    assert page.locator(".rk-code [aria-current=step]").get_attribute("value") == "3"
    assert page.locator(".rk-edge.rk-now").count() == 1
    assert page.locator(".rk-norm.rk-now").text_content() == "0.30"
    assert page.locator(".rk-value").inner_text() == "1.0"


def test_the_gradient_lights_up_edges_and_nodes(show):
    page = show(small_stepper())
    page.get_by_role("button", name="One step on").click()
    assert page.locator(".rk-node.rk-has").count() == 1
    page.get_by_role("button", name="One step on").click()
    assert page.locator(".rk-edge.rk-collect").count() == 1
    page.get_by_role("button", name="To the end").click()
    assert page.locator(".rk-node.rk-has").count() == 6
    assert page.locator(".rk-edge.rk-past").count() == 6


def test_arrow_keys_move_the_cell_and_stay_in_the_triangle(show):
    page = show(small_heat_map())
    seen = []
    for key in ("ArrowUp", "End", "ArrowRight", "ArrowUp", "Home", "ArrowLeft", "ArrowDown"):
        page.locator(".rk-map").press(key)
        seen.append(state(page, "heatmap"))
    assert seen == ["0 4 3", "0 4 4", "0 4 4", "0 3 3", "0 3 1", "0 3 1", "0 4 1"]


def test_the_cell_is_put_in_words(show):
    page = show(small_heat_map())
    page.locator(".rk-map").press("Home")
    assert page.get_by_role("status").inner_text() == "‖∂losst/∂hs‖, t = 5, s = 1, lag 4: 1.00e-4 (weak)"


def test_the_pointer_chooses_a_cell(show):
    page = show(small_heat_map())
    box = page.locator(".rk-pixels").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.7 * box["height"])
    assert state(page, "heatmap") == "0 4 2"


def test_a_finger_chooses_a_cell(show):
    page = show(small_heat_map(), width=390, has_touch=True)
    box = page.locator(".rk-pixels").bounding_box()
    page.touchscreen.tap(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"])
    assert state(page, "heatmap") == "0 3 2"


def test_a_button_chooses_the_matrix(show):
    page = show(small_heat_map())
    before = page.locator(".rk-pixels").get_attribute("href")
    page.get_by_role("button", name="strong").click()
    assert state(page, "heatmap") == "1 5 3"
    assert page.get_by_role("button", name="strong").get_attribute("aria-pressed") == "true"
    assert page.locator(".rk-pixels").get_attribute("href") != before


def test_one_matrix_needs_no_button(show):
    assert show(small_heat_map(names=("only",))).get_by_role("button").count() == 0


def test_several_figures_live_on_one_page(show):
    page = show(small_stepper(), small_heat_map(), small_stepper())
    page.locator(".rk-stepper").nth(1).get_by_role("slider").press("End")
    assert [figure.get_attribute("data-rk-state") for figure in page.locator(".rk-figure").all()] == ["0", "0 5 3", "9"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_have_three_to_one_contrast(show, theme):
    page = show(small_stepper(), theme=theme)
    page.get_by_role("button", name="To the end").click()
    mark = page.evaluate("getComputedStyle(document.querySelector('.rk-edge.rk-past line')).stroke")
    total = page.evaluate("getComputedStyle(document.querySelector('.rk-fill')).backgroundColor")
    ground = {"light": (255, 255, 255), "dark": (18, 18, 18)}[theme]
    assert min(contrast(rgb(mark), ground), contrast(rgb(total), ground)) >= 3


def rgb(text):
    return tuple(int(number) for number in text.removeprefix("rgb(").removesuffix(")").split(","))


def contrast(a, b):
    def luminance(colour):
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_where_motion_is_unwanted_nothing_is_animated(show):
    page = show(small_stepper(), reduced_motion="reduce")
    page.get_by_role("button", name="One step on").click()
    assert page.evaluate("document.getAnimations().length") == 0


def test_without_scripts_the_table_is_open(show):
    page = show(small_stepper(), small_heat_map(), java_script_enabled=False)
    assert page.locator("table").first.is_visible()
    assert page.locator("table").nth(1).is_visible()


def test_print_leaves_out_the_controls(show):
    page = show(small_stepper())
    page.emulate_media(media="print")
    assert not page.get_by_role("slider").is_visible()
    assert page.locator(".rk-graph svg").is_visible()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_text_keeps_its_size_at_every_width(show, width):
    page = show(small_stepper(), small_heat_map(), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    scale = "(svg) => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width"
    scales = [svg.evaluate(scale) for svg in page.locator(".rk-stage svg[role=img]").all()]
    assert scales == pytest.approx([1, 1, 1], abs=0.02)
