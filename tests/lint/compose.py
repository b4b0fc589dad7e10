#!/usr/bin/env python3
# SPDX-License-Identifier: PostgreSQL
"""The Compose example, as far as it can be judged without a Docker engine.
usage: compose.py ROOT

- the file is one that Compose 1.27 and 2 read; names, ports and volumes are those of the guide
- no start waits for another container's health: after a failover the roles are swapped
- HAProxy's configuration names the nodes; every variable used is set in .env
- the guide gives the same commands in both languages
- nobody sleeps
"""
import pathlib
import re
import sys

import yaml

SERVICES = {
    "pg_auto_failover_monitor": "pg_auto_failover_data",
    "postgres-primary": "postgres_primary_data",
    "postgres-replica-1": "postgres_replica1_data",
    "haproxy": None,
    "app": None,
}
NODES = ("postgres-primary", "postgres-replica-1")
PORTS = {"5434", "5433", "5435", "5000", "8000"}
HOME = "/var/lib/postgresql/data"
TARGETS = {"pgaf", "haproxy", "app"}


def check_service(name, service, say):
    if service.get("container_name") != name:
        say(f"{name}: the container is named {service.get('container_name')}")
    volumes = [v.split(":")[0] for v in service.get("volumes", []) if v.split(":")[1] == HOME]
    if volumes != [v for v in (SERVICES[name],) if v]:
        say(f"{name}: {volumes} on {HOME}")
    if service["build"]["target"] not in TARGETS:
        say(f"{name}: no image {service['build']['target']} in the Dockerfile")
    if not isinstance(service.get("depends_on", []), list):
        say(f"{name}: depends_on may order starts, and wait for nothing")
    for other in service.get("depends_on", []):
        if other in NODES and name in NODES:
            say(f"{name}: depends on {other}, which may be its standby by then")


def check_compose(folder, say):
    text = (folder / "docker-compose.yml").read_text(encoding="utf-8")
    compose = yaml.safe_load(text)
    if "version" in compose:
        say("Compose 2 warns of version, and 1.27 does not need it")
    if set(compose["services"]) != set(SERVICES):
        say(f"services: {sorted(compose['services'])}")
        return
    for name, service in compose["services"].items():
        check_service(name, service, say)
    ports = {p.split(":")[-2] for s in compose["services"].values() for p in s.get("ports", [])}
    if ports != PORTS:
        say(f"ports of the host: {sorted(ports)}")
    if set(compose["volumes"]) != {v for v in SERVICES.values() if v}:
        say(f"volumes: {sorted(compose['volumes'])}")
    for name in NODES:
        node = compose["services"][name]
        if node["restart"] != "on-failure" or node["environment"].get("PGAF_REJOIN") != "true":
            say(f"{name}: a drop must hold until the next up, and no longer")
    if compose["services"]["postgres-replica-1"]["environment"].get("PGAF_BOOTSTRAP") != "never":
        say("an empty replica must not make a cluster")
    settings = dict(line.split("=", 1) for line in
                    (folder / ".env").read_text(encoding="utf-8").splitlines()
                    if line and not line.startswith("#"))
    if settings.get("COMPOSE_PROJECT_NAME") != "fastapi_project":
        say(".env: the guide names volumes and networks of fastapi_project")
    for variable in set(re.findall(r"\$\{(\w+)", text)) - set(settings):
        say(f"${{{variable}}} is not in .env")


def check_dockerfile(folder, say):
    text = (folder / "Dockerfile").read_text(encoding="utf-8")
    stages = dict(re.findall(r"^FROM (\S+) AS (\S+)$", text, re.M)[i][::-1]
                  for i in range(text.count("\nFROM ")))
    if set(stages) != TARGETS | {"build"}:
        say(f"Dockerfile: stages {sorted(stages)}")
    if set(stages.values()) != {"debian:${DEBIAN_SUITE}-slim"}:
        say(f"Dockerfile: made from {sorted(set(stages.values()))}")
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M):
        for path in source.split():
            if not (folder.parent.parent / path).exists():
                say(f"Dockerfile: {path} is not there")


def check_haproxy(folder, say):
    text = (folder / "haproxy.cfg").read_text(encoding="utf-8")
    for backend in ("primary", "replicas"):
        part = text.split(f"\nbackend {backend}\n")[1].split("\nbackend ")[0]
        for name in NODES:
            if f"server {name} {name}:5432 check port 8008" not in part:
                say(f"haproxy.cfg: {name} is not in {backend}")


def commands(path):
    """All blocks and words of code in a guide, without the picture."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    blocks = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    return blocks + sorted(re.findall(r"`([^`]+)`", text))


def check_guides(folder, say):
    english, vietnamese = commands(folder / "README.md"), commands(folder / "README.vi.md")
    if not english:
        say("README.md: no commands")
    for line in english:
        if line not in vietnamese:
            say(f"README.vi.md: without {line!r}")
    for line in vietnamese:
        if line not in english:
            say(f"README.md: without {line!r}")


def check_sleep(folder, say):
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path.suffix == ".md":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(r"\bsleep\b", line):
                say(f"{path.name}:{number}: sleeps instead of waiting for what it needs")


def main():
    folder = pathlib.Path(sys.argv[1]) / "examples/compose"
    wrong = []
    for check in (check_compose, check_dockerfile, check_haproxy, check_guides, check_sleep):
        check(folder, wrong.append)
    for line in wrong:
        print(f"examples/compose: {line}")
    return 1 if wrong else 0


sys.exit(main())
