# A former primary that was dropped comes back with its data before the new timeline is on the new
# primary's disk. It was told to follow at once and, as it could not be rewound yet (10), not to
# rewind, and nobody told it otherwise afterwards.
# committed: 41dd143 and before
# fixed: core: who comes back with data follows when it may be rewound
# found: the simulator, seeds 76852 and 106738 of that time
# check: LIVE
seed 76852
nodes 2
sessions 1
calm settings programs network disks postgres
at 0 postmaster-and-keeper node1 for 0
failover 1 0.02 keeper node2 for 0.5
at 0.01 drop node1 for 0
end 1
