# SPDX-License-Identifier: PostgreSQL
"""Each metric that examples/monitoring names is one that the monitor or the keeper writes, and each
alert has a test in which it fires."""
import json
import re

import tree

SUFFIX = re.compile(r"_(bucket|sum|count)$")
written = set()
histograms = set()
for _, text in tree.files(r"lib/http/(keeper|monitor)_metrics\.c"):
    written.update(re.findall(r'"(pgaf_[a-z_]+)"', text))
    histograms.update(re.findall(r'name = "(pgaf_[a-z_]+)";(?:(?!name = ).)*?"histogram"', text,
                                 re.S))


def look_at(name, text):
    for number, line in enumerate(text.split("\n"), 1):
        for metric in re.findall(r"(?<![\w/])pgaf_[a-z_]+", line):
            base = SUFFIX.sub("", metric)
            if metric not in written and not (base in histograms and base != metric):
                tree.complain(name, number, f"nobody writes {metric}")


alerts = {}
tested = set()
for name, text in tree.files(r"examples/monitoring/.*\.(yml|json|md)"):
    look_at(name, text)
    if name.endswith(".json"):
        json.loads(text)
    if name.endswith("-test.yml"):
        tested.update(re.findall(r'alertname="(\w+)",alertstate="firing"', text))
    else:
        for number, line in enumerate(text.split("\n"), 1):
            for alert in re.findall(r"- alert: (\w+)", line):
                alerts[alert] = (name, number)
for alert, (name, number) in alerts.items():
    if alert not in tested:
        tree.complain(name, number, f"no test shows {alert} firing")
tree.finish()
