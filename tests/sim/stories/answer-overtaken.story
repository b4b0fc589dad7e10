# What Postgres was asked before its promotion was done, and answered after, was taken for what it
# is: the new primary seemed to have come back as a standby, and its keeper stopped it to start it
# again (725). Once in six thousand switchovers. Nothing was lost, the outage was a restart longer.
# committed: 8d62e81 and before
# fixed: engine: an answer from before the end of a step is not taken
# found: tests/cluster/test_hooks.py, then the simulator, seed 5885 of that time
# check: NEEDLESS
seed 5885
nodes 2
sessions 3
at 2.3 failover monitor
end 4
