# SPDX-License-Identifier: PostgreSQL
"""Runs whole clusters of real daemons, breaks them, and measures as a client would."""
