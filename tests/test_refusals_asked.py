"""A refusal is falsy, and so is None: what may return either is asked with `is None` or isinstance, never for truth."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
APPS = ("portal", "delivery", "observability", "provisioning", "catalog", "policies", "audit")


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def _refuses_or_not(node: ast.AST) -> bool:
    returns = getattr(node, "returns", None)
    return returns is not None and ast.unparse(returns) in {"Denied | None", "Closed | None", "windows.Closed | None"}


def _called(node: ast.AST) -> str:
    node = node.value if isinstance(node, ast.NamedExpr) else node
    function = node.func if isinstance(node, ast.Call) else None
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _asked_for_truth(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
        return [node.test]
    if isinstance(node, ast.BoolOp):
        return node.values
    return [node.operand] if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) else []


def found_in(tree: ast.Module, names: set[str]) -> list[int]:
    """The lines on which such a call, or a name that such a call was bound to, is asked for its truth."""
    lines: set[int] = set()
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        nodes = list(ast.walk(function))
        assigned = [node for node in nodes if isinstance(node, ast.Assign) and _called(node.value) in names]
        bound = {target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)}
        asked = [expression for node in nodes for expression in _asked_for_truth(node)]
        lines |= {e.lineno for e in asked if _called(e) in names or (isinstance(e, ast.Name) and e.id in bound)}
    return sorted(lines)


def _names(tree: ast.Module) -> set[str]:
    return {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and _refuses_or_not(n)}


def test_no_refusal_that_may_be_none_is_asked_for_its_truth():
    modules = list(_modules())
    public = {name for _, tree in modules for name in _names(tree) if not name.startswith("_")}
    assert "held_midway" in public
    found = [f"{path}:{line}" for path, tree in modules for line in found_in(tree, public | _names(tree))]
    assert found == []


def test_a_walrus_a_name_and_an_or_are_noticed():
    text = "def f():\n    if x := wrong():\n        pass\n    y = wrong()\n    if y:\n        return wrong() or 1\n"
    assert found_in(ast.parse(text), {"wrong"}) == [2, 5, 6]
