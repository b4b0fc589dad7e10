# SPDX-License-Identifier: PostgreSQL
"""A lint that finds nothing must be able to find something: each is shown a small tree with one
fault in it, and has to name the place; the same tree without the fault has to pass."""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
HEAD = "/* SPDX-License-Identifier: PostgreSQL */\n/* Says what it is for. */\n"
GOOD_HEADER = "/* SPDX-License-Identifier: PostgreSQL */\n#ifndef A_H\n#define A_H\n" \
    "/** Says what it is for. */\nint a(void);\n#endif\n"


def look(lint, files, *more):
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        command = [sys.executable, "-B", os.path.join(HERE, lint), root, *more]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        return run.returncode, run.stdout + run.stderr


class Layers(unittest.TestCase):
    def refused(self, name, include, word):
        code, said = look("layers.py", {name: HEAD + f"#include {include}\n"})
        self.assertEqual(code, 1, said)
        self.assertIn(f"{name}:3: ", said)
        self.assertIn(word, said)

    def allowed(self, name, include):
        code, said = look("layers.py", {name: HEAD + f"#include {include}\n"})
        self.assertEqual((code, said), (0, ""))

    def test_upwards(self):
        self.refused("lib/pg/a.c", '"store/store.h"', "pg may not see store")
        self.refused("lib/core/a.c", '"base/log.h"', "core may not see base")
        self.refused("lib/base/pure/a.c", '"base/log.h"', "base/pure may not see base")
        self.refused("lib/engine/a.c", '"engine/real/env.h"', "engine may not see engine/real")
        self.refused("lib/http/a.c", '"common/out.h"', "http may not see tools")
        self.refused("include/pgaf/a.h", '"core/model.h"', "include may not see core")
        self.refused("examples/a.c", '"core/model.h"', "examples may not see core")

    def test_downwards(self):
        self.allowed("lib/store/a.c", '"pg/conn.h"')
        self.allowed("lib/core/a.c", '"base/pure/lsn.h"')
        self.allowed("lib/engine/real/a.c", '"engine/monitor_env.h"')
        self.allowed("tools/pgaf-ctl/main.c", '"common/out.h"')

    def test_unnamed_layer(self):
        self.refused("lib/pg/a.c", '"conn.h"', "does not name its layer")
        self.refused("lib/pg/a.c", '"../store/store.h"', "climbs out")

    def test_foreign_headers(self):
        self.refused("lib/pg/a.c", "<uv.h>", "belongs to loop")
        self.refused("lib/base/a.c", "<libpq-fe.h>", "belongs to")
        self.refused("tools/pgaf-ctl/a.c", "<microhttpd.h>", "belongs to http")
        self.refused("lib/engine/a.c", "<unistd.h>", "does no I/O")
        self.refused("lib/core/a.c", "<time.h>", "does no I/O")
        self.refused("tests/sim/a.c", "<uv.h>", "simulated world")
        self.allowed("lib/loop/a.c", "<uv.h>")
        self.allowed("lib/engine/real/a.c", "<unistd.h>")

    def test_unknown_layer(self):
        code, said = look("layers.py", {"lib/misc/a.c": HEAD})
        self.assertEqual(code, 1)
        self.assertIn("no layer", said)


class Tidy(unittest.TestCase):
    def refused(self, text, place, word, name="lib/pg/a.c"):
        code, said = look("tidy.py", {name: text})
        self.assertEqual(code, 1, said)
        self.assertIn(f"{name}:{place}: ", said)
        self.assertIn(word, said)

    def test_good(self):
        code, said = look("tidy.py", {
            "lib/pg/a.c": HEAD + "/* sprintf( in a comment */ int a = f(\"atoi(\");\n"})
        self.assertEqual((code, said), (0, ""))

    def test_faults(self):
        self.refused(HEAD + "x" * 101 + "\n", 3, "101 columns")
        self.refused(HEAD + "\t\t\t\t\t\t\t\t\t\t\t\t12345\n", 3, "101 columns")
        self.refused(HEAD + "int a; \n", 3, "blanks at the end")
        self.refused(HEAD + "int a = atoi(b);\n", 3, "atoi() is banned")
        self.refused(HEAD + "/* TO" + "DO: more */\n", 3, "finish it")
        self.refused(HEAD + 'f("/wo' + 'rk/main");\n', 3, "path of one machine")
        self.refused(HEAD + "int a;", 3, "no newline")
        self.refused("/* Says. */\nint a;\n", 1, "no line with SPDX")
        self.refused(HEAD.split("\n")[0] + "\nint a;\n", 2, "what this file is for")
        self.refused(HEAD + "int a;\n" * 800, 800, "802 lines")

    def test_long_function(self):
        body = "int\nf(void)\n{\n" + "\tg();\n" * 70 + "}\n"
        self.refused(HEAD + body, 4, "f has")


