"""Plant mistakes in the mathematics and in training, one at a time, and list those that no test notices.

    python benchmarks/mutants.py [--number 200] [--seed 0] [--only TEXT] [--jobs 1] [--output mutants.json] [--list]

A mutant changes one place of a copy of the repository: a sign, a factor, a comparison, a transposed product, a missing
mean, swapped arrays or arguments, a statement left out. The tests then run, those of its module first, up to the first
that fails. A mutant that lives is one that they let pass: look whether it changes any result. The
drawn mutants are spread over modules and kinds. Results are kept in the output, and a run continues there.
"""

import argparse
import ast
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict

ROOT = pathlib.Path(__file__).resolve().parents[1]

#: The tests of each part of the package, the fastest and most telling first; all others run after them.
TESTS = {
    "activations": "reference activations objectives energy kmeans",
    "complements": "complements reference saturating",
    "visible": "visible reference objectives energy",
    "corruption": "corruption denoising dask",
    "penalties": "penalties reference objectives saturating",
    "parameters": "parameters objectives autoencoder_contract whitening",
    "objectives": "objectives reference classification denoising sparse_rows network kmeans dask",
    "model": "model reference energy metrics",
    "dynamics": "energy model",
    "solvers": "solvers plateau defaults autoencoder_contract batches callbacks",
    "training": "batches plateau defaults autoencoder_contract robustness sparse_rows warnings callbacks routing "
    "persistence network",
    "autoencoders": "autoencoder_contract contractive denoising denoising_score zero_bias saturating sparse path "
    "defaults contract_properties warnings robustness persistence",
    "classifier": "reference classifier calibration conformal classification warnings persistence",
    "network": "network warnings persistence",
    "outlier": "outlier outlier_surface conformal warnings",
    "preprocessing": "whitening sparse_whitening model dask",
    "metrics": "metrics denoising_score",
}
#: Parts of which no mutant is drawn: what they say is text.
SKIPPED = ("_documentation", "__init__", "_show_versions", "_registry")

_SWAPPED_OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
_SWAPPED_FUNCTIONS = {
    "add": "subtract",
    "subtract": "add",
    "multiply": "divide",
    "divide": "multiply",
    "maximum": "minimum",
    "minimum": "maximum",
    "max": "min",
    "min": "max",
    "sum": "mean",
    "mean": "sum",
    "exp": "negative",
    "log": "abs",
    "sqrt": "abs",
    "argmax": "argmin",
    "argmin": "argmax",
    "floor": "ceil",
    "ceil": "floor",
}
_SWAPPED_NAMES = {"W": "V", "V": "W", "b": "c", "c": "b", "U": "H", "H": "U", "mean": "var", "var": "mean"}


