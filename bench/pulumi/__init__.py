"""What a plan and an `up` cost, by number of stacks and of resources, against real API servers.

    sudo .venv/bin/python -m bench pulumi            # stacks and resources, about a quarter of an hour
    sudo .venv/bin/python -m bench pulumi-scale      # 200 simulated nodes, 5,000 simulated pods
    sudo .venv/bin/python -m bench pulumi --runs 1 --sizes 5 10      # the same course, shorter

A cluster here is etcd, API server, controller manager and scheduler as processes in a network namespace of its own,
with nodes and pods simulated by kwok: no host is booted, nothing leaves the namespace.
"""
