"""Python programs: warm and plain are the same, byte for byte."""

import os
import subprocess

import pytest

from support.zygote_driver import CONSTANT, Zygote, environment, plain

PYTHON = os.environ.get("CGISRV_WARM_PYTHON", "/usr/bin/python3")
MODERN = PYTHON == "/usr/bin/python3"


def script_of(body: str, flags: str = "") -> str:
    return f"#!{PYTHON} {flags}".rstrip() + f"\n{body}\n"


ALL = r"""'''A program.'''
import os, sys, time, signal, resource, linecache
from urllib.parse import parse_qs
import json, html, tempfile, random, decimal
print("Content-Type: text/plain\n")
print(json.dumps(dict(os.environ), indent=1), os.environb[b"PATH"], os.getenv("NONE"))
print(sys.argv, sys.path, getattr(sys, "orig_argv", ""), sys.flags, sys.executable, sys.prefix)
print({k: v for k, v in globals().items() if k.startswith("__") and k != "__loader__"})
print(type(__loader__), __loader__.path, __loader__.name, __loader__.get_source("__main__")[:9])
main = sys.modules["__main__"]
print(list(vars(main))[:9], vars(main) is globals(), main.__name__, __builtins__)
for one in sys.stdin, sys.stdout, sys.stderr, sys.__stdin__:
    print(one, one.encoding, one.errors, one.line_buffering, one.write_through, one.newlines,
          one.isatty(), one.buffer, getattr(one.buffer, "raw", one.buffer), one.mode, one.fileno())
print(sys.stdin.seekable(), sys.stdout.seekable(), sys.stdin.buffer.raw.closefd)
print(oct(os.umask(0)), os.getcwd(), os.getpgrp() == os.getpid(), os.listdir("/proc/self/fd"))
print([(str(number), signal.getsignal(number)) for number in sorted(signal.valid_signals())
       if signal.getsignal(number) not in (signal.SIG_DFL, signal.default_int_handler)])
print([line for line in open("/proc/self/status")
       if line.startswith(("Name", "Threads", "SigB", "SigI", "SigC", "ShdPnd", "NoNew", "Cap"))])
print(open("/proc/self/limits").read(), sys.getrecursionlimit(), sys.getswitchinterval())
print(sys.exc_info(), sys.gettrace(), "gc" in sys.modules, "threading" in sys.modules, __debug__)
print(abs(time.time() - os.stat("/proc/self").st_ctime) < 5, linecache.getline(__file__, 2))
print(sys.stdin.buffer.read())
subprocess = __import__("subprocess")  # not at the top level: what that imports is there before
print(subprocess.run("env | sort; ls /proc/self/fd", shell=True, capture_output=True).stdout)
"""


@pytest.mark.parametrize("flags", ["", "-u", "-O", "-OO", "-B", "-E", "-s", "-I", "-Wd", "-X utf8=0",
                                   "-bb", "-X dev"])
def test_everything_that_a_program_can_see(program, same, flags):
    same(program("all.cgi", script_of(ALL, flags.replace("-X ", "-X"))), b"body \xff\r\n")


def test_everything_in_another_locale(program, same):
    constant = {**CONSTANT, "LC_ALL": "C", "PYTHONIOENCODING": "latin-1:replace"}
    same(program("all.cgi", script_of(ALL)), variables={**environment(), **constant},
         boot={"constant": constant})


@pytest.mark.parametrize("stdin", [None, b"a\r\nb\rc\n", "é\n".encode() * 50_000],
                         ids=["none", "lines", "long"])
def test_standard_input(program, same, stdin):
    same(program("in.cgi", script_of("import sys; print([ascii(line) for line in sys.stdin])")), stdin)


def test_arguments(program, same):
    same(program("args.cgi", script_of("import sys; print(sys.argv)")), args=("a b", "", "é"))


def test_environment_larger_than_a_packet(program, same):
    variables = environment(HTTP_X_LONG="y" * 100_000, HTTP_X_EMPTY="", HTTP_X_EQUALS="a=b=c",
                            HTTP_X_BYTES="\udcff")
    same(program("env.cgi", script_of("import os; print(ascii(dict(os.environ)))")),
         variables=variables)


