"""Imports of a plugin: its own texts, those that plugins share, and the standard library as far as
the engine has it."""

import importlib
import sys
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

from . import deadline

#: In the names of texts that were installed for a project: what the module is called stands behind.
INSTALLED = "/.packages/"
#: Packages that people make requests with.
REQUESTS = ("requests", "httpx", "aiohttp", "urllib3")

#: By the names of modules: the text's name, and what it says.
_texts: dict[str, tuple[str, str]] = {}
#: Of them, and of the folders that they lie in, those that have modules within.
_packages: set[str] = set()
#: The folder that the plugin is, if it is one.
_package = ""


def take(texts: list[tuple[str, str]]) -> None:
    """Takes the texts of a plugin, its own first; names are relative to the plugins folder."""
    global _package
    entry = texts[0][0]
    _package = entry.rpartition("/")[0].replace("/", ".")
    for name, text in texts:
        if INSTALLED in name:
            _install(name, text)
        else:
            folder, _, file = _module_of(name).rpartition("/")
            _texts[file] = name, text
            if folder:
                _texts[f"{_package}.{file}"] = name, text
            # A module of the plugin goes before one of the library.
            sys.modules.pop(file, None)
        lines = text.splitlines(keepends=True)
        _linecache().cache[name] = (len(text), None, lines, name)
    if _package:
        package = ModuleType(_package)
        package.__path__ = []
        sys.modules[_package] = package


def _install(name: str, text: str) -> None:
    """Takes a text of a package. One that is called as a module of the library is not imported."""
    parts = name.partition(INSTALLED)[2].removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
        _packages.add(".".join(parts))
    _texts[".".join(parts)] = name, text
    for end in range(1, len(parts)):
        # Which may have no text of its own.
        outer = ".".join(parts[:end])
        _packages.add(outer)
        _texts.setdefault(outer, (f"{name.partition(INSTALLED)[0]}{INSTALLED}{outer.replace('.', '/')}", ""))


def _linecache() -> Any:
    import linecache

    return linecache


def run(name: str, text: str) -> ModuleType:
    """Runs the plugin's own text."""
    module = ModuleType(_module_of(name).rpartition("/")[2])
    module.__file__ = name
    module.__package__ = _package
    sys.modules[module.__name__] = module
    if _package:
        sys.modules[f"{_package}.{module.__name__}"] = module
    exec(_compiled(name, text), module.__dict__)
    return module


def _module_of(name: str) -> str:
    """What the module of a text is called, with its folder. A plugin that is called as one of the
    library, such as `email.py`, takes nobody's place: what the library imports is its own."""
    module = name.removesuffix(".py")
    is_of_library = module in sys.stdlib_module_names and not module.startswith("_")
    return name if is_of_library else module


def _compiled(name: str, text: str) -> CodeType:
    code = compile(text, name, "exec", dont_inherit=True)
    deadline.watch(code)
    return code


class _Texts:
    """Finds the texts."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in _texts:
            return None
        return ModuleSpec(name, self, origin=_texts[name][0], is_package=name in _packages)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        outer, _, plain = spec.name.rpartition(".")
        # One text is one module, by whichever name it is imported.
        return importlib.import_module(plain) if outer and outer == _package else None

    def exec_module(self, module: ModuleType) -> None:
        asked = module.__spec__.name if module.__spec__ else module.__name__
        if asked != module.__name__:
            return
        name, text = _texts[asked]
        module.__file__ = name
        if INSTALLED not in name and "/" in name:
            module.__package__ = _package
        exec(_compiled(name, text), module.__dict__)


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
        raise ModuleNotFoundError(f"there is no module `{name}`: {_way_out(top)}", name=name)


def _way_out(top: str) -> str:
    if top in REQUESTS:
        return "`fetch` of `hearken` makes requests"
    if _package:
        own = f"a file of your own belongs into the folder `{_package}`"
        return f"{own}, a package of PyPI into its pyproject.toml or requirements.txt"
    own = f"a file of your own is `{top}.py` beside the plugin" if top.startswith("_") else (
        f"a file of your own is called `_{top}.py`"
    )
    return f"{own}, and a package of PyPI needs a project: `hearken plugin new NAME --python --project`"


def install() -> None:
    """From now on nothing is looked for in files, of which there are none."""
    sys.meta_path[:] = [_Texts(), *[finder for finder in sys.meta_path if _is_frozen(finder)], _Missing()]


def _is_frozen(finder: Any) -> bool:
    return getattr(finder, "__name__", "") in ("BuiltinImporter", "FrozenImporter")
