# A node comes back after its slot was invalidated (33b) and with a history that is its primary's:
# it is configured to follow while its Postgres is down, and started. The WAL that it asks for is
# gone, which only a step that waits for the stream learns. None was taken, so no copy was either.
# committed: a51af39 and before
# fixed: core: a standby that gets no stream for long asks why
# found: the simulator, once its slots could be lost: seeds 844 and 994 of that time
# check: LIVE
seed 844
nodes 2
sessions 0
calm settings programs network disks postgres clients
at 0 drop node2 for 0
at 0 burst node1
end 0
