# SPDX-License-Identifier: PostgreSQL
"""Includes point downwards only, and each foreign header stays in the layers that own it."""
import re

import tree

PURE = {"base/pure"}
LIB = ["base", "core", "loop", "pg", "store", "http", "engine", "engine/real"]
MAY_SEE = {
    "base/pure":   PURE,
    "core":        PURE | {"core"},
    "base":        PURE | {"base"},
    "loop":        PURE | {"base", "loop"},
    "pg":          PURE | {"base", "core", "loop", "pg"},
    "store":       PURE | {"base", "core", "loop", "pg", "store"},
    "http":        PURE | {"base", "core", "loop", "pg", "store", "http"},
    "engine":      PURE | {"base", "core", "loop", "pg", "store", "http", "engine"},
    "engine/real": PURE | set(LIB),
    "tools":       PURE | set(LIB) | {"tools"},
    "tests":       PURE | set(LIB) | {"tools", "tests"},
    "examples":    set(),
    "include":     set(),
}
# Who may include a header that is not ours; tests are free, except the simulator.
OWNERS = {
    "uv.h":         {"loop"},
    "libpq-fe.h":   {"pg", "store", "engine/real", "tools"},
    "microhttpd.h": {"http"},
    "yaml.h":       {"base"},
    "curses.h":     {"tools"},
    "jansson.h":    {"base", "store", "http", "tools"},
    "openssl/err.h":  {"base"},
    "openssl/pem.h":  {"base"},
    "openssl/x509.h": {"base"},
}
# The engines and the core touch the world through nothing but what they are given.
NO_WORLD = {"engine", "core", "base/pure"}
WORLD = re.compile(r"(unistd|fcntl|poll|signal|pthread|spawn|netdb|time|dirent|syslog)\.h|"
                   r"(sys|netinet|arpa|linux|bsd)/.*|uv\.h|libpq-fe\.h|microhttpd\.h")
PURE_HEADERS = re.compile(r"(assert|ctype|errno|inttypes|limits|stdarg|stdbool|stddef|stdint|stdio|"
                          r"stdlib|string)\.h|pgaf/.*")


def layer_of(name):
    parts = name.split("/")
    if parts[0] != "lib":
        return parts[0]
    inside = "/".join(parts[1:3])
    return inside if inside in MAY_SEE else parts[1]


def layer_of_include(path):
    first = path.split("/")
    if len(first) == 1:
        return None
    if "/".join(first[:2]) in MAY_SEE:
        return "/".join(first[:2])
    if first[0] in ("common", "pgaf-monitor", "pgaf-keeper", "pgaf-ctl"):
        return "tools"
    if first[0] in ("unit", "rules", "sim", "model", "mutation", "fuzz"):
        return "tests"
    return first[0]


def look_at_quoted(name, line, layer, path):
    target = layer_of_include(path)
    if ".." in path:
        tree.complain(name, line, f'"{path}" climbs out of its folder; write "layer/file.h"')
    elif target is None:
        tree.complain(name, line, f'"{path}" does not name its layer; write "layer/{path}"')
    elif target not in MAY_SEE[layer]:
        tree.complain(name, line, f'{layer} may not see {target} ("{path}")')


def look_at_system(name, line, layer, path):
    if path in OWNERS and layer != "tests" and layer not in OWNERS[path]:
        tree.complain(name, line, f"<{path}> belongs to {', '.join(sorted(OWNERS[path]))}")
    elif layer in NO_WORLD and WORLD.fullmatch(path):
        tree.complain(name, line, f"{layer} does no I/O and reads no clock: no <{path}>")
    elif layer in ("core", "base/pure") and not PURE_HEADERS.fullmatch(path):
        tree.complain(name, line, f"{layer} is pure: <{path}> is not on its list")
    elif name.startswith("tests/sim/") and path in ("uv.h", "libpq-fe.h"):
        tree.complain(name, line, f"the simulated world needs no <{path}>")


for name, text in tree.files(r"(lib|tools|include|tests|examples)/.*\.[ch]"):
    layer = layer_of(name)
    if layer not in MAY_SEE:
        tree.complain(name, 1, f"lib/{layer} is no layer; add it to MAY_SEE where it belongs")
        continue
    for number, line in enumerate(text.split("\n"), 1):
        if m := re.match(r'\s*#\s*include\s+"([^"]+)"', line):
            look_at_quoted(name, number, layer, m.group(1))
        elif m := re.match(r"\s*#\s*include\s+<([^>]+)>", line):
            look_at_system(name, number, layer, m.group(1))
tree.finish()
