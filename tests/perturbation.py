"""Emulate a BLAS kernel that this processor does not have: every product of skae is off in its last digits.

A kernel adds the terms of a product A B in an order of its own. So two kernels differ by some roundings of the sum of
the absolute terms, eps |A| |B|, and a kernel differs from itself where the same row stands at another position, among
more rows, or in another memory order. `install(seed)` adds a random share of eps |A| |B| to every element of every
product in skae, and rounds what is decomposed. The share depends on the seed, the position, the shapes and the memory
orders, not on the call: a kernel too returns the same numbers for the same call. Sums that every kernel has right, of
one term or of whole numbers, stay right.

`pytest --perturb-products=SEED` runs the tests so.
"""

import ast
import functools
import importlib.abc
import importlib.machinery
import operator
import sys
import types
import zlib

import numpy as np

_NUMPY = "perturbed_numpy"  # what skae's modules import in numpy's place
_seed = 0


def install(seed):
    """Perturb the products of skae in this process; skae must not have been imported yet."""
    global _seed
    if "skae" in sys.modules:
        raise RuntimeError("skae is already imported, so its products can no longer be perturbed.")
    _seed = seed
    linalg = _overlay(np.linalg, eigh=_eigh, qr=_qr, solve=_solve, svd=_svd)
    products = {name: functools.partial(_product, getattr(np, name)) for name in ("dot", "einsum", "matmul", "vdot")}
    sys.modules[_NUMPY] = _overlay(np, linalg=linalg, **products)
    sys.meta_path.insert(0, _Finder())


def _overlay(module, **replaced):
    """Return a module that has some attributes of its own and the others from `module`."""
    overlay = types.ModuleType(module.__name__)
    vars(overlay).update(replaced, __getattr__=functools.partial(getattr, module))
    return overlay


def _share(shape, *key):
    """Numbers in [-1, 1], the same for the same key."""
    return np.random.default_rng(zlib.crc32(repr((_seed, shape, *key)).encode())).uniform(-1.0, 1.0, shape)


_share_of_product = functools.lru_cache(maxsize=64)(_share)  # training repeats a few shapes


def _layout(A):
    return A.shape, A.flags.c_contiguous, A.flags.f_contiguous


def _product(function, *arguments, out=None, **options):
    """Return function(*arguments), which sums products of the elements of the last two, perturbed."""
    if out is not None:
        options["out"] = out
    result = function(*arguments, **options)
    *subscripts, A, B = arguments
    if not all(isinstance(factor, np.ndarray) and factor.dtype.kind == "f" for factor in (A, B)):
        return result  # sparse rows and Python numbers, which no BLAS multiplies
    with np.errstate(all="ignore"):
        if all(np.array_equal(factor, np.rint(factor)) for factor in (A, B)):
            return result
        noise = np.asarray(function(*subscripts, np.abs(A), np.abs(B)))
        n_terms = function(*subscripts, (A != 0.0).astype(A.dtype), (B != 0.0).astype(B.dtype))
        share = _share_of_product(noise.shape, function.__name__, *subscripts, _layout(A), _layout(B))
        noise = np.where(np.isfinite(noise) & (n_terms > 1.0), np.finfo(noise.dtype).eps * share * noise, 0.0)
    return np.add(result, noise.astype(result.dtype), out=out)


def _rounded(A):
    """Return A as a backward stable algorithm may see it."""
    with np.errstate(all="ignore"):
        return A + (np.finfo(A.dtype).eps * np.abs(A).max(initial=0.0) * _share(A.shape, _layout(A))).astype(A.dtype)


def _signs(n):
    """Signs of n eigenvectors, which an algorithm is free to choose."""
    return np.sign(_share(n))


def _eigh(A):
    values, vectors = np.linalg.eigh(_rounded(A))
    return values, vectors * _signs(len(values))


def _svd(A, full_matrices=False):
    U, singular, Vt = np.linalg.svd(_rounded(A), full_matrices=full_matrices)
    signs = _signs(len(singular))
    return U * signs, singular, Vt * signs[:, None]


def _qr(A, mode):
    R = np.linalg.qr(_rounded(A), mode=mode)
    return R * _signs(len(R))[:, None]


def _solve(A, b):
    return np.linalg.solve(_rounded(A), b)


class _Finder(importlib.abc.MetaPathFinder):
    """Find the modules of skae, for `_Loader` to load."""

    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] != "skae":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(name, spec.origin)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """Load a module that imports the perturbed numpy, and whose ``A @ B`` is its matmul."""

    def get_code(self, name):  # from the source, past the cache of compiled files
        path = self.get_filename(name)
        return compile(ast.fix_missing_locations(_Rewrite().visit(ast.parse(self.get_data(path)))), path, "exec")

    def exec_module(self, module):
        vars(module)["_matmul"] = functools.partial(_product, operator.matmul)
        super().exec_module(module)


class _Rewrite(ast.NodeTransformer):
    """Rewrite what a module takes from numpy."""

    def visit_Import(self, node):
        for alias in node.names:
            alias.name = _NUMPY if alias.name == "numpy" else alias.name
        return node

    def visit_ImportFrom(self, node):
        node.module = _NUMPY if node.module == "numpy" else node.module
        return node

    def visit_BinOp(self, node):
        self.generic_visit(node)
        if not isinstance(node.op, ast.MatMult):
            return node
        return ast.copy_location(ast.Call(ast.Name("_matmul", ast.Load()), [node.left, node.right], []), node)