ENDS = {
    "nothing": "",
    "status": "import sys; sys.exit(3)",
    "status of a byte": "raise SystemExit(256 + 7)",
    "negative status": "raise SystemExit(-1)",
    "huge status": "raise SystemExit(10 ** 30)",
    "true": "raise SystemExit(True)",
    "no status": "exit()",
    "text": "import sys; print('out'); sys.exit('why')",
    "object": "class A:\n  def __str__(self): return 'an A'\nraise SystemExit(A())",
    "own exit": "class Mine(SystemExit): pass\nraise Mine(5)",
    "exception": "def f():\n  raise ValueError('é')\nf()",
    "chain": "try:\n  1 / 0\nexcept ZeroDivisionError as e:\n  raise KeyError('k') from e",
    "group": "raise ExceptionGroup('g', [ValueError(1), KeyError(2)])" if MODERN else "",
    "syntax": "exec('a b')",
    "assertion": "assert False, 'no'",
    "interrupt": "print('x', flush=True); raise KeyboardInterrupt",
    "signal": "import os; print('x', flush=True); os.kill(os.getpid(), 9)",
    "abort": "import os; os.abort()",
    "hook": "import sys; sys.excepthook = lambda *a: print('hook', a[0], a[2].tb_lineno)\n1 / 0",
    "hook that exits": "import sys; sys.excepthook = lambda *a: sys.exit(9)\n1 / 0",
    "hook that fails": "import sys\ndef hook(*a): raise KeyError('h')\nsys.excepthook = hook\n1 / 0",
    "no hook": "import sys; del sys.excepthook\n1 / 0",
    "cgitb": "import cgitb; cgitb.enable(format='text')\nx = 1\n1 / 0" if MODERN else "",
    "atexit": "import atexit, sys\natexit.register(print, 'bye')\nsys.exit(4)",
    "failing atexit": "import atexit; atexit.register(lambda: 1 / 0); atexit.register(print, 'x')",
    "thread": "import threading, time\n"
              "threading.Thread(target=lambda: (time.sleep(.05), print('late'))).start()\nprint('x')",
    "daemon": "import threading, time\n"
              "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()\nprint('x')",
    "failing thread": "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='T')\n"
                      "t.start()\nt.join()",
    "closed output": "import sys; sys.stdout.close()",
    "no output": "import os; os.close(1); print('x')",
    "full output": "import os; os.dup2(os.open('/dev/full', 1), 1); print('x')",
    "file": "f = open('left', 'w'); f.write('text')\nimport os, atexit\n"
            "g = open('left.b', 'wb'); g.write(b'bytes')",
    "global": "class A:\n  def __del__(self): print('gone')\na = A()",
    "global and exception": "class A:\n  def __del__(self): print('gone')\na = A()\n1 / 0",
    "global and status": "class A:\n  def __del__(self): print('gone')\na = A()\nexit(3)",
    "cycle": "class A:\n  def __del__(self): print('gone')\na = A(); a.me = a",
    "weak": "import weakref\nclass A: pass\na = A()\nweakref.finalize(a, print, 'final')",
    "generator": "def g():\n  try: yield\n  finally: print('left')\na = g(); next(a)",
    "temporary": "import tempfile\nd = tempfile.TemporaryDirectory(dir='.')\n"
                 "f = tempfile.NamedTemporaryFile(dir='.')",
    "child": "import os\nif os.fork() == 0:\n  raise SystemExit(6)\nprint(os.wait()[1] >> 8)",
    "child to the end": "import os, atexit\natexit.register(print, 'end')\n"
                        "print(os.wait()[1] if os.fork() else 'child', flush=True)",
    "exec": "import os; os.execlp('echo', 'echo', 'other')",
    "subprocess": "import subprocess; print(subprocess.run(['sh', '-c', 'echo $0; exit 7']))",
    "warning": "import warnings; warnings.warn('w', DeprecationWarning); warnings.warn('u')",
    "invalid escape": r"print('\d')",
    "is with a literal": "x = 1\nprint(x is 1)",
    "open file": "f = open(__file__)\nf = None\ng = open(__file__)",
    "unraisable": "class A:\n  def __del__(self): 1 / 0\na = A()\ndel a",
    "future": "from __future__ import annotations\nx: int = 1\ny: Nothing\nprint(__annotations__)",
    "docstring": "'''doc'''\nprint(__doc__)",
    "coding": "# -*- coding: latin-1 -*-\nprint(len('\u00e9'))",
    "display": "import sys; sys.displayhook('x'); print(sys.stdout.write('y'))",
    "time zone": "import os, time; os.environ['TZ'] = 'Asia/Tokyo'; time.tzset(); print(time.ctime(0))",
    "locale": "import locale; print(locale.setlocale(locale.LC_ALL, ''), locale.getlocale())",
    "evil class": "class A:\n  __class__ = property(lambda self: 1 / 0)\na = A(); a.me = a",
}