class Mutants(ast.NodeTransformer):
    """Number the places of a module that can be changed; change the one whose number is `chosen`.

    Parameters
    ----------
    chosen : int or None
        None changes nothing.
    """

    def __init__(self, chosen=None):
        #: Kind and line of each place, in order.
        self.places = []
        self.chosen = chosen

    def _takes(self, kind, node):
        """Count a place; return whether it is the one to change."""
        self.places.append((kind, node.lineno))
        return len(self.places) - 1 == self.chosen

    def visit_BinOp(self, node):
        """Other operators; the factors of a matrix product are swapped."""
        self.generic_visit(node)
        if isinstance(node.op, ast.MatMult):
            if self._takes("operands", node):
                node.left, node.right = node.right, node.left
        elif type(node.op) in _SWAPPED_OPERATORS and self._takes("operator", node):
            node.op = _SWAPPED_OPERATORS[type(node.op)]()
        return node

    def visit_Compare(self, node):
        """Another comparison."""
        self.generic_visit(node)
        if type(node.ops[0]) in _SWAPPED_OPERATORS and self._takes("comparison", node):
            node.ops[0] = _SWAPPED_OPERATORS[type(node.ops[0])]()
        return node

    def visit_BoolOp(self, node):
        """And for or."""
        self.generic_visit(node)
        if self._takes("logic", node):
            node.op = _SWAPPED_OPERATORS[type(node.op)]()
        return node

    def visit_UnaryOp(self, node):
        """No sign, no negation."""
        self.generic_visit(node)
        if isinstance(node.op, ast.USub | ast.Not) and self._takes("sign", node):
            return node.operand
        return node

    def visit_Constant(self, node):
        """Another number: twice a float, one more than an integer; true for false."""
        if isinstance(node.value, bool):
            if self._takes("flag", node):
                return ast.copy_location(ast.Constant(not node.value), node)
        elif isinstance(node.value, int | float) and self._takes("number", node):
            value = node.value + 1 if isinstance(node.value, int) or node.value == 0.0 else 2.0 * node.value
            return ast.copy_location(ast.Constant(value), node)
        return node

    def visit_Attribute(self, node):
        """No transposition; another array of a batch or a gradient."""
        self.generic_visit(node)
        if node.attr == "T" and self._takes("transposition", node):
            return node.value
        if node.attr in _SWAPPED_NAMES and isinstance(node.ctx, ast.Load) and self._takes("array", node):
            node.attr = _SWAPPED_NAMES[node.attr]
        return node

    def visit_Name(self, node):
        """Another array."""
        if node.id in _SWAPPED_NAMES and isinstance(node.ctx, ast.Load) and self._takes("array", node):
            node.id = _SWAPPED_NAMES[node.id]
        return node

    def visit_Call(self, node):
        """Another function; the first two arguments swapped."""
        self.generic_visit(node)
        name = getattr(node.func, "attr", None)
        if name in _SWAPPED_FUNCTIONS and self._takes("function", node):
            node.func.attr = _SWAPPED_FUNCTIONS[name]
        if len(node.args) > 1 and not any(isinstance(each, ast.Starred) for each in node.args[:2]):
            commutes = name in ("add", "multiply", "maximum", "minimum", "isinstance", "hasattr", "getattr")
            if not commutes and self._takes("arguments", node):
                node.args[:2] = node.args[1::-1]
        return node

    def visit_Expr(self, node):
        """A call left out; documentation stays."""
        if isinstance(node.value, ast.Constant):
            return node
        self.generic_visit(node)
        if isinstance(node.value, ast.Call) and self._takes("left out", node):
            return ast.copy_location(ast.Pass(), node)
        return node

    def visit_AugAssign(self, node):
        """A step left out, or the other way."""
        self.generic_visit(node)
        if self._takes("left out", node):
            return ast.copy_location(ast.Pass(), node)
        if type(node.op) in _SWAPPED_OPERATORS and self._takes("operator", node):
            node.op = _SWAPPED_OPERATORS[type(node.op)]()
        return node

    def visit_FunctionDef(self, node):
        """Only what runs: no defaults of parameters, no annotations, no decorators."""
        node.body = [self.visit(each) for each in node.body]
        return node

    def visit_ClassDef(self, node):
        """The same."""
        node.body = [self.visit(each) for each in node.body]
        return node

    def visit_Raise(self, node):
        """Texts of errors stay."""
        return node

    def visit_JoinedStr(self, node):
        """Texts stay."""
        return node

    def visit_AnnAssign(self, node):
        """Declarations stay."""
        return node


def part_of(path):
    """Return the part of the package that a file belongs to."""
    return path.relative_to(ROOT / "skae").parts[0].removesuffix(".py")


def all_mutants():
    """Return the places of all modules: dicts of file, number, kind and line."""
    found = []
    for path in sorted((ROOT / "skae").glob("**/*.py")):
        if part_of(path) in TESTS and path.stem not in SKIPPED:
            mutants = Mutants()
            mutants.visit(ast.parse(path.read_text(encoding="utf-8")))
            name = path.relative_to(ROOT).as_posix()
            found += [
                {"file": name, "number": number, "kind": kind, "line": line}
                for number, (kind, line) in enumerate(mutants.places)
            ]
    return found


def drawn(mutants, number, seed):
    """Return some mutants: by turns of the files, and within a file of kinds, in a random order."""
    rng, queues = random.Random(seed), defaultdict(lambda: defaultdict(list))
    for mutant in mutants:
        queues[mutant["file"]][mutant["kind"]].append(mutant)
    for kinds in queues.values():
        for each in kinds.values():
            rng.shuffle(each)
    found, files = [], list(queues)
    while files and len(found) < number:
        rng.shuffle(files)
        for file in list(files):
            kind = rng.choice(sorted(queues[file]))
            found.append(queues[file][kind].pop())
            if not queues[file][kind]:
                del queues[file][kind]
            if not queues[file]:
                files.remove(file)
    return found[:number]


