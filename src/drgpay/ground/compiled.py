"""The only place that imports numba: kernels as machine code, their cache, counting of bits."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import caching as _untyped
from numba.core import types
from numba.experimental import structref as _references
from numba.extending import intrinsic

caching: Any = _untyped
structref: Any = _references
F = TypeVar("F", bound=Callable[..., Any])

# what stood in the way of the cache, by place: (kind, error); the command line says it
CACHE_TROUBLE: dict[str, tuple[str, str]] = {}


class _TemporaryLocator(caching.UserWideCacheLocator):  # type: ignore[misc]
    """A cache among temporary files, where neither the package nor the home can be written.

    Machine code is run as it is found: the folder must be this user's own, closed to others.
    """

    def __init__(self, function: Any, file: str) -> None:
        self._py_file = file
        self._lineno = function.__code__.co_firstlineno
        user = os.geteuid() if hasattr(os, "geteuid") else 0
        self.folder = Path(tempfile.gettempdir()) / f"drgpay-cache-of-{user}"
        self._cache_path = str(self.folder / self.get_suitable_cache_subpath(file))

    def ensure_cache_path(self) -> None:
        """Make the folder; raises OSError unless it is this user's own."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        facts = self.folder.lstat()
        own = not hasattr(os, "geteuid") or facts.st_uid == os.geteuid()
        if not stat.S_ISDIR(facts.st_mode) or not own or facts.st_mode & 0o077:
            raise PermissionError(str(self.folder))
        super().ensure_cache_path()
        CACHE_TROUBLE.setdefault(str(self.folder), ("elsewhere", ""))


class _Code(caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (*caching.CompileResultCacheImpl._locator_classes, _TemporaryLocator)


class _CacheFile(caching.IndexDataCacheFile):  # type: ignore[misc]
    """Files of machine code that begin with their SHA-256: a damaged one is not run."""

    def __init__(self, folder: str, base: str, stamp: Any) -> None:
        super().__init__(folder, f"drgpay-{base}", stamp)

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as stream:
            stream.write(hashlib.sha256(content).digest() + content)

    def _load_data(self, name: str) -> Any:
        import pickle

        content = Path(self._data_path(name)).read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            raise ValueError("damaged")
        return pickle.loads(content[32:])


class _Cache(caching.FunctionCache):  # type: ignore[misc]
    """A cache that is used where it can be, and never stands in the way."""

    _impl_class = _Code

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        locator = self._impl.locator
        self._cache_file = _CacheFile(
            self._cache_path, self._impl.filename_base, locator.get_source_stamp()
        )

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return the machine code of a signature; None when it is not there, or cannot be used."""
        try:
            return super().load_overload(signature, context)
        except Exception as error:  # whatever a damaged file may raise when it is unpickled
            self._trouble("damaged", error)
            with suppress(Exception):
                self._cache_file.flush()
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep the machine code of a signature, if it can be kept."""
        try:
            super().save_overload(signature, compiled)
        except Exception as error:  # a full disk, a folder gone, a damaged index
            self._trouble("not_kept", error)
            self.disable()

    def _trouble(self, kind: str, error: Exception) -> None:
        what = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        CACHE_TROUBLE.setdefault(str(self.cache_path), (kind, what))


def _cache_of(function: Any) -> Any:
    try:
        return _Cache(function)
    except (RuntimeError, OSError) as error:  # no folder can be written
        CACHE_TROUBLE.setdefault("", ("none", str(error).splitlines()[0][:200]))
        return caching.NullCache()


def kernel(function: F) -> F:
    """Compile a kernel: no Python objects inside, no global lock held, cached on disk."""
    compiled: Any = numba.njit(nogil=True, boundscheck=False)(function)
    compiled._cache = _cache_of(function)
    compiled.typeof_pyval = partial(_type_of, compiled.typeof_pyval)
    return cast(F, compiled)


def _type_of(typed: Callable[[object], Any], value: object) -> Any:
    """Return a value's type; an array that may not be written has that of one that may.

    The same columns come written by us or lent by a file: a kernel, which writes into nothing but
    its results, need not be compiled for each of the ways in which they come together.
    """
    found = typed(value)
    lent = isinstance(found, types.Array) and not found.mutable
    return found.copy(readonly=False) if lent else found


@structref.register
class HeldType(types.StructRef):
    """The type of a `Held`."""


class Held(structref.StructRefProxy):  # type: ignore[misc]
    """A tuple of arrays as kernels take it, by its one address: `values` in a kernel."""


structref.define_boxing(HeldType, Held)
structref.define_constructor(Held, HeldType, ["values"])


@kernel
def held(values: Any) -> Any:
    """Return a tuple of arrays unpacked once, so that calls need not unpack it again."""
    return Held(values)


@intrinsic
def trailing_zeros(typing_context: Any, word: Any) -> Any:
    """Return the index of the lowest set bit of a word that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def popcount(typing_context: Any, word: Any) -> Any:
    """Return how many bits of a word are set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate
