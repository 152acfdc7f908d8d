"""Makes a zygote of a Python program (3.9 and later). Called in the program's stead as

    python3 [what the #! line says] /folder/of/warm.py SLATE PRELOAD FINALIZE /the/program

SLATE     the number of the slate (warm/wire.h)
PRELOAD   standard: what the program imports at its top level is imported here, as far as it comes
          with Python; all: its own modules and those of others, too; none. Then modules that are
          imported in any case, each after a comma
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


def part(name):
    """What another file of ours defines. No module: the program would find that."""
    path = os.path.join(os.path.dirname(__file__), name)
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    found = type(sys)(name)
    exec(code, vars(found))
    return found


load = part("warm_load.py")
end = part("warm_end.py")


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


def write_slate(slate, reason):
    words = ["refused", reason] if reason else ["ready", *load.loaded()]
    os.write(slate, b"".join(os.fsencode(word) + b"\0" for word in words))


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


def become_zygote(slate, what, script):
    """Returns in the process of each request, ready for the program: its code, the names of its
    module, and the modules that are older."""
    prepare_path(script)
    prepare_arguments(script)
    data = os.environ._data
    which, *names = what.split(",")
    load.watch_environment(load.Watched(data))
    code = load.load(script, which, names, *([learn.propose] if learn else []))
    reason = load.reason_against()
    load.watch_environment(data)
    sys.modules.pop("gc", None)
    before = set(sys.modules) - {"__main__"}
    load.said()  # what is buffered is seen then
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


if "CGISRV_WARM" in os.environ:  # it takes that away
    sys.exit("cgisrv: the shim was not preloaded")
_slate, _preload, _finalize, _script = sys.argv[1:]
learn = None
if "CGISRV_WARM_LEARN" in os.environ:
    learn = part("warm_learn.py")
    learn.path, learn.load = os.environ.pop("CGISRV_WARM_LEARN"), load
_code, _names, _before = become_zygote(int(_slate), _preload, _script)
_caught = []
_roots = learn and learn.watch_imports()
try:  # here, so that there is but one frame below the program's
    exec(_code, _names)
except BaseException as error:
    _caught.append(error)
del _code, _names
if learn:
    learn.tell_new(_roots)
end.end(_caught, _finalize, _before)
