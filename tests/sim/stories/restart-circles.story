# A primary without a standby that may take over and without room on its disk was restarted fifteen
# times a second, with a decision of the monitor each time, until there was room.
# committed: b38ad75 and before
# fixed: engine: a primary that ends as soon as it starts is started ever later
# found: the simulator, once its disks could be full: seeds 284 and 1376 of that time
# check: LIVE
seed 284
nodes 2
sessions 0
calm settings programs network disks postgres clients
at 0 quorum node2 for 0.001
at 0 disk-full node1 for 2
end 2
