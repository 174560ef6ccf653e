"""Puts a bundle below a prefix of its own, so that several can lie in one OPA server without touching each other.

Every `data` becomes `data.<prefix>` and every package `<prefix>.<package>`, at the places that the parser names.
"""

from typing import Any

from policies.bundles.spread import Files


def placed(files: Files, modules: list[dict[str, Any]], prefix: str) -> Files:
    """The files below `prefix`; `modules` are the same files as the parser gives them."""
    parsed = {module["source"]["file"]: module for module in modules}
    return tuple((name, _one(source, parsed[name], prefix)) for name, source in files)


def _one(source: str, module: dict[str, Any], prefix: str) -> str:
    content = source.encode()
    package = module["ast"]["package"]["refr"]
    inserts = [(_first(package), f"{prefix}.".encode())]
    inserts += [(end, f".{prefix}".encode()) for end in _ends_of_data(module["ast"])]
    for at, text in sorted(set(inserts), reverse=True):
        content = content[:at] + text + content[at:]
    return content.decode()


def _first(reference: Any) -> int:
    """Where the leftmost name of a reference begins."""
    while "Var" not in reference:
        [inner] = reference.values()
        reference = inner["refr"]
    return int(reference["Var"]["span"]["start"])


def _ends_of_data(node: Any) -> list[int]:
    """Where each variable `data` ends."""
    if isinstance(node, list):
        return [end for each in node for end in _ends_of_data(each)]
    if not isinstance(node, dict):
        return []
    match node.get("Var"):
        case {"value": "data", "span": {"end": int(end)}}:
            return [end]
    return [end for key, each in node.items() if key != "package" for end in _ends_of_data(each)]
