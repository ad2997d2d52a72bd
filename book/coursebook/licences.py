"""Whose work the book stands on: tables made from what the installed packages say of themselves."""

from __future__ import annotations

import re
import tomllib
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes  # type: ignore[import-untyped]
from packaging.requirements import Requirement

from .generated import Placeholder, PlaceholderDirective, row, table

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PROJECT = "pyproject.toml"
SHIPPED = (
    *("sphinx", "sphinx-book-theme", "pydata-sphinx-theme", "myst-nb", "sphinx-design", "sphinx-proof"),
    *("sphinx-togglebutton", "sphinx-copybutton", "sphinx-thebe", "sphinx-mathjax-offline"),
)
"""The packages whose style sheets, scripts and fonts are copied beside the pages."""

CLASSIFIER = "License :: "


class Dependencies(Placeholder):
    """Every package that ``pyproject.toml`` names, with the extra that brings it and its licence."""

    def fill(self, app: Sphinx, docname: str) -> list[nodes.Node]:
        """Make the table in the order of the file."""
        extras = requirements(Path(app.srcdir) / PROJECT)
        rows = [
            row(name, ", ".join(wanted), *described(name))
            for name, wanted in sorted(extras.items(), key=lambda item: item[0].lower())
        ]
        headings = ["package", "comes with", "version here", "licence"]
        return [table(headings, [28, 22, 15, 35], rows, name="rk-dependencies")]


class DependenciesDirective(PlaceholderDirective):
    """``{dependency-licences}``: the table of Python packages."""

    placeholder = Dependencies
    depends_on = (PROJECT, "constraints.txt")


class Shipped(Placeholder):
    """The packages of which parts are in the built book."""

    def fill(self, app: Sphinx, docname: str) -> list[nodes.Node]:
        """Make the table."""
        rows = [row(name, *described(name)) for name in SHIPPED]
        return [table(["package", "version here", "licence"], [40, 20, 40], rows, name="rk-dependencies")]


class ShippedDirective(PlaceholderDirective):
    """``{shipped-licences}``: the table of packages whose files are beside the pages."""

    placeholder = Shipped
    depends_on = ("constraints.txt",)


def requirements(project: Path) -> dict[str, list[str]]:
    """Return the packages a project names, each with where it is named: ``rnnkit`` itself, or its extras."""
    content = tomllib.loads(project.read_text("utf8"))["project"]
    named = {"the library": content.get("dependencies", []), **content.get("optional-dependencies", {})}
    found: dict[str, list[str]] = {}
    for extra, wanted in named.items():
        for requirement in map(Requirement, wanted):
            if requirement.name != content["name"] and extra not in found.setdefault(requirement.name, []):
                found[requirement.name].append(extra)
    return found


def described(name: str) -> tuple[str, str]:
    """Return the version and the licence of a package, as it states them."""
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return "not installed", "stated by the package"
    return about["Version"], licence(about)  # type: ignore[arg-type]


def licence(about: Message) -> str:
    """Return the licence in a package's metadata: its expression, its classifiers, or the first line of its text."""
    if expression := about.get("License-Expression"):
        return str(expression)
    classifiers = [c.rsplit(" :: ", 1)[-1] for c in about.get_all("Classifier", []) if c.startswith(CLASSIFIER)]
    named = [c for c in classifiers if c not in ("OSI Approved",)]
    if named:
        return ", ".join(named)
    first = next((line.strip() for line in str(about.get("License") or "").splitlines() if line.strip()), "")
    return re.sub(r"\s+", " ", first)[:60] or "not stated in its metadata"


def setup(app: Sphinx) -> dict[str, Any]:
    """Provide both directives."""
    app.setup_extension("coursebook.generated")
    for placeholder in (Dependencies, Shipped):
        app.add_node(placeholder)
    app.add_directive("dependency-licences", DependenciesDirective)
    app.add_directive("shipped-licences", ShippedDirective)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