@pytest.mark.parametrize("body", ENDS.values(), ids=ENDS.keys())
def test_how_a_program_ends(program, same, body):
    same(program("end.cgi", script_of(body)), b"line\n")


@pytest.mark.parametrize("body", [ENDS[name] for name in ("exception", "status", "file", "global",
                                                          "thread", "atexit", "full output")])
def test_full_finalisation(program, same, body):
    same(program("end.cgi", script_of(body)), boot={"finalize": "full"})


@pytest.mark.parametrize("flags", ["-Wd", "-Werror", "-Xdev"])
def test_warnings_at_the_end(program, same, flags):
    same(program("end.cgi", script_of(ENDS["open file"], flags)))


FEATURES = {
    "asyncio": "import asyncio\nasync def main():\n  p = await asyncio.create_subprocess_exec('echo',"
               " 'x', stdout=-1)\n  print(await p.communicate())\n  await asyncio.sleep(.01)\n"
               "asyncio.run(main())",
    "pools": "import concurrent.futures as f\ndef g(x): return x + 1\n"
             "for pool in f.ThreadPoolExecutor, f.ProcessPoolExecutor:\n"
             "  with pool(1) as p: print(list(p.map(g, [1, 2])))",
    "pickle": "import pickle, copy\nclass A: x = 1\na = pickle.loads(pickle.dumps(A()))\n"
              "print(type(a) is A, A.__module__, A.__qualname__, pickle.dumps(A))",
    "source": "import inspect, sys\ndef f(): pass\nprint(inspect.getsource(f), inspect.getsourcefile(f),"
              " inspect.getmodule(f), sys.modules['__main__'])",
    "types": "import typing, dataclasses\n@dataclasses.dataclass\nclass A:\n  x: 'B'\nclass B: pass\n"
             "print(typing.get_type_hints(A), __annotations__ if 'y' in globals() else '')",
    "unit test": "import unittest\nclass T(unittest.TestCase):\n  def test_x(self): self.assertTrue(0)\n"
                 "try:\n  unittest.main(argv=['x'])\nexcept SystemExit as e: print(e.code)",
    "arguments": "import argparse\nargparse.ArgumentParser(description='d').parse_args(['-h'])",
    "input": "print(input('prompt'), input())",
    "streams": "import sys, select, os\nprint(select.select([sys.stdin], [], [], 0)[0] == [sys.stdin])\n"
               "print(sys.stdin.buffer.peek(2)[:2], os.fstat(0).st_size, sys.stdin.readline())",
    "signal": "import signal, os\nsignal.signal(signal.SIGUSR1, lambda *a: print('got', a[0]))\n"
              "os.kill(os.getpid(), signal.SIGUSR1)",
    "alarm": "import signal, time\nsignal.alarm(1)\ntime.sleep(5)",
    "interrupted": "import signal, os, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(1)",
    "broken pipe": "import os, sys\nr, w = os.pipe()\nos.close(r)\nos.write(w, b'x')",
    "exec itself": "import os, sys\nif 'again' not in sys.argv:\n"
                   "  os.execv(sys.executable, [sys.executable, __file__, 'again'])\nprint(sys.argv)",
    "reload": "import importlib, json\nprint(importlib.reload(json).loads('1'))",
    "run path": "import runpy, sys\nif len(sys.argv) < 2:\n  sys.argv.append('x')\n"
                "  runpy.run_path(__file__, run_name='__main__')\nprint(__name__, sys.argv)",
    "main": "import __main__\nx = 1\nprint(__main__.x, __main__.__dict__ is globals())",
    "logging": "import logging\nlogging.basicConfig(format='%(process)s' and '%(message)s %(lineno)s "
               "%(module)s %(pathname)s %(funcName)s')\nlogging.error('x')\nlogging.shutdown()",
    "traceback": "import traceback, sys\ndef f(): 1 / 0\ntry: f()\nexcept Exception:\n"
                 "  traceback.print_exc()\n  print(traceback.format_exc(), sys.exc_info()[2].tb_lineno)",
    "native": "import ctypes\nprint(ctypes.CDLL(None).getpid() > 0)",
    "sockets": "import ssl, socket\na, b = socket.socketpair()\na.send(b'x')\nprint(b.recv(1), b.fileno())",
    "timer": "import threading\n"
             "print(threading.current_thread(), threading.main_thread().ident == threading.get_ident())\n"
             "threading.Timer(.01, print, ['late']).start()",
    "queue": "import multiprocessing as m\nq = m.get_context('fork').Queue()\nq.put(1)\nprint(q.get())",
    "context": "import contextvars\nv = contextvars.ContextVar('v', default=1)\nprint(v.get())",
    "memory": "import tracemalloc, gc\ntracemalloc.start()\nx = [1] * 1000\n"
              "print(tracemalloc.get_traced_memory()[0] > 8000, gc.isenabled(), gc.collect() >= 0)",
    "deep": "def f(n): return n and f(n - 1)\nprint(f(900))",
    "environment of a module": "from wsgiref.handlers import BaseHandler\n"
                               "print(BaseHandler.os_environ['QUERY_STRING'])",
    "importers": "import sys\nprint(sorted(sys.path_importer_cache), sys.path_hooks, sys.meta_path)",
    "encoding": "import sys\nprint('\u00e9')\nsys.stdout.reconfigure(encoding='latin-1')\nprint('\u00e9')",
    "wrapped": "import sys, codecs, io\nsys.stdout = codecs.getwriter('utf-8')(sys.stdout.buffer)\n"
               "print('\u00e9')\nsys.stderr = io.StringIO()\nprint('lost', file=sys.stderr)",
    "detached": "import sys, io\nout = io.TextIOWrapper(sys.stdout.detach(), write_through=True)\n"
                "out.write('x')\nsys.stdout = out",
    "no streams": "import sys\nsys.stdout.flush()\nsys.stdout = sys.stderr = None\n1 / 0",
    "raw": "import sys, os\nos.write(1, b'first')\nsys.stdout.buffer.write(b'second')\nprint('third')",
    "mixed": "import sys\nfor n in range(3000):\n  print('out', n)\n  sys.stderr.write('err')",
}


