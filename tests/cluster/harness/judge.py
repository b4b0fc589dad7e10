# SPDX-License-Identifier: PostgreSQL
"""The end of most tests: stop the writers, count what was lost, note the figures."""


def finish(cluster, figures, event, outages, redundancy=(), **notes):
    for writer in cluster.writers:
        writer.stop()
    acked, lost = cluster.check_lost()
    figures(event, outage_ms=outages, acked=acked, lost=len(lost), redundancy_ms=redundancy,
            **notes)
    assert not lost, lost[:10]
