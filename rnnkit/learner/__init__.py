"""For the learner: what is done, what comes next, and an own copy of the exercises that can be brought up to date.

``progress`` and ``new`` are the commands of these names · ``standing`` reads from a notebook what its checks last
said · ``running`` runs one afresh · ``merging`` brings one up to date · ``files`` reads and writes them · ``showing``
is the panel inside one.
"""

from rnnkit.learner.showing import panel

__all__ = ["panel"]