@pytest.mark.parametrize("body", FEATURES.values(), ids=FEATURES.keys())
def test_feature(program, same, body):
    same(program("feature.cgi", script_of(body)), "é line\nsecond\n".encode(),
         mask=rb"Ran 1 test in .*|MainThread, started \d+")


FILES = """import gzip, io, sys, codecs
text = open('text', 'w'); text.write('é' * 10)
binary = open('binary', 'wb'); binary.write(b'b' * 10)
zipped = gzip.open('zipped', 'wt'); zipped.write('z' * 10)
sys.kept = open('kept', 'w'); sys.kept.write('k')
sys.bytes = open('bytes', 'wb'); sys.bytes.write(b'k')
sys.wrapped = io.TextIOWrapper(open('wrapped', 'wb', buffering=100)); sys.wrapped.write('w')
both = open('both', 'w+'); both.write('both')
coded = codecs.open('coded', 'w', 'utf-16'); coded.write('c')
"""


def test_files_that_nobody_closed_are_written(program, worker, tmp_path):
    script = program("files.cgi", script_of(FILES))
    names = ("text", "binary", "kept", "wrapped", "both", "coded", "bytes")

    def written():
        found = [(tmp_path / name).read_bytes() for name in names]
        found.append(subprocess.run(["zcat", tmp_path / "zipped"], capture_output=True).stdout)
        for name in (*names, "zipped"):
            (tmp_path / name).unlink()
        return found

    plain(script)
    expected = written()
    with Zygote(script) as zygote:
        worker.run(zygote, script)
    assert written() == expected and all(expected)


