"""The public names: there, listed, documented, typed, and nothing else."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = ("grammarlib", "samplers", "jsonschemabench")

FIXED = {
    "grammarlib": {
        "Vocabulary": "(tokens, eos_token_ids, logits_width, special_tokens)",
        "Vocabulary.from_huggingface": "(tokenizer, eos_token_ids, logits_width, self_check)",
        "compile": "(source, vocabulary, limits)",
        "load": "(path, vocabulary)",
        "allocate_bitmask": "(rows, logits_width)",
        "fill_bitmasks": "(matchers, bitmask)",
        "JsonSchema": "(schema, order, whitespace, formats, approximate, dialect, registry, base_uri, openapi_formats)",
        "AnyJson": None,
        "Regex": "(pattern, flags, dialect)",
        "Choice": None,
        "Lark": "(text, start, lexer, import_paths)",
        "Ebnf": "(text, root)",
        "Limits": None,
        "CompiledGrammar.matcher": "(self)",
        "CompiledGrammar.accepts": "(self, text)",
        "CompiledGrammar.sample": "(self, seed, size)",
        "CompiledGrammar.parse": "(self, text)",
        "CompiledGrammar.save": "(self, path)",
        "Matcher.fill_bitmask": "(self, bitmask, row)",
        "Matcher.accept_token": "(self, token_id)",
        "Matcher.accept_tokens": None,
        "Matcher.validate_tokens": None,
        "Matcher.accept_bytes": "(self, data)",
        "Matcher.rollback": "(self, n_steps)",
        "Matcher.fork": "(self)",
        "Matcher.reset": "(self)",
        "Matcher.is_accepting": None,
        "Matcher.is_terminated": None,
        "Matcher.forced_bytes": "(self)",
        "Matcher.shortest_completion": "(self)",
        "Matcher.explain": "(self, token_id)",
        "GrammarlibError": None,
        "CompileError": None,
        "InvalidSource": None,
        "UnsupportedFeature": None,
        "LimitExceeded": None,
    },
    "samplers": {
        "MaskProcessor": "(constraints, model, prompt_length, inplace, on_dead_end)",
        "MaskProcessor.reset": "(self)",
        "generate": None,
    },
}
"""Names that users and other tools call; parameters by name, in order, where they are fixed."""


def parameters(thing: object) -> str:
    """The parameter names of a callable, in order."""
    names = inspect.signature(thing).parameters  # type: ignore[arg-type]
    return f"({', '.join(names)})"


@pytest.mark.parametrize(("package", "name"), [(package, name) for package, names in FIXED.items() for name in names])
def test_fixed_names(package: str, name: str) -> None:
    """Every promised name is there, with the promised parameters."""
    thing: object = importlib.import_module(package)
    for part in name.split("."):
        thing = getattr(thing, part)
    expected = FIXED[package][name]
    if expected is not None:
        assert parameters(thing) == expected


@pytest.mark.parametrize("package", PACKAGES)
def test_all_is_the_public_surface(package: str) -> None:
    """``__all__`` has no doubles, names what is there, and nothing else is public but submodules."""
    module = importlib.import_module(package)
    names = module.__all__
    assert len(names) == len(set(names))
    missing = [name for name in names if not hasattr(module, name)]
    assert missing == []
    public = {
        name for name, value in vars(module).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public - {"annotations"} <= set(names)


@pytest.mark.parametrize("package", PACKAGES)
def test_public_things_are_documented(package: str) -> None:
    """Each public class and function, and each public method of ours, has a docstring."""
    module = importlib.import_module(package)
    bare = []
    for name in module.__all__:
        thing = getattr(module, name)
        if not (inspect.isclass(thing) or inspect.isroutine(thing)):
            continue
        if not inspect.getdoc(thing):
            bare.append(name)
        if inspect.isclass(thing):
            for member, value in vars(thing).items():
                documented = value.__func__ if isinstance(value, classmethod | staticmethod) else value
                wanted = inspect.isfunction(documented) or isinstance(documented, property)
                if wanted and not member.startswith("_") and not inspect.getdoc(documented):
                    bare.append(f"{name}.{member}")
    assert bare == []


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_on_the_page(package: str) -> None:
    """`docs/reference/public_surface.md` lists every public name."""
    page = (REPOSITORY / "docs" / "reference" / "public_surface.md").read_text(encoding="utf-8")
    names = importlib.import_module(package).__all__
    assert [name for name in names if f"`{name}" not in page] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_typed(package: str) -> None:
    """The marker that tells type checkers so is in each package."""
    assert (REPOSITORY / package / "py.typed").is_file()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_has_a_docstring(package: str) -> None:
    """Purpose, place and cost stand at the top of each module."""
    found = importlib.import_module(package)
    bare = []
    for module in pkgutil.walk_packages(found.__path__, f"{package}."):
        path = REPOSITORY / Path(*module.name.split("."))
        source = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")
        if not source.lstrip().startswith(('"""', 'r"""')):
            bare.append(module.name)
    assert bare == []
