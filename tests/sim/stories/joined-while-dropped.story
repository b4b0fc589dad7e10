# The operator drops the primary while it is the only node, and the other one, dropped before,
# comes back in that moment: the primary did not get ready to be cloned, since it was to go, and
# could not go, since there was nobody to hand over to.
# committed: 41dd143 and before
# fixed: core: a primary that is to be dropped can still be cloned
# found: the simulator, seed 96952 of that time
# check: LIVE
seed 96952
nodes 2
sessions 0
calm settings programs network disks postgres clients
at 0 drop node1 for 0
at 0.1 monitor monitor for 1
at 1 drop node2 for 0
end 1
