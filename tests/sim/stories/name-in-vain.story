# A standby that nobody waits for has a name, and the WAL that it needs is gone with its slot. Only
# one that catches up asks why nothing comes and is copied anew (33b), and this one kept its name
# for as long as it was seen.
# committed: 41dd143 and before
# fixed: core: a name is for a standby that streams
# found: the simulator, seeds 70813, 100151, 141093 and 157599 of that time
# check: LIVE
seed 157599
nodes 2
sessions 0
calm settings programs network disks postgres clients
at 0 quorum node2 for 2
at 0.005 isolate node1 for 10
at 0 burst node1
end 10
