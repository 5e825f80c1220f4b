"""Static Ansible inventories: which hosts there are, how they are reached, and which groups they stand in.

YAML and INI are read as text. `ansible-inventory` is not called: it runs code (plugins, scripts, templates) that a tree brings
along, and Ansible need not be installed here. So what only such code knows, a Proxmox plugin for instance, is named as a gap.
"""

from tools.ansible_inventory.model import AnsibleHost, AnsibleInventory
from tools.ansible_inventory.trees import AnsibleTrees

__all__ = ["AnsibleHost", "AnsibleInventory", "AnsibleTrees"]