def mutated(source, number):
    """Return a module with one place changed, and the statement in question before and after."""
    tree = ast.parse(source)
    before = ast.unparse(tree).splitlines()
    changed = ast.fix_missing_locations(Mutants(number).visit(tree))
    after = ast.unparse(changed)
    lines = [(old, new) for old, new in zip(before, after.splitlines(), strict=False) if old != new]
    old, new = lines[0] if lines else ("", "")
    return after, old.strip(), new.strip()


def tests_of(file):
    """Return the tests of a module, the fastest first, and all others."""
    first = [f"tests/test_{name}.py" for name in TESTS[part_of(ROOT / file)].split()]
    others = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").glob("test_*.py"))
    return first, [each for each in others if each not in first]


def outcome(mutant, folder, minutes):
    """Plant a mutant in a copy of the repository; return which test kills it, "time" or "lives"."""
    path = folder / mutant["file"]
    source = (ROOT / mutant["file"]).read_text(encoding="utf-8")
    text, mutant["before"], mutant["after"] = mutated(source, mutant["number"])
    path.write_text(text, encoding="utf-8")
    try:
        # Two runs: to collect all tests takes longer than most mutants live.
        return next(filter(None, (killer(tests, folder, minutes) for tests in tests_of(mutant["file"]))), "lives")
    finally:
        path.write_text(source, encoding="utf-8")


def killer(tests, folder, minutes):
    """Return the first of some tests that fails in a copy of the repository, "time", or None."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", *tests]
    try:
        run = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60.0 * minutes, check=False
        )
    except subprocess.TimeoutExpired:
        return "time"
    if run.returncode == 0:
        return None
    failed = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split(" - ")[0] if failed else f"exit {run.returncode}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=200, help="how many mutants are drawn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="files whose name contains this")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time, each on one thread")
    parser.add_argument("--minutes", type=float, default=20.0, help="tests that take longer kill")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("mutants.json"))
    parser.add_argument("--list", action="store_true", help="list the mutants, and plant none")
    options = parser.parse_args()
    mutants = [each for each in all_mutants() if options.only in each["file"]]
    chosen = drawn(mutants, options.number, options.seed)
    if options.list:
        for mutant in chosen:
            _, before, after = mutated((ROOT / mutant["file"]).read_text(encoding="utf-8"), mutant["number"])
            print(f"{mutant['file']}:{mutant['line']}: {mutant['kind']}: {before}  ->  {after}")
        print(f"{len(chosen)} of {len(mutants)}")
        return
    kept = json.loads(options.output.read_text()) if options.output.exists() else []
    known = {(each["file"], each["number"]) for each in kept}
    todo, lock = [each for each in chosen if (each["file"], each["number"]) not in known], threading.Lock()
    ignored = shutil.ignore_patterns(".git", ".venv", ".ci", "__pycache__", ".*_cache", "_build")
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        copies = [pathlib.Path(folder, str(job)) for job in range(options.jobs)]
        for each in copies:
            shutil.copytree(ROOT, each, ignore=ignored)
        failed = killer(["tests"], copies[0], options.minutes)
        if failed is not None:
            parser.error(f"the tests must pass without a mutant, got {failed}")

        def measure(mutant):
            with lock:
                own = copies.pop()
            mutant["outcome"] = outcome(mutant, own, options.minutes)
            with lock:
                copies.append(own)
                kept.append(mutant)
                options.output.write_text(json.dumps(kept, indent=0))
                print(f"{len(kept)}: {mutant['file']}:{mutant['line']}: {mutant['outcome']}", flush=True)

        list(pool.map(measure, todo))
    living = [each for each in kept if each["outcome"] == "lives"]
    print(f"\n{len(kept)} mutants, {len(living)} live:")
    for each in living:
        print(f"{each['file']}:{each['line']}: {each['kind']}: {each['before']}  ->  {each['after']}")


if __name__ == "__main__":
    main()
