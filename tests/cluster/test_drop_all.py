# SPDX-License-Identifier: PostgreSQL
"""A group whose nodes were all dropped comes back with what its last primary wrote."""
from harness import proc


def test_the_last_primary_comes_back_first(ready):
    """The copy that was dropped earlier may be there first, and may not begin with what it has."""
    writer = ready.start_writer()
    writer.wait_acks(100, 10)
    ready.ctl("perform", "switchover")
    ready.wait_settled(30)
    writer.wait_acks(100, 10)
    last, first = ready.primary(), ready.standby()
    ready.ctl("drop", "node", first.name)
    assert first.keeper.wait(20) == 0
    # Alone it goes on, and only it has these rows.
    writer.wait_acks(100, 10)
    writer.stop()
    ready.ctl("drop", "node", last.name)
    assert last.keeper.wait(20) == 0

    first.start("--rejoin")
    proc.wait_for(lambda: first.name in ready.node_states(), 20, "it is registered")
    last.start("--rejoin")
    ready.wait_settled(60)
    assert ready.primary() is last
    assert not ready.check_lost(last)[1]
    assert not ready.check_lost(first)[1]