def test_random_numbers_differ(program, worker):
    script = program("random.cgi", script_of(
        "import random, uuid, secrets, os, multiprocessing, tempfile\n"
        "print(random.random(), uuid.uuid4(), secrets.token_hex(),"
        " multiprocessing.current_process().authkey.hex(), random.SystemRandom().random())"))
    with Zygote(script) as zygote:
        runs = [worker.run(zygote, script).stdout.split() for _ in range(4)]
    for column in zip(*runs):
        assert len(set(column)) == 4


def test_multiprocessing_finds_what_main_defines(program, same):
    same(program("pool.cgi", script_of(
        "import multiprocessing, pickle\n"
        "class A:\n  def __init__(self, x): self.x = x\n"
        "def f(a): return a.x * 2\n"
        "if __name__ == '__main__':\n"
        "  print(pickle.loads(pickle.dumps(A(1))).x, A.__module__)\n"
        "  for way in 'fork', 'spawn':\n"
        "    with multiprocessing.get_context(way).Pool(1) as pool: print(pool.map(f, [A(1), A(2)]))")))


def test_virtual_environment(program, same, tmp_path):
    folder = tmp_path / "venv"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", folder], check=True)
    packages = next(folder.glob("lib/python3*/site-packages"))
    (packages / "only_here.py").write_text("name = __name__")
    result = same(program("venv.cgi", f"#!{folder}/bin/python3\nimport sys, only_here\n"
                          "print(sys.prefix, sys.path, sys.executable, only_here.name)\n"))
    assert b"only_here" in result.stdout


def test_what_is_older_than_the_request_is_frozen(program, worker):
    script = program("frozen.cgi", script_of("import gc\nprint(gc.get_freeze_count() > 1000,"
                                             " len(gc.get_objects()) < 1000)"))
    with Zygote(script) as zygote:
        assert worker.run(zygote, script).stdout == b"True True\n"


def test_by_env(program, same):
    same(program("env.cgi", "#!/usr/bin/env python3\nimport sys, json\nprint(sys.argv, sys.flags)\n"))


def test_by_a_link_the_path_is_that_of_the_file(program, same, tmp_path):
    program("there/mine.py", "name = 'mine'")
    program("there/real.cgi", script_of("import sys, mine; print(sys.path[0], sys.argv, __file__)"))
    (tmp_path / "link.cgi").symlink_to("there/real.cgi")
    same(tmp_path / "link.cgi")


def test_own_module_hides_that_of_the_library(program, same, tmp_path):
    program("json.py", "import os; print('mine', os.environ['QUERY_STRING'])")
    same(program("own.cgi", script_of("import json, html; print(json.__file__, html.__file__)")))


