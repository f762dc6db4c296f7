"""The import arrow: each layer imports only what stands before it, lazy imports included.

The rules are data (`LAYERS`, `CONFINED`); the test walks every module's syntax tree, so an import
inside a function or under ``TYPE_CHECKING`` counts like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = ("grammarlib", "samplers", "jsonschemabench")

LAYERS: tuple[tuple[str, ...], ...] = (
    ("grammarlib.errors", "grammarlib.limits", "grammarlib.dtypes", "grammarlib.kernels"),
    ("grammarlib.ir",),
    ("grammarlib.automata",),
    ("grammarlib.sources", "grammarlib.vocabulary"),
    ("grammarlib.masks",),
    ("grammarlib.matcher",),
    ("grammarlib.compile",),  # a compiled source makes matchers, so it stands outside them
    ("grammarlib",),  # the package itself: the public API, nothing else
    ("samplers",),
    ("jsonschemabench",),
    ("grammarlib.cli",),
)
"""Layers from the inside out.  Layers of one line never import each other, but for `SAME_LINE`."""

SAME_LINE = {("grammarlib.limits", "grammarlib.errors")}

PUBLIC_ONLY = {
    "samplers": ("grammarlib", "grammarlib.errors"),
    "jsonschemabench": (
        "grammarlib",
        "grammarlib.errors",
        "samplers",
        "samplers.diagnostics",
        "samplers.enumeration",
        "samplers.models",
        "samplers.models.prompt",
        "samplers.pictures",
        "samplers.recording",
        "samplers.token",
    ),
}
"""Outer packages see public names only: these modules exactly."""

CONFINED = {
    "numba": ("grammarlib.kernels",),
    "torch": ("samplers", "grammarlib.cli.doctor", "jsonschemabench.generation", "jsonschemabench.lm_eval"),
    "transformers": (
        "samplers.logits_processor",
        "samplers.aligned_processor",
        "samplers.custom_generate",
        "samplers.models",
        "samplers.benchmarks",
        "grammarlib.cli.generate",
        "jsonschemabench.tokenizer",
        "jsonschemabench.generation",
    ),
    "triton": ("samplers.kernels",),
    "llguidance": ("jsonschemabench.engines",),
    "xgrammar": ("jsonschemabench.engines",),
    "outlines_core": ("jsonschemabench.engines",),
    "lmformatenforcer": ("jsonschemabench.engines",),
    "llama_cpp": ("jsonschemabench.engines",),
    "ray": ("jsonschemabench.ray_cluster",),
    "lm_eval": ("jsonschemabench.lm_eval",),
    "typer": ("grammarlib.cli", "jsonschemabench.cli"),
    "rich": ("grammarlib.cli", "jsonschemabench.cli"),
    "lark": ("grammarlib.sources.lark",),
    "pickle": (),
    "marshal": (),
    "shelve": (),
    "socket": (),
    "requests": (),
    "urllib.request": (),
    "http": (),
}
"""Third parties and standard modules that only the named modules may import; `()` is nobody."""

COMPUTED = {"samplers.models.training.data"}
"""Modules that may compute what they import: this one reads the docstrings of standard modules that it lists."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import: ``module`` is imported by ``importer``; ``names`` may be submodules of it."""

    importer: str
    module: str
    names: tuple[str, ...]
    line: int


def module_name(path: Path) -> str:
    """The dotted name of a source file of the repository."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules() -> dict[str, Path]:
    """Every module of the three packages."""
    return {module_name(path): path for package in PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py"))}


def imports_of(name: str, path: Path) -> Iterator[Import]:
    """All imports of a module, wherever they stand in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, alias.name, (), node.lineno)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = name.split(".")
                drop = node.level - (1 if path.name == "__init__.py" else 0)
                base = base[: len(base) - drop]
                module = ".".join(base + ([node.module] if node.module else []))
            else:
                module = node.module or ""
            yield Import(name, module, tuple(alias.name for alias in node.names), node.lineno)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("__import__", "importlib.import_module", "import_module"):
                literal = node.args[0] if node.args else None
                known = isinstance(literal, ast.Constant) and isinstance(literal.value, str)
                yield Import(name, literal.value if known else "<computed>", (), node.lineno)  # type: ignore[union-attr]


def inside(module: str, package: str) -> bool:
    """Whether ``module`` is ``package`` or lies in it."""
    return module == package or module.startswith(package + ".")


def layer_of(module: str) -> str:
    """The longest layer name that holds ``module``; the package itself holds only its ``__init__``."""
    names = [layer for line in LAYERS for layer in line]
    holding = [layer for layer in names if inside(module, layer) and (layer != "grammarlib" or module == "grammarlib")]
    if not holding:
        raise LookupError(f"{module} belongs to no layer; name its layer in tests/test_layers.py")
    return max(holding, key=len)


