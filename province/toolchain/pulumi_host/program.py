"""Run a Pulumi program in this interpreter, in the main thread, as plain `python` would."""

from __future__ import annotations

import asyncio
import logging
import os
import runpy
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import pulumi
import pulumi.runtime
from pulumi.runtime.proto import language_pb2

# As the official runner: four threads for each operation that may be under way, within reason.
_THREADS_PER_OPERATION = 4
_MOST_THREADS = 256


def run(request: language_pb2.RunRequest, engine: str) -> language_pb2.RunResponse:
    """Run the program that the engine asks for and wait for all its resources.

    What goes wrong in it is logged to the engine here; `bail` then tells the engine not to say it again.
    """
    entry = entry_point(request)
    _configure(request, engine)
    if not entry.is_file():
        pulumi.log.error(f"there is no program: {entry} does not exist (`main` in Pulumi.yaml says where)")
        return language_pb2.RunResponse(bail=True)
    os.chdir(request.pwd)
    sys.argv = [str(entry), *request.args]
    sys.path.insert(0, str(entry.parent))
    try:
        _run_to_the_end(entry, request.parallel)
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
    except SystemExit as end:
        if not end.code:
            return language_pb2.RunResponse()
        pulumi.log.error(f"the program ended itself: {end.code}")
    except Exception as error:  # noqa: BLE001 - whatever a program raises is its error, not ours
        if not _engine_is_leaving(error):
            shown = describe(error, entry.parent)
            pulumi.log.error(f"Program failed with an unhandled exception:\n{shown}")
    else:
        return language_pb2.RunResponse()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return language_pb2.RunResponse(bail=True)


def entry_point(request: language_pb2.RunRequest) -> Path:
    """Return the file to run; for a folder it is its ``__main__.py``."""
    base = Path(request.info.program_directory or request.pwd)
    entry = Path(os.path.normpath(base / (request.info.entry_point or ".")))
    return entry / "__main__.py" if entry.is_dir() else entry


def describe(error: BaseException, program: Path) -> str:
    """Return the traceback of `error` without the frames above the program's own.

    The program's frames are those of files below `program` that are not part of the Python environment; an
    exception without one, and each exception that it came from, keeps what it has.
    """
    shown = traceback.TracebackException.from_exception(error)
    for part in _chain(shown):
        own = [number for number, frame in enumerate(part.stack) if _is_own(Path(frame.filename), program)]
        part.stack = traceback.StackSummary.from_list(part.stack[own[0] :] if own else part.stack)
    return "".join(shown.format())


def _chain(error: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    part: traceback.TracebackException | None = error
    while part is not None:
        yield part
        part = part.__cause__ or part.__context__


def _is_own(file: Path, program: Path) -> bool:
    return file.is_relative_to(program) and not file.is_relative_to(sys.prefix)


def _configure(request: language_pb2.RunRequest, engine: str) -> None:
    pulumi.runtime.set_all_config(dict(request.config), list(request.configSecretKeys))
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            project=request.project,
            stack=request.stack,
            parallel=request.parallel,
            monitor=request.monitor_address,
            engine=engine,
            dry_run=request.dryRun,
            organization=request.organization or "organization",
            root_directory=request.info.root_directory,
        )
    )


def _run_to_the_end(entry: Path, parallel: int) -> None:
    # A program that fails leaves futures unawaited, on purpose; asyncio would complain about each.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    threads = min(max(parallel, 1) * _THREADS_PER_OPERATION, _MOST_THREADS)
    loop.set_default_executor(ThreadPoolExecutor(threads))

    def program() -> None:
        runpy.run_path(str(entry), run_name="__main__")

    loop.run_until_complete(pulumi.runtime.run_in_stack(program))


def _engine_is_leaving(error: Exception) -> bool:
    """Tell whether a call failed because the engine ends: then it has given the reason itself."""
    return isinstance(error, grpc.RpcError) and error.code() == grpc.StatusCode.UNAVAILABLE
