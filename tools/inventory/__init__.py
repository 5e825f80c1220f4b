"""What there is in this homelab: hosts, guests, services and devices, told from metrics, joined by the hosts and groups of Ansible.

`discover` asks Prometheus and builds an `Inventory`; where there is none, `inventory_from_alerts` knows what alerts name, and
`inventory_from_ansible` what Ansible does. It finds what a question talks about, says which entity a series or an alert belongs
to, and knows what depends on what.
"""

from tools.inventory.alerted import inventory_from_alerts
from tools.inventory.discovery import Queryable, discover, inventory_from_ansible
from tools.inventory.drafts import Sampled
from tools.inventory.inventory import Inventory
from tools.inventory.resolution import Resolution, Unknown

__all__ = [
    "Inventory",
    "Queryable",
    "Resolution",
    "Sampled",
    "Unknown",
    "discover",
    "inventory_from_alerts",
    "inventory_from_ansible",
]