class Format(unittest.TestCase):
    STYLE = open(os.path.join(HERE, "../../.clang-format"), encoding="utf-8").read()

    def say(self, text):
        return look("format.py", {".clang-format": self.STYLE, "lib/pg/a.c": text})

    def test_format(self):
        good = HEAD + "struct a {\n\tint         b;\n\tconst char *c; /* aligned */\n};\n" \
            "\nint\nf(void)\n{\n\treturn 1;\n}\n"
        self.assertEqual(self.say(good), (0, ""))
        for fault, line in ((good.replace("int\nf", "int f"), 8),
                            (good.replace("f(void)\n{", "f(void) {"), 9),
                            (good.replace("\treturn", "    return"), 11)):
            code, said = self.say(fault)
            self.assertEqual(code, 1)
            self.assertIn(f"lib/pg/a.c:{line}: is formatted as", said)


class Exports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.library = os.path.join(cls.scratch.name, "lib.so")
        subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", cls.library],
                       input="int pgaf_a(void) { return 0; }", text=True, check=True)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def say(self, declared, mapped):
        header = "#define PGAF_API \\\n\t__attribute__((visibility(\"default\")))\n" + \
            "".join(f"PGAF_API\nint {d}(void);\n" for d in declared)
        listed = "".join(f"\t\t{m};\n" for m in mapped)
        script = f"PGAF_0 {{\n\tglobal:\n{listed}\tlocal:\n\t\t*;\n}};\n"
        return look("exports.py", {"include/pgaf/a.h": header, "lib/libpgaf.map": script},
                    self.library)

    def test_lists(self):
        self.assertEqual(self.say(["pgaf_a"], ["pgaf_a"]), (0, ""))
        self.assertIn("include/pgaf/a.h:4: pgaf_a is declared PGAF_API and not in",
                      self.say(["pgaf_a"], [])[1])
        self.assertIn("pgaf_a is exported and not listed", self.say([], [])[1])
        self.assertIn("lib/libpgaf.map:4: pgaf_b is no PGAF_API declaration",
                      self.say(["pgaf_a"], ["pgaf_a", "pgaf_b"])[1])
        self.assertIn("include/pgaf/a.h:6: pgaf_b is declared PGAF_API and the library does not",
                      self.say(["pgaf_a", "pgaf_b"], ["pgaf_a", "pgaf_b"])[1])


class Headers(unittest.TestCase):
    def test_headers(self):
        self.assertEqual(look("headers.py", {"include/pgaf/a.h": GOOD_HEADER}), (0, ""))
        for fault, word in ((GOOD_HEADER.replace("int a", "#include <uv.h>\nint a"), "uv.h"),
                            (GOOD_HEADER.replace("int a", "size_t a"), "gcc"),
                            (GOOD_HEADER.replace("int a", "int class(void);\nint a"), "g++")):
            code, said = look("headers.py", {"include/pgaf/a.h": fault})
            self.assertEqual(code, 1)
            self.assertIn("include/pgaf/a.h:", said)
            self.assertIn(word, said)


class Purity(unittest.TestCase):
    def say(self, code):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["gcc", "-O2", "-fPIC", "-c", "-x", "c", "-", "-o", folder + "/a.c.o"],
                           input=code, text=True, check=True)
            run = subprocess.run([os.path.join(HERE, "core_is_pure.sh"), folder + "/a.c.o"],
                                 capture_output=True, text=True, check=False)
            return run.returncode, run.stdout

    def test_purity(self):
        pure = "#include <string.h>\nstatic const char *const names[] = { \"a\", \"b\" };\n" \
            "unsigned long a(int i) { return strlen(names[i]); }\n"
        self.assertEqual(self.say(pure), (0, ""))
        code, said = self.say(pure + "#include <time.h>\nlong b(void) { return time(0); }\n")
        self.assertEqual(code, 1)
        self.assertIn("needs time,", said)
        code, said = self.say(pure + "static int calls;\nint b(void) { return ++calls; }\n")
        self.assertEqual(code, 1)
        self.assertIn("calls is a global", said)