def line_of(layer: str) -> int:
    """How far out a layer stands."""
    return next(number for number, line in enumerate(LAYERS) if layer in line)


def targets(imported: Import, known: dict[str, Path]) -> list[str]:
    """The modules of ours that an import reaches: ``from package import submodule`` reaches the submodule."""
    if not any(inside(imported.module, package) for package in PACKAGES):
        return []
    submodules = [f"{imported.module}.{name}" for name in imported.names if f"{imported.module}.{name}" in known]
    return submodules or [imported.module]


def violations(found: list[Import], known: dict[str, Path]) -> list[str]:
    """Every import that goes against the arrow, in words."""
    wrong = []
    for one in found:
        importer = layer_of(one.importer)
        for target in targets(one, known):
            layer = layer_of(target)
            where = f"{one.importer}:{one.line} imports {target}"
            if layer == importer:
                continue
            if importer in PUBLIC_ONLY:
                if target not in PUBLIC_ONLY[importer]:
                    wrong.append(f"{where}, which is not public ({', '.join(PUBLIC_ONLY[importer])} are)")
            elif line_of(layer) > line_of(importer):
                wrong.append(f"{where}, which lies further out")
            elif line_of(layer) == line_of(importer) and (importer, layer) not in SAME_LINE:
                wrong.append(f"{where}, which lies beside it")
            elif importer == "grammarlib.kernels":
                wrong.append(f"{where}; kernels import nothing of ours")
    return wrong


def confined(found: list[Import]) -> list[str]:
    """Every import of a confined module outside its place, in words."""
    wrong = []
    for one in found:
        reached = [one.module] + [f"{one.module}.{name}" for name in one.names]
        for module, places in CONFINED.items():
            allowed = any(inside(one.importer, place) for place in places)
            if not allowed and any(inside(name, module) for name in reached):
                wrong.append(f"{one.importer}:{one.line} imports {module}; only {', '.join(places) or 'nobody'} may")
    return wrong


def all_imports() -> tuple[list[Import], dict[str, Path]]:
    known = modules()
    return [one for name, path in known.items() for one in imports_of(name, path)], known


def test_imports_follow_the_arrow() -> None:
    """No module imports one that stands further out, or beside it."""
    found, known = all_imports()
    assert found
    assert violations(found, known) == []


def test_third_parties_stay_in_their_place() -> None:
    """numba only in kernels, torch only in samplers, nothing that unpickles or opens a connection anywhere."""
    found, _ = all_imports()
    assert confined(found) == []


def test_no_import_is_computed() -> None:
    """An import whose module is computed would escape the other tests."""
    found, _ = all_imports()
    computed = {one.importer for one in found if one.module == "<computed>"}
    assert computed <= COMPUTED


def test_no_cycle_between_modules() -> None:
    """Modules import each other in one direction only, lazy imports included."""
    found, known = all_imports()
    graph: dict[str, set[str]] = {name: set() for name in known}
    for one in found:
        graph[one.importer].update(target for target in targets(one, known) if target in known)
        graph[one.importer].discard(one.importer)
    remaining = dict(graph)
    while remaining:
        leaves = [name for name, after in remaining.items() if not after & remaining.keys()]
        if not leaves:
            break
        for leaf in leaves:
            del remaining[leaf]
    # What is left lies on a cycle, or only leads to one; drop the latter for a short message.
    while True:
        reached = {target for after in remaining.values() for target in after}
        unreached = [name for name in remaining if name not in reached]
        if not unreached:
            break
        for name in unreached:
            del remaining[name]
    assert sorted(remaining) == []


@pytest.mark.parametrize(
    ("importer", "code", "part"),
    [
        ("grammarlib.automata.frames", "from grammarlib.sources import regex", "further out"),
        ("grammarlib.vocabulary.trie", "def f():\n    import grammarlib.sources", "beside"),
        ("grammarlib.kernels.bits", "from grammarlib.dtypes import DEAD", "beside"),
        ("samplers.smc", "from grammarlib.matcher import Matcher", "not public"),
        ("grammarlib.ir.passes", "from ..automata import rows", "further out"),
    ],
)
def test_the_arrow_test_can_fail(tmp_path: Path, importer: str, code: str, part: str) -> None:
    """Each kind of violation is found."""
    path = tmp_path / "module.py"
    path.write_text(code, encoding="utf-8")
    [message] = violations(list(imports_of(importer, path)), {})
    assert part in message


@pytest.mark.parametrize(
    "code", ["import numba", "def f():\n    from numba import njit", "import pickle", "import torch"]
)
def test_the_confinement_test_can_fail(tmp_path: Path, code: str) -> None:
    """Confined modules are found wherever the import stands."""
    path = tmp_path / "module.py"
    path.write_text(code, encoding="utf-8")
    assert confined(list(imports_of("grammarlib.masks.fill", path)))
