# An operator accepts loss while a promotion is under way: the former primary is chosen again. The
# node that had been chosen in between then counted as the former one itself, and when the real one
# renounced, it was given a role that it never had: it wrote on a timeline of its own.
# committed: 0f91255 and before
# fixed: d383c80 core: a node that was chosen in vain gets no role back that it never had
# found: the simulator, when its operators accepted losses for the first time
# check: LIVE
seed 2204
nodes 2
sessions 1
calm settings programs network disks postgres clients
at 0 disk-full node1 for 0.1
failover 1 0 loss monitor
end 0.1
