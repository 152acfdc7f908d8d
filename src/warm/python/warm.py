"""Makes a zygote of a Python program (3.9 and later). Called in the program's stead as

    python3 [what the #! line says] /folder/of/warm.py SLATE PRELOAD FINALIZE /the/program

SLATE     the number of the slate (warm/wire.h)
PRELOAD   standard: what the program imports at its top level is imported here, as far as it comes
          with Python; all: its own modules and those of others, too; none
FINALIZE  quick: at the end, what the request has made is taken apart, files are written, and what
          the zygote had before is left alone; full: the whole interpreter is taken apart

The program is compiled here; then os.fork() makes the zygote of it (warm/shim), and returns in the
process of each request. There everything is made as a fresh interpreter has it, and the program is
run as __main__. What it can see of this: one frame below its own.
"""

_own = dict(globals())  # before anything else: what a main program begins with

import gc
import io
import os
import sys


def prepare_path(script):
    """sys.path[0] is the folder of the program, as it is in truth; nothing with -I or -P."""
    sys.path_importer_cache.pop(__file__, None)
    sys.path_importer_cache[script] = None  # it is neither a folder nor an archive
    if getattr(sys.flags, "safe_path", sys.flags.isolated):
        return
    sys.path[0] = os.path.dirname(os.path.realpath(script))


def prepare_arguments(script):
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[-len(sys.argv):] = [script]
    sys.argv[:] = [script]


def make_main(script):
    """The module __main__, as it is when the program's first line is run. Made after the fork: what
    is older is frozen, and would keep all that it holds from being collected."""
    main = type(sys)("__main__")
    names = vars(main)
    names.clear()
    names.update(_own)
    names.update(__doc__=None, __file__=script,
                 __loader__=type(_own["__loader__"])("__main__", script))
    if "__annotations__" in names:
        names["__annotations__"] = {}
    sys.modules["__main__"] = main
    return names


# ---- Before the fork point.


class Watched(dict):
    """The environment: what is asked here is answered for all requests at once."""

    of_request = frozenset(b"""AUTH_TYPE CONTENT_LENGTH CONTENT_TYPE DOCUMENT_ROOT GIT_PROTOCOL
        HTTPS PATH_INFO PATH_TRANSLATED QUERY_STRING SCRIPT_FILENAME SCRIPT_NAME SCRIPT_URI
        SCRIPT_URL SERVER_ADDR SERVER_NAME SERVER_PORT SERVER_PROTOCOL UNIQUE_ID""".split())
    prefixes = b"HTTP_", b"REDIRECT_", b"REMOTE_", b"REQUEST_"
    reason = None

    def asked(self, name):
        if not dict.__contains__(self, name) and (name in self.of_request
                                                  or name.startswith(self.prefixes)):
            self.note(f"It asks for {os.fsdecode(name)} while it loads, before there is a request.")

    def note(self, reason):
        self.reason = self.reason or reason

    def __getitem__(self, name):
        self.asked(name)
        return dict.__getitem__(self, name)

    def __contains__(self, name):
        self.asked(name)
        return dict.__contains__(self, name)

    def __iter__(self):
        self.note("It lists its environment while it loads, before there is a request.")
        return dict.__iter__(self)


def watch_environment(data):
    os.environ._data = os.environb._data = data


# What changes which module is found under a name, or what it finds when it is imported.
TELLING = {"sys": {"path", "meta_path", "path_hooks", "modules"}, "site": {"addsitedir"},
           "os": {"environ", "environb", "putenv"}, "locale": {"setlocale"}}


def is_telling(node):
    """Whether any of that is mentioned in it."""
    kind = type(node).__name__
    if kind == "Attribute" and node.attr in TELLING.get(getattr(node.value, "id", None), ()):
        return True
    if kind == "ImportFrom" and node.module in TELLING:
        return any(alias.name in {"*", *TELLING[node.module]} for alias in node.names)
    if kind == "alias" and node.name in TELLING and node.asname:
        return True  # it may be mentioned by another name
    values = (getattr(node, field, None) for field in getattr(node, "_fields", ()))
    return any(any(map(is_telling, value if isinstance(value, list) else [value]))
               for value in values)


