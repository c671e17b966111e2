"""Which changes of its arguments a test may see.

A program that changes an argument could make a test compare its result with what it made of the test's
own data: `assert double(given) == given * 2` holds for a program that empties `given` and returns it.
So changes are seen

* after a call that returns None (conversation.py);
* after a call whose result the test drops: `sort(given)` as a statement;
* in a test without loops that asserts something, and all of whose assertions compare with something
  that no program can have changed: constants, and what built-in and imported names make of constants.

Else the arguments stay as the test wrote them.
"""

import ast
import builtins

SEEN = "__score_seen__"  # the name under which compiled tests find what shows changes


# code that does not run once from its start to its end
_BY_PARTS: tuple[type[ast.AST], ...]
_BY_PARTS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While)
_BY_PARTS += (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.If)


class _Marked(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        self.generic_visit(node)
        if isinstance(node.value, ast.Call):
            marker = ast.copy_location(ast.Name(SEEN, ast.Load()), node.value.func)
            call = ast.Call(marker, [node.value.func], [])
            node.value.func = ast.copy_location(call, node.value.func)
        return node


def compiled(code: str, name: str):
    """The code of a test, in which a call whose result is dropped goes through the function SEEN."""
    return compile(_Marked().visit(ast.parse(code, name)), name, "exec")


def compares_with_constants(code: str, names: list[str]) -> bool:
    """Whether each assertion of a test compares with something that no program can change.

    names: what the tests take from the program.
    """
    tree = ast.parse(code)
    nodes = list(ast.walk(tree))
    if any(isinstance(node, _BY_PARTS) for node in nodes):
        return False
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    fixed = (set(dir(builtins)) | imported) - stored - set(names)
    asserts = [node.test for node in nodes if isinstance(node, ast.Assert)]
    return bool(asserts) and all(_is_fixed(test, fixed, set(names)) for test in asserts)


def _is_fixed(test: ast.expr, fixed: set[str], names: set[str]) -> bool:
    if isinstance(test, ast.BoolOp):
        return all(_is_fixed(value, fixed, names) for value in test.values)
    if isinstance(test, ast.UnaryOp):
        return _is_fixed(test.operand, fixed, names)
    if isinstance(test, ast.Compare):
        same = all(isinstance(operator, ast.Is | ast.IsNot) for operator in test.ops)
        return same or any(_uses_only(side, fixed) for side in (test.left, *test.comparators))
    if isinstance(test, ast.Call):  # of the program, which may as well return True
        return isinstance(test.func, ast.Name) and test.func.id in names
    return False


def _uses_only(side: ast.expr, fixed: set[str]) -> bool:
    used = {node.id for node in ast.walk(side) if isinstance(node, ast.Name)}
    return used <= fixed