class Docs(unittest.TestCase):
    PAGE = ".Sh DESCRIPTION\n.Bl -tag\n.It Fl -one Ar x\n.El\n.Sh EXIT STATUS\n.Bl -tag\n" + \
        "".join(f".It {code}\n" for code in range(6)) + ".El\n"

    def say(self, page, *options):
        with tempfile.TemporaryDirectory() as programs:
            program = os.path.join(programs, "tool")
            with open(program, "w", encoding="utf-8") as f:
                f.write("#!/bin/sh\n" + "".join(f"echo '  {o}  says'\n" for o in options))
            os.chmod(program, 0o755)
            return look("check_docs.py", {"man/man1/tool.1": page}, program)

    def test_options(self):
        self.assertEqual(self.say(self.PAGE, "--one X"), (0, ""))
        code, said = self.say(self.PAGE, "--one X", "-t, --two")
        self.assertEqual((code, said), (1, "man/man1/tool.1:1: option --two is missing\n"))
        code, said = self.say(self.PAGE, "--two")
        self.assertEqual(code, 1)
        self.assertIn("tool.1:3: there is no option --one", said)

    def test_codes(self):
        code, said = self.say(self.PAGE.replace(".It 4\n", ""), "--one X")
        self.assertEqual((code, said), (1, "man/man1/tool.1:1: exit status 4 is missing\n"))

    def test_long_help(self):
        code, said = self.say(self.PAGE, "--one " + "X" * 100)
        self.assertEqual(code, 1)
        self.assertIn("over 100 columns", said)


class CodecRows(unittest.TestCase):
    SOURCES = ("model.h", "note.h", "codec_tables.c", "codec_list.c")

    def say(self, name, old, new):
        files = {}
        for source in self.SOURCES:
            path = os.path.join(HERE, "..", "..", "lib", "core", source)
            with open(path, encoding="utf-8") as f:
                text = f.read()
            self.assertTrue(source != name or old in text)
            files["lib/core/" + source] = text.replace(old, new) if source == name else text
        return look("codec_rows.py", files)

    def test_rows(self):
        self.assertEqual(self.say("model.h", "struct", "struct"), (0, ""))
        code, said = self.say("model.h", "\tbool            fenced;\n",
                              "\tbool            fenced;\n\tbool thawed;\n")
        self.assertEqual(code, 1)
        self.assertIn("no row for report.thawed", said)
        code, said = self.say("codec_list.c", "view->flush", "view->replay")
        self.assertEqual(code, 1)
        self.assertIn("member_view.flush is not written", said)


class Traps(unittest.TestCase):
    NUMBERS = [*map(str, range(1, 50)), "33b"]

    def say(self, old="", new=""):
        table = "".join(f"trap {n} pair it bites\nbites sim M1\nholds unit a/b t\n"
                        f"holds case Well.\nholds cluster test_c test_d\n" for n in self.NUMBERS)
        self.assertIn(old, table)
        return look("traps.py", {
            "tests/traps.txt": "# Says.\n" + table.replace(old, new, 1),
            "tests/unit/sim/test_traps.c": '{.name = "1: a", .without = "M1"},\n',
            "tests/unit/a/test_b.c": "START_TEST(t)\n",
            "tests/unit/a/c.txt": "# Well. Or not.\n",
            "tests/cluster/test_c.py": '"""Says."""\ndef test_d():\n'})

    def test_table(self):
        code, said = self.say()
        self.assertEqual(code, 0, said)
        self.assertIn("traps=50 of_pairs=50 held=50 shown_to_bite=50 both=50", said)
        for old, new, line, word in (
                ("sim M1", "sim M2", 3, "there is no sim M2"),
                ("unit a/b t", "unit a/b u", 4, "there is no unit a/b u"),
                ("case Well.", "case Ill.", 5, "there is no case Ill."),
                ("test_c test_d", "test_c test_e", 6, "there is no cluster test_c test_e"),
                ("holds case", "holds story", 5, "there is no story"),
                ("holds case", "keeps case", 5, "cannot be read"),
                ("bites sim M1\n", "", 2, "nothing bites trap 1"),
                ("trap 33b", "trap 33", 1, "trap 33b is missing")):
            code, said = self.say(old, new)
            self.assertEqual(code, 1)
            self.assertIn(f"tests/traps.txt:{line}: {word}", said)
        self.assertEqual(self.say("bites sim M1\n", "open not yet\n")[0], 0)


class Empty(unittest.TestCase):
    def test_empty_tree(self):
        for lint in ("layers.py", "tidy.py", "headers.py"):
            code, said = look(lint, {})
            self.assertEqual(code, 1)
            self.assertIn("nothing to look at", said)


unittest.main()
