# SPDX-License-Identifier: PostgreSQL
"""Changes of the core's source, as sources.txt lists them, and the programs with one of them in.

The one changed file is compiled as the build compiles it, and linked before the library, which
then has nothing to add for it.
"""

import json
import pathlib
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parents[1]


class Source:
    """One change."""

    def __init__(self, line):
        name, self.file, self.rule = line.split(None, 2)
        self.name = f"{pathlib.Path(self.file).stem}.c:{name}"
        self.old = self.new = ""

    def changed(self):
        """The text of the file with the change; the change must fit in exactly one place."""
        text = (TREE / self.file).read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            sys.exit(f"sources.txt: {self.name} fits in {text.count(self.old)} places")
        return text.replace(self.old, self.new)


def read():
    """All of them, by name."""
    found = []
    for line in (HERE / "sources.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("- "):
            found[-1].old = line[2:]
        elif line.startswith("+ "):
            found[-1].new = line[2:]
        elif line and not line.startswith("#"):
            found.append(Source(line))
    return {source.name: source for source in found}


def compile_words(build, source):
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        if entry["file"] == str(TREE / source.file) and "fuzz" not in entry.get("output", ""):
            return shlex.split(entry["command"])
    sys.exit(f"the build has no command for {source.file}")


def must(words, build):
    done = subprocess.run(words, cwd=build, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


def make(build, source, program):
    """The path of `program` (a file of the build) with the change in it."""
    folder = build / "mutation" / source.name.replace(":", "-")
    made = folder / program.name
    part = folder / (pathlib.Path(source.file).stem + ".o")
    text = folder / pathlib.Path(source.file).name
    changed = source.changed()
    folder.mkdir(parents=True, exist_ok=True)
    if not part.exists() or not text.exists() or text.read_text(encoding="utf-8") != changed:
        text.write_text(changed, encoding="utf-8")
        part.unlink(missing_ok=True)
        words = compile_words(build, source)
        if pathlib.Path(words[0]).name == "ccache":
            words = words[1:]
        words = [str(text) if word.endswith(source.file) else word for word in words]
        words[words.index("-o") + 1] = str(part)
        must([*words, "-w", f"-I{(TREE / source.file).parent}"], build)
    target = str(program.relative_to(build))
    link = must(["ninja", "-t", "commands", target], build).splitlines()[-1]
    words = shlex.split(link.removeprefix(": && ").removesuffix(" && :"))
    at = words.index("-o")
    words[at + 1] = str(made)
    must([*words[:at], str(part), *words[at:]], build)
    return made
