"""Loads a Python program before the fork point, as far as that is the same for all requests. A part
of warm.py."""

import os
import sys


def asker():
    """Where the program, or a module of it, looks at its environment just now."""
    frame = sys._getframe(1)
    own = {asker.__code__.co_filename, os.__file__,
           sys.modules["_collections_abc"].__file__}
    while frame.f_back and (frame.f_code.co_filename in own
                            or frame.f_code.co_filename.startswith("<frozen")):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}"


class Watched(dict):
    """The environment: what is asked here is answered for all requests at once."""

    of_request = frozenset(b"""AUTH_TYPE CONTENT_LENGTH CONTENT_TYPE CONTEXT_DOCUMENT_ROOT
        CONTEXT_PREFIX DOCUMENT_ROOT DOCUMENT_URI FCGI_ROLE GIT_PROTOCOL HTTPS PATH_INFO
        PATH_TRANSLATED QUERY_STRING SCRIPT_FILENAME SCRIPT_NAME SCRIPT_URI SCRIPT_URL SERVER_ADDR
        SERVER_ADMIN SERVER_NAME SERVER_PORT SERVER_PROTOCOL SERVER_SIGNATURE SSL_CIPHER
        SSL_PROTOCOL SSL_TLS_SNI UNIQUE_ID""".split())
    prefixes = b"HTTP_", b"REDIRECT_", b"REMOTE_", b"REQUEST_", b"SSL_CLIENT_"
    reason = None

    def asked(self, name):
        if not dict.__contains__(self, name) and (name in self.of_request
                                                  or name.startswith(self.prefixes)):
            self.note(f"It asks for {os.fsdecode(name)} while it loads, before there is a "
                      f"request: {asker()}.")

    def note(self, reason):
        self.reason = self.reason or reason

    def __getitem__(self, name):
        self.asked(name)
        return dict.__getitem__(self, name)

    def __contains__(self, name):
        self.asked(name)
        return dict.__contains__(self, name)

    def __iter__(self):
        self.note("It lists its environment while it loads, before there is a request: "
                  f"{asker()}.")
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


def preload_named(names):
    """What the configuration names."""
    for name in names:
        try:
            __import__(name)
        except BaseException as error:
            why = f"{type(error).__name__}: {error}"[:300].encode("ascii", "backslashreplace")
            why = " ".join(why.decode().split())
            missing = isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(
                f"{error.name}.")
            os.environ._data.note(
                f"Its configuration has {name} preloaded, which cannot be imported "
                + (f"by {sys.executable}: {why}; install it, or" if missing
                   else f"before the program begins: {why};") + " take it out of that list.")
            return


def load(script, which, names, preload_named=preload_named):
    """The program's code, with what it imports, and what is named besides."""
    with open(script, "rb") as file:
        source = file.read()
    tree = compile(source, script, "exec", flags=0x400, dont_inherit=True)  # PyCF_ONLY_AST
    code = compile(tree, script, "exec", dont_inherit=True)
    preload(tree, script, which)
    preload_named(names)
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
