"""Packages of a project, which lie in a folder of its own: modules by where they lie there."""

from importlib.machinery import ModuleSpec
from types import ModuleType

#: What stands before a module's path in the name of its text.
WITHIN = "/.packages/"

#: By the names of modules: the text's name, what it says, and whether it is a package.
_modules: dict[str, tuple[str, str, bool]] = {}
#: Folders without a text of their own, by their names as packages.
_folders: set[str] = set()


def take(name: str, text: str) -> bool:
    """Takes a text, if it is one of a package."""
    _, within, path = name.partition(WITHIN)
    if not within:
        return False
    parts = path.removesuffix(".py").split("/")
    is_package = parts[-1] == "__init__"
    if is_package:
        parts.pop()
    if not parts:
        return True
    _modules[".".join(parts)] = name, text, is_package
    _folders.update(".".join(parts[:depth]) for depth in range(1, len(parts)))
    return True


class Packages:
    """Finds the modules."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name in _modules:
            origin, _, is_package = _modules[name]
            return ModuleSpec(name, self, origin=origin, is_package=is_package)
        # One that has modules and nothing to run.
        return ModuleSpec(name, None, is_package=True) if name in _folders else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        name, text, _ = _modules[module.__name__]
        module.__file__ = name
        exec(compile(text, name, "exec", dont_inherit=True), module.__dict__)
