# SPDX-License-Identifier: PostgreSQL
"""Every field of the data model has a row in the tables of the text form, or is written by hand."""
import re

import tree

TABLES = "lib/core/codec_tables.c"
LISTS = "lib/core/codec_list.c"
# Fields that no row covers on purpose: lengths go with their array, the rest is written as lines
# of its own.
BY_HAND = {
    "group": {"settings"},
    "node": {"goal", "report", "sighting"},
    "note": {"goal"},
    "snapshot": {"group", "count", "nodes"},
    "decision": {"group", "assignment_count", "assignments", "admissions", "admission_count",
                 "text"},
}
# Structs that are parts of others: where their fields are written.
ELEMENTS = {"member": "set->members[i]", "member_view": "view", "peer_view": "peer",
            "timeline": "timeline"}
NESTED = {"promotion": "group", "handover": "group", "request": "group"}


def fields_of(text, struct):
    body = re.search(r"^struct " + struct + r" \{\n(.*?)^\};", text, re.M | re.S).group(1)
    body = re.sub(r"/\*.*?\*/|^#.*?$|^\s*TIMINGS\(\w+\)", "", body, flags=re.M | re.S)
    body = re.sub(r"struct \{.*?\}", "struct inner", body, flags=re.S)
    for statement in body.split(";"):
        words = re.match(r"\s*(?:struct |enum )?\w+\s+(.+)", statement.strip(), re.S)
        if words:
            yield from (re.match(r"\w+", part.strip()).group() for part in words[1].split(","))


files = dict(tree.files(r"lib/core/(model\.h|note\.h|codec_tables\.c|codec_list\.c)"))
model = files.get("lib/core/model.h", "") + files.get("lib/core/note.h", "")
tables = files.get(TABLES, "")
rows = {}
for struct, member in re.findall(r"\b(?:FIELD|ROW)\(\s*\w+,\s*(\w+),\s*([\w.]+)", tables) + \
        re.findall(r"\bTEXT_FIELD\((\w+),\s*(\w+)\)", tables):
    rows.setdefault(struct, set()).add(member)
for struct, member, counter in re.findall(r"\bARRAY\(\w+,\s*(\w+),\s*(\w+),\s*(\w+)", tables):
    rows.setdefault(struct, set()).update((member, counter))
rows["snapshot"] = rows.get("snapshot", set()) | BY_HAND["snapshot"]
rows["group"] |= {member.removeprefix("group.") for member in rows["snapshot"]}

for struct in ("group", "node", "goal", "report", "sighting", "settings", "sync_set", "note",
               "snapshot", "decision"):
    for field in fields_of(model, struct):
        parts = {row.split(".")[0] for row in rows[struct]}
        if field not in parts | BY_HAND.get(struct, set()):
            tree.complain(TABLES, 1, f"no row for {struct}.{field}")
for struct, parent in NESTED.items():
    for field in fields_of(model, struct):
        if f"{struct}.{field}" not in rows[parent]:
            tree.complain(TABLES, 1, f"no row for {parent}.{struct}.{field}")
for struct, name in ELEMENTS.items():
    for field in fields_of(model, struct):
        written = re.escape(name) + r"(->|\.)" + field + r"\b"
        if not re.search(written, files.get(LISTS, "")):
            tree.complain(LISTS, 1, f"{struct}.{field} is not written")
tree.finish()
