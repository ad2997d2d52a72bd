"""Known wrong answers to the exercises of notebook 02, each the reference with one line changed.

The name of a mutant is what the learner reads after *your numbers are exactly what one gets when*.
"""

from __future__ import annotations

from rnnkit.grade.master import Mutant

_STEP = "dh, copies[t] = f_backward(dh, h[t], x[t], thetas[t])"
_WALK = (
    "    for node in nodes:                                   # parents come before their children\n"
    "        reached = [parent for parent in parents[node] if parent in count]\n"
    "        if reached:\n"
    "            longest[node] = 1 + max(longest[parent] for parent in reached)\n"
    "            shortest[node] = 1 + min(shortest[parent] for parent in reached)\n"
    "            count[node] = sum(count[parent] for parent in reached)\n"
)
_CHOICE = "h = np.where(mask[t][:, None], after, h)         # a sequence that is over keeps its state"

WRONG_ANSWERS: dict[str, tuple[Mutant, ...]] = {
    "paths": (
        Mutant(
            "the nodes on a path are counted, not its edges",
            "{start: 0}, {start: 0}, {start: 1}",
            "{start: 1}, {start: 1}, {start: 1}",
        ),
        Mutant(
            "the longest and the shortest path change places",
            "return longest.get(end), shortest.get(end)",
            "return shortest.get(end), longest.get(end)",
        ),
        Mutant(
            "edges are followed backwards, from target to source",
            "parents[target].append(source)",
            "parents[source].append(target)",
        ),
        Mutant(
            "each edge is taken as it comes in the list, though the one before it may not be done",
            "    for node in nodes:                                   # parents come before their children\n"
            "        reached = [parent for parent in parents[node] if parent in count]\n",
            "    for source, node in edges:\n"
            "        reached = [parent for parent in parents[node] if parent in count]\n",
        ),
        Mutant(
            "edges are walked in the order of the list, so that a node hands on its numbers before they are complete",
            _WALK,
            "    for source, node in edges:\n"
            "        if source in count:\n"
            "            longest[node] = max(longest.get(node, 0), 1 + longest[source])\n"
            "            shortest[node] = min(shortest.get(node, len(nodes)), 1 + shortest[source])\n"
            "            count[node] = count.get(node, 0) + count[source]\n",
        ),
        Mutant(
            "the longest length is that of the way found first, the shortest (as in a breadth-first search)",
            "max(longest[parent] for parent in reached)",
            "min(longest[parent] for parent in reached)",
        ),
        Mutant(
            "paths may begin at any node that nothing leads to, not at `start` alone",
            "{start: 0}, {start: 0}, {start: 1}\n",
            "({node: number for node in [start, *(n for n in nodes if not parents[n])]} for number in (0, 0, 1))\n",
        ),
        Mutant(
            "each node takes the number of the ways to only one of its parents",
            "sum(count[parent] for parent in reached)",
            "max(count[parent] for parent in reached)",
        ),
        Mutant(
            "only the last edges are counted, those into `end`",
            "sum(count[parent] for parent in reached)",
            "len(reached)",
        ),
        Mutant(
            "a path from a node to itself is not counted",
            "count.get(end, 0)",
            "count.get(end, 0) if start != end else 0",
        ),
        Mutant(
            "a node is said to have no path to itself",
            "return longest.get(end), shortest.get(end)",
            "if start == end:\n        return None, None, 1\n    return longest.get(end), shortest.get(end)",
        ),
        Mutant(
            "the lengths are 0 where no path leads",
            "return longest.get(end), shortest.get(end)",
            "return longest.get(end, 0), shortest.get(end, 0)",
        ),
        Mutant(
            "the longest path follows, at each node, the first edge that is found",
            "max(longest[parent] for parent in reached)",
            "longest[reached[0]]",
        ),
        Mutant(
            "the shortest path is measured along the longest one's nodes",
            "min(shortest[parent] for parent in reached)",
            "shortest[max(reached, key=longest.get)]",
        ),
    ),
    "gradients_of_copies": (
        Mutant(
            "every step of the way back uses the copy of the first step",
            _STEP,
            _STEP.replace("thetas[t]", "thetas[0]"),
        ),
        Mutant(
            "every step forward uses the copy of the first step", "f(h[t], x[t], thetas[t])", "f(h[t], x[t], thetas[0])"
        ),
        Mutant(
            "the gradients stand in the order of the way back, last step first", "copies[t] =", "copies[T - 1 - t] ="
        ),
        Mutant(
            "what f_backward returns for the state is thrown away, so every copy is paired with ∂L/∂h_T",
            _STEP,
            _STEP.replace("dh, copies", "_, copies"),
        ),
        Mutant(
            "f_backward is given the state after the step, not the one before",
            _STEP,
            _STEP.replace("h[t],", "h[t + 1],"),
        ),
        Mutant("f_backward is given h0 at every step", _STEP, _STEP.replace("h[t],", "h0,")),
        Mutant(
            "f_backward is given the last state at every step (one state is kept, not all)",
            _STEP,
            _STEP.replace("h[t],", "h[T],"),
        ),
        Mutant(
            "the way back goes from the first step to the last", "for t in reversed(range(T)):", "for t in range(T):"
        ),
        Mutant("dh begins with v h_T, not with v", "copies, dh = [None] * T, v", "copies, dh = [None] * T, v * h[T]"),
        Mutant(
            "f_backward is given the input of the step before (off by one)", _STEP, _STEP.replace("x[t],", "x[t - 1],")
        ),
        Mutant(
            "f_backward is given the next step's copy (off by one)",
            _STEP,
            _STEP.replace("thetas[t])", "thetas[min(t + 1, T - 1)])"),
        ),
        Mutant(
            "dh is added to what was there, in place of replaced",
            _STEP,
            "back, copies[t] = f_backward(dh, h[t], x[t], thetas[t])\n        dh = dh + back",
        ),
        Mutant(
            "v, which belongs to the last state alone, is added at every step",
            _STEP,
            "back, copies[t] = f_backward(dh, h[t], x[t], thetas[t])\n        dh = back + v",
        ),
        Mutant(
            "each copy's gradient holds those of all later steps too (a running sum)",
            "    return copies, sum(copies)",
            "    return [sum(copies[t:]) for t in range(T)], sum(copies)",
        ),
        Mutant(
            "the way back starts from a loss of Σ h, not Σ v h",
            "copies, dh = [None] * T, v",
            "copies, dh = [None] * T, 1 + 0 * v",
        ),
        Mutant(
            "the state is not handed on: every step starts from h0",
            "f(h[t], x[t], thetas[t])",
            "f(h0, x[t], thetas[t])",
        ),
        Mutant(
            "the first step's copy gets no gradient (the loop ends too early)",
            "    return copies, sum(copies)",
            "    copies[0] = 0 * copies[0]\n    return copies, sum(copies)",
        ),
        Mutant(
            "the shared weight gets the mean over the copies",
            "return copies, sum(copies)",
            "return copies, sum(copies) / T",
        ),
        Mutant(
            "the shared weight gets the last step's share alone",
            "return copies, sum(copies)",
            "return copies, copies[-1]",
        ),
        Mutant(
            "the shared weight gets the first step's share alone",
            "return copies, sum(copies)",
            "return copies, copies[0]",
        ),
    ),
    "unfold": (
        Mutant("the mask is not looked at", _CHOICE, "h = after"),
        Mutant("the mask is read the wrong way round", "mask[t][:, None]", "~mask[t][:, None]"),
        Mutant(
            "a sequence that is over has a state of zeros, not its last one",
            _CHOICE,
            _CHOICE.replace("after, h)", "after, 0)"),
        ),
        Mutant(
            "a sequence that is over goes back to h0, not to its last state",
            _CHOICE,
            _CHOICE.replace("after, h)", "after, h0)"),
        ),
        Mutant(
            "states are mixed by multiplying with the mask, so that NaN in the padding comes through",
            _CHOICE,
            "h = mask[t][:, None] * after + (1 - mask[t][:, None]) * h",
        ),
        Mutant(
            "padding is replaced by zeros and then run like any other input",
            f"after = f(h, x[t], theta)\n        {_CHOICE}",
            "h = f(h, np.where(mask[t][:, None], x[t], 0), theta)",
        ),
        Mutant(
            "inputs are multiplied by the mask, and the padding is then run like any other input",
            f"after = f(h, x[t], theta)\n        {_CHOICE}",
            "h = f(h, mask[t][:, None] * x[t], theta)",
        ),
        Mutant(
            "the states after a sequence's end are left at zero (its last state does not stay)",
            "    return np.stack(states), h",
            "    return np.stack(states) * np.vstack([np.ones((1, len(h0)), bool), mask])[..., None], h",
        ),
        Mutant(
            "the whole batch stops where its shortest sequence ends",
            "mask[t][:, None], after",
            "mask[t].all(), after",
        ),
        Mutant(
            "a sequence stops one step too early",
            "mask[t][:, None]",
            "(mask[t] & (t + 1 == len(x) or mask[(t + 1) % len(x)]))[:, None]",
        ),
        Mutant("every step starts from h0", "f(h, x[t], theta)", "f(h0, x[t], theta)"),
        Mutant("each step is given the input of the step before", "f(h, x[t], theta)", "f(h, x[t - 1], theta)"),
        Mutant(
            "the inputs are taken from the last to the first", "f(h, x[t], theta)", "f(h, x[len(x) - 1 - t], theta)"
        ),
        Mutant(
            "one array is changed in place and appended again and again, so all states are the last one",
            "    return np.stack(states), h",
            "    return np.stack([h] * len(states)), h",
        ),
        Mutant(
            "last is the state before the last input (off by one)",
            "return np.stack(states), h",
            "return np.stack(states), np.stack(states)[np.maximum(mask.sum(0) - 1, 0), np.arange(len(h0))]",
        ),
    ),
    "run_drawing": (
        Mutant(
            "every black square or pair of squares delays by one step",
            "rows[source][t - delay]",
            "rows[source][t - min(delay, 1)]",
        ),
        Mutant(
            "an arrow without a square reads the step before",
            "if target == name and t >= delay:        # before the first step every row is zero\n"
            "                    z = z + rows[source][t - delay] @ W",
            "if target == name and t >= max(delay, 1):\n"
            "                    z = z + rows[source][t - max(delay, 1)] @ W",
        ),
        Mutant(
            "each arrow is delayed by one step more than it has squares",
            "if target == name and t >= delay:        # before the first step every row is zero\n"
            "                    z = z + rows[source][t - delay] @ W",
            "if target == name and t > delay:\n                    z = z + rows[source][t - delay - 1] @ W",
        ),
        Mutant(
            "a negative index is not caught, so the first steps read from the other end of the array",
            "if target == name and t >= delay: ",
            "if target == name: ",
        ),
        Mutant(
            "before the first step a row is what it is at the first step, not zero",
            "if target == name and t >= delay:        # before the first step every row is zero\n"
            "                    z = z + rows[source][t - delay] @ W",
            "if target == name:\n                    z = z + rows[source][max(t - delay, 0)] @ W",
        ),
        Mutant(
            "only one row is kept for each node, so that an arrow reads whatever stands there",
            "if target == name and t >= delay:        # before the first step every row is zero\n"
            "                    z = z + rows[source][t - delay] @ W",
            "if target == name:\n"
            "                    now = list(nodes).index(source) < list(nodes).index(name)\n"
            "                    z = z + (rows[source][t] if now else rows[source][t - 1] * (t > 0)) @ W",
        ),
        Mutant(
            "tanh is taken of each arrow, and the sum afterwards",
            "z = z + rows[source][t - delay] @ W\n            rows[name][t] = np.tanh(z)",
            "z = z + np.tanh(rows[source][t - delay] @ W)\n            rows[name][t] = z",
        ),
        Mutant("tanh is taken of the input x, too", 'rows["x"] = np.asarray(x)', 'rows["x"] = np.tanh(x)'),
        Mutant("nodes are computed in the order of their names", "in list(nodes)[1:]:", "in sorted(list(nodes)[1:]):"),
        Mutant(
            "of two arrows between the same pair of nodes only the last counts",
            "for source, target, delay, W in arrows:",
            "for (source, target), (delay, W) in {arrow[:2]: arrow[2:] for arrow in arrows}.items():",
        ),
        Mutant("tanh is left out", "np.tanh(z)", "z"),
        Mutant("tanh is left out at o", "np.tanh(z)", 'np.tanh(z) if name != "o" else z'),
        Mutant("each arrow replaces what the one before it brought", "z = z + rows", "z = rows"),
        Mutant("arrows from a node to itself are left out", "if target == name and", "if target == name != source and"),
        Mutant(
            "arrows that lead back to an earlier node bring nothing (they are left out, or each node is done with all "
            "steps before the next node begins)",
            "if target == name and",
            "if target == name and list(nodes).index(source) <= list(nodes).index(name) and",
        ),
    ),
}