SHADOWS = {
    "path": "import sys\nsys.path.insert(0, sys.path[0] + '/lib')\nimport json",
    "path in a function": "import sys\ndef f(): sys.path.insert(0, sys.path[0] + '/lib')\nf()\n"
                          "import json",
    "path by its name": "from sys import path\npath.insert(0, path[0] + '/lib')\nimport json",
    "path where it is tried": "try:\n  import sys\n  sys.path.insert(0, sys.path[0] + '/lib')\n"
                              "except OSError: pass\nimport json",
    "site": "import site, os\nsite.addsitedir(os.path.dirname(__file__) + '/lib')\nimport extra, json",
    "module of its own": "import sets_path, json",
    "other name": "import sys as s\ns.path.insert(0, s.path[0] + '/lib')\nimport json",
    "environment": "import os\nos.environ['PYTHONTZPATH'] = '/lib'\n"
                   + ("import zoneinfo as json\njson.__file__ = json.TZPATH" if MODERN else
                      "import json"),
    "modules": "import sys\nsys.modules['json'] = sys\nimport json",
}


@pytest.mark.parametrize("preload", ["standard", "all"])
@pytest.mark.parametrize("body", SHADOWS.values(), ids=SHADOWS.keys())
def test_other_modules_after_a_change_of_the_path(program, same, body, preload):
    program("lib/json.py", "")
    program("lib/extra.py", "")
    program("sets_path.py", "import sys; sys.path.insert(0, sys.path[0] + '/lib')")
    same(program("path.cgi", script_of(body + "\nprint(getattr(json, '__file__', 0), sys.path)"
                                       if "sys" in body else body + "\nprint(json.__file__)")),
         boot={"preload": preload})


def test_warning_of_a_module_is_for_the_program_to_show(program, same):
    """cgi warns when it is imported, but not where the program has said that it should not."""
    same(program("cgi.cgi", script_of("import json, cgi, json.tool; print(json.decoder, cgi)")))
    same(program("quiet.cgi", script_of("import warnings; warnings.simplefilter('ignore')\n"
                                        "import cgi; print(cgi)")))


def test_module_that_prints_when_it_is_imported(program, same):
    same(program("zen.cgi", script_of("print('first'); import this")))


def test_module_that_is_not_there(program, same):
    same(program("none.cgi", script_of("try:\n  import nothing.there\nexcept ImportError as e:\n"
                                       "  print(e)\nfrom json import nothing_there")))


def test_preloaded_modules_are_what_the_zygote_is_made_of(program, worker, tmp_path):
    program("mine.py", "import os, time; loaded = time.time()")
    script = program("use.cgi", script_of("import json, mine; print(mine.loaded)"))
    with Zygote(script, preload="all") as zygote:
        assert str(tmp_path / "mine.py") in zygote.files()
        assert len({worker.run(zygote, script).stdout for _ in range(2)}) == 1
    with Zygote(script) as zygote:
        assert str(tmp_path / "mine.py") not in zygote.files()
        assert any(file.endswith("json/__init__.py") for file in zygote.files())
        assert len({worker.run(zygote, script).stdout for _ in range(2)}) == 2
    with Zygote(script, preload="none") as zygote:
        assert not any("json" in file for file in zygote.files())


def test_modules_that_are_named_are_loaded_once(program, worker, same, tmp_path):
    """Also those that the program imports later, or not at the top."""
    program("mine.py", "import time; loaded = time.time()")
    program("own/__init__.py", "")
    program("own/part.py", "import mine")
    script = program("use.cgi", script_of(
        "import sys; sys.path.append('/none')\ndef late():\n  import mine\n  return mine.loaded\n"
        "print(late() if sys.argv[1:] else 'own' in globals())"))
    same(script, boot={"preload": "none,own.part"})
    with Zygote(script, preload="standard,own.part") as zygote:
        assert str(tmp_path / "mine.py") in zygote.files()
        assert len({worker.run(zygote, script, args=("x",)).stdout for _ in range(2)}) == 1


@pytest.mark.parametrize("text, reason", [
    (None, "by /usr/bin/python3: ModuleNotFoundError: No module named 'mine'; install it, or take"),
    ("raise ValueError('no\\nü')", "before the program begins: ValueError: no \\xfc; take it out"),
    ("raise SystemExit(3)", "SystemExit: 3; take it out"),
    ("1 +", "SyntaxError: invalid syntax"),
])
def test_a_module_that_is_named_and_cannot_be_imported(program, refused, text, reason):
    if text:
        program("mine.py", text)
    said = refused(program("no.cgi", script_of("")), preload="standard,json,mine")
    assert said.startswith("Its configuration has mine preloaded, which cannot be imported ")
    assert reason in said