def imports(body):
    """What is imported at the top level, also where that is tried: a name, and the statement. None
    where the program may change what is found from there on."""
    for statement in body:
        kind = type(statement).__name__
        if kind == "Try":
            yield from imports(statement.body)
        elif is_telling(statement):
            yield None, statement
        elif kind == "ImportFrom":
            yield "." * statement.level + (statement.module or ""), statement
        elif kind == "Import":
            for alias in statement.names:
                yield alias.name, type(statement)([alias], lineno=statement.lineno, col_offset=0)


def is_standard(name):
    """Whether Python's own module would be imported by that name, here and now."""
    spec = sys.modules["_frozen_importlib"]._find_spec(name.partition(".")[0], None)
    origin = getattr(spec, "origin", None) or ""
    return origin in ("built-in", "frozen") or (
        origin.startswith(os.path.dirname(os.__file__) + os.sep) and "-packages" not in origin)


def said():
    """How much has been printed, on either stream."""
    sys.stdout.flush()
    sys.stderr.flush()
    return [os.fstat(fd).st_size for fd in (1, 2)]


def unsay(sizes):
    for fd, size in zip((1, 2), sizes):
        os.ftruncate(fd, size)
        os.lseek(fd, size, os.SEEK_SET)


def preload_standard(name, statement):
    """What prints when it is imported (a deprecation, say) is forgotten again, for the program may
    have its own mind about that; what looks at the environment, with all that came with it."""
    known, sizes, environment = set(sys.modules), said(), os.environ._data
    statement()
    new = set(sys.modules) - known
    printed = said() != sizes
    if printed:
        unsay(sizes)
    if environment.reason:
        environment.reason = None
    elif printed:
        new = {module for module in new if f"{module}.".startswith(f"{name}.")}
    else:
        return
    for module in new:
        del sys.modules[module]


def preload(tree, script, which):
    """Imports what the program will import, in its words and order, as long as it is known that the
    same will be found: until it changes the path, or runs a module of its own, which may do so."""
    if which == "none" or sys.warnoptions:
        return
    for name, statement in imports(tree.body):
        if name is None:
            return
        one = type(tree)(body=[statement], type_ignores=[])
        code = compile(one, script, "exec", dont_inherit=True)

        def perform():
            try:
                exec(code, {"__name__": "__main__"})
            except Exception:
                pass  # the program will meet it, too

        if is_standard(name):
            preload_standard(name, perform)
        elif which == "all":
            perform()
        else:
            return


def load(script, which):
    """The program's code, with what it imports."""
    with open(script, "rb") as file:
        source = file.read()
    tree = compile(source, script, "exec", flags=0x400, dont_inherit=True)  # PyCF_ONLY_AST
    code = compile(tree, script, "exec", dont_inherit=True)
    preload(tree, script, which)
    return code


def reason_against():
    if os.environ._data.reason:
        return os.environ._data.reason
    if sys.flags.inspect or sys.flags.interactive:
        return "Its interpreter is to stay open at its end (-i)."
    try:
        for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
            stream.buffer.readable()
    except (AttributeError, ValueError):
        return "It replaces its standard streams while it loads."
    return None


def loaded():
    """The files of what has been loaded; where that is in archives, these."""
    yield os.path.join(sys.prefix, "pyvenv.cfg")  # whether there is one, or not
    for module in list(sys.modules.values()):
        archive = getattr(getattr(module, "__loader__", None), "archive", None)
        file = archive or getattr(module, "__file__", None)
        if isinstance(file, str):
            yield os.path.abspath(file)


def write_slate(slate, reason):
    words = ["refused", reason] if reason else ["ready", *loaded()]
    os.write(slate, b"".join(os.fsencode(word) + b"\0" for word in words))


# ---- After it.


