# Where commits always wait for a standby (number_sync_standbys 1, which seed 28 draws), those that
# waited under the fence after a failover were taken for a sign that the standby which joins makes
# no progress: it never became a member, and writes waited for ever.
# committed: bafe5e8 and before
# fixed: 550e7c0 core: commits that wait under a fence say nothing of a standby that joins
# found: the simulator, then seed 544
# check: LIVE
seed 28
nodes 2
sessions 1
calm programs network disks postgres clients
at 0 postmaster node1
at 0 quorum node1 for 2
end 2
