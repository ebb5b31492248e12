"""Lay out a copy of the product and its tests in which mutmut can work."""

from __future__ import annotations

import ast
import os
import shutil
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRATCH = ROOT / "build" / "mutation"
BODY = "__body"


def modules() -> list[str]:
    """Name the modules that are mutated, by their paths within the package."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    return [path.removeprefix("zbatch/") for path in settings["only_mutate"]]


def lay_out(again: bool = False) -> None:
    """Make the copy anew, or `again` renew in it what has changed, so that mutmut knows the rest.

    In it the package stands in a folder of its own name, with the schemas inside, since mutmut
    tells modules by their paths.
    """
    if not again:
        shutil.rmtree(SCRATCH, ignore_errors=True)
    for source, target in (
        (ROOT / "runner" / "zbatch", SCRATCH / "zbatch"),
        (ROOT / "schemas", SCRATCH / "zbatch" / "schemas"),
        (ROOT / "tests", SCRATCH / "tests"),
    ):
        no_caches = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, ignore=no_caches, copy_function=_renew, dirs_exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", SCRATCH)


def _renew(source: str, target: str) -> None:
    """Copy a file that has changed; mutmut tells by the time of the copy."""
    path, data = Path(target), Path(source).read_bytes()
    if str(path).removeprefix(f"{SCRATCH / 'zbatch'}{os.sep}") in modules():
        data = undecorated(data.decode()).encode()
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)


def undecorated(source: str) -> str:
    """Write `@property def f` as `def f__body` and `f = property(f__body)`, which mean the same.

    mutmut leaves decorated functions alone; an abstract one has nothing to mutate. A cache is left
    out: it would give a mutant what the right function has answered before.
    """
    lines = source.splitlines()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for node in sorted(functions, key=lambda node: node.lineno, reverse=True):
        if not node.decorator_list or ast.unparse(node.decorator_list[0]) == "abstractmethod":
            continue
        (decorator,) = node.decorator_list
        name = f"{node.name}{BODY}"
        wrapped = name if "cache" in ast.unparse(decorator) else f"{ast.unparse(decorator)}({name})"
        line = f"{' ' * node.col_offset}{node.name} = {wrapped}"
        lines.insert(node.end_lineno or node.lineno, line)
        head = lines[node.lineno - 1]
        lines[node.lineno - 1] = head.replace(f"def {node.name}(", f"def {name}(")
        del lines[decorator.lineno - 1]
    return "\n".join(lines) + "\n"