def take_request(slate, data):
    parts = []
    while chunk := os.read(slate, 1 << 14):
        parts.append(chunk)
    os.close(slate)
    count, *strings = b"".join(parts).split(b"\0")[:-1]
    count = int(count)
    sys.argv[1:] = map(os.fsdecode, strings[:count])
    if hasattr(sys, "orig_argv"):
        sys.orig_argv += sys.argv[1:]
    dict.clear(data)
    for variable in strings[count:]:
        name, _, value = variable.partition(b"=")
        data[name] = value


def renew_stream(stream, fd):
    """The same text stream and buffer, as they would have been made for what the descriptor is
    now: whether it can seek is remembered, and how large its blocks are."""
    settings = {"encoding": stream.encoding, "errors": stream.errors, "newline": "\n",
                "line_buffering": stream.line_buffering, "write_through": stream.write_through}
    buffer = stream.buffer
    raw = io.FileIO(fd, "wb" if fd else "rb", closefd=False)
    raw.name = buffer.name
    if isinstance(buffer, io.FileIO):  # with -u
        buffer = raw
    else:
        buffer.__init__(raw, raw._blksize if raw._blksize > 1 else io.DEFAULT_BUFFER_SIZE)
    stream.__init__(buffer, **settings)


def kind(fd):
    """What a stream depends on, of what it leads to; None where its position counts, too."""
    status = os.fstat(fd)
    is_file = status.st_mode & 0o170000 == 0o100000
    return None if is_file else (status.st_mode & 0o170000, status.st_blksize)


def streams():
    return enumerate((sys.__stdin__, sys.__stdout__, sys.__stderr__))


def prepare_streams():
    """Makes the streams for what most requests have, no body and pipes, so that they need not.
    Returns for what they are made."""
    saved = [os.dup(fd) for fd in range(3)]
    reading, writing = os.pipe()
    null = os.open(os.devnull, os.O_RDONLY)
    kinds = []
    for fd, stream in streams():
        os.dup2(writing if fd else null, fd)
        renew_stream(stream, fd)
        kinds.append(kind(fd))
        os.dup2(saved[fd], fd)
    for fd in (*saved, reading, writing, null):
        os.close(fd)
    return kinds


def renew_state():
    """What modules made when they were imported, and should not be shared. `random` knows of
    processes by itself."""
    loaded = sys.modules.get
    if logging := loaded("logging"):
        now = loaded("time").time_ns if isinstance(logging._startTime, int) else loaded("time").time
        logging._startTime = now()
    if process := loaded("multiprocessing.process"):
        process.current_process().authkey = os.urandom(32)
    if numbers := loaded("numpy.random"):
        numbers.seed()


# ---- The end, as Py_RunMain has it.


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


def become_zygote(slate, which, script):
    """Returns in the process of each request, ready for the program: its code, the names of its
    module, and the modules that are older."""
    prepare_path(script)
    prepare_arguments(script)
    data = os.environ._data
    watch_environment(Watched(data))
    code = load(script, which)
    reason = reason_against()
    watch_environment(data)
    sys.modules.pop("gc", None)
    before = set(sys.modules) - {"__main__"}
    said()  # what is buffered is seen then
    kinds = None if reason else prepare_streams()
    write_slate(slate, reason)
    gc.collect()
    gc.freeze()
    if os.fork() != 0:  # never with the shim
        os._exit(70)
    take_request(slate, data)
    for fd, stream in streams():
        if kind(fd) != kinds[fd]:
            renew_stream(stream, fd)
    renew_state()
    return code, make_main(script), before


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


if "CGISRV_WARM" in os.environ:  # it takes that away
    sys.exit("cgisrv: the shim was not preloaded")
_slate, _which, _finalize, _script = sys.argv[1:]
_code, _names, _before = become_zygote(int(_slate), _which, _script)
_caught = []
try:  # here, so that there is but one frame below the program's
    exec(_code, _names)
except BaseException as error:
    _caught.append(error)
del _code, _names
end(_caught, _finalize, _before)
