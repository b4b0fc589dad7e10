# A fenced primary believed for ever that the member which followed it last was still there: a
# silent cut gives no sign. It came back without being asked, was fenced by the next look, and
# Postgres was started and stopped in circles.
# committed: 7abee51 and before
# fixed: 9b57c3d core: a fenced primary returns only while a member was heard lately
# found: the simulator, seed 49 of today's
# check: LIVE
seed 49
nodes 2
sessions 0
calm settings programs network disks postgres clients
at 0 isolate node1 for 8
end 13
