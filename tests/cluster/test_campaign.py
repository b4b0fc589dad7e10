# SPDX-License-Identifier: PostgreSQL
"""The campaign: random faults from a seed against a whole cluster, judged by what clients saw.

Seeds 1 to 12 by default, 1 to 60 with --full, others with --seeds. A seed that the same commit has
passed before, according to the file of results, is skipped. A failing one keeps its directory.
"""
import time

import pytest

from harness import campaign

pytestmark = pytest.mark.namespaces


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", metafunc.config.pgaf_seeds)


def test_seed(seed, directory, campaign_results):
    if campaign_results.passed(seed):
        pytest.skip(f"seed {seed} passed before on this commit")
    row = campaign.Scenario(seed, directory).run()
    bad = {name: found for name, found in row["violations"].items() if found}
    campaign_results.add(passed=not bad, time=int(time.time()), **row)
    print(f"seed {seed}: {row['failovers']} failovers, {row['acknowledged']} acknowledged, whole "
          f"after {row['settled_ms']} ms, {row['terms']}, {row['exits']}")
    assert not bad, f"seed {seed}: {bad}"


def test_a_seed_is_one_schedule():
    assert all(campaign.schedule(s) == campaign.schedule(s) for s in range(100))


def test_the_default_seeds_have_every_kind():
    assert {f.kind for s in range(1, 13) for f in campaign.schedule(s)} == set(campaign.KINDS)
