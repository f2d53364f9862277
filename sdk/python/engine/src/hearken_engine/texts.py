"""Imports of a plugin: its own texts, those that plugins share, and the standard library as far as
the engine has it."""

import importlib
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from . import packages

#: By the names of modules: the text's name, and what it says.
_texts: dict[str, tuple[str, str]] = {}
#: The folder that the plugin is, if it is one.
_package = ""


def take(texts: list[tuple[str, str]]) -> None:
    """Takes the texts of a plugin, its own first; names are relative to the plugins folder."""
    global _package
    entry = texts[0][0]
    _package = entry.rpartition("/")[0].replace("/", ".")
    for name, text in texts:
        if packages.take(name, text):
            _cache(name, text)
            continue
        folder, _, file = name.removesuffix(".py").rpartition("/")
        _texts[file] = name, text
        if folder:
            _texts[f"{_package}.{file}"] = name, text
        # A module of the plugin goes before one of the library.
        sys.modules.pop(file, None)
        _cache(name, text)
    if _package:
        package = ModuleType(_package)
        package.__path__ = []
        sys.modules[_package] = package


def _cache(name: str, text: str) -> None:
    """Has traces show the lines of a text."""
    lines = text.splitlines(keepends=True)
    _linecache().cache[name] = (len(text), None, lines, name)


def _linecache() -> Any:
    import linecache

    return linecache


def run(name: str, text: str) -> ModuleType:
    """Runs the plugin's own text."""
    module = ModuleType(name.removesuffix(".py").rpartition("/")[2])
    module.__file__ = name
    module.__package__ = _package
    sys.modules[module.__name__] = module
    if _package:
        sys.modules[f"{_package}.{module.__name__}"] = module
    exec(compile(text, name, "exec", dont_inherit=True), module.__dict__)
    return module


class _Texts:
    """Finds the texts."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, self, origin=_texts[name][0]) if name in _texts else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        plain = spec.name.rpartition(".")[2]
        # One text is one module, by whichever name it is imported.
        return importlib.import_module(plain) if plain != spec.name else None

    def exec_module(self, module: ModuleType) -> None:
        plain = module.__name__.rpartition(".")[2]
        if plain != module.__spec__.name:
            return
        name, text = _texts[plain]
        module.__file__ = name
        if "/" in name:
            module.__package__ = _package
        exec(compile(text, name, "exec", dont_inherit=True), module.__dict__)


class _Missing:
    """Says of what is not there where it could be got."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names:
            raise ModuleNotFoundError(
                f"the engine of Python has no `{name}`: of the standard library there is what needs no files, "
                "threads or processes",
                name=name,
            )
        if top in sys.modules and not top.startswith("_"):
            return
        hint = f"put `{top}.py` beside the plugin as `_{top}.py` and import that"
        if _package:
            hint = f"put it into the folder `{_package}`"
        raise ModuleNotFoundError(
            f"there is no module `{name}`; packages of PyPI are for projects, whose `requirements.txt` or "
            f"`pyproject.toml` names them; {hint}",
            name=name,
        )


def install() -> None:
    """From now on nothing is looked for in files, of which there are none."""
    known = [finder for finder in sys.meta_path if _is_frozen(finder)]
    sys.meta_path[:] = [_Texts(), *known, packages.Packages(), _Missing()]


def _is_frozen(finder: Any) -> bool:
    return getattr(finder, "__name__", "") in ("BuiltinImporter", "FrozenImporter")
