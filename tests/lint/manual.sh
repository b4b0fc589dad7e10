#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# The manual pages are clean mdoc.  usage: manual.sh ROOT
set -eu
cd "$1"
set -- man/man*/*
[ -f "$1" ] || { echo "man:1: no pages"; exit 1; }
mandoc -T lint -W warning "$@"
