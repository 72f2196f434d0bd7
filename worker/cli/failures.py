"""Every foreseeable error is a sentence on standard error and an exit code, never a traceback.

0  done
1  a job did not succeed, or something was found
2  bad input or configuration
3  the ledger (for `check`: any service) cannot be reached
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

import click

from worker.errors import BadInput, LedgerMisconfigured, LedgerUnavailable

NOT_SUCCEEDED = 1
BAD_INPUT = 2
UNREACHABLE = 3
OF_INPUT = (BadInput, LedgerMisconfigured, OSError, UnicodeError)
INTERRUPTED = 130  # as shells have it: 128 and SIGINT
NOBODY_READS = 141  # 128 and SIGPIPE


@contextmanager
def answered(ctx: click.Context) -> Iterator[None]:
    """Turn what a command raises into its sentence and its exit code."""
    try:
        yield
        sys.stdout.flush()  # here, and not when the interpreter can only complain
    except BrokenPipeError:
        _stop_writing()
        ctx.exit(NOBODY_READS)
    except (click.exceptions.Exit, click.ClickException):
        raise  # click's own words
    except (KeyboardInterrupt, click.Abort):
        ctx.exit(INTERRUPTED)
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        answer(sentence(error))
        ctx.exit(code)


def exit_code(error: Exception) -> int | None:
    """The exit code of a foreseeable error; None for a bug, which keeps its traceback."""
    if isinstance(error, LedgerUnavailable) and not isinstance(error, LedgerMisconfigured):
        return UNREACHABLE
    if isinstance(error, OF_INPUT) or _is_of_settings(error):
        return BAD_INPUT
    return None


def sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    if isinstance(error, UnicodeError):
        return f"The file is not UTF-8 text ({error}); save it as UTF-8."
    return str(error)


def say(text: str) -> None:
    """A line for people, on standard error: standard output is for what was asked."""
    click.echo(text, err=True)


def answer(text: str) -> None:
    """Say it, if there is anywhere to say it: a full disk may be what it is about."""
    with suppress(OSError):
        sys.stdout.flush()
        say(text)
        return
    _stop_writing()
    try:
        say(text)
    except OSError:
        _to_nowhere(sys.stderr)


def _is_of_settings(error: Exception) -> bool:
    from worker.sandbox.fields import BadSetting
    from worker.settings import ConfigurationError

    return isinstance(error, ConfigurationError | BadSetting)


def _stop_writing() -> None:
    """Whoever read standard output has gone."""
    _to_nowhere(sys.stdout)


def _to_nowhere(stream: TextIO) -> None:
    """What is still buffered must not fail at the exit, which would have a code of its own."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