def test_a_module_that_is_named_and_looks_at_the_request(program, refused):
    program("mine.py", "import os; os.environ.get('QUERY_STRING')")
    assert "asks for QUERY_STRING" in refused(program("no.cgi", script_of("")), preload="all,mine")


def test_logging_counts_from_the_request(program, worker):
    script = program("log.cgi", script_of(
        "import logging, time\n"
        "print(logging.LogRecord('n', 1, 'f', 1, 'm', (), None).relativeCreated < 1000)"))
    with Zygote(script) as zygote:
        import time
        time.sleep(1.1)
        assert worker.run(zygote, script).stdout == b"True\n"


REFUSED = {
    "asks": ("import os; x = os.environ.get('REQUEST_METHOD')", "It asks for REQUEST_METHOD while"),
    "asks in bytes": ("import os; x = b'HTTP_HOST' in os.environb", "It asks for HTTP_HOST while"),
    "asks where": ("import os; x = os.getenv('DOCUMENT_ROOT')", "It asks for DOCUMENT_ROOT while"),
    "lists": ("import os; x = dict(os.environ)", "It lists its environment while it loads"),
    "prints": ("print('x')", 'It prints while it loads: "x".'),
    "reads": ("import sys; sys.stdin.read()", "It reads its standard input while it loads."),
    "thread": ("import threading, time\n"
               "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
               "It starts a thread while it loads."),
    "forks": ("import os\nif os.fork() == 0: os._exit(0)", "It starts another process while it"),
    "child": ("import subprocess; x = subprocess.Popen(['sleep', '0.1'])",
              "It starts another process while it loads."),
    "socket": ("import socket; x = socket.socketpair()", "requests would share: socket:"),
    "shared memory": ("import mmap; x = mmap.mmap(-1, 4096)", "It maps shared memory while it loads"),
    "locks": pytest.param("import fcntl; x = open(__file__); fcntl.flock(x, fcntl.LOCK_SH)",
                          "It locks a file while it loads", marks=pytest.mark.fault("40")),
    "locks a part": pytest.param("import fcntl; x = open(__file__); fcntl.lockf(x, fcntl.LOCK_SH, 1)",
                                 "It locks a file while it loads", marks=pytest.mark.fault("40")),
    "replaces": ("import sys, io; sys.stdout = io.TextIOWrapper(sys.stdout.detach())",
                 "It replaces its standard streams while it loads."),
    "exits": ("import os; print('x', flush=True); os._exit(0)", "It ends while it loads"),
}


@pytest.mark.parametrize("body, reason", REFUSED.values(), ids=REFUSED.keys())
def test_refused(program, refused, body, reason):
    program("mine.py", body)
    assert reason in refused(program("no.cgi", script_of("import mine")), preload="all")


def test_script_that_does_not_compile_is_refused(program, refused):
    assert "SyntaxError" in refused(program("broken.cgi", script_of("print (")))


def test_interpreter_that_is_to_stay_is_refused(program, refused):
    assert "(-i)" in refused(program("stay.cgi", script_of("print(1)", "-i")))


@pytest.mark.fault("24d")
@pytest.mark.parametrize("text, does", [
    ("x = dict(os.environ)", "lists its environment"),
    ("x = os.environ.get('HTTP_COOKIE')", "asks for HTTP_COOKIE"),
    ("x = [name for name in os.environ]", "lists its environment"),
    ("x = 'REQUEST_METHOD' in os.environ", "asks for REQUEST_METHOD")])
def test_a_refusal_says_where(program, refused, tmp_path, text, does):
    program("own.py", f"import os\n\ndef look():\n    {text}\n\nlook()\n")
    said = refused(program("no.cgi", script_of("import own")), preload="all")
    assert said == (f"It {does} while it loads, before there is a request: "
                    f"{tmp_path}/own.py, line 4.")
