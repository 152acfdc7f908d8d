"""The end of a request's Python process, as Py_RunMain has it. A part of warm.py."""

import gc
import io
import os
import sys


def exit_status(error):
    """Of SystemExit; what is no status as it stands is for the interpreter to judge."""
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xff if -1 << 63 <= code < 1 << 63 else code
    if sys.stderr is not None:
        sys.stderr.write(str(code))
        sys.stderr.write("\n")
    return 1


def report(error):
    """An exception that nobody has caught. Returns the exit status."""
    error.__traceback__ = error.__traceback__.tb_next  # without the frame that is ours
    if isinstance(error, SystemExit):
        return exit_status(error)
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    hook = getattr(sys, "excepthook", None)
    failed = None
    try:
        if hook:
            hook(type(error), error, error.__traceback__)
        else:
            sys.stderr.write("sys.excepthook is missing\n")
    except BaseException as another:
        failed = another
    if isinstance(failed, SystemExit):
        return exit_status(failed)
    if failed or not hook:
        if failed:
            failed.__traceback__ = failed.__traceback__.tb_next
            sys.stderr.write("Error in sys.excepthook:\n")
            sys.__excepthook__(type(failed), failed, failed.__traceback__)
            sys.stderr.write("\nOriginal exception was:\n")
        sys.__excepthook__(type(error), error, error.__traceback__)
    return 1


def flush():
    """False when something could not be written."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except BaseException:
        return False
    return True


def flush_quietly():
    for stream in (sys.stderr, sys.stdout):
        try:
            stream.flush()
        except Exception:
            pass


def close_rest(objects):
    """Files that are still open, the outermost first, so that what they hold gets to the inner."""
    base = io.IOBase.__base__  # no ABC: that would remember each class it is asked about
    standard = sys.__stdin__, sys.__stdout__, sys.__stderr__
    kept = {id(one) for stream in standard for one in (stream, getattr(stream, "buffer", None))}
    files = [one for one in objects if issubclass(type(one), base) and id(one) not in kept]
    inner = io.BufferedWriter, io.BufferedRandom, io.BufferedRWPair
    text = [one for one in files if isinstance(one, io.TextIOBase)]
    last = [one for one in files if isinstance(one, inner)]
    between = [one for one in files if isinstance(one, io.BufferedIOBase) and one not in last]
    for one in (*text, *between, *last):
        try:
            if not one.closed and one.writable():
                one.close() if one in between else one.flush()
        except Exception:
            pass


def take_apart(before):
    """What has come since the zygote, in the order of finalize_modules(): the modules, what is held
    by cycles, and files that something older still holds."""
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        if hasattr(sys, name):
            setattr(sys, name, None)
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
    for name in list(sys.modules):
        if name not in before:
            sys.modules[name] = None
    gc.collect()
    close_rest(gc.get_objects())


def finish(status, interrupted, before):
    """Does not return, but where the interpreter has to say something about its end itself."""
    if threading := sys.modules.get("threading"):
        try:
            threading._shutdown()
        except BaseException as error:
            sys.__excepthook__(type(error), error, error.__traceback__)
    if atexit := sys.modules.get("atexit"):
        try:
            atexit._run_exitfuncs()
        except BaseException:
            pass  # it has been printed
    if not flush():
        return
    take_apart(before)
    flush_quietly()
    if interrupted:
        signal = __import__("_signal")
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status)


def end(caught, finalize, before):
    """`caught`: one exception or none, in a list, so that no frame holds it any longer."""
    error = caught.pop() if caught else None
    status = 0 if error is None else report(error)
    flush_quietly()
    interrupted = isinstance(error, KeyboardInterrupt)
    del error  # and all that its traceback holds
    is_quiet = 0 <= status < 256 and not sys.warnoptions and not sys.flags.dev_mode
    if interrupted or finalize == "quick" and is_quiet:
        finish(status, interrupted, before)
    sys.exit(status)
