"""The same wanted state by our transaction, by idiomatic Ansible and by pyinfra, on real hosts of the lab.

    sudo .venv/bin/python -m bench apply --nodes 40

Three capabilities (packages, updates, time) are compared: the rivals put the very files that the manifest names, so
after each tool's first run the hosts must be alike, and none of the others may find anything to change.
"""
